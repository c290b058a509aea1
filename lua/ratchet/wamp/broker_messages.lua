-- broker_messages - what clients of WAMP v2 ask of the broker (TopicManager): to publish,
-- to subscribe and to unsubscribe.

local arguments = require "ratchet.wamp.arguments"
local json = require "ratchet.wamp.json"
local message = require "ratchet.wamp.message"
local session = require "ratchet.wamp.session"
local sessions = require "ratchet.wamp.sessions"
local uri = require "ratchet.wamp.uri"

local arguments_of, given, is_number = message.arguments_of, message.given, message.is_number
local object_of, text_of, send = message.object_of, message.text_of, message.send

local broker_messages = {}

local PUBLISH, PUBLISHED = 16, 17
local SUBSCRIBE, UNSUBSCRIBE, UNSUBSCRIBED = 32, 34, 35

local MOST_PARTS = 32 -- of a wildcard

---What a client may say that has a session.
---@type table<integer, ratchet.wamp.Handle>
local messages = {}
broker_messages.messages = messages

local function refuse_publish(conn, parts, error_uri)
  if parts[3].acknowledge == true then
    session.send_error(conn, PUBLISH, parts[2], error_uri)
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
messages[PUBLISH] = function(protocol, conn, parts)
  local options, topic = object_of(parts[3]), text_of(parts[4])
  local is_good, args, kwargs = arguments_of(parts, 5)
  if not is_number(parts[2]) or not options or not topic or not is_good
    or not audience_of(conn, options) then
    return "PUBLISH is not as it should be"
  end
  local name = uri.of(topic)
  if not name then return refuse_publish(conn, parts, "wamp.error.invalid_uri") end
  conn.WAMP.publishing = parts
  local is_taken, error_uri, publication =
    publish(protocol, conn, name, options, args or json.array(), kwargs)
  conn.WAMP.publishing = nil
  if is_taken == false then
    return refuse_publish(conn, parts, error_uri or "wamp.error.not_authorized")
  end
  if options.acknowledge == true then
    send(conn, "%d,%.0f,%.0f", PUBLISHED, parts[2], publication or sessions.number_id())
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
messages[SUBSCRIBE] = function(protocol, conn, parts)
  local options, topic = object_of(parts[3]), text_of(parts[4])
  local match = options and given(options.match) or "exact"
  if not is_number(parts[2]) or not options or not topic or not matches[match] then
    return "SUBSCRIBE is not as it should be"
  end
  local name = uri.of(topic)
  local problem = subscription_error(protocol, name, match)
  if problem then return session.send_error(conn, SUBSCRIBE, parts[2], problem) end
  local joined, is_new = protocol.broker:join(conn, name, match)
  if not joined then
    return session.send_error(conn, SUBSCRIBE, parts[2], "wamp.error.not_authorized",
      '["too many subscriptions"]')
  end
  joined:hold(conn, parts[2])
  if is_new then
    conn.WAMP.subscribing = joined
    protocol.broker:announce(conn, joined)
    conn.WAMP.subscribing = nil
  end
  settle(conn, joined, "wamp.error.not_authorized")
end

-- [34, request, subscription]
messages[UNSUBSCRIBE] = function(protocol, conn, parts)
  if not is_number(parts[2]) or not is_number(parts[3]) then
    return "UNSUBSCRIBE is not as it should be"
  end
  for topic in pairs(conn.WAMP.subscriptions) do
    if topic.subscription == parts[3] then
      send(conn, "%d,%.0f", UNSUBSCRIBED, parts[2])
      protocol.broker:leave(conn, topic)
      return
    end
  end
  session.send_error(conn, UNSUBSCRIBE, parts[2], "wamp.error.no_such_subscription")
end

---The component has raised an error: the client hears that its subscription or
---publication has failed. A subscription is refused then: the handler may have been
---about to do so.
---@param conn ratchet.Connection
function broker_messages.fail(conn)
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
end

return broker_messages
