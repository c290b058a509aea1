-- timer - functions that are called at a time. What they call may wait; an error in
-- it is logged, with its traceback, and ends nothing else.
--
-- Those that belong to a connection are its methods: conn:after, conn:every.

local native = require "ratchet.native"
local record = require "ratchet.reload.record"

local timer = {}

---Calls fn(...) once.
---@param seconds number from now; 0 or more, to the millisecond
---@param fn function
---@param ... any
---@return ratchet.Timer
function timer.after(seconds, fn, ...)
  return record.timer("after", seconds, fn, native.core().after(seconds, fn, ...))
end

---Calls fn(...) again and again, until the timer is cancelled. The first call comes
---when the seconds are over. While a call still waits, the next ones are left out.
---@param seconds number between the calls; 0 is a millisecond
---@param fn function
---@param ... any
---@return ratchet.Timer
function timer.every(seconds, fn, ...)
  return record.timer("every", seconds, fn, native.core().every(seconds, fn, ...))
end

return timer
