-- rehearsal - loads an app without letting it do anything: it listens nowhere, connects
-- to nobody, and its timers and tasks do not begin. What it would have served, and the
-- mistakes that would have stopped it, are written down, as many as can be found at once.

local App = require "ratchet.app"
local IoServer = require "ratchet.server.io_server"
local Router = require "ratchet.http.router"
local host = require "ratchet.http.host"
local native = require "ratchet.native"
local options = require "ratchet.options"

local rehearsal = {}

---@class ratchet.Rehearsal
---@field path string the app file
---@field folder string
---@field files string[] the app's own files that were loaded, itself first
---@field routes ratchet.Rehearsal.Route[] in the order in which they were added
---@field served table[] each App and IoServer that was run
---@field made { app: table, line: integer, file: string }[] each App that was made
---@field wanted table[] the addresses that would be listened on
---@field globals { name: string, file: string, line: integer }[] written while it loaded
---@field findings table[] { level=, file=, line=, message= }

---@class ratchet.Rehearsal.Route
---@field router table
---@field method string
---@field path string
---@field host string "" is any
---@field target table the layer that answers
---@field file string
---@field line integer

local library = debug.getinfo(1, "S").source:match("^(.*)command/check/rehearsal%.lua$")

-- The line of the app that called into the library.
local function app_line()
  local level = 2
  local info = debug.getinfo(level, "Sl")
  while info do
    local is_ours = info.source:sub(1, #library) == library
    if info.what ~= "C" and not is_ours then return info.short_src, info.currentline end
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return "?", 0
end

local function add_finding(found, level, message)
  local file, line, rest = tostring(message):match("^([^\n]-):(%d+): (.*)$")
  table.insert(found.findings, {
    level = level, file = file or found.path, line = tonumber(line), message = rest or message,
  })
end

-- ---- what stands in for the core

local function nothing() end

-- A link, a timer, a task: it can be asked for anything and does nothing.
local function idle_object()
  return setmetatable({}, { __index = function() return nothing end })
end

local function refuse_wait()
  error("an app file cannot wait while it is loaded; ratchet.spawn in it can", 0)
end

local function stand_in(core, found)
  local own = {
    announce = nothing, watchdog = nothing, log = nothing,
    spawn = idle_object, after = idle_object, every = idle_object, redis = idle_object,
    connect = idle_object, caller = idle_object,
    checkWait = refuse_wait, wait = refuse_wait, sleep = refuse_wait, await = refuse_wait,
  }
  function own.listen(wanted)
    table.insert(found.wanted, wanted)
    return { address = wanted.address, port = wanted.port, path = wanted.path }
  end
  return setmetatable(own, { __index = core })
end

-- ---- what is written down of the library's use

-- Puts replacements in place and returns a function that takes them away.
local function replace(list)
  local kept = {}
  for i, entry in ipairs(list) do
    local owner, name, wrapper = unpack(entry)
    kept[i] = { owner, name, owner[name] }
    owner[name] = wrapper(owner[name])
  end
  return function()
    for _, entry in ipairs(kept) do entry[1][entry[2]] = entry[3] end
  end
end

local function key_of(route)
  return table.concat({ route.method, route.path, host.key(route.host) }, " ")
end

local function find_same(found, route)
  for _, other in ipairs(found.routes) do
    if other.router == route.router and key_of(other) == key_of(route) then return other end
  end
end

local function note_clash(found, route, other)
  table.insert(found.findings, {
    level = "error", file = route.file, line = route.line,
    message = ("%s %s on host %q has a route already, of line %d; remove one")
      :format(route.method, route.path, route.host, other.line),
  })
end

local function watch_routes(found)
  return function(add)
    return function(router, method, path, target, name)
      local route = { router = router, method = method, path = path, target = target,
        host = name or "" }
      route.file, route.line = app_line()
      local is_named = type(method) == "string" and type(path) == "string"
        and type(route.host) == "string"
      local other = is_named and find_same(found, route)
      if other then
        note_clash(found, route, other)
        return router
      end
      add(router, method, path, target, name)
      table.insert(found.routes, route)
      return router
    end
  end
end

local function watch_run(found)
  return function(run)
    return function(served)
      run(served)
      table.insert(found.served, served)
    end
  end
end

local function watch_new(found)
  return function(new)
    return function(...)
      local app = new(...)
      local file, line = app_line()
      table.insert(found.made, { app = app, file = file, line = line })
      return app
    end
  end
end

-- A wrong option is written down, and left out, so that the next one is found too.
local function watch_options(found)
  return function(check)
    return function(given, known, where)
      local left = given
      for _ = 1, 100 do
        local is_right, checked = pcall(check, left, known, where)
        if is_right then return checked end
        local name = tostring(checked):match('option "([^"]*)"')
        if type(given) ~= "table" or not name or left[name] == nil then error(checked, 0) end
        add_finding(found, "error", checked)
        local rest = {}
        for other, value in pairs(left) do if other ~= name then rest[other] = value end end
        left = rest
      end
    end
  end
end

local function watch_library(found)
  return replace{
    { Router, "add", watch_routes(found) },
    { App, "new", watch_new(found) },
    { App, "run", watch_run(found) },
    { IoServer, "run", watch_run(found) },
    { options, "check", watch_options(found) },
  }
end

-- ---- loading

local function folder_of(path)
  return path:match("^(.*)/[^/]*$") or "."
end

-- The globals of the app are kept apart from those of the program.
local function environment(found)
  local written = {}
  return setmetatable({}, {
    __index = function(_, name)
      if written[name] ~= nil then return written[name] end
      return _G[name]
    end,
    __newindex = function(_, name, value)
      local info = debug.getinfo(2, "Sl")
      if written[name] == nil and rawget(_G, name) == nil then
        table.insert(found.globals, {
          name = tostring(name), file = info.short_src, line = info.currentline,
        })
      end
      written[name] = value
    end,
  })
end

local function path_in(folder)
  return folder .. "/?.lua;" .. folder .. "/?/init.lua"
end

local function own_files(found, before)
  local names = {}
  for name in pairs(package.loaded) do
    if not before[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local path = package.searchpath(name, path_in(found.folder))
    if path then table.insert(found.files, path) end
  end
end

-- Modules of the app's own folder see the same globals as the app file.
local function load_modules_in(env, folder)
  return function(name)
    local path, why = package.searchpath(name, path_in(folder))
    if not path then return why end
    local chunk, message = loadfile(path)
    if not chunk then
      error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, message), 0)
    end
    return setfenv(chunk, env)
  end
