-- serializer - how the names and values of a session stand in its bytes. PHP has three
-- ways (session.serialize_handler): "php", name|value name|value ...; "php_binary", a byte
-- for the length of the name, the name, the value ...; "php_serialize", one array. "json"
-- is for everybody else. Each has
--   decode(bytes)        a Record, or nil, reason
--   encode(record)       bytes, or nil, reason
--   checkName(name)      a reason why a value cannot have that name, or nil

local Reader = require "ratchet.session.php.reader"
local Record = require "ratchet.session.record"
local cjson = require "cjson"
local format = require "ratchet.session.php.format"
local php = require "ratchet.session.php"
local writer = require "ratchet.session.php.writer"

local MOST_NAMES = 10000
local JSON_DEPTH = 100

local function each_as(list, shown)
  for i, entry in ipairs(list) do list[i] = shown(entry[1], entry[2]) end
  return table.concat(list)
end

-- ---- values one behind the other

local function check_count(record)
  if #record.names < MOST_NAMES then return true end
  return nil, ("it has more than %d names"):format(MOST_NAMES)
end

-- Reads a value behind its name into the record.
local function add_value(record, reader, name)
  local has_room, too_many = check_count(record)
  if not has_room then return nil, too_many end
  local from = reader.at
  local is_read, value, reason = reader:value()
  if not is_read then return nil, reason end
  record:add(name, value, reader.bytes:sub(from, reader.at - 1), reason)
  return true
end

-- take_name(reader) returns a name, and whether a value follows.
local function decode_pairs(bytes, take_name)
  local record, reader = Record(), Reader(bytes)
  while not reader:isAtEnd() do
    local name, has_value = take_name(reader)
    if not name then return nil, ("at byte %d a name was expected"):format(reader.at) end
    local added, reason = true, nil
    if has_value then added, reason = add_value(record, reader, name) end
    if not added then return nil, reason end
  end
  record.hasReferences = reader.hasReferences
  return record
end

local function encode_pairs(record, shown)
  local list, reason = record:encoded(php.encode)
  if not list then return nil, reason end
  return each_as(list, shown)
end

-- PHP leaves numbers out, without a word.
local function check_php_name(name)
  if type(name) ~= "string" then return "it must be a string" end
  if format.is_integer_key(name) then return "PHP keeps no numbers as names" end
end

local text = {}

local function take_text_name(reader)
  return reader:skip("^([^|]*)|"), true
end

function text.decode(bytes) return decode_pairs(bytes, take_text_name) end

function text.encode(record)
  return encode_pairs(record, function(name, raw) return name .. "|" .. raw end)
end

function text.checkName(name)
  local reason = check_php_name(name)
  if reason then return reason end
  if name:find("|", 1, true) then return 'it must have no "|"' end
end

local binary = {}

-- The upper half of the lengths says that no value follows.
local function take_binary_name(reader)
  local length = reader.bytes:byte(reader.at)
  local has_value = length < 128
  local name = reader.bytes:sub(reader.at + 1, reader.at + length % 128)
  if #name < length % 128 then return nil end
  reader.at = reader.at + 1 + #name
  return name, has_value
end

function binary.decode(bytes) return decode_pairs(bytes, take_binary_name) end

