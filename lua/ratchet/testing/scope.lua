-- scope - what ends when: a server that a test has begun ends with the test, and what a
-- test has begun by itself and not ended (a timer, a task, a connection) is told.
--
-- Scopes are nested, as busted's blocks are: a file, a describe, an `it` with its
-- before_each and after_each. Outside of busted there is none, and nothing is told.

local addresses = require "ratchet.server.addresses"
local native = require "ratchet.native"
local record = require "ratchet.reload.record"

local scope = {
  isLive = false, -- through TCP: `ratchet-lua test --live`
}

local MOST_SWEEPS = 1000

local stack = {}      -- { name =, begun = {}, on_leave = {} }
local testbed_of      -- the scope that the testbed is open for, or "none"
local runner          -- the coroutine of the tests
local is_library = false -- what is begun is the app's or the library's

---Opens the testbed for the scope that is entered, unless it is open.
function scope.open()
  if testbed_of then return end
  native.core().testbed.open(scope.isLive)
  record.begin()
  record.finish() -- what an app sets up is not kept for reloads: there are none
  testbed_of = stack[#stack] or "none"
end

-- Handlers that are called by the ends of their connections may begin something anew.
local function sweep(testbed)
  for _ = 1, MOST_SWEEPS do
    if testbed.sweep() then return end
    testbed.settle()
  end
  error("the connections of the app do not end", 0)
end

---Ends everything that is in the testbed, and closes it.
function scope.close()
  if not testbed_of then return end
  local testbed = native.core().testbed
  sweep(testbed)
  testbed.close()
  addresses.forget()
  testbed_of = nil
end

---Has fn called when the scope is left, after everything in it was ended.
---@param fn function
function scope.onLeave(fn)
  local top = stack[#stack]
  if top then top.on_leave[#top.on_leave + 1] = fn end
end

---Runs fn(...), which may wait; what it begins is not the test's own.
---@param fn function
---@param ... any
---@return boolean ok
---@return any ... as pcall
function scope.apart(fn, ...)
  local before = is_library
  is_library = true
  local function done(...)
    is_library = before
    return ...
  end
  return done(pcall(fn, ...))
end

-- ---- what a test begins by itself

local function is_test()
  return not is_library and coroutine.running() == runner
end

-- Where the test did it: the first line that is neither the library's nor C's.
local library = debug.getinfo(1, "S").source:match("^(.*)testing/scope")
local function line_of_test()
  local level = 3
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then return "" end
    local is_ours = library and info.source:sub(1, #library) == library
    if info.currentline >= 0 and not is_ours and info.source ~= "=waiting" then
      return ("%s:%d: "):format(info.short_src, info.currentline)
    end
    level = level + 1
  end
end

---Notes that something was begun, if it was by the test itself.
---@param what string "a timer"
---@param thing any
---@param finish fun(thing: any): any ends it; false when it had ended
function scope.note(what, thing, finish)
  local top = stack[#stack]
  if not top or not thing or not is_test() then return end
  top.begun[#top.begun + 1] = {
    what = what, thing = thing, finish = finish, where = line_of_test(),
  }
end

local function cancel(thing) return thing:cancel() end

local function end_connection(conn)
  local is_open = conn.readyState ~= 3
  if is_open then conn:terminate() end
  return is_open
end

local function end_client(client)
  local is_running = not client.is_over
  client:close()
  return is_running and (client.conn ~= nil or client.reconnect ~= nil)
end

local function wrap(core, name, what)
  local original = core[name]
  core[name] = function(...)
    local thing = original(...)
    scope.note(what, thing, cancel)
    return thing
  end
end

---Has the scopes see what tests begin; called once, by the coroutine of the tests.
function scope.watch()
  local core = native.core()
  runner = coroutine.running()
  wrap(core, "after", "a timer")
  wrap(core, "every", "a timer")
  wrap(core, "spawn", "a task")
  local connect = require "ratchet.connect"
  package.loaded["ratchet.connect"] = function(...)
    local conn, err, answer = connect(...)
    scope.note("a connection", conn, type(conn) == "table" and end_client or end_connection)
    return conn, err, answer
  end
end

local function find_leftovers(list)
  local lines = {}
  for _, entry in ipairs(list) do
    if entry.finish(entry.thing) then
      lines[#lines + 1] = ("%s%s that was begun here is still there at the end of the test; "
        .. "%s"):format(entry.where, entry.what,
        entry.what == "a connection" and "close it" or "cancel it, or wait for its end")
    end
  end
  return lines
end

-- ---- entering and leaving

---@param name string
function scope.enter(name)
  stack[#stack + 1] = { name = name, begun = {}, on_leave = {} }
end

---Ends what was begun in it. Returns a message when the test should have done that.
---@return string? message
function scope.leave()
  local top = stack[#stack]
  local lines = find_leftovers(top.begun)
  if testbed_of == top then scope.close() end
  stack[#stack] = nil
  for i = #top.on_leave, 1, -1 do top.on_leave[i]() end
  if #lines > 0 then return table.concat(lines, "\n") end
end

return scope
