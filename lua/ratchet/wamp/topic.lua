-- Topic - a channel that clients subscribe to: WAMP v1 and v2 clients alike. What is
-- broadcast is encoded and framed once for each of the two; the fan-out is the core's.
--
-- A topic with subscribers is kept alive by them (conn.WAMP.subscriptions), one without
-- by whoever holds it, and the same name is the same topic all the while.

local Audience = require "ratchet.wamp.audience"
local arguments = require "ratchet.wamp.arguments"
local class = require "ratchet.class"
local json = require "ratchet.wamp.json"
local raise = require "ratchet.raise"
local recipients_of = require "ratchet.wamp.recipients"
local sessions = require "ratchet.wamp.sessions"

---@class ratchet.wamp.Topic
---@field id string its URI; of a pattern, the pattern
---@field match "exact"|"prefix"|"wildcard"
---@field subscription integer what v2 calls it in its messages
local Topic = class()

local EVENT_V1, EVENT_V2, SUBSCRIBED, UNSUBSCRIBED = 8, 36, 33, 35

local last_subscription = 0

---@param id string
---@param manager ratchet.wamp.TopicManager? whose patterns get what is broadcast, too
---@param match "exact"|"prefix"|"wildcard"|nil "exact" when not given
---@return ratchet.wamp.Topic
function Topic.new(id, manager, match)
  last_subscription = last_subscription + 1
  return setmetatable({
    id = id,
    match = match or "exact",
    subscription = last_subscription,
    manager = manager,
    -- [1], [2]: the audience of each version, while there is one
    -- held: the v2 connections that have not been told yet that they are subscribed
  }, Topic)
end

---@return string id
function Topic:getId() return self.id end

function Topic:__tostring() return self.id end

-- ---- who is in it

local function name_of_core(topic, version)
  local owner = topic.manager and topic.manager.name or "wamp " .. topic.subscription
  return ("%s v%d %s %s"):format(owner, version, topic.match, topic.id)
end

local function audience_of(topic, conn)
  local wamp = conn.WAMP
  return wamp and topic[wamp.version]
end

---@param conn ratchet.Connection
---@return boolean
function Topic:has(conn)
  local audience = audience_of(self, conn)
  return audience ~= nil and audience.members[conn] ~= nil
end

---@return integer
function Topic:count()
  return (self[1] and self[1].size or 0) + (self[2] and self[2].size or 0)
end

