-- shown - how a message is shown to somebody: JSON over several lines, bytes in
-- hexadecimal, and nothing that a terminal would take for a command.

local shown = {}

local INDENT = "  "

-- One token of JSON at `at`, and where the next begins.
local function token_at(text, at)
  local char = text:sub(at, at)
  if char ~= '"' then
    local word = text:match("^[^%s{}%[%]:,\"]+", at)
    return word or char, at + #(word or char)
  end
  local close = at + 1
  while text:sub(close, close) ~= '"' do
    close = close + (text:sub(close, close) == "\\" and 2 or 1)
    if close > #text then break end
  end
  return text:sub(at, close), close + 1
end

local function indented(depth)
  return "\n" .. INDENT:rep(depth)
end

-- The same tokens with white space between them; the text is good JSON.
local function reformat(text)
  local parts, depth, at = {}, 0, 1
  local function add(part) parts[#parts + 1] = part end
  while true do
    at = text:find("%S", at)
    if not at then break end
    local token
    token, at = token_at(text, at)
    if token == "{" or token == "[" then
      local close = text:match("^%s*([}%]])()", at)
      if close then
        add(token .. close)
        at = select(2, text:match("^%s*([}%]])()", at))
      else
        depth = depth + 1
        add(token .. indented(depth))
      end
    elseif token == "}" or token == "]" then
      depth = depth - 1
      add(indented(depth) .. token)
    else
      add(token == "," and "," .. indented(depth) or token == ":" and ": " or token)
    end
  end
  return table.concat(parts)
end

---JSON over several lines; nil when the text is no object or list.
---@param text string
---@return string?
function shown.json(text)
  if not text:find("^%s*[{%[]") then return nil end
  local is_json = pcall(require("cjson").decode, text)
  return is_json and reformat(text) or nil
end

---Bytes in hexadecimal.
---@param bytes string
---@return string
function shown.hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

---The bytes that are written in hexadecimal, with spaces where one likes.
---@param text string
---@return string? bytes
---@return string? message
function shown.unhex(text)
  local digits = text:gsub("%s", "")
  if digits:find("%X") then
    return nil, ("%q is no hexadecimal digit"):format(digits:match("%X"))
  end
  if #digits % 2 == 1 then return nil, "a byte has two hexadecimal digits; one is missing" end
  return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

---The text without what a terminal would obey.
---@param text string
---@return string
function shown.safe(text)
  return (text:gsub("[%z\1-\8\11-\31\127]", function(char)
    return ("\\x%02x"):format(char:byte())
  end))
end

return shown
