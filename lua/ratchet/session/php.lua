-- php - PHP's serialize() and unserialize(), for plain values: null, booleans, integers,
-- floats, strings and arrays. An object builds nothing here: the value that has one in
-- it is refused, and what stands beside it can still be read.
--
-- A list (keys 0, 1, 2, ...) is a sequence from 1 on; any other array keeps its keys, so
-- [5 => "a"] is { [5] = "a" }. What a Lua table alone does not tell (is { "a" } the list
-- ["a"], or [1 => "a"]? where in a list is null?) is remembered beside it, see shapes.
-- The bytes may come from anybody: depth, count and nesting are bounded, nothing is
-- allocated because a number says so, and a failure is a reason, never an error.

local cjson = require "cjson"
local class = require "ratchet.class"
local text = require "ratchet.http.text"

local php = {}

local MAX_DEPTH = 100
local MAX_COUNT = 100000 -- values
local MAX_BYTES = 16 * 1048576 -- written: a few references can stand for many copies
local EXACT = 2 ^ 53 -- integers beyond have no double of their own
local LARGEST = "9223372036854775807"

-- Table to "map" (its integer keys are PHP's) or to a number (it is a list of so many
-- values, of which some may be null). An entry ends with its table.
local shapes = setmetatable({}, { __mode = "k" })

---Says that integer keys are meant as they are: map{ "a" } is PHP's [1 => "a"].
---@param array table
---@return table array
function php.map(array)
  shapes[array] = "map"
  return array
end

---Says that it is a list of so many values, where nil is null.
---@param array table
---@param length integer
---@return table array
function php.list(array, length)
  shapes[array] = length
  return array
end

---How many values a list with nulls has, as it was read or as php.list said.
---@param array table
---@return integer?
function php.length(array)
  local shape = shapes[array]
  return type(shape) == "number" and shape or nil
end

-- ---- reading

-- What is raised where the bytes make no sense, and caught in Reader:value.
local Malformed = {}

local function fail(format, ...)
  error(setmetatable({ reason = format:format(...) }, Malformed), 0)
end

local REFUSED = {} -- in the slot of a value that has an object in it
local OPEN = {} -- in the slot of an array whose end has not been read

---@class ratchet.session.php.Reader
---@field at integer where the next value begins
---@field hasReferences boolean was there an R: or an r: in what was read?
local Reader = class()
php.Reader = Reader

---Reads several values that stand in one string, and whose references count through.
---@param bytes string
---@return ratchet.session.php.Reader
function Reader.new(bytes)
  return setmetatable({
    bytes = bytes, at = 1, depth = 0, count = 0, hasReferences = false,
    slots = {}, -- number of a value, as R: and r: have it, to the value
    slot_count = 0,
    refused = nil, -- why the value that is being read cannot be given
  }, Reader)
end

local function take(reader, pattern, what)
  local first, last, a, b = reader.bytes:find(pattern, reader.at)
  if not first then fail("at byte %d %s was expected", reader.at, what) end
  reader.at = last + 1
  return a, b
end

local function new_slot(reader)
  reader.slot_count = reader.slot_count + 1
  return reader.slot_count
end

