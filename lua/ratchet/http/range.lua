-- range - the part of a file that a request asks for (RFC 9110 14). One range of
-- bytes is understood; several, other units and what is malformed are as if the
-- header were not there, which the RFC allows: the answer is then the whole.

local range = {}

-- As many digits as a number holds exactly.
local function number(digits)
  if #digits > 15 then return math.huge end
  return tonumber(digits)
end

-- "bytes=-500": the last 500.
local function suffix(length, size)
  if length == 0 or size == 0 then return nil, true end
  return { math.max(size - length, 0), size - 1 }
end

---@param header string such as "bytes=0-499", "bytes=500-" or "bytes=-500"
---@param size integer of the whole, in bytes
---@return integer[]? part the first and the last byte, from 0; nil is the whole
---@return boolean? is_outside true when it lies behind the end: 416
function range.parse(header, size)
  local first, last = header:match("^[Bb][Yy][Tt][Ee][Ss]=[ \t]*(%d*)%-(%d*)[ \t]*$")
  if not first or first == "" and last == "" then return nil end
  if first == "" then return suffix(number(last), size) end
  first, last = number(first), last == "" and math.huge or number(last)
  if last < first then return nil end
  if first >= size then return nil, true end
  return { first, math.min(last, size - 1) }
end

return range
