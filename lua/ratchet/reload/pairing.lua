-- pairing - where the search for twins begins: which server, module, global, timer and
-- resource of the new code takes the place of which live one.

local Twins = require "ratchet.reload.twins"
local names = require "ratchet.reload.names"
local resources = require "ratchet.reload.resources"
local timers = require "ratchet.reload.timers"

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

---Finds them. What is the same resource and timer is noted in `new`.
---@param live table what is live (ratchet.reload.attempt)
---@param new table the same of the new code
---@return ratchet.reload.Twins
local function pair(live, new)
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

return pair
