-- resources - what the files open while they are loaded, besides addresses and timers:
-- a client of another server, a client of Redis, its subscriptions.
--
-- One of the same kind and settings, counted among its like, is the same: the live one
-- goes on, with what the new code hangs on it, and the new one is closed. What the new
-- code does not ask for any more is closed, when nothing can fail any more.

local resources = {}

---@class ratchet.reload.Resource
---@field object table
---@field key string its kind and settings
---@field close fun(object: table)
---@field parent table? the object that it belongs to, and is closed with
---@field renew fun(journal: table, live: table, new: table)? brings the new one's functions over
---@field component any? what is told its events
---@field adopt fun(object: table, component: any)? has another component be told
---@field move fun(parent: table): table? opens it on another parent

local function key_all(list, of)
  local counts, keyed = {}, {}
  for _, one in ipairs(list) do
    local parent = one.parent and of[one.parent] or one.parent
    local key = one.key .. " of " .. tostring(parent and parent or "none")
    counts[key] = (counts[key] or 0) + 1
    keyed[key .. " " .. counts[key]] = one
  end
  return keyed
end

local function with_parent(list, has_parent)
  local found = {}
  for _, one in ipairs(list) do
    if (one.parent ~= nil) == has_parent then found[#found + 1] = one end
  end
  return found
end

local function pair_some(olds, news, of, same)
  local known = key_all(olds, {})
  for key, new in pairs(key_all(news, of)) do
    local old = known[key]
    if old then of[new.object], same[new] = old.object, old end
  end
end

---Finds which are the same, parents first.
---@param old ratchet.reload.Resource[]
---@param new ratchet.reload.Resource[]
---@param of table<table, table> gets the live object of each new one
---@return table<ratchet.reload.Resource, ratchet.reload.Resource> same
function resources.pair(old, new, of)
  local same = {}
  for _, has_parent in ipairs({ false, true }) do
    pair_some(with_parent(old, has_parent), with_parent(new, has_parent), of, same)
  end
  return same
end

---Does it end with the old code?
---@param old ratchet.reload.Resource[]
---@param same table of pair
---@param object any
---@return boolean
function resources.is_ending(old, same, object)
  for _, one in ipairs(old) do
    if rawequal(one.object, object) then
      for _, live in pairs(same) do
        if live == one then return false end
      end
      return true
    end
  end
  return false
end

-- Opened on the live parent, in place of the new code's own.
local function move(one, of)
  if not one.parent or not of[one.parent] then return end
  one.object, one.parent = one.move(of[one.parent]), of[one.parent]
end

---Brings them over. What it returns closes what is not wanted, and opens the rest.
---@param given table old, new, same (of pair), of, journal
---@return fun() finish
function resources.move(given)
  local kept = {}
  for _, new in ipairs(given.new) do
    local live = given.same[new]
    if live then kept[live] = true end
    if live and new.renew then new.renew(given.journal, live.object, new.object) end
  end
  return function()
    for i, new in ipairs(given.new) do
      local live = given.same[new]
      if live then
        new.close(new.object)
        given.new[i] = live
      else
        move(new, given.of)
        local component = new.component and given.of[new.component]
        if component then new.adopt(new.object, component) end
      end
    end
    for _, old in ipairs(given.old) do
      if not kept[old] then old.close(old.object) end
    end
  end
end

return resources
