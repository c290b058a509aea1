-- The app of test_mayhem.c. Each event of each connection does some things at random,
-- to any connection that it ever saw, dead or alive, with the collector at work. Nothing
-- is checked but what must hold whatever an app does: the order of a connection's events
-- is dispatch.lua's business.

local core = require "ratchet.core"

local seed = 1
local function random(most)
  seed = (seed * 16807) % 2147483647
  return seed % most + 1
end

local MOST_KEPT = 24 -- connections, timers and tasks that are remembered
local conns, timers, tasks, tickets = {}, {}, {}, {}
local opened, closed, done = 0, 0, 0

local function keep(list, value)
  list[#list < MOST_KEPT and #list + 1 or random(MOST_KEPT)] = value
end

local function any(list) return list[random(math.max(#list, 1))] end

local function topic() return core.topic("topic " .. random(5)) end

local LONG = ("x"):rep(20000)
local VERY_LONG = ("y"):rep(200000)

local act

-- Errors on purpose are strings, tables and nothing at all.
local planned = { "planned", {}, false, 5 }

local actions = {
  function(conn) conn:send("short") end,
  function(conn) conn:send(LONG, random(2) == 1) end,
  function(conn) if random(4) == 1 then conn:send(VERY_LONG) end end,
  function(conn) conn:sendBinary("\255\0") end,
  function(conn) conn:ping("?") end,
  function(conn) conn:pong("!") end,
  function(conn) conn:pause() end,
  function(conn) conn:resume() end,
  function(conn) conn:resume() end,
  function(conn) if random(6) == 1 then conn:close(4000, "planned") end end,
  function(conn) if random(12) == 1 then conn:terminate() end end,
  function(conn) topic():add(conn) end,
  function(conn) topic():add(conn) end,
  function(conn) topic():remove(conn) end,
  function(conn) topic():broadcast("to all", { exclude = conn }) end,
  function() topic():broadcast(LONG, { binary = true }) end,
  function(conn) conn.note = { conn.bufferedAmount, conn.protocol, conn.httpRequest } end,
  function(conn) return conn.readyState, topic():has(conn), topic():count() end,
  function(conn) keep(timers, conn:after(random(20) / 1000, act)) end,
  function(conn) keep(timers, conn:every(random(20) / 1000, act)) end,
  function(conn) keep(timers, core.after(random(20) / 1000, act, conn)) end,
  function(conn)
    if random(3) == 1 then keep(timers, core.every(random(20) / 1000, act, conn)) end
  end,
  function() local timer = any(timers) if timer then timer:cancel() end end,
  function() local timer = any(timers) if timer then timer:cancel() end end,
  function(conn) keep(tasks, core.spawn(act, conn)) end,
  function() local task = any(tasks) if task then task:cancel() end end,
  function() local task = any(tasks) if task then task:cancel() end end,
  function(conn) local _ = conn:receive(random(10) / 1000) end,
  function(conn) if random(8) == 1 then local _ = conn:receive() end end,
  function() core.sleep(random(15) / 1000) end,
  function() core.sleep(0) end,
  function() -- one that somebody may end
    local ticket = core.ticket()
    keep(tickets, ticket)
    core.wait(ticket, random(2) == 1 and random(20) / 1000 or nil)
  end,
  function() local ticket = any(tickets) if ticket then core.wake(ticket, "woken", nil, 3) end end,
  function() core.wait(core.ticket()) end, -- that nobody can end
  function(conn) if random(6) == 1 then core.line(conn) end end,
  function() if random(4) == 1 then error(planned[random(#planned)], 0) end end,
  function() if random(20) == 1 then collectgarbage() end end,
  function() tickets[random(MOST_KEPT)] = nil end,
  function() -- what the collector finds acts too
    if random(10) > 1 then return end
    local guard = newproxy(true)
    getmetatable(guard).__gc = function() pcall(act, any(conns)) end
  end,
  function() coroutine.wrap(function() pcall(act, any(conns)) end)() end,
}

local depth = 0

function act(conn)
  if depth > 3 then return end
  for _ = 1, random(4) - 1 do
    local target = random(2) == 1 and any(conns) or conn
    if target then
      done = done + 1
      local action = actions[random(#actions)]
      if random(2) == 1 then
        action(target)
      else
        depth = depth + 1
        pcall(action, target)
        depth = depth - 1
      end
    end
  end
  depth = 0
end

local C = {}

function C:onOpen(conn)
  opened = opened + 1
  keep(conns, conn)
  act(conn)
end

function C:onMessage(conn) act(conn) end
function C:onPing(conn) act(conn) end
function C:onPong(conn) act(conn) end
function C:onDrain(conn) act(conn) end
function C:onError(conn) act(conn) end

function C:onClose(conn)
  closed = closed + 1
  act(conn)
end

-- One that reads its connections itself.
local Run = {}

function Run:onOpen(conn)
  opened = opened + 1
  keep(conns, conn)
end

function Run:run(conn)
  repeat
    local message = conn:receive(random(3) == 1 and random(20) / 1000 or nil)
    act(conn)
  until not message
end

function Run:onError(conn) act(conn) end

function Run:onClose(conn)
  closed = closed + 1
  act(conn)
end

-- For the test:

local limits = {
  maxQueuedMessages = 6, maxBufferedAmount = 300000, keepAlive = 0.2, closeTimeout = 0.05,
}

mayhem = {
  endpoint = core.endpoint(C, limits),
  runner = core.endpoint(Run, limits),
}

function mayhem.begin(number)
  seed = number
  collectgarbage("setpause", number % 2 == 0 and 0 or 200)
end

-- How much was done, and how many onOpen have no onClose.
function mayhem.done() return done end
function mayhem.missing() return opened - closed end
