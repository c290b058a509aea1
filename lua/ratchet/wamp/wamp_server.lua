-- WampServer - publish and subscribe, and remote procedures, for clients that speak WAMP
-- v1 ("wamp") or v2 ("wamp.2.json"), by the sub-protocol that each has chosen. It is a
-- component, and belongs into a WsServer; what it wraps has events of its own: onCall,
-- onSubscribe, onUnSubscribe, onPublish.

local Dealer = require "ratchet.wamp.dealer"
local RouterProtocol = require "ratchet.wamp.router_protocol"
local ServerProtocol = require "ratchet.wamp.server_protocol"
local TopicManager = require "ratchet.wamp.topic_manager"
local class = require "ratchet.class"
local component = require "ratchet.component"
local options = require "ratchet.options"
local raise = require "ratchet.raise"

---@class ratchet.wamp.WampServer
local WampServer = class()

local known = {
  realm = "string",
  authentication = "table",
  patterns = "boolean",
  registrations = "boolean",
  maxSubscriptions = "count",
  maxRegistrations = "count",
  maxCalls = "count",
}

local events = {
  "onOpen", "onClose", "onError", "onUpgrade", "onPing", "onPong", "onDrain",
  unpack(component.wamp_events),
}

-- onUnsubscribe would be an event that never comes.
local function check_events(app)
  if type(app) ~= "table" then return end
  for name in pairs(app) do
    for _, event in ipairs(events) do
      if type(name) == "string" and name ~= event and name:lower() == event:lower() then
        raise('WampServer: there is no event "%s"; did you mean "%s"?', name, event)
      end
    end
  end
end

---@param app table|userdata? the component; without one, clients have only each other
---@param given table? realm, authentication (authentication.lua), patterns, registrations,
---  maxSubscriptions, maxRegistrations, maxCalls
---@return ratchet.wamp.WampServer
function WampServer.new(app, given)
  app = app or {}
  if type(app) ~= "table" and type(app) ~= "userdata" then
    raise("WampServer: a component is a table; this is a %s", type(app))
  end
  check_events(app)
  given = options.check(given, known, "WampServer")
  local topics = TopicManager(app, given)
  local dealer = Dealer(topics, given)
  return setmetatable({
    app = app,
    topics = topics,
    v1 = ServerProtocol(dealer),
    v2 = RouterProtocol(topics, dealer, WampServer.rights(app, given)),
  }, WampServer)
end

-- What clients may do by themselves. A component that has an event of its own for it
-- expects to be asked, so they may not unless an option says so.
function WampServer.rights(app, given)
  local patterns, registrations = given.patterns, given.registrations
  if patterns == nil then patterns = not component.has(app, "onSubscribe") end
  if registrations == nil then registrations = not component.has(app, "onCall") end
  return {
    realm = given.realm, authentication = given.authentication,
    patterns = patterns, registrations = registrations,
  }
end

---The topic of that name, to broadcast on from anywhere.
---@param id string
---@return ratchet.wamp.Topic
function WampServer:getTopic(id)
  return self.topics:getTopic(id)
end

---v2, v1, and the component's own, whose clients are spoken to as v1. Where everyone has
---to say who it is, there is no v1: it has no way to.
---@return string[]
function WampServer:getSubProtocols()
  local names = self.v2:getSubProtocols()
  if not self.v2.authentication.allowsAnonymous then return names end
  names[2] = "wamp"
  for _, name in ipairs(self.topics:getSubProtocols()) do names[#names + 1] = name end
  return names
end

---@param request ratchet.http.Request
---@return any ...
function WampServer:onUpgrade(request)
  if self.app.onUpgrade then return self.app:onUpgrade(request) end
end

local function protocol_of(server, conn)
  return conn.WAMP.version == 2 and server.v2 or server.v1
end

---@param conn ratchet.Connection
---@param request ratchet.http.Request
function WampServer:onOpen(conn, request)
  local protocol = conn.protocol == "wamp.2.json" and self.v2 or self.v1
  protocol:onOpen(conn, request)
end

---@param conn ratchet.Connection
---@param text string
---@param is_binary boolean
function WampServer:onMessage(conn, text, is_binary)
  protocol_of(self, conn):onMessage(conn, text, is_binary)
end

---@param conn ratchet.Connection
---@param code integer
---@param reason string
function WampServer:onClose(conn, code, reason)
  protocol_of(self, conn):onClose(conn, code, reason)
end

---A call whose handler failed is answered before the component hears of it.
---@param conn ratchet.Connection
---@param err any
function WampServer:onError(conn, err)
  local call = conn.WAMP.call
  if call ~= nil then conn:callError(call, "wamp.error.runtime_error", "internal error") end
  protocol_of(self, conn):onError(conn, err)
end

for _, event in ipairs({ "onPing", "onPong", "onDrain" }) do
  WampServer[event] = function(self, conn, data)
    local handler = self.app[event]
    if handler then handler(self.app, conn, data) end
  end
end

return WampServer
