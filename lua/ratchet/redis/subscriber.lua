-- subscriber - a connection to Redis that is there to be told things: a server that has
-- been asked to SUBSCRIBE answers no other command on it. What it is subscribed to is
-- asked for again whenever the connection comes back; what was published meanwhile is
-- lost, for Redis keeps no messages.

local class = require "ratchet.class"
local log = require "ratchet.log"
local Line = require "ratchet.redis.line"

---@class ratchet.redis.Subscriber
local Subscriber = class()

---@param settings table as of a Line
---@return ratchet.redis.Subscriber
function Subscriber.new(settings)
  return setmetatable({
    settings = settings,
    inboxes = { SUBSCRIBE = {}, PSUBSCRIBE = {} }, -- by kind and name: a list of inboxes
    names = 0,
    full = 0, -- how many inboxes are
    line = false, -- while there is something to hear
  }, Subscriber)
end

local function subscribe_again(subscriber)
  for kind, names in pairs(subscriber.inboxes) do
    for name in pairs(names) do subscriber.line.link:write(kind, name) end
  end
end

-- The one that is told may remove itself, or others.
local function put(list, message, channel)
  if not list or type(message) ~= "string" or type(channel) ~= "string" then return end
  for i = #list, 1, -1 do
    local inbox = list[i]
    if inbox then inbox:put(message, channel) end
  end
end

local function hear(subscriber, value, err)
  local inboxes = subscriber.inboxes
  if err then
    log("error", ("redis %s: %s"):format(subscriber.line.name, err))
  elseif type(value) ~= "table" then
    subscriber.line:lose("the server sent a reply that nobody asked for")
  elseif value[1] == "message" then
    put(inboxes.SUBSCRIBE[value[2]], value[3], value[2])
  elseif value[1] == "pmessage" then
    put(inboxes.PSUBSCRIBE[value[2]], value[4], value[3])
  end
end

local function open(subscriber)
  subscriber.line = Line(subscriber.settings, {
    up = function() subscribe_again(subscriber) end,
    down = function() end, -- the line has logged it, and tries again
    reply = function(value, err) hear(subscriber, value, err) end,
  })
  subscriber.line:connect()
end

local function tell_server(subscriber, kind, name)
  local line = subscriber.line
  if line and line.state == "up" then line.link:write(kind, name) end
end

---From now on, what is published under that name is put in the inbox.
---@param kind "SUBSCRIBE"|"PSUBSCRIBE"
---@param name string
---@param inbox ratchet.redis.Inbox
function Subscriber:add(kind, name, inbox)
  local names = self.inboxes[kind]
  if names[name] then
    table.insert(names[name], 1, inbox)
    return
  end
  names[name] = { inbox }
  self.names = self.names + 1
  if not self.line then open(self) else tell_server(self, kind, name) end
end

---@param kind "SUBSCRIBE"|"PSUBSCRIBE"
---@param name string
---@param inbox ratchet.redis.Inbox
function Subscriber:remove(kind, name, inbox)
  local names = self.inboxes[kind]
  local list = names[name] or {}
  for i = #list, 1, -1 do
    if list[i] == inbox then table.remove(list, i) end
  end
  inbox:close()
  if not names[name] or #list > 0 then return end
  names[name] = nil
  self.names = self.names - 1
  if self.names == 0 then return self:close() end
  tell_server(self, kind == "SUBSCRIBE" and "UNSUBSCRIBE" or "PUNSUBSCRIBE", name)
end

---For inboxes: while any is full, the server is not read.
function Subscriber:pause()
  self.full = self.full + 1
  if self.line then self.line:pause() end
end

function Subscriber:resume()
  self.full = self.full - 1
  if self.full == 0 and self.line then self.line:resume() end
end

---Ends every subscription.
function Subscriber:close()
  if self.line then self.line:close() end
  self.line = false
  local all = self.inboxes
  self.inboxes, self.names = { SUBSCRIBE = {}, PSUBSCRIBE = {} }, 0
  for _, names in pairs(all) do
    for _, list in pairs(names) do
      for _, inbox in ipairs(list) do inbox:close() end
    end
  end
end

return Subscriber
