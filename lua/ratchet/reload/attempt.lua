-- attempt - one attempt to bring new code in, between two turns of the loop: all or nothing.
-- Whatever fails, every write is taken back (journal), and the old code goes on.

local Journal = require "ratchet.reload.journal"
local Merge = require "ratchet.reload.merge"
local addresses = require "ratchet.server.addresses"
local component = require "ratchet.component"
local files = require "ratchet.reload.files"
local generation = require "ratchet.reload.generation"
local immutable = require "ratchet.reload.immutable"
local loader = require "ratchet.reload.loader"
local native = require "ratchet.native"
local pair = require "ratchet.reload.pairing"
local record = require "ratchet.reload.record"
local remains = require "ratchet.reload.remains"
local report = require "ratchet.reload.report"
local resources = require "ratchet.reload.resources"
local survey = require "ratchet.reload.survey"
local timers = require "ratchet.reload.timers"

---@class ratchet.reload.Live what is live
---@field generation ratchet.reload.Generation
---@field list ratchet.reload.File[]
---@field survey ratchet.reload.Survey
---@field modules table<string, any>
---@field globals table<string, any>
---@field record ratchet.reload.Record
---@field routes table<ratchet.http.Router, table<string, true>> that the files have added
---@field handles table<userdata, true> of luv, opened while the files were loaded

local function is_mutable(list)
  return function(fn, index)
    local file = list[debug.getinfo(fn, "S").source:sub(2)]
    if not file then return nil end
    local is_immutable = immutable.is(files.marks(file), fn, index)
    if is_immutable == nil then return nil end
    return not is_immutable
  end
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

local function call_hooks(live, new)
  for made, one in pairs(new.twins.components) do
    if component.has(one, "onReload") then one:onReload(made) end
  end
  for _, hook in ipairs(new.record.hooks) do
    hook(new.generation.version, live.generation.version)
  end
end

-- Is it a timer, or something open, of the files that ends with the old code?
local function is_ending(live, new, value)
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
local function join(live, new)
  new.generation = generation.of(new.list, files.folder())
  new.foreign = remains.foreign(live.modules, new.modules)
  for _, kept in ipairs({ live.record.resources, new.record.resources }) do
    for _, one in ipairs(kept) do new.foreign[one.object] = true end
  end
  local callbacks = remains.without(remains.held_functions(), new.callbacks_before)
  new.survey = survey(remains.roots(new, callbacks), files.is_source, new.foreign)
  new.routes = remains.routes(new.survey)
  local twins, servers = pair(live, new), {}
  for _, server in ipairs(new.record.servers) do servers[server] = true end
  local merge = Merge.new(twins, new.journal, is_mutable(live.list),
    function(value) return live.handles[value] == true or is_ending(live, new, value) end)
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

-- The names that the new code has, as they are now.
local function live_values(t, values)
  local found = {}
  for name in pairs(values) do found[name] = rawget(t, name) end
  return found
end

-- What is left to do when the new code is live.
local function steps_of(live, new, live_one)
  local left = new.twins:left_endpoints()
  local steps = {
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
      for _, task in ipairs(live.record.tasks) do task:cancel() end
    end,
    function() remains.close_handles(live.handles) end,
    function()
      for _, endpoint in ipairs(left) do
        native.core().freeze(endpoint, live.generation.version)
      end
    end,
    function() native.core().setVersion(new.generation.version) end,
    function() native.core().watchdog() end, -- what no app sets any more is as usual again
    files.from_disk,
    files.mark_late,
  }
  for _, effect in ipairs(new.record.effects) do steps[#steps + 1] = effect end
  return steps
end

-- All that needs memory is done while everything can still be taken back.
local function get_ready(live, new)
  local twins = new.twins
  local function live_one(value)
    return type(value) == "table" and twins.of[value] or value
  end
  new.addresses = { opened = {}, closed = {}, renewed = {} }
  new.steps = steps_of(live, new, live_one)
  new.after = {
    list = new.list, generation = new.generation, survey = new.merge:rebase(),
    record = new.record, modules = live_values(package.loaded, new.modules),
    globals = new.globals, routes = new.routes,
    handles = remains.without(remains.open_handles(), new.handles_before),
  }
  for name, value in pairs(new.globals) do new.globals[name] = live_one(value) end
end

local function begin(new, sources)
  new.handles_before, new.callbacks_before = remains.open_handles(), remains.held_functions()
  addresses.begin()
  files.begin(sources)
  record.begin()
  new.list, new.record = files.list(), record.current()
end

-- The rest of what can fail.
local function prepare(app, live, new)
  local loaded = loader.run(app.path, app.arguments, live.modules, live.globals, live.list)
  new.modules, new.globals = loaded.modules, loaded.globals
  if loaded.failure then error(loaded.failure, 0) end
  if #new.record.servers == 0 then
    error(app.path .. " listens nowhere: its last line should be app:run()", 0)
  end
  undisturbed(join, live, new)
  -- What LuaJIT has compiled knows the old functions, and would keep them.
  jit.flush()
  local failure = loader.call(function() call_hooks(live, new) end)
  if failure then error(failure, 0) end
  undisturbed(get_ready, live, new)
end

local function end_all_of(new)
  if not new.record then return end -- it has not begun
  for _, one in ipairs(new.record.timers) do one.timer:cancel() end
  for _, one in ipairs(new.record.resources) do one.close(one.object) end
  for _, task in ipairs(new.record.tasks) do task:cancel() end
  remains.close_handles(remains.without(remains.open_handles(), new.handles_before))
end

-- First what the old code needs, which takes no memory.
local function abandon(live, new)
  new.journal:undo()
  record.restore(live.record)
  files.restore(live.list)
  addresses.abort()
  end_all_of(new)
end

-- From here on the new code is live, and nothing is taken back. What fails (without
-- memory) keeps nothing else from being done.
local function finish(new)
  for _, step in ipairs(new.steps) do
    local is_done, message = pcall(step)
    if not is_done then pcall(native.core().log, "error", message) end
  end
  return new.after
end

---Makes one attempt.
---@param app { path: string, arguments: string[] }
---@param live ratchet.reload.Live
---@param sources table<string, string>? texts to be loaded in place of the files
---@return ratchet.reload.Live? after what is live from then on; nil when it has failed
---@return table|string details for the report; or why it has failed
---@return ratchet.reload.File[]? attempted the files of one that has failed
local function attempt(app, live, sources)
  live.modules = loader.modules(live.list)
  local new = { journal = Journal.new(), list = {} }
  local is_good, failure = xpcall(function()
    begin(new, sources)
    prepare(app, live, new)
  end, report.failure)
  if not is_good then
    local is_left, message = pcall(abandon, live, new)
    if not is_left then native.core().log("error", "reload: " .. tostring(message)) end
    return nil, report.error(failure, new.list, files.failed), new.list
  end
  return undisturbed(finish, new), new
end

return attempt
