-- recipients - who of a topic's subscribers an event is for, when it is not for all:
-- the lists of session ids that a publisher gives, as the connections that they mean.

local sessions = require "ratchet.wamp.sessions"

---@class ratchet.wamp.Recipients
---@field excluded table<ratchet.Connection, true>
---@field eligible table<ratchet.Connection, true>? nil is everyone
---@field all_but ratchet.Connection? the only one who is excluded, when everyone is
---  eligible

local function connections_of(ids)
  local set, count, last = {}, 0, nil
  for _, id in ipairs(ids) do
    local conn = sessions.find(id)
    if conn and not set[conn] then
      set[conn], count, last = true, count + 1, conn
    end
  end
  return set, count, last
end

---@param exclude (string|integer)[]? sessions that do not get it
---@param eligible (string|integer)[]? the only sessions that do; an empty list is everyone
---@return ratchet.wamp.Recipients? recipients nil is everyone
local function recipients(exclude, eligible)
  local has_eligible = eligible and next(eligible) ~= nil
  if not has_eligible and (not exclude or next(exclude) == nil) then return nil end
  local excluded, count, last = connections_of(exclude or {})
  if has_eligible then
    return { excluded = excluded, eligible = (connections_of(eligible)) }
  end
  if count == 0 then return nil end
  return { excluded = excluded, all_but = count == 1 and last or nil }
end

return recipients
