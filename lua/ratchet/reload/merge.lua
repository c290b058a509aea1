-- merge - brings new code into live tables and local variables: functions are the
-- new ones, state stays, and a constant that the app never changed takes its new
-- value. Each name is judged by three values: what the old code gave it at first
-- (base), what it has now (live), and what the new code gives it (new).

local class = require "ratchet.class"
local component = require "ratchet.component"

---@class ratchet.reload.Merge
---@field kept { name: string, cell: ratchet.reload.Cell }[] variables that kept their values
---@field changed string[] names of constants that took a new value
local Merge = class()

---@param twins ratchet.reload.Twins
---@param journal ratchet.reload.Journal
---@param is_mutable fun(fn: function, index: integer): boolean? is that upvalue ever assigned?
---@param is_closing fun(value: any): boolean will that handle be closed with the old code?
---@return ratchet.reload.Merge
function Merge.new(twins, journal, is_mutable, is_closing)
  return setmetatable({
    twins = twins, journal = journal, is_mutable = is_mutable, is_closing = is_closing,
    kept = {}, changed = {},
  }, Merge)
end

-- A function of a library, with variables of its own, that the old code and the new
-- have each had made: the live one knows what has happened since.
local function is_same_foreign(merge, live, new)
  local survey = merge.twins.new
  if survey.sources[new] or not debug.getupvalue(new, 1) then return false end
  local one, other = debug.getinfo(live, "S"), debug.getinfo(new, "S")
  return one.what == "Lua" and one.source == other.source
    and one.linedefined == other.linedefined
end

-- Is the table, and what is in it, as the old code made it?
local function is_untouched(merge, t, seen)
  local base = merge.twins.old.tables[t]
  if not base or seen[t] then return base ~= nil end
  seen[t] = true
  for key, value in next, t do
    if not rawequal(base.fields[key], value) then return false end
  end
  for key, value in next, base.fields do
    if rawget(t, key) == nil then return false end
    if type(value) == "table" and merge.twins.old.tables[value]
      and not is_untouched(merge, value, seen) then return false end
  end
  return true
end

-- A new value, or the live table that it stands for.
local function translate(of, value)
  if type(value) ~= "table" then return value end
  return of[value] or value
end

local function is_plain(value)
  local kind = type(value)
  return kind == "nil" or kind == "number" or kind == "string" or kind == "boolean"
end

-- What has something behind it that the new code cannot know.
local function is_state(merge, value)
  if is_plain(value) or type(value) == "function" or merge.is_closing(value) then return false end
  if type(value) ~= "table" then return true end
  return not merge.twins:is_layer(value) and not is_untouched(merge, value, {})
end

---What the name has from now on.
---@param base any
---@param live any
---@param new any
---@return any
function Merge:settle(base, live, new)
  local twin = translate(self.twins.of, new)
  if rawequal(twin, live) then return live end
  if type(new) == "table" and self.twins:is_layer(new) and self.twins:is_layer(live) then
    return new
  end
  if rawequal(base, live) then
    if is_state(self, live) then return live end
    local are_functions = type(live) == "function" and type(new) == "function"
    if are_functions and is_same_foreign(self, live, new) then return live end
    return twin
  end
  if type(live) == "function" then return self.twins.heirs[live] or live end
  return live
end

