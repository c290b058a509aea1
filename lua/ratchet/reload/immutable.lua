-- immutable - which local variables LuaJIT takes for constants.
--
-- A variable that no code assigns after its declaration is marked so when its
-- file is compiled, and compiled loops hold its value. New code that assigns to it
-- must not share it with the old: the assignment would be lost. The mark is seen in
-- the bytecode that string.dump makes (lj_bcdump.h of LuaJIT describes it).

local immutable = {}

local VERSION = 2 -- of the format, in all of LuaJIT 2.1
local BIG_ENDIAN_OR_STRIPPED = 0x03 -- what is not read here
local IS_LOCAL, IS_IMMUTABLE = 0x80, 0x40 -- in the high byte of an upvalue

-- A number of seven bits a byte, and the place behind it.
local function uleb(text, at)
  local value, scale = 0, 1
  while true do
    local byte = text:byte(at)
    at = at + 1
    if byte < 128 then return value + byte * scale, at end
    value, scale = value + (byte - 128) * scale, scale * 128
  end
end

local function skip(text, at, count)
  for _ = 1, count do
    local _
    _, at = uleb(text, at)
  end
  return at
end

local function key_of(first_line, last_line, index)
  return ("%d:%d:%d"):format(first_line, last_line, index)
end

-- One function: notes for each upvalue that is a local of the function around it
-- whether it is immutable. Two functions that cannot be told apart must agree.
local function read_function(text, at, found)
  local upvalues = text:byte(at + 3)
  local _, instructions, first_line, lines
  at = skip(text, at + 4, 2)
  instructions, at = uleb(text, at)
  _, at = uleb(text, at) -- size of the debug information
  first_line, at = uleb(text, at)
  lines, at = uleb(text, at)
  at = at + 4 * instructions
  for index = 1, upvalues do
    local flags = text:byte(at + 1)
    at = at + 2
    if bit.band(flags, IS_LOCAL) ~= 0 then
      local key = key_of(first_line, first_line + lines, index)
      local is_immutable = bit.band(flags, IS_IMMUTABLE) ~= 0
      found[key] = is_immutable and found[key] ~= false
    end
  end
end

---@param chunk function of a whole file
---@return table<string, boolean> marks for immutable.is
function immutable.read(chunk)
  local found, text = {}, string.dump(chunk)
  local flags, at = uleb(text, 5)
  if text:byte(4) ~= VERSION or bit.band(flags, BIG_ENDIAN_OR_STRIPPED) ~= 0 then return found end
  local length, name_length
  name_length, at = uleb(text, at)
  at = at + name_length
  length, at = uleb(text, at)
  while length > 0 do
    read_function(text, at, found)
    length, at = uleb(text, at + length)
  end
  return found
end

---Is that upvalue one that is never assigned? nil when this function does not tell.
---@param marks table<string, boolean>
---@param fn function of that file
---@param index integer
---@return boolean?
function immutable.is(marks, fn, index)
  local info = debug.getinfo(fn, "S")
  return marks[key_of(info.linedefined, info.lastlinedefined, index)]
end

return immutable
