-- Subscription - a function that is called for each message of a channel, one after the
-- other, in a task of its own; and the same as a loop of a handler. A reload knows it as
-- the client's.

local Inbox = require "ratchet.redis.inbox"
local Subscriber = require "ratchet.redis.subscriber"
local class = require "ratchet.class"
local native = require "ratchet.native"
local raise = require "ratchet.raise"
local record = require "ratchet.reload.record"

---@class ratchet.redis.Subscription
local Subscription = class()

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

---Calls the handler for each message.
---@param redis ratchet.redis.Client
---@param kind "SUBSCRIBE"|"PSUBSCRIBE"
---@param name string
---@param handler fun(message: string, channel: string)
---@return ratchet.redis.Subscription
function Subscription.new(redis, kind, name, handler)
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
    move = function(client) return Subscription.new(client, kind, name, handler) end,
  })
end

---Ends it. What was not handled yet is dropped.
function Subscription:cancel()
  self.subscriber:remove(self.kind, self.name, self.inbox)
end

---An iterator over the messages. The loop that it is for may be left at any time: with the
---iterator the subscription goes.
---@param redis ratchet.redis.Client
---@param kind "SUBSCRIBE"|"PSUBSCRIBE"
---@param name string
---@return fun(): string?, string?
function Subscription.each(redis, kind, name)
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

return Subscription