local function note_change(merge, name, base, new)
  if type(name) == "string" and is_plain(base) and is_plain(new) and base ~= nil and new ~= nil
    and base ~= new then
    merge.changed[#merge.changed + 1] = name
  end
end

-- What a layer stands around is as the code says: kept for its state, one that the code
-- has elsewhere now would lead around in a circle.
local function is_lead(live, key)
  return key == "next" and component.kind(live) ~= nil
end

local function set_field(merge, live, key, base, new)
  local value = merge:settle(base, rawget(live, key), new)
  if is_lead(live, key) then value = translate(merge.twins.of, new) end
  if rawequal(value, new) then note_change(merge, key, base, new) end
  merge.journal:set(live, key, value)
end

-- One that the old code did not make at load: only what is a function of the old
-- code is replaced in it.
local function merge_unknown(merge, live, fields)
  for key in next, fields do
    local heir = merge.twins.heirs[rawget(live, key)]
    if heir then merge.journal:set(live, key, heir) end
  end
end

-- Tables may be keys too.
local function translated(merge, fields)
  local of, result = merge.twins.of, {}
  for key, value in next, fields do result[translate(of, key)] = value end
  return result
end

local function merge_table(merge, live, new)
  local base, made = merge.twins.old.tables[live], merge.twins.new.tables[new]
  if not base then return merge_unknown(merge, live, made.fields) end
  local fields = translated(merge, made.fields)
  for key, value in next, fields do set_field(merge, live, key, base.fields[key], value) end
  for key, value in next, base.fields do
    if fields[key] == nil then set_field(merge, live, key, value, nil) end
  end
  merge.journal:set_metatable(live,
    merge:settle(base.metatable, debug.getmetatable(live), made.metatable))
end

-- The new functions share the live variable. Where it is one that LuaJIT holds for
-- a constant, no old code ever assigns to it, and the new code has its own.
local function share(merge, live, cell, value)
  local is_shared = false
  for i = 1, #live.holders, 2 do
    local mutable = merge.is_mutable(live.holders[i], live.holders[i + 1])
    if mutable ~= nil then
      is_shared = mutable
      break
    end
  end
  local holders = cell.holders
  if is_shared then
    for i = 1, #holders, 2 do
      debug.upvaluejoin(holders[i], holders[i + 1], live.fn, live.index)
    end
    merge.journal:set_upvalue(live.fn, live.index, value)
  else
    debug.setupvalue(holders[1], holders[2], value)
  end
end

local function note_cell(merge, live, value, new)
  if type(value) == "table" or not rawequal(live.live, live.value) then
    merge.kept[#merge.kept + 1] = live
  elseif rawequal(value, new) then
    note_change(merge, live.name, live.value, new)
  end
end

local UNKNOWN = {} -- the base of a variable that the survey did not see

local function merge_cell(merge, live, cell)
  local base = live.value
  if not live.is_known then base = UNKNOWN end
  local value = merge:settle(base, live.live, cell.value)
  if type(value) == "function" and rawequal(value, cell.value) then return end
  if type(value) ~= "function" then note_cell(merge, live, value, cell.value) end
  live.source = cell.source
  share(merge, live, cell, value)
end

-- What the new code has for itself may lead to tables that have a twin.
local function adopt_table(merge, t, made)
  local of = merge.twins.of
  for key, value in next, made.fields do
    local name = translate(of, key)
    if name ~= key then rawset(t, key, nil) end
    rawset(t, name, translate(of, value))
  end
  debug.setmetatable(t, translate(of, made.metatable))
end

local function adopt_cell(merge, cell)
  local twin = translate(merge.twins.of, cell.value)
  if twin ~= cell.value then debug.setupvalue(cell.holders[1], cell.holders[2], twin) end
end

local kept_by_servers = { listeners = true, port = true, address = true }

-- A server takes over all that the new one has but where it listens.
local function merge_server(merge, live, new)
  for key in next, live do
    if rawget(new, key) == nil and not kept_by_servers[key] then
      merge.journal:set(live, key, nil)
    end
  end
  for key, value in next, new do
    if not kept_by_servers[key] then
      merge.journal:set(live, key, translate(merge.twins.of, value))
    end
  end
end

-- What is behind these is not made by the file's text: the one that is there counts.
local function is_opaque(value)
  local kind = type(value)
  return kind == "userdata" or kind == "cdata" or kind == "thread"
end

---The survey of the new code, as it is to be compared with at the next reload: in
---terms of the live tables and variables.
---@return ratchet.reload.Survey
function Merge:rebase()
  local of, new = self.twins.of, self.twins.new
  local survey = {
    tables = {}, functions = new.functions, sources = new.sources, cells = {}, is_own = new.is_own,
  }
  for t, made in next, new.tables do
    local live, fields = of[t] or t, {}
    for key, value in next, made.fields do
      local name = translate(of, key)
      fields[name] = translate(of, value)
      if is_opaque(value) then fields[name] = rawget(live, name) end
    end
    survey.tables[live] = { fields = fields, metatable = translate(of, made.metatable) }
  end
  for _, cell in next, new.cells do
    local fn, index = cell.holders[1], cell.holders[2]
    local value = translate(of, cell.value)
    if is_opaque(value) then value = select(2, debug.getupvalue(fn, index)) end
    local id = debug.upvalueid(fn, index)
    survey.cells[id] = {
      id = id, name = cell.name, source = cell.source, value = value, holders = cell.holders,
    }
  end
  return survey
end

---Does all of it.
---@param servers table<table, boolean> the new ones, which have their own rule
function Merge:run(servers)
  local twins = self.twins
  for t, made in next, twins.new.tables do
    if not twins.of[t] then adopt_table(self, t, made) end
  end
  for new, live in next, twins.of do
    if servers[new] then
      merge_server(self, live, new)
    elseif twins.new.tables[new] then
      merge_table(self, live, new)
    end
  end
  for id, cell in next, twins.new.cells do
    local live = twins.cells[id]
    if live then merge_cell(self, live, cell) else adopt_cell(self, cell) end
  end
end

return Merge
