-- handshake - how a session of WAMP v2 begins: a client says which realm it wants and who
-- it is, proves that if it has to, and is welcome, or not.

local json = require "ratchet.wamp.json"
local message = require "ratchet.wamp.message"
local session = require "ratchet.wamp.session"

local object_of, text_of, send = message.object_of, message.text_of, message.send

local handshake = {}

local HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE = 1, 2, 3, 4, 5

---Ends a session, or what has not become one, and says why.
---@param conn ratchet.Connection
---@param error_uri string
---@param why string
---@param code integer? to close with, 1000 when not given
function handshake.abort(conn, error_uri, why, code)
  send(conn, "%d,%s,%s", ABORT, json.encode({ message = why }), json.encode(error_uri))
  conn:close(code or 1000, code and why or "")
end

local function roles_of(protocol)
  return {
    broker = { features = {
      publisher_exclusion = true,
      subscriber_blackwhite_listing = true,
      pattern_based_subscription = protocol.patterns and true or false,
      subscription_revocation = true,
    } },
    dealer = { features = { progressive_call_results = true } },
  }
end

local function welcome(protocol, conn, identity)
  local wamp = conn.WAMP
  wamp.isOpen, wamp.claim = true, nil
  wamp.timer:cancel()
  wamp.timer = nil
  wamp.authid, wamp.authrole, wamp.authmethod =
    identity.authid, identity.authrole, identity.authmethod
  session.begin(conn)
  send(conn, "%d,%.0f,%s", WELCOME, wamp.sessionId, json.encode({
    realm = wamp.realm, authid = wamp.authid, authrole = wamp.authrole,
    authmethod = wamp.authmethod, authprovider = "ratchet", roles = roles_of(protocol),
  }))
  protocol.dealer:onOpen(conn, conn.httpRequest)
end

-- Does the client's subscriber say that it can be told of the end of a subscription?
local function hears_revocation(details)
  local roles = object_of(details.roles)
  local subscriber = roles and object_of(roles.subscriber)
  local features = subscriber and object_of(subscriber.features)
  return features ~= nil and features.subscription_revocation == true
end

local function authenticate(protocol, conn, details)
  local method = protocol.authentication:method(details)
  local authid = text_of(details.authid)
  if not method or method ~= "anonymous" and not authid then
    return handshake.abort(conn, "wamp.error.no_matching_auth_method", method
      and "authid is missing" or "none of the ways to authenticate is known here")
  end
  local wamp = conn.WAMP
  if method == "anonymous" then
    return welcome(protocol, conn, {
      authid = "anonymous", authrole = "anonymous", authmethod = "anonymous",
    })
  end
  wamp.claim = { conn = conn, sessionId = wamp.sessionId, authid = authid, method = method }
  send(conn, "%d,%s,%s", CHALLENGE, json.encode(method),
    protocol.authentication:challenge(wamp.claim))
end

---What a client may say that has no session yet.
---@type table<integer, ratchet.wamp.Handle>
local before = {}
handshake.messages = before

-- [1, realm, details]
before[HELLO] = function(protocol, conn, parts)
  local wamp = conn.WAMP
  local realm, details = text_of(parts[2]), object_of(parts[3])
  if wamp.claim then return "HELLO came twice" end
  if not realm or not details then return "HELLO has a realm and details" end
  if protocol.realm and protocol.realm ~= realm then
    return handshake.abort(conn, "wamp.error.no_such_realm", "there is no such realm")
  end
  wamp.realm, wamp.hearsRevocation = realm, hears_revocation(details)
  authenticate(protocol, conn, details)
end

-- [5, signature, extra]
before[AUTHENTICATE] = function(protocol, conn, parts)
  local claim, signature = conn.WAMP.claim, text_of(parts[2])
  if not claim or not signature then return "AUTHENTICATE has a signature, after CHALLENGE" end
  local identity = protocol.authentication:judge(claim, signature)
  if not identity then
    return handshake.abort(conn, "wamp.error.authentication_failed", "that is not right")
  end
  welcome(protocol, conn, identity)
end

-- [3, details, reason]
before[ABORT] = function(_, conn)
  conn:close()
end

return handshake