function binary.encode(record)
  return encode_pairs(record, function(name, raw) return string.char(#name) .. name .. raw end)
end

function binary.checkName(name)
  local reason = check_php_name(name)
  if reason then return reason end
  if #name > 127 then return "it must have 127 bytes at most" end
end

-- ---- one array

local array = {}

function array.decode(bytes)
  local record, reader = Record(), Reader(bytes)
  if bytes == "" then return record end
  local count = reader:enter()
  if not count then return nil, "an array was expected" end
  for _ = 1, count do
    local key, key_reason = reader:key()
    if not key then return nil, key_reason end
    local added, reason = add_value(record, reader, key)
    if not added then return nil, reason end
  end
  if not reader:skip("^(})$") then return nil, "the array does not end where it should" end
  record.hasReferences = reader.hasReferences
  return record
end

function array.encode(record)
  local list, reason = record:encoded(php.encode)
  if not list then return nil, reason end
  local count = #list
  return ("a:%d:{%s}"):format(count, each_as(list, function(name, raw)
    return writer.key(name) .. raw
  end))
end

function array.checkName(name)
  local is_integer = type(name) == "string" and format.is_integer_key(name)
  if is_integer and math.abs(tonumber(name)) < format.EXACT then
    return "PHP would take it for a number; write it as one"
  end
  local _, reason = writer.key(name)
  return reason
end

-- ---- JSON

local json, decoder = {}, cjson.new()
decoder.decode_max_depth(JSON_DEPTH)
decoder.encode_max_depth(JSON_DEPTH)

-- Null is nil here: a name that is not there is no user, and cjson.null would be one.
local function without_null(value)
  if value == cjson.null then return nil end
  if type(value) ~= "table" then return value end
  local length = #value
  local has_null = false
  for key, each in pairs(value) do
    local clean = without_null(each)
    has_null = has_null or clean == nil
    value[key] = clean
  end
  return has_null and length > 0 and php.list(value, length) or value
end

local function with_null(value, depth)
  if type(value) ~= "table" then return value end
  if depth > JSON_DEPTH then error("it is nested deeper than 100, or in itself", 0) end
  local copy = {}
  for key, each in pairs(value) do copy[key] = with_null(each, depth + 1) end
  for i = 1, php.length(value) or 0 do
    if copy[i] == nil then copy[i] = cjson.null end
  end
  return copy
end

local function encode_json(value)
  if value == nil then return "null" end
  local encoded, result = pcall(function() return decoder.encode(with_null(value, 1)) end)
  if encoded then return result end
  return nil, (tostring(result):gsub("^.-:%d+: ", ""))
end

-- The end of the value that begins there, in text that is known to be JSON.
local function end_of_value(bytes, at)
  local depth = 0
  repeat
    local first = bytes:sub(at, at)
    if first == '"' then
      repeat
        at = bytes:find('["\\]', at + 1)
        local is_escape = bytes:sub(at, at) == "\\"
        if is_escape then at = at + 1 end
      until not is_escape
    elseif first:find("[%[{]") then
      depth = depth + 1
    elseif first:find("[%]}]") then
      depth = depth - 1
    elseif not first:find("[%s,:]") then
      at = bytes:find("[%s,:%]}]", at) - 1
    end
    at = at + 1
    if depth > 0 then at = bytes:find("[^%s,:]", at) end
  until depth == 0
  return at - 1
end

-- The string that stands there, between its quotes.
local function name_at(bytes, first, last)
  local name = bytes:sub(first + 1, last - 1)
  if not name:find("\\", 1, true) then return name end
  return decoder.decode("[" .. bytes:sub(first, last) .. "]")[1]
end

local function add_members(record, bytes, values)
  local at = bytes:find("[^%s{]", 1)
  while bytes:sub(at, at) == '"' do
    local has_room, too_many = check_count(record)
    if not has_room then return nil, too_many end
    local last = end_of_value(bytes, at)
    local name = name_at(bytes, at, last)
    at = bytes:find("[^%s:]", last + 1)
    last = end_of_value(bytes, at)
    record:add(name, without_null(values[name]), bytes:sub(at, last))
    at = bytes:find("[^%s,]", last + 1)
  end
  return record
end

function json.decode(bytes)
  local record = Record()
  if bytes == "" then return record end
  local decoded, value = pcall(decoder.decode, bytes)
  if not decoded then return nil, "it is no JSON: " .. tostring(value) end
  -- PHP writes an empty array for a session without values.
  if type(value) ~= "table" or bytes:find("^%s*%[") and next(value) ~= nil then
    return nil, "an object was expected"
  end
  if not bytes:find("^%s*{") then return record end
  return add_members(record, bytes, value)
end

function json.encode(record)
  local list, reason = record:encoded(encode_json)
  if not list then return nil, reason end
  for i, entry in ipairs(list) do
    list[i] = decoder.encode(entry[1]) .. ":" .. entry[2]
  end
  return "{" .. table.concat(list, ",") .. "}"
end

function json.checkName(name)
  if type(name) ~= "string" then return "it must be a string" end
end

return { php = text, php_binary = binary, php_serialize = array, json = json }
