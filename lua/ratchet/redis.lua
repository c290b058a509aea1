-- redis - a client of a Redis server whose commands a handler waits for, while others
-- go on. What several handlers ask in one turn of the loop goes out together.
--
--   local redis = assert(ratchet.redis.connect{ host = "localhost" })
--   local name, err = redis:get("user:42:name")

local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local record = require "ratchet.reload.record"
local Queue = require "ratchet.redis.queue"
local Subscriber = require "ratchet.redis.subscriber"
local Subscription = require "ratchet.redis.subscription"
local commands = require "ratchet.redis.command"
local pipeline = require "ratchet.redis.pipeline"

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

---@class ratchet.redis.State what the files of the client share
---@field queue ratchet.redis.Queue
---@field subscriber ratchet.redis.Subscriber of all subscriptions but those in a loop
---@field iterated table<ratchet.redis.Subscriber, true> of those
---@field spare ratchet.Ticket[]

---@class ratchet.redis.Client
---@field state ratchet.redis.State
---@field [string] fun(self: ratchet.redis.Client, ...: string|number): any, string?
local Redis = {}

-- Any other name is a command, in any case.
setmetatable(Redis, {
  __index = function(methods, name)
    local command = commands.of(name)
    if not command then return nil end
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
  commands.check(name, (...))
  local state = self.state
  local ticket = take_ticket(state)
  local given, why = state.queue:give(ticket, name, ...)
  if given then return give_back(state, ticket, native.core().wait(ticket)) end
  give_back(state, ticket)
  if type(why) == "number" then commands.raise_argument(name, why, ...) end
  return nil, why
end

---Sends a command without waiting, from anywhere; an error of the server is logged.
---@param name string
---@param ... string|number
---@return true? queued
---@return string? err
function Redis:send(name, ...)
  commands.check(name, (...))
  local given, why = self.state.queue:give(true, name, ...)
  if type(why) == "number" then commands.raise_argument(name, why, ...) end
  return given, why
end

-- ---- several commands at once

---Sends several commands that nobody else's come in between, and waits for all replies.
---@param asked fun(p: ratchet.redis.Client)|table[] p:get(key), ...; or a list of lists
---@return any[]? replies false for what is missing, { err = ... } for an error
---@return string? err none of them is known
function Redis:pipeline(asked)
  local list = pipeline.list(asked)
  local bytes, why = pipeline.bytes(list)
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
---@param asked fun(p: ratchet.redis.Client)|table[]
---@return any[]? replies
---@return string? err
function Redis:transaction(asked)
  local list = { { "MULTI" } }
  for i, command in ipairs(pipeline.list(asked)) do list[i + 1] = command end
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

---Calls the function for each message of a channel, one after the other; it may wait. Does
---not wait itself.
---@param channel string
---@param handler fun(message: string, channel: string)
---@return ratchet.redis.Subscription
function Redis:subscribe(channel, handler)
  return Subscription(self, "SUBSCRIBE", channel, handler)
end

---As subscribe, for all channels that match, such as "room:*".
---@param pattern string
---@param handler fun(message: string, channel: string)
---@return ratchet.redis.Subscription
function Redis:psubscribe(pattern, handler)
  return Subscription(self, "PSUBSCRIBE", pattern, handler)
end

---For a loop over the messages of a channel: `for message, channel in redis:messages("news") do`.
---The handler waits for each. The loop ends when the client is closed.
---@param channel string
---@return fun(): string?, string?
function Redis:messages(channel) return Subscription.each(self, "SUBSCRIBE", channel) end

---As messages, for all channels that match.
---@param pattern string
---@return fun(): string?, string?
function Redis:pmessages(pattern) return Subscription.each(self, "PSUBSCRIBE", pattern) end

---Ends the client: who waits gets nil, "closed"; subscriptions end.
function Redis:close()
  local state = self.state
  state.queue:close()
  state.subscriber:close()
  for subscriber in pairs(state.iterated) do subscriber:close() end
end

local redis = { options = known }

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
  record.resource({ object = client, key = record.key("redis ", settings), close = Redis.close })
  -- Last: an error before, or in it, leaves no connection that nobody has.
  local is_well, err = pcall(Queue.connect, client.state.queue)
  if is_well then return client end
  client:close()
  error(err, 0)
end

return redis
