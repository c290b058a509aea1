-- record - what the app's files have set up while they were loaded: the servers that
-- run, the timers, the functions that want to hear of reloads. While a reload loads new code to
-- the side, a new record is filled, and takes the place of the one before when all
-- went well.

---@class ratchet.reload.Record
---@field servers table[] App or IoServer, each with listeners
---@field hooks function[] of ratchet.onReload
---@field timers { timer: table, kind: string, seconds: number, fn: function }[]
---@field tasks table[] of ratchet.spawn
local record = {}

local function new()
  return { servers = {}, hooks = {}, timers = {}, tasks = {} }
end

local current = new()
local is_loading = true -- at first the app file is

---The record that is being filled.
---@return ratchet.reload.Record
function record.current()
  return current
end

---Begins a new one; returns the one so far, for record.restore.
---@return ratchet.reload.Record
function record.begin()
  local before = current
  current, is_loading = new(), true
  return before
end

---The files have been loaded: what is started from here on is not theirs.
function record.finish()
  is_loading = false
end

---@param one ratchet.reload.Record
function record.restore(one)
  current, is_loading = one, false
end

---A server has begun to listen.
---@param server table
function record.server(server)
  current.servers[#current.servers + 1] = server
end

---Calls the function after each reload that brings new code; the last load's count.
---@param fn fun(version: string, before: string)
function record.hook(fn)
  current.hooks[#current.hooks + 1] = fn
end

---@param kind "after"|"every"
---@param seconds number
---@param fn function
---@param timer table
---@return table timer
function record.timer(kind, seconds, fn, timer)
  if is_loading then
    local entry = { timer = timer, kind = kind, seconds = seconds, fn = fn }
    current.timers[#current.timers + 1] = entry
  end
  return timer
end

---@param task table
---@return table task
function record.task(task)
  if is_loading then current.tasks[#current.tasks + 1] = task end
  return task
end

return record
