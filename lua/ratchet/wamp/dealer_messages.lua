-- dealer_messages - what clients of WAMP v2 ask of the dealer, and answer it: calls,
-- procedures that they register, and what those return.

local arguments = require "ratchet.wamp.arguments"
local json = require "ratchet.wamp.json"
local message = require "ratchet.wamp.message"
local session = require "ratchet.wamp.session"
local uri = require "ratchet.wamp.uri"

local arguments_of, given, is_number = message.arguments_of, message.given, message.is_number
local object_of, text_of, send = message.object_of, message.text_of, message.send

local dealer_messages = {}

local ERROR = 8
local CALL, REGISTER, REGISTERED, UNREGISTER, UNREGISTERED = 48, 64, 65, 66, 67
local INVOCATION, YIELD = 68, 70

---What a client may say that has a session.
---@type table<integer, ratchet.wamp.Handle>
local messages = {}
dealer_messages.messages = messages

-- [48, request, options, procedure, args, kwargs]
messages[CALL] = function(protocol, conn, parts)
  local options, procedure = object_of(parts[3]), text_of(parts[4])
  local is_good, args, kwargs = arguments_of(parts, 5)
  if not is_number(parts[2]) or not options or not procedure or not is_good then
    return "CALL is not as it should be"
  end
  local name = uri.of(procedure)
  if not name then
    return session.send_error(conn, CALL, parts[2], "wamp.error.invalid_uri")
  end
  args = args or json.array()
  conn.WAMP.wantsProgress = options.receive_progress == true
  protocol.dealer:onCall(conn, parts[2], name, arguments.params(args, kwargs), args, kwargs)
end

-- [64, request, options, procedure]
messages[REGISTER] = function(protocol, conn, parts)
  local options, procedure = object_of(parts[3]), text_of(parts[4])
  if not is_number(parts[2]) or not options or not procedure then
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
  if not id then return session.send_error(conn, REGISTER, parts[2], problem) end
  send(conn, "%d,%.0f,%d", REGISTERED, parts[2], id)
end

-- [66, request, registration]
messages[UNREGISTER] = function(protocol, conn, parts)
  if not is_number(parts[2]) or not is_number(parts[3]) then
    return "UNREGISTER is not as it should be"
  end
  if not protocol.dealer:unregister(conn, parts[3]) then
    session.send_error(conn, UNREGISTER, parts[2], "wamp.error.no_such_registration")
    return
  end
  send(conn, "%d,%.0f", UNREGISTERED, parts[2])
end

-- [70, request, options, args, kwargs]
messages[YIELD] = function(protocol, conn, parts)
  local options = object_of(parts[3])
  local is_good, args, kwargs = arguments_of(parts, 4)
  if not is_number(parts[2]) or not options or not is_good then
    return "YIELD is not as it should be"
  end
  protocol.dealer:onYield(conn, parts[2], args, kwargs, options.progress == true)
end

-- [8, 68, request, details, uri, args, kwargs]
messages[ERROR] = function(protocol, conn, parts)
  local details, error_uri = object_of(parts[4]), text_of(parts[5])
  local is_good, args, kwargs = arguments_of(parts, 6)
  if parts[2] ~= INVOCATION or not is_number(parts[3]) or not details or not error_uri
    or not is_good then
    return "ERROR is not as it should be"
  end
  protocol.dealer:onCallError(conn, parts[3], error_uri, args, kwargs)
end

return dealer_messages
