-- php - PHP's serialize() and unserialize(), for plain values: null, booleans, integers,
-- floats, strings and arrays.
--
-- A list (keys 0, 1, 2, ...) is a sequence from 1 on; any other array keeps its keys, so
-- [5 => "a"] is { [5] = "a" }. What a Lua table alone does not tell (is { "a" } the list
-- ["a"], or [1 => "a"]? where in a list is null?) is remembered beside it.

local Reader = require "ratchet.session.php.reader"
local format = require "ratchet.session.php.format"
local writer = require "ratchet.session.php.writer"

local shapes = format.shapes

local php = {}

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

---What serialize() would write. A table that is a sequence (also an empty one) is a
---list; in any other the keys are written as they are, sorted. cjson.null is null.
---@param value any
---@return string? bytes
---@return string? reason
function php.encode(value)
  return writer.value(value)
end

return php