-- So many bytes between quotes, and what has to follow.
local function take_quoted(reader, ending)
  local length = tonumber((take(reader, '^(%d%d?%d?%d?%d?%d?%d?%d?%d?):"', "a length")))
  local last = reader.at + length - 1
  local close = last + 1
  if reader.bytes:sub(close, close + #ending - 1) ~= ending then
    fail("at byte %d a string of %d bytes does not end where it should", reader.at, length)
  end
  local found = reader.bytes:sub(reader.at, last)
  reader.at = close + #ending
  return found
end

-- One that a double cannot hold becomes its digits, and no digit is lost.
local function integer_of(digits)
  local number = tonumber(digits)
  if number > -EXACT and number < EXACT then return number end
  if #digits > #LARGEST + 1 then fail("an integer has %d digits", #digits) end
  return (digits:gsub("^%+", ""))
end

local read_value

local function read_key(reader)
  local kind = take(reader, "^([is]):", "a key")
  if kind == "s" then return take_quoted(reader, '";') end
  return integer_of((take(reader, "^([+-]?%d+);", "an integer")))
end

-- The values of a list so far, under the keys that they have in PHP.
local function as_map(list, count)
  local map = {}
  for i = 0, count - 1 do map[i] = list[i + 1] end
  return map
end

local function read_entry(reader)
  local key = read_key(reader)
  return key, read_value(reader)
end

-- Returns a table, and what its shape is.
local function read_entries(reader, count)
  local array, is_list, has_integers, has_null = {}, true, false, false
  for i = 0, count - 1 do
    local key, value = read_entry(reader)
    if is_list and key ~= i then array, is_list = as_map(array, i), false end
    has_integers = has_integers or type(key) == "number"
    has_null = has_null or value == nil
    array[is_list and i + 1 or key] = value
  end
  if not is_list then return array, has_integers and "map" or nil end
  return array, has_null and count or nil
end

local function read_array(reader)
  local count = tonumber((take(reader, "^(%d%d?%d?%d?%d?%d?%d?%d?%d?):{", "a count")))
  if count > MAX_COUNT then fail("an array has %d entries; %d is the most", count, MAX_COUNT) end
  if reader.depth == MAX_DEPTH then fail("it is nested deeper than %d", MAX_DEPTH) end
  reader.depth = reader.depth + 1
  local array, shape = read_entries(reader, count)
  reader.depth = reader.depth - 1
  take(reader, "^}", '"}"')
  shapes[array] = shape
  return array
end

local function refuse(reader, format, ...)
  reader.refused = reader.refused or format:format(...)
  return nil
end

local readers = {}

function readers.N() return nil end
function readers.b(reader) return take(reader, "^([01]);", "0 or 1") == "1" end
function readers.i(reader) return integer_of((take(reader, "^([+-]?%d+);", "an integer"))) end
function readers.s(reader) return take_quoted(reader, '";') end
readers.a = read_array

local special = { INF = math.huge, ["-INF"] = -math.huge, NAN = 0 / 0 }

function readers.d(reader)
  local digits = take(reader, "^([^;]+);", "a float")
  local number = special[digits] or not digits:find("[^%d.eE+-]") and tonumber(digits)
  return number or fail("before byte %d there is no float", reader.at)
end

function readers.O(reader)
  local name = take_quoted(reader, '":')
  read_array(reader)
  return refuse(reader, "it has an object of the PHP class %s, and objects are not read",
    text.quote(name))
end

-- A class with a format of its own: what is in it may count as values, or not.
function readers.C(reader)
  local name = take_quoted(reader, '":')
  local length = tonumber((take(reader, "^(%d%d?%d?%d?%d?%d?%d?%d?%d?):{", "a length")))
  reader.at = reader.at + length
  take(reader, "^}", '"}"')
  reader.is_uncounted = true
  return refuse(reader, "it has an object of the PHP class %s, and objects are not read",
    text.quote(name))
end

function readers.E(reader)
  local name = take_quoted(reader, '";')
  return refuse(reader, "it has the PHP enumeration %s, and objects are not read",
    text.quote(name))
end

local function read_reference(reader)
  local number = tonumber((take(reader, "^(%d%d?%d?%d?%d?%d?%d?%d?%d?);", "a number")))
  reader.hasReferences = true
  if reader.is_uncounted then
    return refuse(reader, "it has a reference behind an object that cannot be counted")
  end
  if number < 1 or number > reader.slot_count then fail("a reference leads nowhere") end
  local value = reader.slots[number]
  if value == OPEN then return refuse(reader, "it has a reference to itself") end
  if value == REFUSED then return refuse(reader, "it has a reference to an object") end
  return value
end

readers.R, readers.r = read_reference, read_reference

-- A reference (R) is the value that it leads to; everything else is counted.
function read_value(reader)
  reader.count = reader.count + 1
  if reader.count > MAX_COUNT then fail("it has more than %d values", MAX_COUNT) end
  local kind = take(reader, "^(%a)", "a value")
  local read = readers[kind]
  if not read then fail("before byte %d there is an unknown type %q", reader.at, kind) end
  take(reader, kind == "N" and "^;" or "^:", kind == "N" and '";"' or '":"')
  local slot = kind ~= "R" and new_slot(reader)
  if slot then reader.slots[slot] = OPEN end
  local value = read(reader)
  if slot then
    local is_object = kind == "O" or kind == "C" or kind == "E"
    reader.slots[slot] = is_object and REFUSED or value
  end
  return value
end

---The next value. One with an object in it is passed over.
---@return boolean isRead false: the bytes make no sense, and there is no next one
---@return any value
---@return string? reason why there is none
function Reader:value()
  self.refused = nil
  local first = self.slot_count + 1
  local read, value = pcall(read_value, self)
  if not read then
    if getmetatable(value) ~= Malformed then error(value, 0) end
    return false, nil, value.reason
  end
  if not self.refused then return true, value end
  -- A reference into a part of it would lead to half of a value.
  for slot = first, self.slot_count do self.slots[slot] = REFUSED end
  return true, nil, self.refused
end

---What follows, if it looks like that; it is then passed over.
---@param pattern string
---@return string? capture
function Reader:skip(pattern)
  local first, last, capture = self.bytes:find(pattern, self.at)
  if first then self.at = last + 1 end
  return capture
end

---Are all bytes read?
function Reader:isAtEnd() return self.at > #self.bytes end

---Enters an array, whose keys and values are then read by Reader:key and Reader:value.
---@return integer? count nil when there is none
function Reader:enter()
  local count = self:skip("^a:(%d%d?%d?%d?%d?%d?%d?%d?%d?):{")
  if count then self.slots[new_slot(self)] = OPEN end
  return tonumber(count)
end

---@return string|integer|nil key
---@return string? reason
function Reader:key()
  local read, key = pcall(read_key, self)
  if read then return key end
  if getmetatable(key) ~= Malformed then error(key, 0) end
  return nil, key.reason
end

---What serialize() wrote.
---@param bytes string
---@return any value nil for null
---@return string? reason why there is none
function php.decode(bytes)
  local reader = Reader(bytes)
  local read, value, reason = reader:value()
  if read and not reader:isAtEnd() then
    return nil, ("%d bytes stand behind the value"):format(#bytes - reader.at + 1)
  end
  return value, reason
end

-- ---- writing

local writers = {}

local function write(out, value, depth)
  local writer = writers[type(value)]
  if value == cjson.null then
    out[#out + 1] = "N;"
  elseif writer then
    writer(out, value, depth)
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

---Would PHP make an integer of this key?
---@param key string
---@return boolean
function php.isIntegerKey(key)
  local digits = key:match("^-?([1-9]%d*)$")
  if not digits then return key == "0" end
  return #digits < #LARGEST or #digits == #LARGEST and digits <= LARGEST
end

-- The key as PHP will have it: a number, or a string that is none.
local function key_text(key)
  if type(key) == "string" then
    if php.isIntegerKey(key) then return "i:" .. key .. ";" end
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

---What serialize() would write. A table that is a sequence (also an empty one) is a
---list; in any other the keys are written as they are, sorted. cjson.null is null.
---@param value any
---@return string? bytes
---@return string? reason
function php.encode(value)
  local out = {}
  if value == nil then return "N;" end
  local written, failure = pcall(write, out, value, 0)
  if written then return table.concat(out) end
  if getmetatable(failure) ~= Malformed then error(failure, 0) end
  return nil, failure.reason
end

---The key of an array as serialize() would write it.
---@param key string|integer
---@return string? bytes
---@return string? reason
function php.encodeKey(key)
  local written, result = pcall(key_text, key)
  if written then return result end
  if getmetatable(result) ~= Malformed then error(result, 0) end
  return nil, result.reason
end

return php
