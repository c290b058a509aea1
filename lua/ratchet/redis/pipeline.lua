-- pipeline - several commands that go out together: noted by a function that is given
-- something like a client, or as a list; and put into bytes.

local commands = require "ratchet.redis.command"
local native = require "ratchet.native"
local raise = require "ratchet.raise"

local pipeline = {}

-- What a pipeline's function is given: it notes the commands.
local recorder = {}
recorder.__index = function(_, name)
  local command = commands.of(name)
  return function(list, ...)
    local count = select("#", ...)
    list[#list + 1] = command == "COMMAND" and { n = count, ... }
      or { n = 1 + count, command, ... }
  end
end

---The commands as a list: one that was given, or what a function asks for.
---@param asked table[]|fun(p: ratchet.redis.Client)
---@return table[]
function pipeline.list(asked)
  if type(asked) == "table" then return asked end
  if type(asked) ~= "function" then
    raise("redis:pipeline: give it a function, or a list of commands such as { \"GET\", \"key\" }")
  end
  local list = setmetatable({}, recorder)
  asked(list)
  return setmetatable(list, nil)
end

local transacting = { MULTI = 1, EXEC = -1, DISCARD = -1 }

---What goes over the wire for them.
---@param list table[]
---@return string? bytes
---@return string? why
function pipeline.bytes(list)
  local core, parts, open = native.core(), {}, 0
  for i, command in ipairs(list) do
    if type(command) ~= "table" then
      raise("redis:pipeline: command %d must be a list such as { \"GET\", \"key\" }", i)
    end
    commands.check(command[1], command[2], transacting)
    local count = command.n or #command
    local bytes, bad = core.redisCommand(unpack(command, 1, count))
    if type(bad) == "number" then
      commands.raise_argument(command[1], bad, unpack(command, 2, count))
    end
    if not bytes then return nil, bad end
    parts[i] = bytes
    open = open + (transacting[command[1]:upper()] or 0)
    if open < 0 or open > 1 then raise("redis:pipeline: MULTI and EXEC must come in pairs") end
  end
  if open ~= 0 then raise("redis:pipeline: there is a MULTI without EXEC") end
  return table.concat(parts)
end

return pipeline
