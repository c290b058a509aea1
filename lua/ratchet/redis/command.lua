-- command - what a handler may ask of a Redis server, and what not: one connection serves
-- all handlers, so what changes the connection is not for one.

local raise = require "ratchet.raise"

local command = {}

---The command that a method is called by: redis:get(key), redis:HGETALL(key).
---@param method any
---@return string? name nil for what cannot be one
function command.of(method)
  if type(method) ~= "string" or not method:find("^%a[%w._]*$") then return nil end
  return method:upper()
end

local SUBSCRIBING = "redis:subscribe, redis:psubscribe and redis:messages do that"
local PIPELINED = "it belongs in redis:transaction or redis:pipeline, which keep others out"
local refused = {
  SUBSCRIBE = SUBSCRIBING, PSUBSCRIBE = SUBSCRIBING, SSUBSCRIBE = SUBSCRIBING,
  UNSUBSCRIBE = SUBSCRIBING, PUNSUBSCRIBE = SUBSCRIBING, SUNSUBSCRIBE = SUBSCRIBING,
  MULTI = PIPELINED, EXEC = PIPELINED, DISCARD = PIPELINED,
  WATCH = "all handlers share the connection; a script (EVAL) can compare and set",
  UNWATCH = "all handlers share the connection",
  SELECT = "say db = in ratchet.redis.connect",
  AUTH = "say password = in ratchet.redis.connect",
  HELLO = "this client speaks RESP2",
  QUIT = "redis:close() does that",
  RESET = "all handlers share the connection",
  MONITOR = "its replies have no end", SYNC = "its replies have no end",
  PSYNC = "its replies have no end",
}

---Raises for what is no command, or none of one handler alone.
---@param name any
---@param first any its first argument
---@param allowed table<string, any>? names that are good here all the same
function command.check(name, first, allowed)
  if type(name) ~= "string" then
    raise("redis: a command is a string, such as \"GET\"; it is a %s", type(name))
  end
  local upper = name:upper()
  local why = refused[upper]
  if why and not (allowed and allowed[upper]) then raise("redis: no %s here: %s", upper, why) end
  if upper == "CLIENT" and type(first) == "string" and first:upper() == "REPLY" then
    raise("redis: no CLIENT REPLY here: each command waits for its reply")
  end
end

---Raises for an argument that is neither string nor number.
---@param name string
---@param index integer the command's name is at 1
---@param ... any the arguments
function command.raise_argument(name, index, ...)
  local value = select(index - 1, ...)
  raise("redis: argument %d of %s must be a string or a number; it is %s",
    index - 1, name, value == nil and "nil" or "a " .. type(value))
end

return command
