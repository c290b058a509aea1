-- waiting - the part of waiting that is Lua: what a handler finds when its wait is
-- over, reading a connection line by line, and timers with arguments. Built into the
-- program like the prelude, and given the functions of C that it stands on.
-- Returns what is added to ratchet.core, and to the methods of connections.

local native = ...
local timed_out, cancelled, lost = native.timed_out, native.cancelled, native.lost
local yield, begin, take, hear = native.yield, native.begin, native.take, native.hear

-- What a wait returns: a mark in place of results says how it ended.
local function results(first, ...)
  if type(first) == "userdata" then
    if first == timed_out then return nil, "timeout" end
    if first == cancelled then error("cancelled", 0) end
    if first == lost then
      error("this waits for what nobody can bring about any more", 0)
    end
  end
  return first, ...
end

local core = {}

-- The ticket is let go before the wait: if nobody else has it, the wait is lost, and
-- that is to be noticed.
function core.wait(ticket, seconds)
  begin(ticket, seconds)
  ticket = nil -- luacheck: ignore 311
  return results(yield())
end

function core.sleep(seconds)
  results(native.sleep(seconds))
end

-- ---- timers

local Timer = {}
Timer.__index = Timer

-- Every timer that anybody still has, for who has to look through them.
local timers = setmetatable({}, { __mode = "k" })

function Timer:cancel()
  return self.handle:cancel()
end

local function fire(timer)
  return timer.fn(unpack(timer, 1, timer.n))
end

local function start(conn, seconds, period, fn, ...)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= native.most_seconds) then
    native.raise("a timer takes a number of seconds, 0 or more; this is " .. tostring(seconds))
  end
  if type(fn) ~= "function" then
    native.raise("a timer takes the function to call; this is a " .. type(fn))
  end
  local timer = setmetatable({ fn = fn, n = select("#", ...), ... }, Timer)
  timer.handle = native.timer(seconds, period, fire, timer, conn)
  timers[timer] = true
  return timer
end

-- As often as the clock can tell apart, at most.
local function period_of(seconds)
  return seconds == 0 and 0.001 or seconds
end

function core.after(seconds, fn, ...)
  return start(nil, seconds, 0, fn, ...)
end

function core.every(seconds, fn, ...)
  return start(nil, seconds, period_of(seconds), fn, ...)
end

function core.timers()
  return timers
end

-- ---- connections

local methods = {}

function methods.after(conn, seconds, fn, ...)
  return start(conn, seconds, 0, fn, conn, ...)
end

function methods.every(conn, seconds, fn, ...)
  return start(conn, seconds, period_of(seconds), fn, conn, ...)
end

function methods.receive(conn, seconds)
  while true do
    local message, second, third = take(conn)
    if message then
      -- A layer that looks at messages has to see this one too.
      local handler = third.onReceive
      if not handler or handler(third, conn, message, second) ~= false then
        return message, second
      end
    elseif message == nil then
      return nil, "closed", second, third
    else
      hear(conn, seconds)
      local _, why = results(yield())
      if why then return nil, why end
    end
  end
end

local function next_received(conn)
  local message, is_binary = methods.receive(conn)
  if message then return message, is_binary end
end

function methods.messages(conn)
  return next_received, conn
end

return core, methods