end

local function set_up(found, env)
  local kept = { core = package.loaded["ratchet.core"], arg = _G.arg, loaders = package.loaders,
    path = package.path }
  local core = native.optional() or {}
  package.loaded["ratchet.core"] = stand_in(core, found)
  package.path = path_in(found.folder) .. ";" .. package.path
  table.insert(package.loaders, 2, load_modules_in(env, found.folder))
  _G.arg = { [0] = found.path }
  local restore = watch_library(found)
  return function()
    restore()
    package.loaded["ratchet.core"], package.path, _G.arg = kept.core, kept.path, kept.arg
    table.remove(package.loaders, 2)
  end
end

-- What is raised may be any value.
local function explain(err)
  if type(err) == "string" then return err end
  return ("the file raised a %s: %s"):format(type(err), tostring(err))
end

-- A syntax error stops the rehearsal before anything is loaded.
local function run(found)
  local chunk, message = loadfile(found.path)
  if not chunk then return add_finding(found, "error", message) end
  local env = environment(found)
  setfenv(chunk, env)
  local tidy = set_up(found, env)
  local before = {}
  for name in pairs(package.loaded) do before[name] = true end
  local co = coroutine.create(chunk)
  local is_loaded, err = coroutine.resume(co)
  own_files(found, before)
  for name in pairs(package.loaded) do
    if not before[name] and package.searchpath(name, path_in(found.folder)) then
      package.loaded[name] = nil
    end
  end
  tidy()
  if not is_loaded then
    add_finding(found, "error", explain(err))
  elseif coroutine.status(co) ~= "dead" then
    add_finding(found, "error", "an app file cannot yield while it is loaded")
  end
end

---Loads the app of that path.
---@param path string
---@return ratchet.Rehearsal
function rehearsal.load(path)
  local found = {
    path = path, folder = folder_of(path), files = { path }, routes = {}, served = {}, made = {},
    wanted = {}, globals = {}, findings = {},
  }
  run(found)
  return found
end

return rehearsal
