-- ServerProtocol - WAMP v1: reads a client's messages and tells the component. A message
-- that is none closes the connection with 1007, and the reason says why.
--
-- By itself it gives the component names of topics; a TopicManager in between makes
-- Topics of them.

local WampConnection = require "ratchet.wamp.wamp_connection"
local arguments = require "ratchet.wamp.arguments"
local class = require "ratchet.class"
local component = require "ratchet.component"
local json = require "ratchet.wamp.json"
local given = require("ratchet.wamp.message").given
local sessions = require "ratchet.wamp.sessions"
local uri = require "ratchet.wamp.uri"

---@class ratchet.wamp.ServerProtocol
local ServerProtocol = class()

local MOST_PREFIXES = 100

---@param app table|userdata a component with onCall, onSubscribe, ...
---@return ratchet.wamp.ServerProtocol
function ServerProtocol.new(app)
  return setmetatable({ app = app }, ServerProtocol)
end

---The component's, and "wamp".
---@return string[]
function ServerProtocol:getSubProtocols()
  local names = {}
  if component.has(self.app, "getSubProtocols") then
    for i, name in ipairs(self.app:getSubProtocols()) do names[i] = name end
  end
  names[#names + 1] = "wamp"
  return names
end

local function tell(protocol, event, conn, ...)
  local handler = protocol.app[event]
  if handler then return handler(protocol.app, conn, ...) end
end

local function is_id(value)
  return type(value) == "string" or type(value) == "number"
end

-- The list of sessions in a PUBLISH; nil when it is none.
local function ids_of(value)
  if type(value) ~= "table" or json.is_object(value) and next(value) ~= nil then return nil end
  for i = 1, #value do
    if not is_id(value[i]) then return nil end
  end
  return value
end

local function topic_name(conn, value)
  local name = uri.of(value)
  return name and uri.of(conn:getUri(name))
end

-- ---- messages: each returns nothing, or what is wrong with it

local messages = {}

-- [1, curie, uri]
messages[1] = function(_, conn, message)
  local wamp = conn.WAMP
  local curie, long = uri.of(message[2]), uri.of(message[3])
  if not curie or not long then return "Invalid prefix" end
  if not wamp.prefixes[curie] then
    if wamp.prefixCount == MOST_PREFIXES then return "Too many prefixes" end
    wamp.prefixCount = wamp.prefixCount + 1
  end
  wamp.prefixes[curie] = long
end

local function args_of(message)
  local args = json.array()
  for i = 4, #message do args[i - 3] = message[i] end
  return args
end

-- [2, id, uri, ...]
messages[2] = function(protocol, conn, message)
  local name = topic_name(conn, message[3])
  if not is_id(message[2]) then return "Invalid call id" end
  if not name then return "Invalid procedure, must be a string" end
  local args = args_of(message)
  tell(protocol, "onCall", conn, message[2], name, arguments.params(args), args)
end

-- [5, topic]
messages[5] = function(protocol, conn, message)
  local name = topic_name(conn, message[2])
  if not name then return "Invalid Topic, must be a string" end
  tell(protocol, "onSubscribe", conn, name)
end

-- [6, topic]
messages[6] = function(protocol, conn, message)
  local name = topic_name(conn, message[2])
  if not name then return "Invalid Topic, must be a string" end
  tell(protocol, "onUnSubscribe", conn, name)
end

-- true is the publisher itself.
local function excluded_of(conn, value)
  value = given(value)
  if value == true then return { conn.WAMP.sessionId } end
  if not value then return {} end
  return ids_of(value)
end

-- [7, topic, event, exclude me or a list, eligible]
messages[7] = function(protocol, conn, message)
  local name = topic_name(conn, message[2])
  if not name then return "Invalid Topic, must be a string" end
  local exclude = excluded_of(conn, message[4])
  if not exclude then return "Invalid list of excluded sessions" end
  local eligible = given(message[5])
  eligible = eligible == nil and {} or ids_of(eligible)
  if not eligible then return "Invalid list of eligible sessions" end
  tell(protocol, "onPublish", conn, name, given(message[3]), exclude, eligible)
end

-- ---- events

---@param conn ratchet.Connection
---@param request ratchet.http.Request?
function ServerProtocol:onOpen(conn, request)
  WampConnection(conn)
  tell(self, "onOpen", conn, request)
end

local function read(text, is_binary)
  if is_binary then return nil, "WAMP messages are text" end
  local message, problem = json.decode(text)
  if problem then return nil, "Syntax error, malformed JSON" end
  if not json.is_array(message) then return nil, "Invalid WAMP message format" end
  return message
end

---@param conn ratchet.Connection
---@param text string
---@param is_binary boolean?
function ServerProtocol:onMessage(conn, text, is_binary)
  local message, problem = read(text, is_binary)
  if message then
    local handle = messages[message[1]]
    if handle then
      problem = handle(self, conn, message)
    else
      problem = "Invalid WAMP message type"
    end
  end
  if problem then conn:close(1007, problem) end
end

---@param conn ratchet.Connection
---@param code integer
---@param reason string
function ServerProtocol:onClose(conn, code, reason)
  sessions.remove(conn.WAMP.sessionId)
  tell(self, "onClose", conn, code, reason)
end

---@param conn ratchet.Connection
---@param err any
function ServerProtocol:onError(conn, err)
  if self.app.onError then return self.app:onError(conn, err) end
  conn:close(1011, "internal error")
end

return ServerProtocol
