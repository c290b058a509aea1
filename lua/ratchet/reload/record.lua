-- record - what the app's files have set up while they were loaded: the servers that
-- run, the timers, the functions that want to hear of reloads. While a reload loads new code to
-- the side, a new record is filled, and takes the place of the one before when all
-- went well.

---@class ratchet.reload.Record
---@field servers table[] App or IoServer, each with listeners
---@field hooks function[] of ratchet.onReload
---@field timers { timer: table, kind: string, seconds: number, fn: function }[]
---@field tasks table[] of ratchet.spawn
---@field resources ratchet.reload.Resource[]
---@field effects function[] what is done when the load has succeeded
local record = {}

local function new()
  return { servers = {}, hooks = {}, timers = {}, tasks = {}, resources = {}, effects = {} }
end

local current = new()
local is_loading = true -- at first the app file is
local is_trial = false -- new code is loaded to the side

---The record that is being filled.
---@return ratchet.reload.Record
function record.current()
  return current
end

---Begins a new one; returns the one so far, for record.restore.
---@return ratchet.reload.Record
function record.begin()
  local before = current
  current, is_loading, is_trial = new(), true, true
  return before
end

---The files have been loaded: what is started from here on is not theirs.
function record.finish()
  is_loading, is_trial = false, false
end

---Has something done that holds for the whole program: at once, or when the new code
---is taken over.
---@param effect fun()
function record.later(effect)
  if not is_trial then return effect() end
  current.effects[#current.effects + 1] = effect
end

---@param one ratchet.reload.Record
function record.restore(one)
  current, is_loading, is_trial = one, false, false
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

---The same for what has the same settings, however they are nested.
---@param kind string
---@param settings any
---@param left_out string? a setting that does not count
---@return string
function record.key(kind, settings, left_out)
  if type(settings) ~= "table" then return kind .. tostring(settings) end
  local parts = {}
  for name, value in pairs(settings) do
    if name ~= left_out then
      parts[#parts + 1] = record.key(tostring(name) .. "=", value, left_out)
    end
  end
  table.sort(parts)
  return kind .. "{" .. table.concat(parts, " ") .. "}"
end

---Something that a file has opened, and that ends when the file's new text does not
---open it.
---@param resource ratchet.reload.Resource
---@return table object
function record.resource(resource)
  if is_loading then current.resources[#current.resources + 1] = resource end
  return resource.object
end

---@param task table
---@return table task
function record.task(task)
  if is_loading then current.tasks[#current.tasks + 1] = task end
  return task
end

return record
