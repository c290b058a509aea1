-- RouterProtocol - WAMP v2: reads a client's messages, begins and ends its session, and
-- has the broker (TopicManager) and the dealer do what it asks for. A message that is
-- none, or comes when it must not, ends the session: ABORT, and a close with 1007.

local Authentication = require "ratchet.wamp.authentication"
local arguments = require "ratchet.wamp.arguments"
local class = require "ratchet.class"
local json = require "ratchet.wamp.json"
local session = require "ratchet.wamp.session"
local sessions = require "ratchet.wamp.sessions"
local uri = require "ratchet.wamp.uri"

---@class ratchet.wamp.RouterProtocol
local RouterProtocol = class()

local HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE = 1, 2, 3, 4, 5, 6
local ERROR, PUBLISH, PUBLISHED = 8, 16, 17
local SUBSCRIBE, UNSUBSCRIBE, UNSUBSCRIBED = 32, 34, 35
local CALL, REGISTER, REGISTERED, UNREGISTER, UNREGISTERED = 48, 64, 65, 66, 67
local INVOCATION, YIELD = 68, 70

local HELLO_SECONDS = 10 -- for a client to say who it is
local MOST_PARTS = 32 -- of a wildcard

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

-- ---- parts of messages

local function is_number(value)
  return type(value) == "number" and value % 1 == 0 and value >= 0 and value <= 2 ^ 53
end

local function given(value)
  if value ~= json.null then return value end
end

local function text_of(value)
  return type(value) == "string" and value or nil
end

-- Options and details are objects; a list that is empty is none.
local function object_of(value)
  return json.is_object(value) and value or nil
end

-- The arguments and the named ones from that place on; false when they are neither.
local function arguments_of(message, at)
  local args, kwargs = given(message[at]), given(message[at + 1])
  if args ~= nil and not json.is_array(args) then return false end
  if kwargs ~= nil and not json.is_object(kwargs) then return false end
  return true, args, kwargs
end

local function send(conn, format, ...)
  conn:send("[" .. format:format(...) .. "]")
end

-- ---- the session

local function abort(conn, error_uri, why, code)
  send(conn, "%d,%s,%s", ABORT, json.encode({ message = why }), json.encode(error_uri))
  conn:close(code or 1000, code and why or "")
end

