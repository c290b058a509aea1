-- twins - which new table, function and local variable takes the place of which
-- live one. What has the same name at the same place is the same thing: the fields
-- of tables, the routes of apps, the local variables of a file.
--
--   a table's twin is the live table that stays (it gets the new functions)
--   a function's heir is the new function that runs in its place
--   a cell's twin is the live local variable that the new functions share

local class = require "ratchet.class"
local Router = require "ratchet.http.router"
local component = require "ratchet.component"

local getupvalue, upvalueid = debug.getupvalue, debug.upvalueid

---@class ratchet.reload.Twins
---@field of table<table, table> new table to the live one
---@field heirs table<function, function> old function to the new one
---@field cells table<userdata, ratchet.reload.Cell> id of a new cell to the live one
---@field taken table<table, boolean> live tables that have a new one
---@field components table<table, table> those of `of` that answer somewhere
---@field routes_added table[] routes as Router:each shows them
---@field routes_gone table[]
---@field routes_late table[] that handlers had added, and that stay
local Twins = class()

---@param old ratchet.reload.Survey
---@param new ratchet.reload.Survey
---@param foreign table<any, boolean> modules that are not the app's
---@param is_late fun(router: table, route: table): boolean was it added by a handler?
---@return ratchet.reload.Twins
function Twins.new(old, new, foreign, is_late)
  return setmetatable({
    old = old, new = new, foreign = foreign, is_late = is_late,
    of = {}, heirs = {}, cells = {}, taken = {}, new_of_heir = {},
    refused = {}, components = {}, routes_added = {}, routes_gone = {}, routes_late = {},
    waiting = {}, count = 0,
  }, Twins)
end

local function field(t, name)
  return t[name]
end

---A layer of the library (or another installed one): an object of a class that is
---not the app's and answers requests. It holds no state of the app, so the new one
---replaces it; what it leads to is the app's.
---@param t any
---@return boolean
function Twins:is_layer(t)
  if type(t) ~= "table" or not self.foreign[debug.getmetatable(t) or false] then return false end
  local found, method = pcall(field, t, "handle")
  return found and method ~= nil and not t.keepsState
end

-- The fields of layers and servers that lead to the next.
local leads_on = { "next", "component", "fn", "app", "routes" }

local function is_passed(target)
  return type(target) == "table"
    and (component.has(target, "handle") or component.kind(target) ~= nil)
end

