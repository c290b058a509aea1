-- fake_core - stands in for ratchet.core, which exists only inside the program: it
-- keeps what it is told, and does nothing but run tasks, in a time that core.run moves.

local fake_core = {}

local function record(list)
  return function(...) list[#list + 1] = { ... } end
end

-- Tasks, tickets and sleep: a ticket is the coroutine that waits for it.
local function add_tasks(core)
  local now, ready, sleeping = 0, {}, {}
  core.timed = {}

  local function be_ready(co, ...)
    ready[#ready + 1] = { co = co, n = select("#", ...), ... }
  end

  local function take_due()
    for i, entry in ipairs(sleeping) do
      if entry.due <= now then
        table.remove(sleeping, i)
        if not entry.is_over then be_ready(entry.co, unpack(entry.results, 1, 2)) end
        return true
      end
    end
  end

  local function sleep_until(due, results, entry)
    entry = entry or {}
    entry.co, entry.due, entry.results = coroutine.running(), due, results
    sleeping[#sleeping + 1] = entry
    table.sort(sleeping, function(a, b) return a.due < b.due end)
    return entry
  end

  local cancelled = {}
  local function check(first, ...)
    if first == cancelled then error("cancelled", 0) end
    return first, ...
  end

  local waits = setmetatable({}, { __mode = "k" }) -- coroutine to what it sleeps in

  function core.checkWait() end

  function core.spawn(fn, ...)
    local co = coroutine.create(function(...) fn(...) end)
    be_ready(co, ...)
    return {
      cancel = function()
        if waits[co] then waits[co].is_over = true end
        if coroutine.status(co) ~= "dead" then be_ready(co, cancelled) end
      end,
    }
  end

  function core.ticket() return {} end

  function core.wait(ticket, seconds)
    ticket.entry = {}
    if seconds then sleep_until(now + seconds, { nil, "timeout" }, ticket.entry) end
    ticket.co = coroutine.running()
    waits[ticket.co] = ticket.entry
    return check(coroutine.yield())
  end

  function core.wake(ticket, ...)
    if not ticket.co then return false end
    ticket.entry.is_over = true
    be_ready(ticket.co, ...)
    ticket.co = nil
    return true
  end

  function core.sleep(seconds)
    waits[coroutine.running()] = sleep_until(now + seconds, {})
    check(coroutine.yield())
  end

  local function timed(kind)
    return function(...)
      core.timed[#core.timed + 1] = { kind, ... }
      return "a timer"
    end
  end
  core.after, core.every = timed("after"), timed("every")

  -- Runs what is ready, and what becomes so within those seconds.
  function core.run(seconds)
    local last = now + (seconds or 0)
    repeat
      local entry = table.remove(ready, 1)
      if entry then
        if coroutine.status(entry.co) ~= "dead" then
          local ok, err = coroutine.resume(entry.co, unpack(entry, 1, entry.n))
          if not ok and err ~= "cancelled" then error(err, 0) end
        end
      elseif not take_due() then
        now = sleeping[1] and math.min(sleeping[1].due, last) or last
        if not (sleeping[1] and sleeping[1].due <= now) then return end
      end
    until false
  end
end

---Puts a fake in the place of the core.
---@param options table? what the command line said
---@return table core with the lists logged, announced, listened, endpoints, attempts
---  (to connect), and handed, to be filled with sockets that were handed over; core.time
---  is its clock
function fake_core.install(options)
  local core = {
    version = "0.0.0-fake", options = options or {}, noFollow = 131072,
    logged = {}, announced = {}, listened = {}, endpoints = {}, handed = {}, attempts = {},
  }
  core.log = record(core.logged)
  function core.announce(url) core.announced[#core.announced + 1] = url end
  function core.endpoint(component, limits)
    local endpoint = { component = component, limits = limits }
    function endpoint:getComponent() return self.component end
    function endpoint:with(other) return core.endpoint(other, self.limits) end
    core.endpoints[#core.endpoints + 1] = endpoint
    return endpoint
  end
  core.time = 1000
  function core.now() return core.time end
  function core.listen(wanted)
    core.listened[#core.listened + 1] = wanted
    if core.failure then return nil, core.failure[1], core.failure[2] end
    local id = #core.listened
    for _, socket in ipairs(core.handed) do
      if socket.fd == wanted.fd then
        return { address = socket.address, port = socket.port, path = socket.path, id = id }
      end
    end
    if wanted.path then return { path = wanted.path, id = id } end
    return { address = wanted.address, port = wanted.port == 0 and 49152 or wanted.port, id = id }
  end
  core.unlistened, core.served = {}, {}
  function core.unlisten(id) core.unlistened[#core.unlistened + 1] = id end
  function core.serve(id, wanted)
    core.served[#core.served + 1] = { id, wanted }
    return true
  end
  function core.digest(text)
    local hash = 7
    for i = 1, #text do hash = (hash * 31 + text:byte(i)) % 2 ^ 32 end
    return ("%08x"):format(hash)
  end
  function core.unwatched(fn) return fn() end
  function core.isolate(fn)
    local co = coroutine.create(fn)
    local is_good, message = coroutine.resume(co)
    if coroutine.status(co) ~= "dead" then return false, "an app file cannot yield" end
    return is_good, message, debug.traceback(co)
  end
  function core.requestMetatable(metatable) core.request_metatable = metatable end
  function core.answerMetatable(metatable) core.answer_metatable = metatable end
  function core.watchdog(limits) core.watchdog_limits = limits end
  function core.topic(name) return { name = name } end
  core.users = {}
  function core.line(conn) conn.is_line = true end
  function core.random() return 0.5 end
  function core.connect(ticket, job)
    if core.is_ending then return nil, "the server goes away" end
    local attempt = { ticket = ticket, job = job }
    function attempt:cancel() self.is_cancelled = true end
    core.attempts[#core.attempts + 1] = attempt
    return attempt
  end
  add_tasks(core)
  package.loaded["ratchet.core"] = core
  return core
end

---Takes it away again.
function fake_core.remove()
  package.loaded["ratchet.core"] = nil
end

---A refusal's sentence without its lesson, which begins with the rule.
---@param text string
---@return string
function fake_core.without_lesson(text)
  return (text:gsub("%.? RFC %d+ [^\n]*", ""))
end

---The last line that was logged, as "level message", without its lesson; nil when there
---is none.
---@param core table
---@return string?
function fake_core.last_log(core)
  local line = core.logged[#core.logged]
  return line and fake_core.without_lesson(line[1] .. " " .. line[2])
end

return fake_core
