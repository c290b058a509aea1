-- redis - a client of a Redis server whose commands a handler waits for, while others
-- go on. What several handlers ask in one turn of the loop goes out together.
--
--   local redis = assert(ratchet.redis.connect{ host = "localhost" })
--   local name, err = redis:get("user:42:name")

local class = require "ratchet.class"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local record = require "ratchet.reload.record"
local Inbox = require "ratchet.redis.inbox"
local Queue = require "ratchet.redis.queue"
local Subscriber = require "ratchet.redis.subscriber"

local known = {
  host = "string", port = "port", path = "path",
  username = "string", password = "string", db = "count_or_none",
  connectTimeout = "some_seconds", timeout = "seconds",
  reconnect = "boolean", reconnectDelay = "some_seconds",
  maxReplySize = "bytes", maxQueued = "count",
}

local defaults = {
  host = "127.0.0.1", port = 6379, db = 0,
  connectTimeout = 5, timeout = 5,
  reconnect = true, reconnectDelay = 2,
  maxReplySize = 64 * 1024 * 1024, maxQueued = 65536,
}

-- One connection serves all handlers, so what changes the connection is not for one.
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

local function check_name(name, first, allowed)
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

local function raise_argument(name, index, ...)
  local value = select(index - 1, ...)
  raise("redis: argument %d of %s must be a string or a number; it is %s",
    index - 1, name, value == nil and "nil" or "a " .. type(value))
end

---@class ratchet.redis.Client
---@field [string] fun(self: ratchet.redis.Client, ...: string|number): any, string?
local Redis = {}

-- Any other name is a command, in any case: redis:get(key), redis:HGETALL(key).
setmetatable(Redis, {
  __index = function(methods, name)
    if type(name) ~= "string" or not name:find("^%a[%w._]*$") then return nil end
    local command = name:upper()
    local function method(self, ...) return self:command(command, ...) end
    rawset(methods, name, method)
    return method
  end,
})

local metatable = { __index = Redis }

function metatable.__tostring(redis)
  return "redis " .. redis.state.queue.line.name
end

