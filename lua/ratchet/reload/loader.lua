-- loader - runs the app's files once more, to the side of those that serve: its
-- modules are not found in package.loaded, its globals are not there, and what it
-- makes of both is taken away again, for whoever brings old and new together.

local files = require "ratchet.reload.files"
local native = require "ratchet.native"

local loader = {}

-- What Lua and LuaJIT define; all others are the app's.
local standard = {}
for name in ([[_G _VERSION arg assert bit collectgarbage coroutine cjson debug dofile error
  gcinfo getfenv getmetatable io ipairs jit load loadfile loadstring math module newproxy
  next os package pairs pcall print rawequal rawget rawlen rawset require select
  setfenv setmetatable string table tonumber tostring type unpack xpcall]]):gmatch("%S+") do
  standard[name] = true
end

---The globals that are the app's.
---@return table<string, any>
function loader.globals()
  local found = {}
  for name, value in next, _G do
    if not standard[name] then found[name] = value end
  end
  return found
end

---The app's modules, by their names.
---@param list ratchet.reload.File[]
---@return table<string, any>
function loader.modules(list)
  local found = {}
  for _, file in ipairs(list) do
    if file.name then found[file.name] = package.loaded[file.name] end
  end
  return found
end

local function replace_all(t, before, after)
  for name in pairs(before) do t[name] = nil end
  for name, value in pairs(after) do t[name] = value end
end

---Runs a function of the app. Nothing in it can wait: a reload is done at once.
---@param fn fun()
---@return { message: string, trace: string }? failure
function loader.call(fn)
  local is_good, message, trace = native.core().isolate(fn)
  if is_good then return nil end
  if type(message) ~= "string" then message = ("a %s was raised"):format(type(message)) end
  return { message = message, trace = trace or "" }
end

-- A module that a handler required: the files do not load it by themselves.
local function load_late(list)
  for _, file in ipairs(list) do
    local is_missing = file.is_late and file.name and package.loaded[file.name] == nil
    if is_missing and files.read(file.path) then require(file.name) end
  end
end

---@class ratchet.reload.Load
---@field modules table<string, any>
---@field globals table<string, any>
---@field failure { message: string, trace: string }?

-- What the files have set that was not there.
local function collect(load, kept)
  load.modules = loader.modules(files.list())
  for name, value in pairs(loader.globals()) do
    if not rawequal(kept[name], value) then load.globals[name] = value end
  end
end

---Runs the app file. Afterwards package.loaded and the globals are as they were.
---@param path string
---@param arguments string[]
---@param modules table<string, any> the live ones
---@param globals table<string, any> the live ones that the files had set
---@param list ratchet.reload.File[] the live ones
---@return ratchet.reload.Load
function loader.run(path, arguments, modules, globals, list)
  local load = { modules = {}, globals = {} }
  local chunk, message = files.load(path)
  if not chunk then
    load.failure = { message = message, trace = "" }
    return load
  end
  local live_globals, kept = loader.globals(), loader.globals()
  for name in pairs(globals) do kept[name] = nil end
  replace_all(package.loaded, modules, {})
  replace_all(_G, globals, {})
  load.failure = loader.call(function()
    chunk(unpack(arguments))
    load_late(list)
    collect(load, kept)
  end)
  for _, file in ipairs(files.list()) do
    if file.name then package.loaded[file.name] = nil end
  end
  replace_all(package.loaded, {}, modules)
  replace_all(_G, loader.globals(), live_globals)
  return load
end

return loader
