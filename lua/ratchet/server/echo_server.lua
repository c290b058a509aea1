-- EchoServer - sends every message back to who sent it: text as text, binary as
-- binary. Over raw TCP it echoes bytes.

local class = require "ratchet.class"

---@class ratchet.server.EchoServer
local EchoServer = class()

---@return ratchet.server.EchoServer
function EchoServer.new()
  return setmetatable({}, EchoServer)
end

---@param conn ratchet.Connection
---@param message string
---@param is_binary boolean
function EchoServer:onMessage(conn, message, is_binary)
  conn:send(message, is_binary)
end

---@param conn ratchet.Connection
function EchoServer:onError(conn)
  conn:close()
end

return EchoServer
