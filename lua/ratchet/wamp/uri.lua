-- uri - the names of topics and procedures: any text, so long as it is bounded. What
-- WAMP says of their form (dots, no spaces) is advice; v1 has http://... and v2 has
-- com.example...

local uri = {}

local LONGEST = 1024

---The name that a client means; a number counts as its digits.
---@param value any
---@return string? name nil when it is no name
function uri.of(value)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" or value == "" or #value > LONGEST then return nil end
  return value
end

---Writes the short form of a name out: with the prefix "calc" for "http://example.com/calc",
---"calc:add" is "http://example.com/calc#add". The # is only put where the prefix ends
---with a letter or a digit. What is no short form stays as it is.
---@param name string
---@param prefixes table<string, string>
---@return string
function uri.expand(name, prefixes)
  if name:find("https?://") then return name end
  local short, rest = name:match("^([^:]*):(.*)$")
  local long = short and prefixes[short]
  if not long then return name end
  return long .. (long:find("%w$") and "#" or "") .. rest
end

return uri
