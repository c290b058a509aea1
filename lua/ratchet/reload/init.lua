-- reload - changes the app's code while people talk.
--
-- The files are loaded to the side (loader), what they made is surveyed, paired with
-- what is live (twins) and brought into it (merge): between two turns of the loop,
-- all or nothing. Whatever fails, every write is taken back (journal), and the old
-- code goes on. lua/README.md, "Changing code", says what an app may rely on.

local Journal = require "ratchet.reload.journal"
local Merge = require "ratchet.reload.merge"
local Router = require "ratchet.http.router"
local Twins = require "ratchet.reload.twins"
local addresses = require "ratchet.server.addresses"
local component = require "ratchet.component"
local files = require "ratchet.reload.files"
local generation = require "ratchet.reload.generation"
local immutable = require "ratchet.reload.immutable"
local leave = require "ratchet.server.leave"
local loader = require "ratchet.reload.loader"
local names = require "ratchet.reload.names"
local native = require "ratchet.native"
local record = require "ratchet.reload.record"
local report = require "ratchet.reload.report"
local survey = require "ratchet.reload.survey"
local resources = require "ratchet.reload.resources"
local timers = require "ratchet.reload.timers"

local reload = {}

-- What was wrong with the last attempt, for pages; and its files, for --watch.
---@type string?
reload.failure = nil
---@type ratchet.reload.File[]?
reload.attempted = nil

local MOST_BEFORE = 8 -- generations whose texts are kept for a rollback

-- What is live: generation, list (of files), survey, modules, globals, record, routes
-- (by router, the keys of those that the files added) and handles (of luv, opened
-- while the files were loaded).
local live

-- Texts of the generations before, the last one last.
local before = {}

local app_path, app_arguments

-- ---- what a load has left behind

local function each_handle(visit)
  local found, uv = pcall(require, "luv")
  if found and uv.walk then uv.walk(visit) end
  return uv
end

local function open_handles()
  local handles = {}
  each_handle(function(handle) handles[handle] = true end)
  return handles
end

-- The callbacks that luv holds: C keeps them in the registry, under numbers.
local function held_functions()
  local found = {}
  for key, value in next, debug.getregistry() do
    if type(key) == "number" and type(value) == "function" then found[value] = true end
  end
  return found
end

local function without(set, others)
  local left = {}
  for key in pairs(set) do
    if not others[key] then left[key] = true end
  end
  return left
end

