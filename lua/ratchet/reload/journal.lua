-- journal - writes into live tables and variables that can be taken back: a reload
-- that fails half-way leaves everything as it was.

local class = require "ratchet.class"

---@class ratchet.reload.Journal
local Journal = class()

---@return ratchet.reload.Journal
function Journal.new()
  return setmetatable({ count = 0 }, Journal)
end

local function note(journal, undo, a, b, c)
  journal.count = journal.count + 1
  journal[journal.count] = { undo, a, b, c }
end

---Writes a field, past any metatable.
---@param t table
---@param key any
---@param value any
function Journal:set(t, key, value)
  local before = rawget(t, key)
  if rawequal(before, value) then return end
  note(self, rawset, t, key, before)
  rawset(t, key, value)
end

---Sets a metatable, also where the old one is protected.
---@param t table
---@param metatable table?
function Journal:set_metatable(t, metatable)
  local before = debug.getmetatable(t)
  if rawequal(before, metatable) then return end
  note(self, debug.setmetatable, t, before)
  debug.setmetatable(t, metatable)
end

---Assigns to a local variable that the function has as an upvalue.
---@param fn function
---@param index integer
---@param value any
function Journal:set_upvalue(fn, index, value)
  local _, before = debug.getupvalue(fn, index)
  if rawequal(before, value) then return end
  note(self, debug.setupvalue, fn, index, before)
  debug.setupvalue(fn, index, value)
end

---Takes back all that was written, the last first.
function Journal:undo()
  for i = self.count, 1, -1 do
    local entry = self[i]
    entry[1](entry[2], entry[3], entry[4])
    self[i] = nil
  end
  self.count = 0
end

return Journal
