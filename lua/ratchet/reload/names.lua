-- names - what a function is called in the text that it was made from, for reports.

local generation = require "ratchet.reload.generation"

local names = {}

local function last_part(path)
  return path:match("[^/]*$")
end

local shapes = {
  "function%s+([%w_.:]+)%s*%(",
  "([%w_.%[%]\"]+)%s*=%s*function",
}

---@param fn function
---@param list ratchet.reload.File[] by path too
---@return string name such as "Chat:onMessage" or "a function"
---@return string place such as "app.lua:12"
function names.of(fn, list)
  local info = debug.getinfo(fn, "S")
  local path = info.source:sub(2)
  local file = list[path]
  local line = file and generation.lines(file, info.linedefined) or ""
  local place = ("%s:%d"):format(last_part(path), info.linedefined)
  for _, shape in ipairs(shapes) do
    local name = line:match(shape)
    if name then return name, place end
  end
  return "a function", place
end

---Do two functions of different loads read the same?
---@param old function
---@param old_list ratchet.reload.File[]
---@param new function
---@param new_list ratchet.reload.File[]
---@return boolean
function names.is_same(old, old_list, new, new_list)
  local was, is = debug.getinfo(old, "S"), debug.getinfo(new, "S")
  local old_file, new_file = old_list[was.source:sub(2)], new_list[is.source:sub(2)]
  if not old_file or not new_file then return false end
  return generation.lines(old_file, was.linedefined, was.lastlinedefined)
    == generation.lines(new_file, is.linedefined, is.lastlinedefined)
end

---Where a local variable of a file is declared.
---@param name string
---@param source string of debug.getinfo
---@param list ratchet.reload.File[]
---@return string place
function names.place_of_local(name, source, list)
  local path = source:sub(2)
  local file = list[path]
  local at = file and file.text:find("%f[%w_]local [^\n]*%f[%w_]" .. name .. "%f[^%w_]")
  if not at then return last_part(path) end
  return ("%s:%d"):format(last_part(path), generation.line_at(file, at))
end

return names
