-- format - what reading and writing PHP's format have in common: its bounds, what its
-- arrays are beside a table, and how a failure becomes a reason.

local format = {}

format.MAX_DEPTH = 100
format.MAX_COUNT = 100000 -- values
format.EXACT = 2 ^ 53 -- integers beyond have no double of their own
format.LARGEST = "9223372036854775807"

---Table to "map" (its integer keys are PHP's) or to a number (it is a list of so many
---values, of which some may be null). An entry ends with its table.
---@type table<table, "map"|integer>
format.shapes = setmetatable({}, { __mode = "k" })

-- What is raised, and never leaves these modules.
local Malformed = {}

---Raises what reason_of knows.
---@param template string as of string.format
---@param ... any
function format.fail(template, ...)
  error(setmetatable({ reason = template:format(...) }, Malformed), 0)
end

---What was raised, as a reason; raises what `fail` has not made.
---@param failure any
---@return string
function format.reason_of(failure)
  if getmetatable(failure) ~= Malformed then error(failure, 0) end
  return failure.reason
end

---Would PHP make an integer of this key?
---@param key string
---@return boolean
function format.is_integer_key(key)
  local digits = key:match("^-?([1-9]%d*)$")
  if not digits then return key == "0" end
  return #digits < #format.LARGEST or #digits == #format.LARGEST and digits <= format.LARGEST
end

return format
