-- inbox - the messages of one subscription that are not handled yet, in order. A full
-- one asks its source to stop, and when it is half empty to go on: nothing is dropped.

local class = require "ratchet.class"
local native = require "ratchet.native"

local MOST_MESSAGES, MOST_BYTES = 1024, 1024 * 1024

---@class ratchet.redis.Inbox
local Inbox = class()

---@param source table with pause() and resume()
---@return ratchet.redis.Inbox
function Inbox.new(source)
  return setmetatable({
    source = source,
    messages = {}, channels = {},
    first = 1, last = 0, bytes = 0,
    is_full = false, is_closed = false,
    tickets = {}, -- of the handlers that wait in next(), the first first
    told = false, -- a function, called when something has been put in
  }, Inbox)
end

---@return integer
function Inbox:count() return self.last - self.first + 1 end

---@param message string
---@param channel string
function Inbox:put(message, channel)
  if self.is_closed then return end
  while #self.tickets > 0 do -- one may have been cancelled
    if native.core().wake(table.remove(self.tickets, 1), message, channel) then return end
  end
  local last = self.last + 1
  self.messages[last], self.channels[last], self.last = message, channel, last
  self.bytes = self.bytes + #message
  if not self.is_full and (self:count() > MOST_MESSAGES or self.bytes > MOST_BYTES) then
    self.is_full = true
    self.source:pause()
  end
  if self.told then self.told() end
end

---@return string? message nil when it is empty
---@return string? channel
function Inbox:take()
  local first = self.first
  if first > self.last then return nil end
  local message, channel = self.messages[first], self.channels[first]
  self.messages[first], self.channels[first] = nil, nil
  self.first = first + 1
  if self.first > self.last then self.first, self.last = 1, 0 end
  self.bytes = self.bytes - #message
  if self.is_full and self:count() <= MOST_MESSAGES / 2 and self.bytes <= MOST_BYTES / 2 then
    self.is_full = false
    self.source:resume()
  end
  return message, channel
end

local function waited(inbox, ticket, ok, ...)
  if ok then return ... end
  for i, each in ipairs(inbox.tickets) do
    if each == ticket then table.remove(inbox.tickets, i) end
  end
  error((...), 0) -- the task was cancelled
end

---The next message; the handler waits for it. Of several that wait each gets another one.
---Nil when there will be none any more.
---@return string? message
---@return string? channel
function Inbox:next()
  local message, channel = self:take()
  if message or self.is_closed then return message, channel end
  local core = native.core()
  local ticket = core.ticket()
  table.insert(self.tickets, ticket)
  return waited(self, ticket, pcall(core.wait, ticket))
end

---Drops what is in it. Who waits in next() gets nil.
function Inbox:close()
  self.is_closed = true
  self.messages, self.channels = {}, {}
  self.first, self.last, self.bytes = 1, 0, 0
  if self.is_full then
    self.is_full = false
    self.source:resume()
  end
  local tickets = self.tickets
  self.tickets = {}
  for _, ticket in ipairs(tickets) do native.core().wake(ticket) end
end

return Inbox
