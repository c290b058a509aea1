-- TopicManager - keeps the topics: makes a Topic of each name before the component hears
-- of it, knows who is subscribed, and takes out who leaves. It is the layer between the
-- protocols, which read messages, and the component.
--
-- A component without onPublish has what is published passed on to the subscribers.

local Patterns = require "ratchet.wamp.patterns"
local Topic = require "ratchet.wamp.topic"
local class = require "ratchet.class"
local component = require "ratchet.component"

---@class ratchet.wamp.TopicManager
---@field patterns ratchet.wamp.Patterns
---@field name string
local TopicManager = class()

local MOST_SUBSCRIPTIONS = 1000

local made = 0

---@param app table|userdata the component
---@param given { maxSubscriptions: integer? }?
---@return ratchet.wamp.TopicManager
function TopicManager.new(app, given)
  made = made + 1
  local manager = setmetatable({
    app = app,
    name = "wamp " .. made,
    -- Alive while somebody is subscribed, or holds it.
    topics = setmetatable({}, { __mode = "v" }),
    most = given and given.maxSubscriptions or MOST_SUBSCRIPTIONS,
  }, TopicManager)
  manager.patterns = Patterns(manager)
  return manager
end

---The topic of that name; the same one as long as somebody is subscribed or holds it.
---@param id string
---@return ratchet.wamp.Topic
function TopicManager:getTopic(id)
  local topic = self.topics[id]
  if not topic then
    topic = Topic(id, self)
    self.topics[id] = topic
  end
  return topic
end

---@return string[] sub-protocols that the component names
function TopicManager:getSubProtocols()
  if not component.has(self.app, "getSubProtocols") then return {} end
  return self.app:getSubProtocols()
end

-- ---- events

---@param conn ratchet.Connection
---@param request ratchet.http.Request?
function TopicManager:onOpen(conn, request)
  if self.app.onOpen then self.app:onOpen(conn, request) end
end

---Has the component answer a call. What onCall returns is the result, unless it has
---answered by itself.
---@param conn ratchet.Connection
---@param id string|number
---@param name string
---@param params table
---@param args table the arguments as they were sent, a list
---@param kwargs table? of v2
function TopicManager:onCall(conn, id, name, params, args, kwargs)
  if not self.app.onCall then
    conn:callError(id, "wamp.error.no_such_procedure", ("there is no procedure %q"):format(name))
    return
  end
  local wamp = conn.WAMP
  wamp.call = id
  local result = self.app:onCall(conn, id, self:getTopic(name), params, args, kwargs)
  if wamp.call == id and result ~= nil and result ~= conn then conn:callResult(id, result) end
  wamp.call = nil
end

---Subscribes a connection and does not tell the component yet.
---@param conn ratchet.Connection
---@param id string
---@param match "exact"|"prefix"|"wildcard"|nil
---@return ratchet.wamp.Topic? topic nil when it has too many
---@return boolean? is_new false when it was subscribed already
function TopicManager:join(conn, id, match)
  local topic
  if match == "prefix" or match == "wildcard" then
    topic = self.patterns:get(id, match)
  else
    topic = self:getTopic(id)
  end
  if topic:has(conn) then return topic, false end
  local has_room = conn.WAMP.subscriptionCount < self.most
  if has_room then topic:join(conn) end
  if topic.match ~= "exact" and topic:count() == 0 then self.patterns:remove(topic) end
  if has_room then return topic, true end
end

---Tells the component that somebody has subscribed.
---@param conn ratchet.Connection
---@param topic ratchet.wamp.Topic
function TopicManager:announce(conn, topic)
  if self.app.onSubscribe then self.app:onSubscribe(conn, topic) end
end

---@param conn ratchet.Connection
---@param id string
function TopicManager:onSubscribe(conn, id)
  local topic, is_new = self:join(conn, id)
  if not topic then
    conn:close(1008, "too many subscriptions")
  elseif is_new then
    self:announce(conn, topic)
  end
end

---Ends a subscription, as its client wants it.
---@param conn ratchet.Connection
---@param topic ratchet.wamp.Topic
---@return boolean was_subscribed
function TopicManager:leave(conn, topic)
  if not topic:leave(conn) then return false end
  if self.app.onUnSubscribe then self.app:onUnSubscribe(conn, topic) end
  return true
end

---@param conn ratchet.Connection
---@param id string
function TopicManager:onUnSubscribe(conn, id)
  local topic = self.topics[id]
  if topic then self:leave(conn, topic) end
end

---@param conn ratchet.Connection
---@param id string
---@param event any
---@param exclude (string|integer)[]
---@param eligible (string|integer)[]
---@param args table? of v2
---@param kwargs table? of v2
---@return false|nil refused when the component does not want it
---@return string? uri of the error, for v2
---@return integer? publication the id of what v2 subscribers got without the component
function TopicManager:onPublish(conn, id, event, exclude, eligible, args, kwargs)
  local topic = self:getTopic(id)
  if self.app.onPublish then
    return self.app:onPublish(conn, topic, event, exclude, eligible, args, kwargs)
  elseif args or kwargs then
    return nil, nil, topic:publish(args, kwargs, exclude, eligible)
  end
  topic:broadcast(event, exclude, eligible)
end

---Takes it out of its topics, then tells the component, which still finds them in
---conn.WAMP.subscriptions.
---@param conn ratchet.Connection
---@param code integer
---@param reason string
function TopicManager:onClose(conn, code, reason)
  for topic in pairs(conn.WAMP.subscriptions) do topic:drop(conn) end
  if self.app.onClose then self.app:onClose(conn, code, reason) end
end

---@param conn ratchet.Connection
---@param err any
function TopicManager:onError(conn, err)
  if self.app.onError then return self.app:onError(conn, err) end
  conn:close(1011, "internal error")
end

return TopicManager
