-- session - what a connection that speaks WAMP v2 can do beside the rest: the methods of
-- WampConnection, said as v2 says it, so that an app need not know which of the two a
-- client speaks.

local json = require "ratchet.wamp.json"
local sessions = require "ratchet.wamp.sessions"

local session = {}

local ERROR, EVENT, CALL, RESULT = 8, 36, 48, 50

local function note_answer(conn, id)
  if conn.WAMP.call == id then conn.WAMP.call = nil end
end

local function result_text(id, details, content)
  return ("[%d,%.0f,%s%s]"):format(RESULT, id, details, content)
end

local methods = {}

---Answers a call.
---@param id integer as onCall got it
---@param data any the one argument of the result; none when not given
---@return ratchet.Connection self
function methods.callResult(conn, id, data)
  local content = data ~= nil and ",[" .. json.encode(data) .. "]" or ""
  note_answer(conn, id)
  return conn:send(result_text(id, "{}", content))
end

---Sends a part of the result, while onCall runs, to a client that has asked for it in
---parts; to another one nothing.
---@param id integer
---@param data any
---@return ratchet.Connection self
function methods.callProgress(conn, id, data)
  if conn.WAMP.call ~= id or not conn.WAMP.wantsProgress then return conn end
  return conn:send(result_text(id, '{"progress":true}', ",[" .. json.encode(data) .. "]"))
end

---Answers a call with an error; description and details are its arguments.
---@param id integer
---@param error_uri string|ratchet.wamp.Topic
---@param description string?
---@param details any?
---@return ratchet.Connection self
function methods.callError(conn, id, error_uri, description, details)
  local args = {}
  if description ~= nil or details ~= nil then args[1] = json.encode(description or "") end
  if details ~= nil then args[2] = json.encode(details) end
  note_answer(conn, id)
  session.send_error(conn, CALL, id, tostring(error_uri), "[" .. table.concat(args, ",") .. "]")
  return conn
end

local function subscribed_topic(conn, topic)
  if conn.WAMP.subscriptions[topic] then return topic end
  for each in pairs(conn.WAMP.subscriptions) do
    if each.id == tostring(topic) and each.match == "exact" then return each end
  end
end

---Sends an event to this client only, if it has subscribed to the topic: otherwise it
---would take it for an error.
---@param topic string|ratchet.wamp.Topic
---@param event any
---@return ratchet.Connection self
function methods.event(conn, topic, event)
  local found = subscribed_topic(conn, topic)
  local text = json.encode(event)
  if not found then return conn end
  found:confirm(conn)
  return conn:send(("[%d,%d,%.0f,{},[%s]]"):format(
    EVENT, found.subscription, sessions.number_id(), text))
end

---v2 has no short forms: does nothing.
---@return ratchet.Connection self
function methods.prefix(conn)
  return conn
end

---The name as it is.
---@param name string
---@return string
function methods.getUri(_, name)
  return name
end

session.methods = methods

---Sends an error.
---@param conn ratchet.Connection
---@param kind integer of what it answers
---@param request integer the number of that
---@param error_uri string
---@param content string? JSON of the arguments, and of the named ones
function session.send_error(conn, kind, request, error_uri, content)
  conn:send(("[%d,%d,%.0f,{},%s%s]"):format(
    ERROR, kind, request, json.encode(error_uri), content and "," .. content or ""))
end

---Sends the result of a call.
---@param conn ratchet.Connection
---@param id integer
---@param content string JSON of the arguments, and of the named ones
---@param is_progress boolean?
function session.send_result(conn, id, content, is_progress)
  conn:send(result_text(id, is_progress and '{"progress":true}' or "{}", "," .. content))
end

---Begins a session: gives the connection its methods. (WELCOME is handshake's.)
---@param conn ratchet.Connection
function session.begin(conn)
  sessions.add(conn.WAMP.sessionId, conn)
  for name, method in pairs(methods) do conn[name] = method end
end

return session
