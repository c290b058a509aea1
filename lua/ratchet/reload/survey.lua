-- survey - what a load of the app's files has made: its tables with what was in
-- them, its functions, and the local variables that functions share (cells). Found
-- by walking from what the load has left behind; taken right after the load, it is
-- what one compares with later, to see what the app has changed since.

---@class ratchet.reload.Cell a local variable of a file, shared by functions
---@field id userdata the same for all who share it
---@field name string
---@field source string the file, as debug.getinfo has it
---@field value any when the survey was taken
---@field holders any[] functions that have it, each followed by the number of its upvalue

---@class ratchet.reload.Survey
---@field tables table<table, { fields: table, metatable: table? }>
---@field functions function[] those of the app's files
---@field sources table<function, string> of each, as debug.getinfo has it
---@field cells table<userdata, ratchet.reload.Cell>

local getinfo, getupvalue, upvalueid = debug.getinfo, debug.getupvalue, debug.upvalueid

local function note_cell(survey, fn, index, name, value, source)
  local id = upvalueid(fn, index)
  local cell = survey.cells[id]
  if not cell then
    cell = { id = id, name = name, source = source, value = value, holders = {} }
    survey.cells[id] = cell
  end
  local holders = cell.holders
  local count = #holders
  holders[count + 1], holders[count + 2] = fn, index
end

local function walk_function(survey, fn, push)
  local source = getinfo(fn, "S").source
  if not survey.is_own(source) then return end
  survey.functions[#survey.functions + 1] = fn
  survey.sources[fn] = source
  local index, name, value = 1, getupvalue(fn, 1)
  while name do
    note_cell(survey, fn, index, name, value, source)
    push(value)
    index = index + 1
    name, value = getupvalue(fn, index)
  end
end

local function walk_table(survey, t, push)
  local fields = {}
  for key, value in next, t do
    fields[key] = value
    push(key)
    push(value)
  end
  local metatable = debug.getmetatable(t)
  survey.tables[t] = { fields = fields, metatable = metatable }
  push(metatable)
end

---@param roots any[] where to begin
---@param is_own fun(source: string): boolean is that a file of the app?
---@param foreign table<any, boolean> tables that are not entered: other modules
---@return ratchet.reload.Survey
local function take(roots, is_own, foreign)
  local survey = { tables = {}, functions = {}, sources = {}, cells = {}, is_own = is_own }
  local seen, waiting, count = {}, {}, 0
  local function push(value)
    local kind = type(value)
    if (kind ~= "table" and kind ~= "function") or seen[value] or foreign[value] then return end
    seen[value] = true
    count = count + 1
    waiting[count] = value
  end
  for _, root in ipairs(roots) do push(root) end
  while count > 0 do
    local value = waiting[count]
    waiting[count] = nil
    count = count - 1
    if type(value) == "table" then
      walk_table(survey, value, push)
    else
      walk_function(survey, value, push)
    end
  end
  return survey
end

return take
