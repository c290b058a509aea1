-- task - functions that run beside the handler that starts them, and handlers that
-- wait for them: for all of them, or for so long.
--
-- A task that is not wanted any more is cancelled: what it waits for raises
-- "cancelled" in it, and so does every further wait, so that pcall can tidy up.

local native = require "ratchet.native"
local raise = require "ratchet.raise"
local record = require "ratchet.reload.record"

local task = {}

local function check_function(value, where, what)
  if type(value) ~= "function" then
    raise("%s: %s must be a function; it is a %s", where, what, type(value))
  end
end

---Runs fn(...) by itself, from the end of this turn of the loop on. It may wait. An
---error in it is logged, with its traceback, and ends nothing else.
---@param fn function
---@param ... any
---@return ratchet.Task
function task.spawn(fn, ...)
  check_function(fn, "ratchet.spawn", "the first argument")
  return record.task(native.core().spawn(fn, ...))
end

local function pack(...)
  return { n = select("#", ...), ... }
end

-- Spawns fn; when it has ended, done(ok, ...) is called.
local function run(fn, done, ...)
  return native.core().spawn(function(...) done(pcall(fn, ...)) end, ...)
end

local function cancel_all(tasks)
  for _, one in ipairs(tasks) do one:cancel() end
end

---Runs the functions side by side and waits until all have returned. If one raises,
---so does this, at once, and the others are cancelled.
---@param ... function
---@return any ... the first result of each, in their order
function task.all(...)
  local core, count = native.core(), select("#", ...)
  core.checkWait()
  local functions, tasks, results, left = { ... }, {}, {}, count
  for i = 1, count do check_function(functions[i], "ratchet.all", "argument " .. i) end
  if count == 0 then return end
  local ticket = core.ticket()
  for i, fn in ipairs(functions) do
    tasks[i] = run(fn, function(ok, result)
      results[i], left = result, left - 1
      if not ok then core.wake(ticket, result, true) end
      if ok and left == 0 then core.wake(ticket) end
    end)
  end
  local waited, err, has_failed = pcall(core.wait, ticket)
  if not waited or has_failed then
    cancel_all(tasks)
    error(err, 0)
  end
  return unpack(results, 1, count)
end

---Runs fn(...) and waits for it, for so long at most: then it is cancelled.
---@param seconds number
---@param fn function
---@param ... any
---@return any ... what fn returns; nil, "timeout" when it takes too long. What fn
---  raises is raised
function task.timeout(seconds, fn, ...)
  check_function(fn, "ratchet.timeout", "the second argument")
  local core = native.core()
  core.checkWait()
  local ticket, outcome = core.ticket(), nil
  local one = run(fn, function(...)
    outcome = pack(...)
    core.wake(ticket)
  end, ...)
  local waited, err = pcall(core.wait, ticket, seconds)
  one:cancel()
  if not waited then error(err, 0) end
  if not outcome then return nil, "timeout" end
  if not outcome[1] then error(outcome[2], 0) end
  return unpack(outcome, 2, outcome.n)
end

return task
