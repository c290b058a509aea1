-- timers - what becomes of timers and of functions that run by themselves when the
-- code changes.
--
-- Those that the files start while they are loaded are the files': a timer of the
-- same function, counted among those of that name, is the same timer; it keeps its
-- beat and calls the new function. One that has no successor is cancelled, and so
-- is every function that was spawned: the new code has spawned its own.
--
-- Those that handlers started stay. Where the new code has the function, it is the
-- new one that they call; a closure goes on as it is.

local timers = {}

-- By the name of the function and how many there were of that name before.
local function key_all(started, name_of)
  local counts, keyed = {}, {}
  for _, one in ipairs(started) do
    local name = one.kind .. " " .. name_of(one.fn)
    counts[name] = (counts[name] or 0) + 1
    keyed[name .. " " .. counts[name]] = one
  end
  return keyed
end

---Pairs the functions of timers that are the same.
---@param old table[] timers of the record that was
---@param new table[] of the new one
---@param old_name fun(fn: function): string
---@param new_name fun(fn: function): string
---@return table<table, table> same new one to the old one
function timers.pair(old, new, old_name, new_name)
  local olds, same = key_all(old, old_name), {}
  for key, one in pairs(key_all(new, new_name)) do same[one] = olds[key] end
  return same
end

local function rebind(journal, timer, heirs)
  local heir = heirs[timer.fn]
  if heir then journal:set(timer, "fn", heir) end
  return heir ~= nil
end

-- With the same period the old one goes on in the new one's place.
local function keep(journal, old, new)
  journal:set(old.timer, "fn", new.timer.fn)
  for i = 1, math.max(old.timer.n, new.timer.n) do
    journal:set(old.timer, i, new.timer[i])
  end
  journal:set(old.timer, "n", new.timer.n)
end

---Goes the old timer on in place of the new one?
---@param old table?
---@param new table
---@return boolean
function timers.is_kept(old, new)
  return old ~= nil and old.seconds == new.seconds
end

---Brings the timers over. What must be cancelled is, by the function that this
---returns, when nothing can fail any more.
---@param given table old and new (of the records), same (of pair), heirs, all (timers that
---  there are, as keys), journal
---@return fun() finish
---@return { kept: integer, rebound: integer, cancelled: table[] }
function timers.move(given)
  local cancelled, counts, ours = {}, { kept = 0, rebound = 0, cancelled = {} }, {}
  local is_kept = {}
  for _, new in ipairs(given.new) do
    local old = given.same[new]
    ours[new.timer] = true
    if timers.is_kept(old, new) then
      keep(given.journal, old, new)
      cancelled[#cancelled + 1] = new.timer
      is_kept[old], counts.kept = true, counts.kept + 1
      new.successor = old.timer
    end
  end
  for _, old in ipairs(given.old) do
    ours[old.timer] = true
    if not is_kept[old] then
      cancelled[#cancelled + 1] = old.timer
      counts.cancelled[#counts.cancelled + 1] = old
    end
  end
  for timer in pairs(given.all) do
    if not ours[timer] and rebind(given.journal, timer, given.heirs) then
      counts.rebound = counts.rebound + 1
    end
  end
  return function()
    for _, timer in ipairs(cancelled) do
      timer:cancel()
      timer.fn = nil
    end
    for _, new in ipairs(given.new) do new.timer = new.successor or new.timer end
  end, counts
end

return timers