-- A ticket that was waited for is in no slot any more.
local function give_back(state, ticket, ...)
  state.spare[#state.spare + 1] = ticket
  return ...
end

local function take_ticket(state)
  local core, spare = native.core(), state.spare
  core.checkWait()
  local count = #spare
  if count == 0 then return core.ticket() end
  local ticket = spare[count]
  spare[count] = nil
  return ticket
end

---Sends a command; the handler waits for its reply. Raises for what is no command, and
---where nothing can wait: there is redis:send for that.
---@param name string
---@param ... string|number
---@return any reply a string, a number, a list (in which false is what is missing, and
---  { err = ... } an error), or nil for what is missing
---@return string? err what the server answered, "timeout: ...", "connection lost" (it may
---  have been carried out, or not), "closed", ...
function Redis:command(name, ...)
  check_name(name, (...))
  local state = self.state
  local ticket = take_ticket(state)
  local given, why = state.queue:give(ticket, name, ...)
  if given then return give_back(state, ticket, native.core().wait(ticket)) end
  give_back(state, ticket)
  if type(why) == "number" then raise_argument(name, why, ...) end
  return nil, why
end

---Sends a command without waiting, from anywhere; an error of the server is logged.
---@param name string
---@param ... string|number
---@return true? queued
---@return string? err
function Redis:send(name, ...)
  check_name(name, (...))
  local given, why = self.state.queue:give(true, name, ...)
  if type(why) == "number" then raise_argument(name, why, ...) end
  return given, why
end

-- ---- several commands at once

-- What a pipeline's function is given: it notes the commands.
local recorder = {}
recorder.__index = function(_, name)
  local command = Redis[name] and tostring(name):upper()
  return function(list, ...)
    local count = select("#", ...)
    list[#list + 1] = command == "COMMAND" and { n = count, ... }
      or { n = 1 + count, command, ... }
  end
end

local function recorded(commands)
  if type(commands) == "table" then return commands end
  if type(commands) ~= "function" then
    raise("redis:pipeline: give it a function, or a list of commands such as { \"GET\", \"key\" }")
  end
  local list = setmetatable({}, recorder)
  commands(list)
  return setmetatable(list, nil)
end

local transacting = { MULTI = 1, EXEC = -1, DISCARD = -1 }

local function bytes_of(list)
  local core, parts, open = native.core(), {}, 0
  for i, command in ipairs(list) do
    if type(command) ~= "table" then
      raise("redis:pipeline: command %d must be a list such as { \"GET\", \"key\" }", i)
    end
    check_name(command[1], command[2], transacting)
    local count = command.n or #command
    local bytes, bad = core.redisCommand(unpack(command, 1, count))
    if type(bad) == "number" then raise_argument(command[1], bad, unpack(command, 2, count)) end
    if not bytes then return nil, bad end
    parts[i] = bytes
    open = open + (transacting[command[1]:upper()] or 0)
    if open < 0 or open > 1 then raise("redis:pipeline: MULTI and EXEC must come in pairs") end
  end
  if open ~= 0 then raise("redis:pipeline: there is a MULTI without EXEC") end
  return table.concat(parts)
end

---Sends several commands that nobody else's come in between, and waits for all replies.
---@param commands fun(p: ratchet.redis.Client)|table[] p:get(key), ...; or a list of lists
---@return any[]? replies false for what is missing, { err = ... } for an error
---@return string? err none of them is known
function Redis:pipeline(commands)
  local list = recorded(commands)
  local bytes, why = bytes_of(list)
  if not bytes then return nil, why end
  if #list == 0 then return {} end
  local state, ticket = self.state, take_ticket(self.state)
  local batch = { ticket = ticket, count = #list, left = #list, results = {} }
  local given
  given, why = state.queue:give_batch(batch, #list, bytes)
  if given then return give_back(state, ticket, native.core().wait(ticket)) end
  return give_back(state, ticket, nil, why)
end

---As pipeline, all or nothing: between MULTI and EXEC.
---@param commands fun(p: ratchet.redis.Client)|table[]
---@return any[]? replies
---@return string? err
function Redis:transaction(commands)
  local list = { { "MULTI" } }
  for i, command in ipairs(recorded(commands)) do list[i + 1] = command end
  list[#list + 1] = { "EXEC" }
  local replies, err = self:pipeline(list)
  if not replies then return nil, err end
  local outcome = replies[#replies]
  if type(outcome) == "table" and not outcome.err then return outcome end
  for _, reply in ipairs(replies) do -- the first says why
    if type(reply) == "table" then return nil, reply.err end
  end
  return nil, "not carried out"
end

-- ---- publish and subscribe

local function log_failure(name)
  return function(err)
    local text = type(err) == "string" and debug.traceback(err, 2) or tostring(err)
    native.core().log("error", ("redis %s: %s"):format(name, text))
  end
end

-- One message after the other; the handler may wait.
local function handle_all(subscription)
  local message, channel = subscription.inbox:take()
  while message do
    xpcall(subscription.handler, subscription.on_error, message, channel)
    message, channel = subscription.inbox:take()
  end
  subscription.is_running = false
end

---@class ratchet.redis.Subscription
local Subscription = class()

local subscribe -- a reload does it once more

function subscribe(redis, kind, name, handler)
  if type(name) ~= "string" then raise("redis:%s: the channel must be a string", kind:lower()) end
  if type(handler) ~= "function" then
    raise("redis:%s: give it a function(message, channel), or use redis:messages", kind:lower())
  end
  local state = redis.state
  if state.queue.is_closed then raise("redis:%s: the client is closed", kind:lower()) end
  local inbox = Inbox(state.subscriber)
  local subscription = setmetatable({
    kind = kind, name = name, handler = handler, inbox = inbox,
    subscriber = state.subscriber, on_error = log_failure(name), is_running = false,
  }, Subscription)
  function inbox.told()
    if subscription.is_running then return end
    subscription.is_running = true
    native.core().spawn(handle_all, subscription)
  end
  state.subscriber:add(kind, name, inbox)
  return record.resource({
    object = subscription, key = kind .. " " .. name, parent = redis,
    close = Subscription.cancel,
    renew = function(journal, live, new) journal:set(live, "handler", new.handler) end,
    move = function(client) return subscribe(client, kind, name, handler) end,
  })
end

---Ends it. What was not handled yet is dropped.
function Subscription:cancel()
  self.subscriber:remove(self.kind, self.name, self.inbox)
end

---Calls the function for each message of a channel, one after the other; it may wait. Does
---not wait itself.
---@param channel string
---@param handler fun(message: string, channel: string)
---@return ratchet.redis.Subscription
function Redis:subscribe(channel, handler)
  return subscribe(self, "SUBSCRIBE", channel, handler)
end

---As subscribe, for all channels that match, such as "room:*".
---@param pattern string
---@param handler fun(message: string, channel: string)
---@return ratchet.redis.Subscription
function Redis:psubscribe(pattern, handler)
  return subscribe(self, "PSUBSCRIBE", pattern, handler)
end

-- The loop that it is for may be left at any time: with the iterator the subscription goes.
local function iterate(redis, kind, name)
  if type(name) ~= "string" then raise("redis:messages: the channel must be a string") end
  local state = redis.state
  if state.queue.is_closed then raise("redis:messages: the client is closed") end
  local subscriber = Subscriber(state.queue.settings)
  local inbox = Inbox(subscriber)
  local guard = newproxy(true)
  -- Nothing can stop what a finalizer does (watchdog), so it does no more than this.
  local function close() subscriber:close() end
  getmetatable(guard).__gc = function() pcall(native.core().after, 0, close) end
  state.iterated[subscriber] = true
  subscriber:add(kind, name, inbox)
  return function()
    local _ = guard
    return inbox:next()
  end
end

---For a loop over the messages of a channel: `for message, channel in redis:messages("news") do`.
---The handler waits for each. The loop ends when the client is closed.
---@param channel string
---@return fun(): string?, string?
function Redis:messages(channel) return iterate(self, "SUBSCRIBE", channel) end

---As messages, for all channels that match.
---@param pattern string
---@return fun(): string?, string?
function Redis:pmessages(pattern) return iterate(self, "PSUBSCRIBE", pattern) end

---Ends the client: who waits gets nil, "closed"; subscriptions end.
function Redis:close()
  local state = self.state
  state.queue:close()
  state.subscriber:close()
  for subscriber in pairs(state.iterated) do subscriber:close() end
end

local redis = { options = known }

-- The same for clients with the same settings.
local function key_of(settings)
  local parts = {}
  for name, value in pairs(settings) do
    parts[#parts + 1] = ("%s=%s"):format(name, tostring(value))
  end
  table.sort(parts)
  return "redis " .. table.concat(parts, " ")
end

---A client. It connects in the background, and again when the connection is lost: what
---is asked meanwhile waits.
---@param given table? host = "127.0.0.1", port = 6379, or path of a unix socket; username,
---  password, db = 0; connectTimeout = 5 and timeout = 5 seconds (0 for none); reconnect =
---  true, reconnectDelay = 2 seconds at most; maxReplySize = 64 MiB; maxQueued = 65536
---@return ratchet.redis.Client?
---@return string? err
function redis.connect(given)
  local settings = {}
  for name, value in pairs(given or {}) do settings[name] = value end
  if settings.tls then
    return nil, "ratchet.redis.connect: TLS is not there yet; connect by a unix socket, or "
      .. "through a tunnel such as stunnel"
  end
  settings.tls = nil
  options.check(settings, known, "ratchet.redis.connect")
  if settings.username and not settings.password then
    raise("ratchet.redis.connect: a username needs a password")
  end
  for name, value in pairs(defaults) do
    if settings[name] == nil then settings[name] = value end
  end
  native.core()
  local client = setmetatable({
    state = {
      queue = Queue(settings),
      subscriber = Subscriber(settings),
      iterated = setmetatable({}, { __mode = "k" }),
      spare = {}, -- tickets
    },
  }, metatable)
  record.resource({ object = client, key = key_of(settings), close = Redis.close })
  -- Last: an error before, or in it, leaves no connection that nobody has.
  local is_well, err = pcall(Queue.connect, client.state.queue)
  if is_well then return client end
  client:close()
  error(err, 0)
end

return redis
