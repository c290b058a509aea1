-- journal - writes into live tables and variables that can be taken back: a reload
-- that fails half-way leaves everything as it was.

local class = require "ratchet.class"

---@class ratchet.reload.Journal
local Journal = class()

---@return ratchet.reload.Journal
function Journal.new()
  return setmetatable({ last = false }, Journal)
end

-- Each knows the one before: a list would have to grow, and where LuaJIT finds no memory
-- for that, it may lose what was in it.
local function note(journal, undo, a, b, c)
  journal.last = { undo, a, b, c, before = journal.last }
end

-- A write that has failed for want of memory is not one to take back by the same.
local function put_back(t, key, before)
  if not rawequal(rawget(t, key), before) then rawset(t, key, before) end
end

---Writes a field, past any metatable.
---@param t table
---@param key any
---@param value any
function Journal:set(t, key, value)
  local before = rawget(t, key)
  if rawequal(before, value) then return end
  note(self, put_back, t, key, before)
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
  while self.last do
    local entry = self.last
    self.last = entry.before
    entry[1](entry[2], entry[3], entry[4])
  end
end

return Journal
