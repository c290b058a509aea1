-- reload - changes the app's code while people talk.
--
-- The files are loaded to the side (loader), what they made is surveyed, paired with
-- what is live (pairing, twins) and brought into it (merge), all or nothing (attempt).
-- Here is what is live, and who asks for another. lua/README.md, "Changing code", says
-- what an app may rely on.

local attempt = require "ratchet.reload.attempt"
local files = require "ratchet.reload.files"
local generation = require "ratchet.reload.generation"
local leave = require "ratchet.server.leave"
local loader = require "ratchet.reload.loader"
local native = require "ratchet.native"
local record = require "ratchet.reload.record"
local remains = require "ratchet.reload.remains"
local report = require "ratchet.reload.report"
local survey = require "ratchet.reload.survey"

local reload = {}

-- What was wrong with the last attempt, for pages; and its files, for --watch.
---@type string?
reload.failure = nil
---@type ratchet.reload.File[]?
reload.attempted = nil

local MOST_BEFORE = 8 -- generations whose texts are kept for a rollback

---@type ratchet.reload.Live
local live

-- Texts of the generations before, the last one last.
local before = {}

local app -- path and arguments of the app file

-- A handler has loaded a module of the app: it belongs to what is live.
local function add_late(name, value)
  live.modules[name] = value
  local more = survey({ value }, files.is_source, remains.foreign(live.modules))
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
  app = { path = path, arguments = { unpack(arg or {}) } }
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
    handles = remains.open_handles(),
  }
  local foreign = remains.foreign(live.modules)
  for _, one in ipairs(live.record.resources) do foreign[one.object] = true end
  live.survey = survey(remains.roots(live, remains.held_functions()), files.is_source, foreign)
  live.routes = remains.routes(live.survey)
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
  return app.path
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

-- As `attempt`, which the watchdog does not stop half-way.
local function try(sources)
  local is_done, after, made, attempted = pcall(native.core().unwatched, function()
    return attempt(app, live, sources)
  end)
  if not is_done then return nil, "in ratchet itself: " .. tostring(after) end
  reload.attempted = attempted
  return after, made
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
  local after, made = try(sources)
  if not after then
    reload.failure = ("%s failed, %s goes on: %s"):format(kind, live.generation.version, made)
    return refuse(reload.failure)
  end
  local old = live
  live, reload.failure = after, nil
  if kind == "rollback" then table.remove(before) else pcall(remember, old) end
  return true, describe(kind, old, made, now_ms() - started)
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
