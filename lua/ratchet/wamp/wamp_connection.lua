-- WampConnection - what a connection that speaks WAMP v1 can do beside the rest. The
-- connection stays the value that it is; these methods become fields of it, and so does
-- conn.WAMP, what is known of its session.

local json = require "ratchet.wamp.json"
local raise = require "ratchet.raise"
local sessions = require "ratchet.wamp.sessions"
local uri = require "ratchet.wamp.uri"

local WampConnection = {}

local WELCOME, PREFIX, CALLRESULT, CALLERROR, EVENT = 0, 1, 3, 4, 8

---@class ratchet.wamp.Session conn.WAMP
---@field version 1|2
---@field sessionId string|integer a string in v1
---@field subscriptions table<ratchet.wamp.Topic, true>
---@field prefixes table<string, string>
---@field realm string? this and the next of v2 only
---@field authid string?
---@field authrole string?
---@field authmethod string?

local function send(conn, ...)
  return conn:send("[" .. table.concat({ ... }, ",") .. "]")
end

-- The call that onCall runs for is answered, and what it returns is not its result.
local function note_answer(conn, id)
  if conn.WAMP.call == id then conn.WAMP.call = nil end
end

local methods = {}

---Answers a call.
---@param id string|number as onCall got it
---@param data any what JSON can write; an empty list when not given
---@return ratchet.Connection self
function methods.callResult(conn, id, data)
  local text = data == nil and "[]" or json.encode(data)
  note_answer(conn, id)
  return send(conn, CALLRESULT, json.encode(id), text)
end

---In v1 there are no results in pieces: does nothing.
---@return ratchet.Connection self
function methods.callProgress(conn)
  return conn
end

---Answers a call with an error.
---@param id string|number
---@param error_uri string|ratchet.wamp.Topic
---@param description string?
---@param details any?
---@return ratchet.Connection self
function methods.callError(conn, id, error_uri, description, details)
  local last = details ~= nil and "," .. json.encode(details) or ""
  local text = json.encode(description or "") .. last
  note_answer(conn, id)
  return send(conn, CALLERROR, json.encode(id), json.encode(tostring(error_uri)), text)
end

---Sends an event to this client only.
---@param topic string|ratchet.wamp.Topic
---@param event any
---@return ratchet.Connection self
function methods.event(conn, topic, event)
  return send(conn, EVENT, json.encode(tostring(topic)), json.encode(event))
end

---Tells the client of a short form, and takes it from the client, too.
---@param curie string the short form
---@param long string
---@return ratchet.Connection self
function methods.prefix(conn, curie, long)
  if type(curie) ~= "string" or type(long) ~= "string" then
    raise("conn:prefix takes two strings, the short form and the long one")
  end
  conn.WAMP.prefixes[curie] = long
  return send(conn, PREFIX, json.encode(curie), json.encode(long))
end

---The name that a short form stands for; another name as it is.
---@param name string
---@return string
function methods.getUri(conn, name)
  return uri.expand(name, conn.WAMP.prefixes)
end

WampConnection.methods = methods

---Begins a session: gives the connection its methods, and sends WELCOME.
---@param conn ratchet.Connection
---@return ratchet.Connection conn
function WampConnection.new(conn)
  local id = sessions.text_id()
  conn.WAMP = {
    version = 1, sessionId = id, prefixes = {}, prefixCount = 0,
    subscriptions = {}, subscriptionCount = 0,
  }
  for name, method in pairs(methods) do conn[name] = method end
  sessions.add(id, conn)
  return send(conn, WELCOME, json.encode(id), 1, '"ratchet-lua"')
end

return setmetatable(WampConnection, {
  __call = function(_, conn) return WampConnection.new(conn) end,
})