local function add_all(roots, values)
  for _, value in pairs(values) do roots[#roots + 1] = value end
end

local function roots_of(load, callbacks)
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

-- Modules that are not the app's, and the globals: none of them is entered.
local function foreign_modules(...)
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

local function routes_of(found)
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

-- A handler has loaded a module of the app: it belongs to what is live.
local function add_late(name, value)
  live.modules[name] = value
  local more = survey({ value }, files.is_source, foreign_modules(live.modules))
  for t, made in pairs(more.tables) do
    live.survey.tables[t] = live.survey.tables[t] or made
  end
  for id, cell in pairs(more.cells) do
    live.survey.cells[id] = live.survey.cells[id] or cell
  end
  for fn, source in pairs(more.sources) do
    if not live.survey.sources[fn] then
      live.survey.functions[#live.survey.functions + 1] = fn
      live.survey.sources[fn] = source
    end
  end
end

-- ---- the first load

---Called by the program when the app file has been loaded: it is the first
---generation.
---@param path string the app file
function reload.start(path)
  app_path, app_arguments = path, { unpack(arg or {}) }
  local list = files.list()
  local text = assert(files.read(path))
  local chunk = assert(load((text:gsub("^#[^\n]*", "", 1)), "@" .. path, "t"))
  table.insert(list, 1, { path = path, text = text, chunk = chunk })
  list[path] = list[1]
  record.finish()
  live = {
    list = list,
    generation = generation.of(list, files.folder()),
    modules = loader.modules(list),
    globals = loader.globals(),
    record = record.current(),
    handles = open_handles(),
  }
  local foreign = foreign_modules(live.modules)
  for _, one in ipairs(live.record.resources) do foreign[one.object] = true end
  live.survey = survey(roots_of(live, held_functions()), files.is_source, foreign)
  live.routes = routes_of(live.survey)
  files.mark_late()
  files.late = add_late
  native.core().setVersion(live.generation.version)
  require("ratchet.reload.control").listen(reload)
  if native.options().watch then require("ratchet.reload.watch").start(reload) end
end

---The version of the code that runs; "" before it is known.
---@return string
function reload.version()
  return live and live.generation.version or ""
end

---The app file.
---@return string
function reload.app()
  return app_path
end

-- ---- one attempt

local function is_mutable(list)
  return function(fn, index)
    local file = list[debug.getinfo(fn, "S").source:sub(2)]
    if not file then return nil end
    local is_immutable = immutable.is(files.marks(file), fn, index)
    if is_immutable == nil then return nil end
    return not is_immutable
  end
end

local function server_key(server)
  local parts = {}
  for i, wanted in ipairs(server.wanted) do
    parts[i] = table.concat({ tostring(wanted.port), tostring(wanted.address or wanted.path
      or wanted.fd or wanted.systemd) }, " ")
  end
  return table.concat(parts, ",")
end

-- Those with the same addresses are the same; of the others, those in the same place.
local function pair_servers(twins, olds, news)
  local left, rest = {}, {}
  for _, old in ipairs(olds) do left[#left + 1] = old end
  local function take(is_it)
    for i, old in ipairs(left) do
      if is_it(old) then return table.remove(left, i) end
    end
  end
  for _, new in ipairs(news) do
    local old = take(function(one)
      return getmetatable(one) == getmetatable(new) and server_key(one) == server_key(new)
    end)
    if old then twins:pair_servers(old, new) else rest[#rest + 1] = new end
  end
  for _, new in ipairs(rest) do
    local old = take(function(one) return getmetatable(one) == getmetatable(new) end)
    if old then twins:pair_servers(old, new) end
  end
end

local function pair_by_name(twins, olds, news)
  for name, new in pairs(news) do
    if olds[name] ~= nil then twins:pair(olds[name], new) end
  end
end

local function find_twins(new)
  local function is_late(router, route)
    local known = live.routes[router]
    return known ~= nil and not known[route.key]
  end
  local twins = Twins.new(live.survey, new.survey, new.foreign, is_late)
  pair_servers(twins, live.record.servers, new.record.servers)
  pair_by_name(twins, live.modules, new.modules)
  pair_by_name(twins, live.globals, new.globals)
  new.same_resources = resources.pair(live.record.resources, new.record.resources, twins.of)
  for i, hook in ipairs(new.record.hooks) do twins:pair(live.record.hooks[i], hook) end
  new.same_timers = timers.pair(live.record.timers, new.record.timers,
    function(fn) return (names.of(fn, live.list)) end,
    function(fn) return (names.of(fn, new.list)) end)
  for timer, old in pairs(new.same_timers) do twins:pair(old.fn, timer.fn) end
  for one, old in pairs(new.same_resources) do
    twins:pair(rawget(old.object, "handler"), rawget(one.object, "handler"))
    twins:pair_components(old.component, one.component)
  end
  for _, one in ipairs(new.record.timers) do
    local old = new.same_timers[one]
    if timers.is_kept(old, one) then
      twins:pair(old.timer, one.timer)
    else
      twins:refuse(one.timer)
    end
  end
  twins:find()
  return twins
end

local function set_names(t, merge, journal, olds, news)
  for name in pairs(olds) do
    if news[name] == nil then
      journal:set(t, name, merge:settle(olds[name], rawget(t, name), nil))
    end
  end
  for name, new in pairs(news) do
    journal:set(t, name, merge:settle(olds[name], rawget(t, name), new))
  end
end

local function call_hooks(new, twins)
  for made, one in pairs(twins.components) do
    if component.has(one, "onReload") then one:onReload(made) end
  end
  for _, hook in ipairs(new.record.hooks) do
    hook(new.generation.version, live.generation.version)
  end
end

-- Is it a timer, or something open, of the files that ends with the old code?
local function is_ending(value, new)
  if resources.is_ending(live.record.resources, new.same_resources, value) then return true end
  for _, old in ipairs(live.record.timers) do
    if rawequal(old.timer, value) then
      for one, same in pairs(new.same_timers) do
        if same == old and timers.is_kept(old, one) then return false end
      end
      return true
    end
  end
  return false
end

local function afterwards(was_on, is_good, ...)
  if was_on then jit.on() end
  collectgarbage("restart")
  if not is_good then error((...), 0) end
  return ...
end

-- The collector and the compiler have their time afterwards: nothing of what runs here
-- runs often. The app's own code is not run so.
local function undisturbed(fn, ...)
  local was_on = jit.status()
  collectgarbage("stop")
  jit.off()
  return afterwards(was_on, pcall(fn, ...))
end

-- Brings old and new together. What is written is in the journal.
local function join(new)
  new.generation = generation.of(new.list, files.folder())
  new.foreign = foreign_modules(live.modules, new.modules)
  for _, kept in ipairs({ live.record.resources, new.record.resources }) do
    for _, one in ipairs(kept) do new.foreign[one.object] = true end
  end
  new.survey = survey(roots_of(new, without(held_functions(), new.callbacks_before)),
    files.is_source, new.foreign)
  new.routes = routes_of(new.survey)
  local twins, servers = find_twins(new), {}
  for _, server in ipairs(new.record.servers) do servers[server] = true end
  local merge = Merge.new(twins, new.journal, is_mutable(live.list),
    function(value) return live.handles[value] == true or is_ending(value, new) end)
  merge:run(servers)
  set_names(package.loaded, merge, new.journal, live.modules, new.modules)
  set_names(_G, merge, new.journal, live.globals, new.globals)
  new.finish_timers, new.timers = timers.move({
    old = live.record.timers, new = new.record.timers, same = new.same_timers,
    heirs = twins.heirs, all = native.core().timers(), journal = new.journal,
  })
  new.finish_resources = resources.move({
    old = live.record.resources, new = new.record.resources, same = new.same_resources,
    of = twins.of, journal = new.journal,
  })
  new.twins, new.merge = twins, merge
end

local function close_handles(handles)
  local uv = each_handle(function() end)
  for handle in pairs(handles) do
    if not uv.is_closing(handle) then uv.close(handle) end
  end
end

-- The names that the new code has, as they are now.
local function live_values(t, values)
  local found = {}
  for name in pairs(values) do found[name] = rawget(t, name) end
  return found
end

-- What is left to do when the new code is live.
local function steps_of(new, old)
  local live_one, left = new.live_one, new.twins:left_endpoints()
  return {
    function()
      for i, server in ipairs(new.record.servers) do
        local one = live_one(server)
        one.listeners, one.port, one.address = server.listeners, server.port, server.address
        new.record.servers[i] = one
      end
    end,
    record.finish,
    function() new.addresses = addresses.commit(live_one) end,
    function() new.finish_timers() end,
    function() new.finish_resources() end,
    function()
      for _, task in ipairs(old.record.tasks) do task:cancel() end
    end,
    function() close_handles(old.handles) end,
    function()
      for _, endpoint in ipairs(left) do
        native.core().freeze(endpoint, old.generation.version)
      end
    end,
    function() native.core().setVersion(new.generation.version) end,
    function()
      for _, effect in ipairs(new.record.effects) do effect() end
    end,
    files.from_disk,
    files.mark_late,
  }
end

-- All that needs memory is done while everything can still be taken back.
local function get_ready(new)
  local twins = new.twins
  function new.live_one(value)
    return type(value) == "table" and twins.of[value] or value
  end
  new.addresses = { opened = {}, closed = {}, renewed = {} }
  new.steps = steps_of(new, live)
  new.live = {
    list = new.list, generation = new.generation, survey = new.merge:rebase(),
    record = new.record, modules = live_values(package.loaded, new.modules),
    globals = new.globals, routes = new.routes,
    handles = without(open_handles(), new.handles_before),
  }
  for name, value in pairs(new.globals) do new.globals[name] = new.live_one(value) end
end

-- Everything that can fail.
local function prepare(new)
  local loaded = loader.run(app_path, app_arguments, live.modules, live.globals, live.list)
  new.modules, new.globals = loaded.modules, loaded.globals
  if loaded.failure then error(loaded.failure, 0) end
  if #new.record.servers == 0 then
    error(app_path .. " listens nowhere: its last line should be app:run()", 0)
  end
  undisturbed(join, new)
  -- What LuaJIT has compiled knows the old functions, and would keep them.
  jit.flush()
  local failure = loader.call(function() call_hooks(new, new.twins) end)
  if failure then error(failure, 0) end
  undisturbed(get_ready, new)
end

local function end_all_of(new)
  for _, one in ipairs(new.record.timers) do one.timer:cancel() end
  for _, one in ipairs(new.record.resources) do one.close(one.object) end
  for _, task in ipairs(new.record.tasks) do task:cancel() end
  close_handles(without(open_handles(), new.handles_before))
end

-- First what the old code needs, which takes no memory.
local function abandon(new)
  new.journal:undo()
  record.restore(live.record)
  files.restore(live.list)
  addresses.abort()
  end_all_of(new)
end

-- From here on the new code is live, and nothing is taken back. What fails (without
-- memory) keeps nothing else from being done.
local function finish(new)
  local old = live
  live = new.live
  for _, step in ipairs(new.steps) do
    local is_done, message = pcall(step)
    if not is_done then pcall(native.core().log, "error", message) end
  end
  return old
end

-- Returns what is live from then on and what was before; or nil and why not.
local function attempt(sources)
  live.modules = loader.modules(live.list)
  local new = { journal = Journal.new() }
  new.handles_before, new.callbacks_before = open_handles(), held_functions()
  addresses.begin()
  files.begin(sources)
  record.begin()
  new.list, new.record = files.list(), record.current()
  local is_good, failure = xpcall(function() prepare(new) end, report.failure)
  if not is_good then
    reload.attempted = new.list
    local is_left, message = pcall(abandon, new)
    if not is_left then native.core().log("error", "reload: " .. tostring(message)) end
    return nil, report.error(failure, new.list, files.failed)
  end
  reload.attempted = nil
  return new, undisturbed(finish, new)
end

-- ---- reload and rollback

local function remember(old)
  before[#before + 1] = generation.texts(old.generation)
  if #before > MOST_BEFORE then table.remove(before, 1) end
end

local function now_ms()
  local uv = require "luv"
  return uv.hrtime() / 1e6
end

-- kind to what it loads: texts, or nil for the disk; false and why when it cannot.
local sources_for = {
  reload = function() return nil end,
  rollback = function()
    local texts = before[#before]
    if not texts then return false, "there is no code to go back to: nothing was reloaded yet" end
    return texts
  end,
}

-- Says why nothing was done.
local function refuse(text)
  return false, function()
    native.core().log("error", text)
    return text
  end
end

local function describe(kind, old, new, pause)
  local outdated = { native.core().outdated() }
  return function()
    local text = report.of({
      kind = kind, old = old, new = new, twins = new.twins, merge = new.merge, pause = pause,
      outdated = outdated,
    })
    native.core().log("info", text)
    for _, file in ipairs(new.list) do files.marks(file) end
    return text
  end
end

-- Returns whether it went well, and a function that logs and returns the report: that
-- takes a moment too, and can have one of its own.
local function perform(kind)
  local sources, reason = sources_for[kind]()
  if leave.is_under_way or native.core().isStopping() then
    sources, reason = false, "the server is going away"
  end
  if sources == false then return refuse(kind .. " failed: " .. reason) end
  local started = now_ms()
  local is_done, new, old = pcall(native.core().unwatched, function() return attempt(sources) end)
  if not is_done then new, old = nil, "in ratchet itself: " .. tostring(new) end
  if not new then
    reload.failure = ("%s failed, %s goes on: %s"):format(kind, live.generation.version, old)
    return refuse(reload.failure)
  end
  reload.failure = nil
  if kind == "rollback" then table.remove(before) else pcall(remember, old) end
  return true, describe(kind, old, new, now_ms() - started)
end

---Loads the app anew, at once; to be called between two turns only.
---@param kind "reload"|"rollback"
---@return boolean is_good
---@return string text the report, or what is wrong
function reload.now(kind)
  local is_good, tell = perform(kind)
  return is_good, tell()
end

-- What was asked for and has not been done yet: { kind =, replies = }, in order.
local asked = {}

local function perform_and_tell(one)
  local is_good, tell = perform(one.kind)
  native.core().sleep(0)
  one.is_good = is_good
  one.text = tell()
end

local function do_one(one)
  local is_done, message = pcall(perform_and_tell, one)
  if is_done then return end
  one.text = one.kind .. " failed in ratchet itself: " .. tostring(message)
  native.core().log("error", one.text)
end

-- Whatever goes wrong here, those who ask get an answer.
local function do_asked()
  while asked[1] do
    local one = table.remove(asked, 1)
    pcall(do_one, one)
    for _, reply in ipairs(one.replies) do pcall(reply, one.is_good, one.text) end
  end
end

---Asks for it: it is done when the handlers of this turn are, once for all who ask
---for the same meanwhile.
---@param kind "reload"|"rollback"|nil "reload" when not given
---@param reply fun(is_good: boolean, text: string)?
function reload.ask(kind, reply)
  kind = kind or "reload"
  local last = asked[#asked]
  if not last or last.kind ~= kind or kind == "rollback" then
    last = { kind = kind, replies = {}, is_good = false, text = "not enough memory" }
    asked[#asked + 1] = last
  end
  last.replies[#last.replies + 1] = reply
  -- One for each who asks: whatever has become of the others, it is done. Who finds
  -- nothing to do any more ends.
  native.core().spawn(do_asked)
end

return reload
