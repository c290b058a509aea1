-- remains - what a load of the app's files has left behind, beside what they return: handles
-- and callbacks of luv, globals, timers, routes; and what of all this is not the app's.

local Router = require "ratchet.http.router"

local remains = {}

local function each_handle(visit)
  local found, uv = pcall(require, "luv")
  if found and uv.walk then uv.walk(visit) end
  return uv
end

---The handles of luv that there are, but for the library's own.
---@return table<userdata, true>
function remains.open_handles()
  local handles = {}
  each_handle(function(handle) handles[handle] = true end)
  return handles
end

---@param handles table<userdata, any>
function remains.close_handles(handles)
  local uv = each_handle(function() end)
  for handle in pairs(handles) do
    if not uv.is_closing(handle) then uv.close(handle) end
  end
end

---The callbacks that luv holds: C keeps them in the registry, under numbers.
---@return table<function, true>
function remains.held_functions()
  local found = {}
  for key, value in next, debug.getregistry() do
    if type(key) == "number" and type(value) == "function" then found[value] = true end
  end
  return found
end

---@param set table<any, true>
---@param others table<any, true>
---@return table<any, true> left those that are not among the others
function remains.without(set, others)
  local left = {}
  for key in pairs(set) do
    if not others[key] then left[key] = true end
  end
  return left
end

local function add_all(roots, values)
  for _, value in pairs(values) do roots[#roots + 1] = value end
end

---Where a survey of what the load has made begins.
---@param load table modules, globals, record
---@param callbacks table<function, true> that the load has given to luv
---@return any[]
function remains.roots(load, callbacks)
  local roots = {}
  add_all(roots, load.modules)
  add_all(roots, load.globals)
  add_all(roots, load.record.servers)
  add_all(roots, load.record.hooks)
  for _, one in ipairs(load.record.timers) do roots[#roots + 1] = one.timer end
  for _, one in ipairs(load.record.resources) do
    roots[#roots + 1] = rawget(one.object, "handler")
    roots[#roots + 1] = one.component
  end
  for callback in pairs(callbacks) do roots[#roots + 1] = callback end
  return roots
end

---Modules that are not the app's, and the globals: none of them is entered.
---@param ... table<string, any> modules of the app, by their names
---@return table<any, boolean>
function remains.foreign(...)
  local foreign = { [_G] = true }
  for name, value in pairs(package.loaded) do
    local is_app = false
    for _, modules in ipairs({ ... }) do is_app = is_app or modules[name] ~= nil end
    if not is_app and (type(value) == "table" or type(value) == "function") then
      foreign[value] = true
    end
  end
  return foreign
end

---The routes that the files have added.
---@param found ratchet.reload.Survey
---@return table<ratchet.http.Router, table<string, true>> routes their keys
function remains.routes(found)
  local routes = {}
  for t in pairs(found.tables) do
    if debug.getmetatable(t) == Router then
      local keys = {}
      t:each(function(route) keys[route.key] = true end)
      routes[t] = keys
    end
  end
  return routes
end

return remains
