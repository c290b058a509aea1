-- RouterProtocol - WAMP v2: reads a client's messages, lets it in (handshake), and has the
-- broker (TopicManager) and the dealer do what it asks for. A message that is
-- none, or comes when it must not, ends the session: ABORT, and a close with 1007.

local Authentication = require "ratchet.wamp.authentication"
local broker_messages = require "ratchet.wamp.broker_messages"
local class = require "ratchet.class"
local dealer_messages = require "ratchet.wamp.dealer_messages"
local handshake = require "ratchet.wamp.handshake"
local json = require "ratchet.wamp.json"
local message = require "ratchet.wamp.message"
local sessions = require "ratchet.wamp.sessions"

---@class ratchet.wamp.RouterProtocol
local RouterProtocol = class()

local GOODBYE = 6

local HELLO_SECONDS = 10 -- for a client to say who it is

---@class ratchet.wamp.RouterOptions
---@field realm string? the only one that there is; any when not given
---@field authentication ratchet.wamp.AuthenticationOptions?
---@field patterns boolean? may clients subscribe to patterns?
---@field registrations boolean? may clients register procedures?

---@param broker ratchet.wamp.TopicManager
---@param dealer ratchet.wamp.Dealer the first layer on the way to the component
---@param given ratchet.wamp.RouterOptions?
---@return ratchet.wamp.RouterProtocol
function RouterProtocol.new(broker, dealer, given)
  given = given or {}
  return setmetatable({
    broker = broker,
    dealer = dealer,
    realm = given.realm,
    authentication = Authentication(given.authentication),
    patterns = given.patterns,
    registrations = given.registrations,
  }, RouterProtocol)
end

---@return string[]
function RouterProtocol:getSubProtocols()
  return { "wamp.2.json" }
end

-- Of a client that has a session.
local messages = {}
for _, part in ipairs({ broker_messages, dealer_messages }) do
  for kind, handle in pairs(part.messages) do messages[kind] = handle end
end

-- [6, details, reason]
messages[GOODBYE] = function(_, conn)
  message.send(conn, '%d,{},"wamp.close.goodbye_and_out"', GOODBYE)
  conn:close()
end

local function violate(conn, why)
  handshake.abort(conn, "wamp.error.protocol_violation", why, 1007)
end

-- ---- events

local function say_in_time(conn)
  if not conn.WAMP.isOpen then
    handshake.abort(conn, "wamp.error.authentication_failed", "there was no session in time")
  end
end

---The component hears of it when there is a session.
---@param conn ratchet.Connection
function RouterProtocol:onOpen(conn)
  conn.WAMP = {
    version = 2, sessionId = sessions.number_id(), isOpen = false,
    prefixes = {}, subscriptions = {}, subscriptionCount = 0,
    timer = conn:after(HELLO_SECONDS, say_in_time),
  }
end

local function read(text, is_binary)
  if is_binary then return nil, "WAMP messages are text" end
  local parts, problem = json.decode(text)
  if problem then return nil, "this is no JSON" end
  if not json.is_array(parts) then return nil, "a WAMP message is a list" end
  return parts
end

---@param conn ratchet.Connection
---@param text string
---@param is_binary boolean?
function RouterProtocol:onMessage(conn, text, is_binary)
  local parts, problem = read(text, is_binary)
  if parts then
    local handle = (conn.WAMP.isOpen and messages or handshake.messages)[parts[1]]
    if handle then
      problem = handle(self, conn, parts)
    else
      problem = "no such message is expected now"
    end
  end
  if problem then violate(conn, problem) end
end

---@param conn ratchet.Connection
---@param code integer
---@param reason string
function RouterProtocol:onClose(conn, code, reason)
  if not conn.WAMP.isOpen then return end
  sessions.remove(conn.WAMP.sessionId)
  self.dealer:onClose(conn, code, reason)
end

---@param conn ratchet.Connection
---@param err any
function RouterProtocol:onError(conn, err)
  broker_messages.fail(conn)
  if conn.WAMP.isOpen then return self.dealer:onError(conn, err) end
  handshake.abort(conn, "wamp.error.runtime_error", "internal error", 1011)
end

return RouterProtocol