---All subscribers: for conn in topic:subscribers() do ... end
---@return fun(): ratchet.Connection?
function Topic:subscribers()
  local list, i = {}, 0
  for version = 1, 2 do
    for conn in pairs(self[version] and self[version].members or {}) do list[#list + 1] = conn end
  end
  return function()
    i = i + 1
    return list[i]
  end
end

---Subscribes a connection, as a client does by itself; again, or when it is closed,
---changes nothing. A v2 client hears the events of topics that it has asked for, and
---takes an event of another one for an error, so only v1 clients can be added here.
---@param conn ratchet.Connection
---@return ratchet.wamp.Topic self
function Topic:add(conn)
  local wamp = conn.WAMP
  if not wamp then raise("topic:add: this is no connection of a WampServer") end
  if wamp.version == 2 and not self:has(conn) then
    raise("topic:add: a WAMP v2 client subscribes by itself")
  end
  return self:join(conn)
end

---What subscribing does, whoever asked for it. For the library's own use.
---@param conn ratchet.Connection
---@return ratchet.wamp.Topic self
function Topic:join(conn)
  local wamp = conn.WAMP
  if conn.readyState ~= 1 or self:has(conn) then return self end
  local audience = self[wamp.version]
  if not audience then
    audience = Audience(name_of_core(self, wamp.version))
    self[wamp.version] = audience
  end
  audience:add(conn)
  wamp.subscriptions[self] = true
  wamp.subscriptionCount = wamp.subscriptionCount + 1
  return self
end

---Takes a connection out of the audience and leaves the connection's own record as it
---is. For the library's own use.
---@param conn ratchet.Connection
---@return boolean removed
function Topic:drop(conn)
  local audience = audience_of(self, conn)
  if not audience or not audience:remove(conn) then return false end
  if audience.size == 0 then self[conn.WAMP.version] = nil end
  if self.match ~= "exact" and self:count() == 0 then self.manager.patterns:remove(self) end
  return true
end

---What unsubscribing does, whoever asked for it. For the library's own use.
---@param conn ratchet.Connection
---@return boolean removed
function Topic:leave(conn)
  if not self:drop(conn) then return false end
  local wamp = conn.WAMP
  wamp.subscriptions[self] = nil
  wamp.subscriptionCount = wamp.subscriptionCount - 1
  return true
end

---Ends the subscription of a connection. A v2 client is told, when it has said that it
---understands that; a v1 client cannot be told.
---@param conn ratchet.Connection
---@return ratchet.wamp.Topic self
function Topic:remove(conn)
  local was_told = not (self.held and self.held[conn])
  if self:leave(conn) and was_told and conn.WAMP.hearsRevocation then
    conn:send(('[%d,0,{"subscription":%d,"reason":"wamp.error.not_authorized"}]'):format(
      UNSUBSCRIBED, self.subscription))
  end
  return self
end

-- ---- what a v2 client is told of its subscription

-- It takes an event before SUBSCRIBED for an error, and the component may still refuse: so
-- SUBSCRIBED is held back while onSubscribe runs, or until there is an event.

---For the library's own use, as the next two.
---@param conn ratchet.Connection
---@param request integer the number of its SUBSCRIBE
function Topic:hold(conn, request)
  self.held = self.held or {}
  self.held[conn] = request
end

---@param conn ratchet.Connection
---@return integer? request nil when it was told already
function Topic:release(conn)
  local request = self.held and self.held[conn]
  if not request then return nil end
  self.held[conn] = nil
  if next(self.held) == nil then self.held = nil end
  return request
end

---Tells it now, if it was not told yet.
---@param conn ratchet.Connection
function Topic:confirm(conn)
  local request = self:release(conn)
  if request then
    conn:send(("[%d,%.0f,%d]"):format(SUBSCRIBED, request, self.subscription))
  end
end

local function confirm_all(topic)
  while topic.held do topic:confirm((next(topic.held))) end
end

-- ---- what it says

local function v1_text(topic, event)
  return "[" .. EVENT_V1 .. "," .. json.encode(topic.id) .. "," .. event .. "]"
end

-- details are JSON, content is the arguments and keyword arguments.
local function v2_text(topic, publication, details, content)
  return ("[%d,%d,%.0f,%s,%s]"):format(
    EVENT_V2, topic.subscription, publication, details, content)
end

---@class ratchet.wamp.Event one event, as each version writes it
---@field event string JSON of the one value that v1 has
---@field content string JSON of the arguments and keyword arguments that v2 has

local function send(topic, what, publication, recipients)
  if topic.held then confirm_all(topic) end
  if topic[1] then topic[1]:send(v1_text(topic, what.event), recipients) end
  if topic[2] then topic[2]:send(v2_text(topic, publication, "{}", what.content), recipients) end
end

local function send_to_patterns(topic, what, publication, recipients)
  local patterns = topic.manager and topic.manager.patterns
  if not patterns or patterns.count == 0 then return end
  local details = '{"topic":' .. json.encode(topic.id) .. "}"
  for _, pattern in ipairs(patterns:matching(topic.id)) do
    if pattern.held then confirm_all(pattern) end
    local text = v2_text(pattern, publication, details, what.content)
    if pattern[2] then pattern[2]:send(text, recipients) end
  end
end

local function send_everywhere(topic, what, exclude, eligible)
  local recipients = recipients_of(exclude, eligible)
  local publication = sessions.number_id()
  send(topic, what, publication, recipients)
  send_to_patterns(topic, what, publication, recipients)
  return publication
end

local function has_listeners(topic)
  return topic[1] or topic[2] or topic.manager and topic.manager.patterns.count > 0
end

---Sends an event to the subscribers.
---@param event any what JSON can write
---@param exclude (string|integer)[]? ids of sessions that do not get it
---@param eligible (string|integer)[]? ids of the only sessions that do; none is everyone
---@return ratchet.wamp.Topic self
function Topic:broadcast(event, exclude, eligible)
  local text = json.encode(event)
  if has_listeners(self) then
    send_everywhere(self, { event = text, content = "[" .. text .. "]" }, exclude, eligible)
  end
  return self
end

---Sends an event as v2 has it: a list of arguments, and named ones. Of them a v1
---subscriber gets what arguments.single says.
---@param args table? a list
---@param kwargs table?
---@param exclude (string|integer)[]?
---@param eligible (string|integer)[]?
---@return integer publication its id
function Topic:publish(args, kwargs, exclude, eligible)
  if not has_listeners(self) then return sessions.number_id() end
  return send_everywhere(self, {
    event = json.encode(arguments.single(args, kwargs)),
    content = arguments.text(args, kwargs),
  }, exclude, eligible)
end

return Topic