-- Through layers, also of the app's own, to what is told of connections; `own` gets the
-- layers that have something to keep.
local function innermost(twins, target, own)
  while is_passed(target) do
    local inner = rawget(target, "next") or rawget(target, "component") or rawget(target, "fn")
    if not twins:is_layer(target) and own then own[#own + 1] = target end
    if inner == nil then return target end
    target = inner
  end
  return target
end

local function push(twins, work, old, new)
  twins.count = twins.count + 1
  twins.waiting[twins.count] = { work, old, new }
end

-- A list has no names: its tables are the same only when there are as many.
local function has_same_length(base, fields)
  return base ~= nil and #base.fields == #fields
end

local function pair_fields(twins, old, new)
  local base, fields = twins.old.tables[old], twins.new.tables[new].fields
  local is_same_list = has_same_length(base, fields)
  for key, value in next, fields do
    local kind, name = type(value), twins.of[key] or key
    if kind == "function" then
      local first = base and base.fields[name]
      twins:pair(type(first) == "function" and first or rawget(old, name), value)
    elseif kind == "table" and (type(key) ~= "number" or is_same_list) then
      twins:pair(rawget(old, name), value)
    end
  end
  twins:pair(debug.getmetatable(old), twins.new.tables[new].metatable)
end

-- What the routes lead to; and which routes came and went.
local function pair_routes(twins, old, new)
  local before = {}
  old:each(function(route) before[route.key] = route end)
  new:each(function(route)
    local live = before[route.key]
    if not live then
      twins.routes_added[#twins.routes_added + 1] = route
      return
    end
    before[route.key] = nil
    twins:pair_chains(live.target, route.target)
  end)
  for _, route in pairs(before) do
    if twins.is_late(old, route) and pcall(new.add, new, route.method, route.path, route.target,
      route.host) then
      twins.routes_late[#twins.routes_late + 1] = route
    else
      twins.routes_gone[#twins.routes_gone + 1] = route
    end
  end
end

local function pair_layers(twins, old, new)
  if debug.getmetatable(new) == Router then
    if debug.getmetatable(old) == Router then pair_routes(twins, old, new) end
    return
  end
  for _, key in ipairs(leads_on) do
    local before, value = rawget(old, key), rawget(new, key)
    if debug.getmetatable(value) == Router then
      twins:pair(before, value)
    else
      twins:pair_chains(before, value)
    end
  end
end

---Says that a new component has the place of a live one.
---@param old any
---@param new any
function Twins:pair_components(old, new)
  self:pair(old, new)
  if type(new) == "table" and self.of[new] == old then self.components[new] = old end
end

-- The library's (or another installed module's) class of a layer that keeps something.
local function foreign_kind(twins, layer)
  local kind = component.kind(layer) or debug.getmetatable(layer)
  return twins.foreign[kind or false] and kind or nil
end

-- Those of the library are the same when they are of one class, whatever has come between
-- them; the app's own when there are as many.
local function pair_on_the_way(twins, olds, news)
  local is_used = {}
  for i, layer in ipairs(news) do
    local kind = foreign_kind(twins, layer)
    for j, old in ipairs(olds) do
      local is_it = kind or (i == j and #olds == #news)
      if is_it and not is_used[j] and foreign_kind(twins, old) == kind then
        twins:pair_components(old, layer)
        is_used[j] = true
        break
      end
    end
  end
end

---Says so of two layers, or components, that stand at the same place: of what is told of
---connections in the end, and of the layers on the way.
---@param old any
---@param new any
function Twins:pair_chains(old, new)
  local olds, news = {}, {}
  local last, made = innermost(self, old, olds), innermost(self, new, news)
  pair_on_the_way(self, olds, news)
  self:pair_components(last, made)
end

local function cell_named(twins, fn, name)
  local index, found = 1, getupvalue(fn, 1)
  while found do
    if found == name then return twins:live_cell(fn, index, name) end
    index = index + 1
    found = getupvalue(fn, index)
  end
end

local function pair_upvalues(twins, old, new)
  local index, name = 1, getupvalue(new, 1)
  while name do
    local cell = twins.new.cells[upvalueid(new, index)]
    local live = cell and not twins.cells[cell.id] and cell_named(twins, old, name)
    if live then twins:pair_cells(live, cell) end
    index = index + 1
    name = getupvalue(new, index)
  end
end

---The live cell that a function has as that upvalue, with its value now.
---@param fn function
---@param index integer
---@param name string
---@return ratchet.reload.Cell
function Twins:live_cell(fn, index, name)
  local id = upvalueid(fn, index)
  local known = self.old.cells[id]
  local _, live = getupvalue(fn, index)
  return {
    id = id, name = name, fn = fn, index = index, live = live, is_known = known ~= nil,
    value = known and known.value, holders = known and known.holders or {},
  }
end

---@param live ratchet.reload.Cell
---@param new ratchet.reload.Cell
function Twins:pair_cells(live, new)
  self.cells[new.id] = live
  if type(new.value) == "function" and type(live.value) == "function" then
    self:pair(live.value, new.value)
  else
    self:pair(live.live, new.value)
  end
end

-- An object of a class of the library is another's twin only when that is one too; and a
-- layer is nobody's who is none.
local function are_alike(twins, old, new)
  if (component.kind(old) == nil) ~= (component.kind(new) == nil) then return false end
  return foreign_kind(twins, old) == foreign_kind(twins, new)
end

local function pair_tables(twins, old, new)
  if twins:is_layer(new) then
    if twins:is_layer(old) then push(twins, pair_layers, old, new) end
    return
  end
  if twins.of[new] or twins.taken[old] or not twins.new.tables[new] then return end
  if twins.foreign[old] or twins.refused[new] then return end
  if not are_alike(twins, old, new) then return end
  twins.of[new], twins.taken[old] = old, true
  push(twins, pair_fields, old, new)
end

local function pair_functions(twins, old, new)
  if twins.heirs[old] or twins.new_of_heir[new] then return end
  if not twins.new.sources[new] then return end
  if not twins.old.sources[old] and debug.getinfo(old, "S").what == "C" then return end
  twins.heirs[old], twins.new_of_heir[new] = new, old
  push(twins, pair_upvalues, old, new)
end

---Says that a new table is nobody's twin.
---@param new table
function Twins:refuse(new)
  self.refused[new] = true
end

---Says that the new value stands where the old one stood.
---@param old any
---@param new any
function Twins:pair(old, new)
  local kind = type(new)
  if kind ~= type(old) or rawequal(old, new) then return end
  if kind == "table" then
    pair_tables(self, old, new)
  elseif kind == "function" then
    pair_functions(self, old, new)
  end
end

---The endpoints of routes that are gone, whose components no new code has.
---@return ratchet.Endpoint[]
function Twins:left_endpoints()
  local left = {}
  for _, route in ipairs(self.routes_gone) do
    local target, endpoint = route.target, nil
    while self:is_layer(target) do
      endpoint = rawget(target, "endpoint") or endpoint
      target = rawget(target, "next") or rawget(target, "component")
    end
    if endpoint and not self.taken[target] then left[#left + 1] = endpoint end
  end
  return left
end

---Says so of two servers: they are the same address of the program, and all that
---the new one is made of holds from now on.
---@param old table App or IoServer
---@param new table
function Twins:pair_servers(old, new)
  self.of[new], self.taken[old] = old, true
  push(self, pair_layers, old, new)
end

-- By file and name: the cells that have a name to themselves.
local function index_cells(survey)
  local index = {}
  for _, cell in next, survey.cells do
    local key = cell.source .. "\0" .. cell.name
    index[key] = index[key] == nil and cell or false
  end
  return index
end

local function drain(twins)
  while twins.count > 0 do
    local work = twins.waiting[twins.count]
    twins.waiting[twins.count] = nil
    twins.count = twins.count - 1
    work[1](twins, work[2], work[3])
  end
end

---Follows what was paired to all that hangs on it. Local variables that no function
---of the same name leads to are found by their own, where a file has one such.
function Twins:find()
  drain(self)
  local olds, news = index_cells(self.old), index_cells(self.new)
  for key, cell in next, news do
    local old = cell and not self.cells[cell.id] and olds[key]
    if old then
      local fn, index = old.holders[1], old.holders[2]
      self:pair_cells(self:live_cell(fn, index, old.name), cell)
      drain(self)
    end
  end
end

return Twins
