-- double - a connection without a server: it keeps what was sent and how it was closed.
-- It loads in plain LuaJIT.

local class = require "ratchet.class"
local raise = require "ratchet.raise"

---@class ratchet.testing.Double
---@field sent string[] every message, in order
---@field pings string[] what was sent by ping and pong
---@field closed { code: integer, reason: string }? how it was closed
---@field resourceId integer
---@field readyState integer 1 while it is open, then 3
local Double = class()

local last_id = 0

---@param fields table? more fields, or other values
---@return ratchet.testing.Double
function Double.new(fields)
  last_id = last_id + 1
  local double = setmetatable({
    resourceId = last_id, readyState = 1, bufferedAmount = 0, secure = false,
    remoteAddress = "127.0.0.1", remotePort = 40000 + last_id % 20000,
    sent = {}, inbox = {}, pings = {}, isPaused = false,
  }, Double)
  for name, value in pairs(fields or {}) do double[name] = value end
  return double
end

local function keep(double, message, is_binary)
  if type(message) == "number" then message = tostring(message) end
  if type(message) ~= "string" then
    raise("conn:send: a message is a string; this is a %s", type(message))
  end
  if double.readyState == 1 then
    double.sent[#double.sent + 1] = message
    double.inbox[#double.inbox + 1] = { text = message, isBinary = is_binary or false }
  end
  return double
end

---@param message string
---@param is_binary boolean?
---@return ratchet.testing.Double self
function Double:send(message, is_binary) return keep(self, message, is_binary) end

---@param message string
---@return ratchet.testing.Double self
function Double:sendBinary(message) return keep(self, message, true) end

---@param data string?
---@return ratchet.testing.Double self
function Double:ping(data)
  self.pings[#self.pings + 1] = data or ""
  return self
end

Double.pong = Double.ping

---@param code integer?
---@param reason string?
---@return ratchet.testing.Double self
function Double:close(code, reason)
  if self.readyState ~= 1 then return self end
  self.readyState = 3
  self.closed = { code = code or 1000, reason = reason or "" }
  return self
end

---@return ratchet.testing.Double self
function Double:terminate() return self:close(1006) end

---@return ratchet.testing.Double self
function Double:pause()
  self.isPaused = true
  return self
end

---@return ratchet.testing.Double self
function Double:resume()
  self.isPaused = false
  return self
end

-- ---- for the assertions: what was sent arrives at once

function Double.settle() end

---@param is_there fun(): any
---@return any
function Double.awaitUntil(_, is_there) return is_there() end

---@return string
function Double:describe() return "connection " .. self.resourceId end

return Double