local function violate(conn, why)
  abort(conn, "wamp.error.protocol_violation", why, 1007)
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
    return abort(conn, "wamp.error.no_matching_auth_method", method
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

local before = {} -- messages of a client that has no session yet

-- [1, realm, details]
before[HELLO] = function(protocol, conn, message)
  local wamp = conn.WAMP
  local realm, details = text_of(message[2]), object_of(message[3])
  if wamp.claim then return "HELLO came twice" end
  if not realm or not details then return "HELLO has a realm and details" end
  if protocol.realm and protocol.realm ~= realm then
    return abort(conn, "wamp.error.no_such_realm", "there is no such realm")
  end
  wamp.realm, wamp.hearsRevocation = realm, hears_revocation(details)
  authenticate(protocol, conn, details)
end

-- [5, signature, extra]
before[AUTHENTICATE] = function(protocol, conn, message)
  local claim, signature = conn.WAMP.claim, text_of(message[2])
  if not claim or not signature then return "AUTHENTICATE has a signature, after CHALLENGE" end
  local identity = protocol.authentication:judge(claim, signature)
  if not identity then
    return abort(conn, "wamp.error.authentication_failed", "that is not right")
  end
  welcome(protocol, conn, identity)
end

-- [3, details, reason]
before[ABORT] = function(_, conn)
  conn:close()
end

local messages = {} -- of a client that has one; each returns nothing, or what is wrong

-- [6, details, reason]
messages[GOODBYE] = function(_, conn)
  send(conn, '%d,{},"wamp.close.goodbye_and_out"', GOODBYE)
  conn:close()
end

-- ---- broker

local function refuse_publish(conn, message, error_uri)
  if message[3].acknowledge == true then
    session.send_error(conn, PUBLISH, message[2], error_uri)
  end
end

-- The sessions of v1 clients are text.
local function is_list_of_sessions(value)
  if not json.is_array(value) then return false end
  for i = 1, #value do
    if type(value[i]) ~= "string" and not is_number(value[i]) then return false end
  end
  return true
end

-- Whom it is for; nil when that is no list of sessions.
local function audience_of(conn, options)
  local exclude, eligible = given(options.exclude), given(options.eligible)
  if exclude ~= nil and not is_list_of_sessions(exclude) then return nil end
  if eligible ~= nil and not is_list_of_sessions(eligible) then return nil end
  local excluded = {}
  for i, id in ipairs(exclude or {}) do excluded[i] = id end
  if options.exclude_me ~= false then excluded[#excluded + 1] = conn.WAMP.sessionId end
  return excluded, eligible
end

-- An empty list of eligible sessions is nobody here, and everyone in v1.
local function publish(protocol, conn, name, options, args, kwargs)
  local excluded, eligible = audience_of(conn, options)
  if eligible and #eligible == 0 then return end
  return protocol.broker:onPublish(conn, name, arguments.single(args, kwargs), excluded,
    eligible or {}, args, kwargs)
end

-- [16, request, options, topic, args, kwargs]
messages[PUBLISH] = function(protocol, conn, message)
  local options, topic = object_of(message[3]), text_of(message[4])
  local is_good, args, kwargs = arguments_of(message, 5)
  if not is_number(message[2]) or not options or not topic or not is_good
    or not audience_of(conn, options) then
    return "PUBLISH is not as it should be"
  end
  local name = uri.of(topic)
  if not name then return refuse_publish(conn, message, "wamp.error.invalid_uri") end
  conn.WAMP.publishing = message
  local is_taken, error_uri, publication =
    publish(protocol, conn, name, options, args or json.array(), kwargs)
  conn.WAMP.publishing = nil
  if is_taken == false then
    return refuse_publish(conn, message, error_uri or "wamp.error.not_authorized")
  end
  if options.acknowledge == true then
    send(conn, "%d,%.0f,%.0f", PUBLISHED, message[2], publication or sessions.number_id())
  end
end

local matches = { exact = true, prefix = true, wildcard = true }

-- What is wrong with a subscription, as the URI of an error.
local function subscription_error(protocol, name, match)
  if not name then return "wamp.error.invalid_uri" end
  if match ~= "exact" and not protocol.patterns then return "wamp.error.option_not_allowed" end
  local _, dots = name:gsub("%.", "")
  if match == "wildcard" and dots >= MOST_PARTS then return "wamp.error.invalid_uri" end
end

-- The client hears whether it is subscribed, unless an event has told it.
local function settle(conn, topic, error_uri)
  if topic:has(conn) then return topic:confirm(conn) end
  local request = topic:release(conn)
  if request then session.send_error(conn, SUBSCRIBE, request, error_uri) end
end

-- [32, request, options, topic]
messages[SUBSCRIBE] = function(protocol, conn, message)
  local options, topic = object_of(message[3]), text_of(message[4])
  local match = options and given(options.match) or "exact"
  if not is_number(message[2]) or not options or not topic or not matches[match] then
    return "SUBSCRIBE is not as it should be"
  end
  local name = uri.of(topic)
  local problem = subscription_error(protocol, name, match)
  if problem then return session.send_error(conn, SUBSCRIBE, message[2], problem) end
  local joined, is_new = protocol.broker:join(conn, name, match)
  if not joined then
    return session.send_error(conn, SUBSCRIBE, message[2], "wamp.error.not_authorized",
      '["too many subscriptions"]')
  end
  joined:hold(conn, message[2])
  if is_new then
    conn.WAMP.subscribing = joined
    protocol.broker:announce(conn, joined)
    conn.WAMP.subscribing = nil
  end
  settle(conn, joined, "wamp.error.not_authorized")
end

-- [34, request, subscription]
messages[UNSUBSCRIBE] = function(protocol, conn, message)
  if not is_number(message[2]) or not is_number(message[3]) then
    return "UNSUBSCRIBE is not as it should be"
  end
  for topic in pairs(conn.WAMP.subscriptions) do
    if topic.subscription == message[3] then
      send(conn, "%d,%.0f", UNSUBSCRIBED, message[2])
      protocol.broker:leave(conn, topic)
      return
    end
  end
  session.send_error(conn, UNSUBSCRIBE, message[2], "wamp.error.no_such_subscription")
end

-- ---- dealer

-- [48, request, options, procedure, args, kwargs]
messages[CALL] = function(protocol, conn, message)
  local options, procedure = object_of(message[3]), text_of(message[4])
  local is_good, args, kwargs = arguments_of(message, 5)
  if not is_number(message[2]) or not options or not procedure or not is_good then
    return "CALL is not as it should be"
  end
  local name = uri.of(procedure)
  if not name then
    return session.send_error(conn, CALL, message[2], "wamp.error.invalid_uri")
  end
  args = args or json.array()
  conn.WAMP.wantsProgress = options.receive_progress == true
  protocol.dealer:onCall(conn, message[2], name, arguments.params(args, kwargs), args, kwargs)
end

-- [64, request, options, procedure]
messages[REGISTER] = function(protocol, conn, message)
  local options, procedure = object_of(message[3]), text_of(message[4])
  if not is_number(message[2]) or not options or not procedure then
    return "REGISTER is not as it should be"
  end
  local name, match = uri.of(procedure), given(options.match) or "exact"
  local id, problem
  if not name then
    problem = "wamp.error.invalid_uri"
  elseif not protocol.registrations then
    problem = "wamp.error.not_authorized"
  elseif match ~= "exact" then
    problem = "wamp.error.option_not_allowed"
  else
    id, problem = protocol.dealer:register(conn, name)
  end
  if not id then return session.send_error(conn, REGISTER, message[2], problem) end
  send(conn, "%d,%.0f,%d", REGISTERED, message[2], id)
end

-- [66, request, registration]
messages[UNREGISTER] = function(protocol, conn, message)
  if not is_number(message[2]) or not is_number(message[3]) then
    return "UNREGISTER is not as it should be"
  end
  if not protocol.dealer:unregister(conn, message[3]) then
    session.send_error(conn, UNREGISTER, message[2], "wamp.error.no_such_registration")
    return
  end
  send(conn, "%d,%.0f", UNREGISTERED, message[2])
end

-- [70, request, options, args, kwargs]
messages[YIELD] = function(protocol, conn, message)
  local options = object_of(message[3])
  local is_good, args, kwargs = arguments_of(message, 4)
  if not is_number(message[2]) or not options or not is_good then
    return "YIELD is not as it should be"
  end
  protocol.dealer:onYield(conn, message[2], args, kwargs, options.progress == true)
end

-- [8, 68, request, details, uri, args, kwargs]
messages[ERROR] = function(protocol, conn, message)
  local details, error_uri = object_of(message[4]), text_of(message[5])
  local is_good, args, kwargs = arguments_of(message, 6)
  if message[2] ~= INVOCATION or not is_number(message[3]) or not details or not error_uri
    or not is_good then
    return "ERROR is not as it should be"
  end
  protocol.dealer:onCallError(conn, message[3], error_uri, args, kwargs)
end

-- ---- events

local function say_in_time(conn)
  if not conn.WAMP.isOpen then
    abort(conn, "wamp.error.authentication_failed", "there was no session in time")
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
  local message, problem = json.decode(text)
  if problem then return nil, "this is no JSON" end
  if not json.is_array(message) then return nil, "a WAMP message is a list" end
  return message
end

---@param conn ratchet.Connection
---@param text string
---@param is_binary boolean?
function RouterProtocol:onMessage(conn, text, is_binary)
  local message, problem = read(text, is_binary)
  if message then
    local handle = (conn.WAMP.isOpen and messages or before)[message[1]]
    if handle then
      problem = handle(self, conn, message)
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

---The client hears that its subscription or publication has failed. A subscription is
---refused then: the handler may have been about to do so.
---@param conn ratchet.Connection
---@param err any
function RouterProtocol:onError(conn, err)
  local wamp = conn.WAMP
  if wamp.subscribing then
    wamp.subscribing:leave(conn)
    settle(conn, wamp.subscribing, "wamp.error.runtime_error")
    wamp.subscribing = nil
  end
  if wamp.publishing then
    refuse_publish(conn, wamp.publishing, "wamp.error.runtime_error")
    wamp.publishing = nil
  end
  if wamp.isOpen then return self.dealer:onError(conn, err) end
  abort(conn, "wamp.error.runtime_error", "internal error", 1011)
end

return RouterProtocol
