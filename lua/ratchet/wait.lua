-- wait - how a handler waits without holding anybody else up: for a time, and for
-- whatever calls back. Only what may wait can call these: a handler, a function that
-- was spawned, what a timer calls; elsewhere they raise.

local native = require "ratchet.native"
local raise = require "ratchet.raise"

local wait = {}

---Waits for a time.
---@param seconds number 0 or more; to the millisecond
function wait.sleep(seconds)
  return native.core().sleep(seconds)
end

---Raises where nothing can wait, with a line of the app in place of the library's.
---@param what string what was called
---@param cure string? what to do about it
function wait.check(what, cure)
  local may_wait, message = pcall(native.core().checkWait)
  if may_wait then return end
  local why = tostring(message):gsub("^.-:%d+: ", "")
  if why == "cancelled" then error(why, 0) end
  raise("%s: %s%s", what, why, cure or "")
end

local function pack(...)
  return { n = select("#", ...), ... }
end

---Waits for a callback: calls start(resume), and returns what resume is called with,
---the first time that it is. That may be at once, and it need not happen in a handler.
---A wait whose resume was thrown away raises.
---@param start fun(resume: fun(...: any): boolean) resume returns false when nobody
---  waits for it any more
---@return any ...
function wait.await(start)
  if type(start) ~= "function" then
    raise("ratchet.await takes a function; this is a %s", type(start))
  end
  local core = native.core()
  core.checkWait()
  local ticket, early, is_waiting = core.ticket(), nil, false
  start(function(...)
    if is_waiting then return core.wake(ticket, ...) end
    if early then return false end
    early = pack(...)
    return true
  end)
  if early then return unpack(early, 1, early.n) end
  is_waiting = true
  -- A tail call: from here on only resume has the ticket.
  return core.wait(ticket)
end

return wait
