-- writer - writes values as PHP's serialize() would, byte for byte.

local cjson = require "cjson"
local format = require "ratchet.session.php.format"

local fail, shapes = format.fail, format.shapes
local EXACT, MAX_COUNT, MAX_DEPTH = format.EXACT, format.MAX_COUNT, format.MAX_DEPTH

local MAX_BYTES = 16 * 1048576 -- a few references can stand for many copies

local writer = {}

local writers = {}

local function write(out, value, depth)
  local write_it = writers[type(value)]
  if value == cjson.null then
    out[#out + 1] = "N;"
  elseif write_it then
    write_it(out, value, depth)
  else
    fail("a %s cannot be kept", type(value))
  end
end

function writers.boolean(out, value) out[#out + 1] = value and "b:1;" or "b:0;" end

function writers.string(out, value)
  out.size = (out.size or 0) + #value
  if out.size > MAX_BYTES then fail("it has more than %d bytes", MAX_BYTES) end
  out[#out + 1] = ("s:%d:\""):format(#value)
  out[#out + 1] = value
  out[#out + 1] = '";'
end

-- As with serialize_precision = -1: the fewest digits that are this number.
local function float_text(number)
  if number ~= number then return "NAN" end
  if number == math.huge then return "INF" end
  if number == -math.huge then return "-INF" end
  local shown
  local fewest = math.abs(number) < 1e-300 and 0 or 14 -- the smallest have few digits
  for precision = fewest, 16 do
    shown = ("%%.%de"):format(precision):format(number)
    if tonumber(shown) == number then break end
  end
  local sign, first, rest, exponent = shown:match("^(-?)(%d)%.?(%d-)0*e([+-]%d+)$")
  exponent = tonumber(exponent)
  if exponent < -4 or exponent > 16 then
    return ("%s%s.%sE%s%d"):format(sign, first, rest == "" and "0" or rest,
      exponent < 0 and "-" or "+", math.abs(exponent))
  end
  local digits = first .. rest
  if exponent < 0 then return sign .. "0." .. ("0"):rep(-exponent - 1) .. digits end
  if #digits <= exponent + 1 then return sign .. digits .. ("0"):rep(exponent + 1 - #digits) end
  return sign .. digits:sub(1, exponent + 1) .. "." .. digits:sub(exponent + 2)
end

function writers.number(out, value)
  local is_minus_zero = value == 0 and 1 / value < 0
  if value % 1 == 0 and math.abs(value) < EXACT and not is_minus_zero then
    out[#out + 1] = ("i:%d;"):format(value)
  else
    out[#out + 1] = is_minus_zero and "d:-0;" or "d:" .. float_text(value) .. ";"
  end
end

-- The key as PHP will have it: a number, or a string that is none.
local function key_text(key)
  if type(key) == "string" then
    if format.is_integer_key(key) then return "i:" .. key .. ";" end
    return ('s:%d:"%s";'):format(#key, key)
  end
  if type(key) ~= "number" or key % 1 ~= 0 or math.abs(key) >= EXACT then
    fail("a key is a string or a whole number; %s is none", tostring(key))
  end
  return ("i:%d;"):format(key)
end

-- Numbers first, then strings, each in order: Lua has no order of its own.
local function comes_before(a, b)
  if type(a) == type(b) then return a < b end
  return type(a) == "number"
end

local function sorted_keys(array)
  local keys = {}
  for key in pairs(array) do
    if type(key) ~= "string" and type(key) ~= "number" then
      fail("a key is a string or a whole number; this is a %s", type(key))
    end
    keys[#keys + 1] = key
  end
  table.sort(keys, comes_before)
  return keys
end

-- How many values the list has that this table is; nil when it is none.
local function length_of(array, keys)
  local shape = shapes[array]
  if shape == "map" and #keys > 0 then return nil end
  local length = type(shape) == "number" and shape or 0
  local last = 0
  for _, key in ipairs(keys) do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 then return nil end
    if key > last + 1 and key - 1 > length then return nil end -- a gap that is no null
    last = key
  end
  return math.max(length, last)
end

local function write_list(out, array, length, depth)
  for i = 1, length do
    out[#out + 1] = ("i:%d;"):format(i - 1)
    if array[i] == nil then out[#out + 1] = "N;" else write(out, array[i], depth) end
  end
end

local function write_map(out, array, keys, depth)
  local seen = {}
  for _, key in ipairs(keys) do
    local shown = key_text(key)
    if seen[shown] then fail("the keys %q and %s are the same in PHP", key, key) end
    seen[shown] = true
    out[#out + 1] = shown
    write(out, array[key], depth)
  end
end

function writers.table(out, array, depth)
  if depth == MAX_DEPTH then fail("it is nested deeper than %d, or in itself", MAX_DEPTH) end
  if #out > 4 * MAX_COUNT then fail("it has too many values") end
  local keys = sorted_keys(array)
  local length = length_of(array, keys)
  if length and length > MAX_COUNT then fail("it has too many values") end
  out[#out + 1] = ("a:%d:{"):format(length or #keys)
  if length then write_list(out, array, length, depth + 1)
  else write_map(out, array, keys, depth + 1) end
  out[#out + 1] = "}"
end

---What serialize() would write.
---@param value any
---@return string? bytes
---@return string? reason
function writer.value(value)
  local out = {}
  if value == nil then return "N;" end
  local written, failure = pcall(write, out, value, 0)
  if written then return table.concat(out) end
  return nil, format.reason_of(failure)
end

---The key of an array as serialize() would write it.
---@param key string|integer
---@return string? bytes
---@return string? reason
function writer.key(key)
  local written, result = pcall(key_text, key)
  if written then return result end
  return nil, format.reason_of(result)
end

return writer
