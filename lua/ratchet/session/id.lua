-- id - the name of a session, as it stands in the cookie. It comes from the client and
-- becomes the name of a file or a key, so only what PHP itself would make is one.

local native = require "ratchet.native"

local id = {}

local LONGEST = 256
local BYTES = 16 -- as many random ones as PHP takes

---@param value any
---@return boolean
function id.isValid(value)
  return type(value) == "string" and #value <= LONGEST and value:find("^[%w,-]+$") ~= nil
end

---A new one, which nobody can guess.
---@return string
function id.new()
  return (native.core().randomBytes(BYTES):gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
end

return id
