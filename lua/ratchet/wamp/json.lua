-- json - JSON as WAMP needs it: what is read and written again is the same. cjson
-- reads, and writes strings; what it would change on the way is done here: an empty
-- list stays a list, a whole number keeps its digits, infinity is 1e999 as it came,
-- and what nests too deeply is an error in both directions.
--
-- A JSON null is cjson.null. A table is a list when its keys are 1 to n; holes are
-- null, when they are few. An empty table is an object, unless json.array marks it.

local cjson = require "cjson"
local raise = require "ratchet.raise"

local json = { null = cjson.null }

local DEEPEST = 100
local SPARSE = 8 -- a list may have this many more holes than entries

local reader = cjson.new()
reader.decode_max_depth(DEEPEST)
reader.decode_invalid_numbers(false) -- NaN and 0x10 are no JSON

-- ---- reading

local Array = {} -- the metatable of a table that is a list even when it is empty

-- What an empty list is replaced by while cjson reads: it cannot tell [] from {}.
local MARK, MARK_TEXT = "\0[]", '"\\u0000[]"'
local EMPTY = "^[ \t\r\n]*%]"

-- The place behind the string that begins at `at`, or nil when it has no end.
local function after_string(text, at)
  local from = at + 1
  repeat
    local found = text:find('["\\]', from)
    if not found then return nil end
    if text:byte(found) == 34 then return found + 1 end
    from = found + 2
  until false
end

local function with_marks(text)
  local pieces, copied, at = {}, 1, 1
  repeat
    local found = text:find('["%[]', at)
    if not found then break end
    local _, last = text:find(EMPTY, found + 1)
    if text:byte(found) == 34 then
      at = after_string(text, found)
    elseif last then
      pieces[#pieces + 1] = text:sub(copied, found) .. MARK_TEXT
      copied, at = last, last + 1
    else
      at = found + 1
    end
  until not at
  return table.concat(pieces) .. text:sub(copied)
end

-- cjson has bounded the depth.
local function without_marks(value)
  if type(value) ~= "table" then return value end
  if value[1] == MARK and value[2] == nil then
    value[1] = nil
    return setmetatable(value, Array)
  end
  for _, part in next, value do without_marks(part) end
  return value
end

---Reads JSON.
---@param text string
---@return any value nil when it is none; a JSON null is json.null
---@return string? message
function json.decode(text)
  local has_empty = text:find("%[[ \t\r\n]*%]")
  local ok, value = pcall(reader.decode, has_empty and with_marks(text) or text)
  if not ok then return nil, value end
  return has_empty and without_marks(value) or value
end

---Marks a table as a list, so that it is [] when it is empty.
---@param list table? a new one when not given
---@return table list
function json.array(list)
  return setmetatable(list or {}, Array)
end

---Is it a list, as far as one can see: has it a first entry, or the mark of json.array?
---@param value any
---@return boolean
function json.is_array(value)
  return type(value) == "table" and (value[1] ~= nil or getmetatable(value) == Array)
end

---Is it a table that is no list?
---@param value any
---@return boolean
function json.is_object(value)
  return type(value) == "table" and not json.is_array(value)
end

-- ---- writing

-- The length of a list; nil when the table is an object.
local function length_of(t)
  local count, last = 0, 0
  for key in next, t do
    if type(key) ~= "number" or key < 1 or key % 1 ~= 0 then return nil end
    count = count + 1
    if key > last then last = key end
  end
  if count == 0 then return getmetatable(t) == Array and 0 or nil end
  return last <= 2 * count + SPARSE and last or nil
end

local function number_text(value)
  if value ~= value then raise("JSON has no number for NaN") end
  if value == math.huge then return "1e999" end
  if value == -math.huge then return "-1e999" end
  if value % 1 == 0 and value > -2 ^ 53 and value < 2 ^ 53 then return ("%.0f"):format(value) end
  local short = ("%.14g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

local function key_text(key)
  if type(key) == "string" then return cjson.encode(key) end
  if type(key) == "number" then return '"' .. number_text(key) .. '"' end
  raise("the keys of a JSON object are strings; one is a %s", type(key))
end

local write

local function write_list(out, list, length, depth)
  for i = 1, length do
    out[#out + 1] = i == 1 and "[" or ","
    write(out, list[i], depth)
  end
  out[#out + 1] = length == 0 and "[]" or "]"
end

local function write_object(out, object, depth)
  local is_first = true
  for key, value in next, object do
    out[#out + 1] = (is_first and "{" or ",") .. key_text(key) .. ":"
    write(out, value, depth)
    is_first = false
  end
  out[#out + 1] = is_first and "{}" or "}"
end

local function scalar_text(value)
  local kind = type(value)
  if kind == "string" then return cjson.encode(value) end
  if kind == "number" then return number_text(value) end
  if kind == "boolean" then return value and "true" or "false" end
  if value == nil or value == json.null then return "null" end
  raise("JSON has no way to write a %s", kind)
end

function write(out, value, depth)
  if type(value) ~= "table" then
    out[#out + 1] = scalar_text(value)
    return
  end
  if depth == DEEPEST then raise("tables are nested more than %d deep for JSON", DEEPEST) end
  local length = length_of(value)
  if length then return write_list(out, value, length, depth + 1) end
  write_object(out, value, depth + 1)
end

---Writes JSON. Raises, at the line of the app, at what JSON has no way to write.
---@param value any
---@return string
function json.encode(value)
  if type(value) ~= "table" then return scalar_text(value) end
  local out = {}
  write(out, value, 0)
  return table.concat(out)
end

---Writes a list, also when it is empty and has no mark.
---@param list table
---@return string
function json.encode_list(list)
  return next(list) == nil and "[]" or json.encode(list)
end

return json
