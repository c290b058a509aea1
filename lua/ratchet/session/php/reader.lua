-- Reader - reads what PHP's serialize() wrote. An object builds nothing here: the value
-- that has one in it is refused, and what stands beside it can still be read.
--
-- The bytes may come from anybody: depth, count and nesting are bounded, nothing is
-- allocated because a number says so, and a failure is a reason, never an error.

local class = require "ratchet.class"
local format = require "ratchet.session.php.format"
local text = require "ratchet.http.text"

local fail, shapes = format.fail, format.shapes
local EXACT, LARGEST = format.EXACT, format.LARGEST
local MAX_COUNT, MAX_DEPTH = format.MAX_COUNT, format.MAX_DEPTH

local REFUSED = {} -- in the slot of a value that has an object in it
local OPEN = {} -- in the slot of an array whose end has not been read

---@class ratchet.session.php.Reader
---@field at integer where the next value begins
---@field hasReferences boolean was there an R: or an r: in what was read?
local Reader = class()

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

local function refuse(reader, template, ...)
  reader.refused = reader.refused or template:format(...)
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
  if not read then return false, nil, format.reason_of(value) end
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
  return nil, format.reason_of(key)
end

return Reader
