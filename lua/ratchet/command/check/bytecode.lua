-- bytecode - what a Lua file would do when it runs, read from what it was compiled to:
-- which globals its functions write, and which fields they ask for. Nothing of it runs.
--
-- The numbers of the instructions differ between versions of LuaJIT, so they are taken
-- from two tiny chunks whose instructions are known.

local bit = require "bit"
local util = require "jit.util"

local bytecode = {}

local function opcode_at(source, place)
  return bit.band(util.funcbc(loadstring(source), place), 0xff)
end

local SET_GLOBAL = opcode_at("x = 1", 2)
local GET_FIELD = opcode_at("local t; return t.x", 2)

-- Calls visit(prototype, place, instruction) for each instruction, inner functions too.
local function each_instruction(fn, visit)
  local place, instruction = 1, util.funcbc(fn, 1)
  while instruction do
    visit(fn, place, instruction)
    place = place + 1
    instruction = util.funcbc(fn, place)
  end
  local k = -1
  local constant = util.funck(fn, k)
  while constant ~= nil do
    if type(constant) == "proto" then each_instruction(constant, visit) end
    k = k - 1
    constant = util.funck(fn, k)
  end
end

local function line_of(fn, place)
  return util.funcinfo(fn, place).currentline
end

---The globals that a chunk and its functions assign to.
---@param chunk function
---@return { name: string, line: integer }[]
function bytecode.globals_written(chunk)
  local found = {}
  each_instruction(chunk, function(fn, place, instruction)
    if bit.band(instruction, 0xff) ~= SET_GLOBAL then return end
    local name = util.funck(fn, -bit.rshift(instruction, 16) - 1)
    found[#found + 1] = { name = name, line = line_of(fn, place) }
  end)
  table.sort(found, function(a, b) return a.line < b.line end)
  return found
end

---Where a chunk and its functions ask any table for a field of that name: x.name.
---@param chunk function
---@param names table<string, any> the names as keys
---@return { name: string, line: integer }[]
function bytecode.fields_read(chunk, names)
  local found = {}
  each_instruction(chunk, function(fn, place, instruction)
    if bit.band(instruction, 0xff) ~= GET_FIELD then return end
    local name = util.funck(fn, -bit.band(bit.rshift(instruction, 16), 0xff) - 1)
    if names[name] ~= nil then
      found[#found + 1] = { name = name, line = line_of(fn, place) }
    end
  end)
  table.sort(found, function(a, b) return a.line < b.line end)
  return found
end

return bytecode
