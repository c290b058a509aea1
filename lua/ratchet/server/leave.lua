-- leave - gives the place up to another process: nobody is accepted any more, and those
-- who are connected are asked to come again (1012, "service restart"), a few at a time
-- and in no order, so that they do not all come at once. When all were asked, the
-- program ends as by SIGTERM.

local addresses = require "ratchet.server.addresses"
local native = require "ratchet.native"

local leave = {}

local BEAT = 0.1 -- seconds between two batches

-- Has it begun? Then there is no way back.
leave.is_under_way = false

local function shuffled(list)
  local random = native.core().random
  for i = #list, 2, -1 do
    local j = 1 + math.floor(random() * i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

local function finish()
  local uv = require "luv"
  uv.kill(uv.os_getpid(), "sigterm")
end

local function all_but(except)
  local list = {}
  for _, conn in ipairs(native.core().connections()) do
    if not except[conn] then list[#list + 1] = conn end
  end
  return list
end

---@param seconds number for all of it
---@param except table<ratchet.Connection, true> those that are not meant
---@return integer count how many connections there are
function leave.begin(seconds, except)
  local core = native.core()
  local list, at = shuffled(all_but(except)), 0
  local beats, timer = math.max(1, math.ceil(seconds / BEAT)), nil
  leave.is_under_way = true
  addresses.close()
  local beat = 0
  timer = core.every(BEAT, function()
    beat = beat + 1
    local last = math.ceil(#list * beat / beats)
    while at < last do
      at = at + 1
      list[at]:close(1012, "service restart")
    end
    if at < #list then return end
    timer:cancel()
    finish()
  end)
  core.log("info", ("leaving: %d connections are asked to come again within %g s"):format(
    #list, seconds))
  return #list
end

return leave
