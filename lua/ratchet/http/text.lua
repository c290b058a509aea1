-- text - values that came from the network, made fit for a log line or an error:
-- quoted, with control characters shown, and not endless.

local text = {}

local MAX_LENGTH = 200
local MAX_ITEMS = 10

local function escaped(char)
  return ("\\x%02x"):format(char:byte())
end

---The value without control characters, cut when it is very long.
---@param value string
---@return string
function text.plain(value)
  if #value > MAX_LENGTH then value = value:sub(1, MAX_LENGTH) .. "..." end
  return (value:gsub("[%z\1-\31\127]", escaped))
end

---As text.plain, in double quotes.
---@param value string
---@return string
function text.quote(value)
  return '"' .. text.plain(value):gsub('"', '\\"') .. '"'
end

---A list such as {"localhost", "example.org"}.
---@param values string[]
---@return string
function text.list(values)
  local shown = {}
  for i = 1, math.min(#values, MAX_ITEMS) do shown[i] = text.quote(values[i]) end
  if #values > MAX_ITEMS then shown[#shown + 1] = ("and %d more"):format(#values - MAX_ITEMS) end
  return "{" .. table.concat(shown, ", ") .. "}"
end

return text
