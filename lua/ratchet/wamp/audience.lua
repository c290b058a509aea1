-- audience - those of a topic's subscribers who get the same bytes: a topic of the
-- core, for the broadcast, and the set of them, for everything that the core does not
-- tell.

local class = require "ratchet.class"
local native = require "ratchet.native"

---@class ratchet.wamp.Audience
---@field members table<ratchet.Connection, true>
---@field size integer
local Audience = class()

---@param name string of the core's topic
---@return ratchet.wamp.Audience
function Audience.new(name)
  return setmetatable({ topic = native.core().topic(name), members = {}, size = 0 }, Audience)
end

---@param conn ratchet.Connection
function Audience:add(conn)
  if self.members[conn] then return end
  self.members[conn] = true
  self.size = self.size + 1
  self.topic:add(conn)
end

---@param conn ratchet.Connection
---@return boolean removed
function Audience:remove(conn)
  if not self.members[conn] then return false end
  self.members[conn] = nil
  self.size = self.size - 1
  self.topic:remove(conn)
  return true
end

-- The same text is framed once, also for a loop of sends.
local function send_one_by_one(audience, text, recipients)
  local members, excluded = audience.members, recipients.excluded
  if not recipients.eligible then
    for conn in pairs(members) do
      if not excluded[conn] then conn:send(text) end
    end
    return
  end
  for conn in pairs(recipients.eligible) do
    if members[conn] and not excluded[conn] then conn:send(text) end
  end
end

---Sends one message to all, or to some.
---@param text string
---@param recipients ratchet.wamp.Recipients? nil is everyone
function Audience:send(text, recipients)
  if not recipients then
    self.topic:broadcast(text)
  elseif recipients.all_but then
    self.topic:broadcast(text, { exclude = recipients.all_but })
  else
    send_one_by_one(self, text, recipients)
  end
end

return Audience
