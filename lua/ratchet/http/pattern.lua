-- pattern - text with pieces in braces, as routes have them, made into one Lua
-- pattern: "/room/{id}", "/room/{id:%d+}", "{tenant}.example.org".

local raise = require "ratchet.raise"

local pattern = {}

-- LuaJIT's string library has room for so many captures.
local MAX_PIECES = 32

---Has the text any piece in braces?
---@param text string
---@return boolean
function pattern.has_pieces(text)
  return text:find("{", 1, true) ~= nil
end

local function literal(text)
  return (text:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"))
end

-- The end of the piece that begins at `start`: the first "}" that no "%" escapes.
local function end_of_piece(text, start)
  local at = start + 1
  while at <= #text do
    local char = text:sub(at, at)
    if char == "}" then return at end
    at = at + (char == "%" and 2 or 1)
  end
  raise('"%s": a "{" has no "}"', text)
end

local function check_piece_pattern(text, lua_pattern)
  local plain = lua_pattern:gsub("%%.", ""):gsub("%[[^%]]*%]", "")
  if plain:find("[()]") then
    raise('"%s": a pattern in braces must have no captures, ( or ), of its own', text)
  end
  local is_sound, message = pcall(string.find, "", lua_pattern)
  if not is_sound then raise('"%s": %s', text, message) end
end

local function parse_piece(text, piece, default)
  local name, lua_pattern = piece:match("^([%a_][%w_]*):(.+)$")
  if not name then name, lua_pattern = piece:match("^([%a_][%w_]*)$"), default end
  if not name then raise('"%s": "{%s}" is neither {name} nor {name:pattern}', text, piece) end
  check_piece_pattern(text, lua_pattern)
  return name, lua_pattern
end

local function check_names(text, names)
  local seen = {}
  for _, name in ipairs(names) do
    if seen[name] then raise('"%s": the name "%s" stands there twice', text, name) end
    seen[name] = true
  end
  if #names > MAX_PIECES then raise('"%s" has over %d pieces', text, MAX_PIECES) end
end

---Takes the text apart; raises when it is malformed.
---@param text string
---@param default string what a piece without a pattern of its own matches
---@return string lua_pattern anchored at both ends
---@return string[] names of its captures, in order
function pattern.compile(text, default)
  local parts, names, at = { "^" }, {}, 1
  while true do
    local open = text:find("{", at, true)
    parts[#parts + 1] = literal(text:sub(at, (open or 0) - 1))
    if not open then break end
    local close = end_of_piece(text, open)
    local name, piece = parse_piece(text, text:sub(open + 1, close - 1), default)
    names[#names + 1] = name
    parts[#parts + 1] = "(" .. piece .. ")"
    at = close + 1
  end
  check_names(text, names)
  parts[#parts + 1] = "$"
  return table.concat(parts), names
end

local function collect(names, first, ...)
  if first == nil then return nil end
  local params, values = {}, { first, ... }
  for i, name in ipairs(names) do params[name] = values[i] end
  return params
end

---The pieces of `subject` by name, or nil when it does not match.
---@param subject string
---@param lua_pattern string
---@param names string[]
---@return table<string, string>?
function pattern.match(subject, lua_pattern, names)
  return collect(names, subject:match(lua_pattern))
end

return pattern
