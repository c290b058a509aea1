-- loader - runs the app's files once more, to the side of those that serve: its
-- modules are not found in package.loaded, its globals are not there, and what it
-- makes of both is taken away again, for whoever brings old and new together.

local files = require "ratchet.reload.files"
local native = require "ratchet.native"

local loader = {}

-- The app's files may put something else in place of these while they run.
local next, rawset, type = next, rawset, type

-- What Lua and LuaJIT define; all others are the app's.
local standard = {}
for name in ([[_G _VERSION arg assert bit collectgarbage coroutine cjson debug dofile error
  gcinfo getfenv getmetatable io ipairs jit load loadfile loadstring math module newproxy
  next os package pairs pcall print rawequal rawget rawlen rawset require select
  setfenv setmetatable string table tonumber tostring type unpack xpcall]]):gmatch("%S+") do
  standard[name] = true
end

-- What they were before the app: it may put its own in their place. The others of them
-- are set by the program, and are not looked at.
local original = {}
for name in pairs(standard) do original[name] = rawget(_G, name) end
for _, name in ipairs({ "_G", "arg", "cjson", "dofile", "loadfile" }) do original[name] = nil end

---The globals that are the app's.
---@return table<string, any>
function loader.globals()
  local found = {}
  for name, value in next, _G do
    local is_other = original[name] ~= nil and not rawequal(original[name], value)
    if is_other or not standard[name] then found[name] = value end
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

-- With what Lua defines, wherever the app has nothing else. Past the metatable of _G.
local function set_globals(before, after)
  for name in next, before do rawset(_G, name, nil) end
  for name, value in next, original do rawset(_G, name, value) end
  for name, value in next, after do rawset(_G, name, value) end
end

local function run_aside(fn, modules, globals, kept)
  for name in next, modules do package.loaded[name] = nil end
  set_globals(globals, kept)
  return loader.call(fn)
end

-- These two make nothing: also without memory, the old code has back what it had.
local function restore_globals(live)
  for name in next, _G do
    if not standard[name] then rawset(_G, name, nil) end
  end
  for name in next, standard do
    if original[name] ~= nil then rawset(_G, name, original[name]) end
  end
  for name, value in next, live do rawset(_G, name, value) end
end

local function restore_modules(live)
  for _, file in ipairs(files.list()) do
    if file.name then package.loaded[file.name] = nil end
  end
  for name, value in next, live do package.loaded[name] = value end
end

-- What one of them leaves as Lua defines it, and the other one does not: then both have it.
local function add_originals(some, others)
  for name in next, others do
    if some[name] == nil then some[name] = original[name] end
  end
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
    if is_missing and files.exists(file.path) then require(file.name) end
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
  local is_run, failure = pcall(run_aside, function()
    chunk(unpack(arguments))
    load_late(list)
    collect(load, kept)
  end, modules, globals, kept)
  restore_globals(live_globals)
  restore_modules(modules)
  if not is_run then error(failure, 0) end
  load.failure = failure
  add_originals(load.globals, globals)
  add_originals(globals, load.globals)
  return load
end

return loader
