-- The app of test_mayhem.c. Each event of each connection does some things at random,
-- to any connection that it ever saw, dead or alive, with the collector at work, and is
-- loaded anew in the middle of it. What must hold is mayhem_model.lua's business; in
-- which order handlers that wait go on, dispatch.lua's.

-- luacheck: globals mayhem

local core = require "ratchet.core"
local model = require "mayhem_model"
local ratchet = require "ratchet"
local reload = require "ratchet.reload"

local seed = 1
local function random(most)
  seed = (seed * 16807) % 2147483647
  return seed % most + 1
end

local MOST_KEPT = 96 -- connections, timers and tasks that are remembered
local conns, dead, timers, tasks, tickets = {}, {}, {}, {}, {}
local done, broadcasts = 0, 0

local function keep(list, value)
  list[#list < MOST_KEPT and #list + 1 or random(MOST_KEPT)] = value
end

local function any(list) return list[random(math.max(#list, 1))] end

model.topic = core.topic

local function topic() return core.topic("topic " .. random(5)) end

-- The same text to several, by a loop or by the topic, numbered over all.
local function next_broadcast(text)
  broadcasts = broadcasts + 1
  return ("b%d %s"):format(broadcasts, text)
end

local LONG = ("x"):rep(20000)
local VERY_LONG = ("y"):rep(200000)

local act

-- Errors on purpose are strings, tables and nothing at all.
local planned = { "planned", {}, false, 5 }

local seen = {}
local function forget_seen()
  for conn in pairs(seen) do seen[conn] = nil end
end
-- LuaJIT, as of before 2023, can loop for ever where a finalizer enters a compiled loop
-- over pairs: tests/README.md has the lines that show it.
jit.off(forget_seen)

local function receive(conn, seconds)
  local message = conn:receive(seconds)
  if message then model.heard(conn, message) end
  return message
end

local actions = {
  function(conn) model.send(conn, "short") end,
  function(conn) model.send(conn, "short") end,
  function(conn) model.send(conn, LONG, random(2) == 1) end,
  function(conn) if random(4) == 1 then model.send(conn, VERY_LONG) end end,
  function(conn) model.send(conn, "\255\0", true) end,
  model.whole(function()
    local text = next_broadcast("to some")
    for _ = 1, random(8) do
      local conn = any(conns)
      -- Once to each: the next one has another number.
      if conn and not seen[conn] then conn:send(text) seen[conn] = true end
    end
    forget_seen()
  end),
  function(conn) conn:ping("?") end,
  function(conn) conn:pong("!") end,
  function(conn) conn:pause() end,
  function(conn) conn:resume() end,
  function(conn) conn:resume() end,
  function(conn) if random(6) == 1 then model.close(conn) end end,
  function(conn) if random(12) == 1 then model.terminate(conn) end end,
  function(conn) model.add(topic(), conn) end,
  function(conn) model.add(topic(), conn) end,
  function(conn) model.remove(topic(), conn) end,
  function() model.compare(topic()) end,
  model.whole(function(conn)
    topic():broadcast(next_broadcast("to all"), { exclude = conn })
  end),
  model.whole(function() topic():broadcast(next_broadcast(LONG), { binary = true }) end),
  function(conn) model.examine(conn) end,
  function() local conn = any(dead) if conn then model.examine(conn) end end,
  function()
    if random(20) > 1 then return end
    reload.ask("reload", function(is_good, text)
      model.reloads = model.reloads + 1
      model.check(is_good or text:find("going away"), "reload: %s", text)
    end)
  end,
  function() if random(40) == 1 then coroutine.yield() end end, -- an error in a handler
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
  function(conn) receive(conn, random(10) / 1000) end,
  function(conn) if random(8) == 1 then receive(conn) end end,
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
    getmetatable(guard).__gc = function()
      if not model.is_at_work() then pcall(act, any(conns)) end
    end
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
  model.opened(conn)
  keep(conns, conn)
  act(conn)
end

function C:onMessage(conn, message)
  model.event(conn, "onMessage")
  model.heard(conn, message)
  act(conn)
end

function C:onPing(conn) model.event(conn, "onPing") act(conn) end
function C:onPong(conn) model.event(conn, "onPong") act(conn) end
function C:onDrain(conn) model.event(conn, "onDrain") act(conn) end
function C:onError(conn) model.event(conn, "onError") act(conn) end

function C:onClose(conn)
  model.closed(conn)
  model.over(conn, false) -- until it has ended
  keep(dead, conn)
  act(conn)
  model.over(conn, true)
end

-- One that reads its connections itself.
local Run = { onError = C.onError, onClose = C.onClose }

function Run:onOpen(conn)
  model.opened(conn)
  keep(conns, conn)
end

function Run:run(conn)
  repeat
    local message = receive(conn, random(3) == 1 and random(20) / 1000 or nil)
    act(conn)
  until not message
end

-- For the test:

local limits = {
  maxQueuedMessages = 6, maxBufferedAmount = 300000, keepAlive = 0.2, closeTimeout = 0.05,
}

mayhem = {
  endpoint = core.endpoint(C, limits),
  runner = core.endpoint(Run, limits),
  final = model.final,
  sent = model.sent,
  missing = model.missing,
}

function mayhem.begin(number)
  seed = number
  collectgarbage("setpause", number % 2 == 0 and 0 or 200)
end

function mayhem.done() return done end
function mayhem.reloads() return model.reloads end

function mayhem.violations() return #model.violations end
function mayhem.violation(index) return model.violations[index] end

-- A reload wants an app that listens; the test connects past it.
local app = ratchet.App({ host = "", port = 0 })
app:route("/", C, { "*" })
app:run()
