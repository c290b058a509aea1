-- sessions - the ids that WAMP sessions have, and whose they are. An id is random, so
-- that nobody can guess whom an event is for, or leave out somebody else on purpose.

local native = require "ratchet.native"

local sessions = {}

local by_id = setmetatable({}, { __mode = "v" })

---An id for a v1 session: 32 hexadecimal digits.
---@return string
function sessions.text_id()
  return (native.core().randomBytes(16):gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
end

---An id for a v2 session, or for a publication: a whole number from 1 to 2^53.
---@return integer
function sessions.number_id()
  local number = 0
  for i, byte in ipairs({ native.core().randomBytes(7):byte(1, 7) }) do
    number = number * 256 + (i == 1 and byte % 32 or byte)
  end
  return number + 1
end

---@param id string|integer
---@param conn ratchet.Connection
function sessions.add(id, conn)
  by_id[id] = conn
end

---@param id string|integer
function sessions.remove(id)
  by_id[id] = nil
end

---@param id any
---@return ratchet.Connection? conn nil when there is no such session
function sessions.find(id)
  if id == nil or id ~= id then return nil end
  return by_id[id]
end

return sessions
