-- load - many connections that send and count what comes back. Either each sends the
-- next message when its last one was answered, or messages leave at a fixed rate; then
-- what one had to wait before it could leave counts, too, for whoever wanted it sent has
-- waited.

local class = require "ratchet.class"
local Histogram = require "ratchet.command.bench.histogram"

---@class ratchet.Load
---@field open integer connections that are open
---@field failures integer those that could not be made, or were lost
---@field answered integer messages that came back
---@field sent integer
---@field histogram ratchet.Histogram
---@field failure string? why the first was lost
local Load = class()

local TICK = 0.001 -- seconds between two looks at what is due, at a fixed rate

---@param plan { connections: integer, size: integer, depth: integer, rate: number?,
---  binary: boolean? }
---@param now fun(): number seconds
---@return ratchet.Load
function Load.new(plan, now)
  return setmetatable({
    plan = plan, now = now, open = 0, failures = 0, answered = 0, sent = 0, lost = 0,
    histogram = Histogram(), conns = {}, message = ("x"):rep(plan.size),
  }, Load)
end

-- When each message that a connection still waits for was to leave, in order: a ring,
-- so that nothing is allocated per message.
local function new_queue()
  return { first = 1, last = 0 }
end

local function send(load, conn, queue, due)
  queue.last = queue.last + 1
  queue[queue.last] = due
  load.sent = load.sent + 1
  conn:send(load.message, load.plan.binary)
end

local function take(queue)
  local due = queue[queue.first]
  queue.first = queue.first + 1
  if queue.first > queue.last then queue.first, queue.last = 1, 0 end
  return due
end

---The component of one connection.
---@return table
function Load:member()
  local load, queue, now = self, new_queue(), self.now
  local is_paced = self.plan.rate ~= nil
  local member = {}
  function member:onOpen(conn)
    load.open = load.open + 1
    load.conns[#load.conns + 1] = { conn = conn, queue = queue }
    self.is_open = true
  end
  function member.onMessage(_, conn)
    local due = take(queue)
    if not due then return end -- nobody asked for it
    local time = now()
    load.answered = load.answered + 1
    if load.is_measured then load.histogram:add(time - due) end
    if load.is_sending and not is_paced then send(load, conn, queue, time) end
  end
  function member:onClose(_, code, reason)
    if not load.is_over then
      load.failures = load.failures + 1
      load.failure = load.failure or ("closed with %d %s"):format(code, reason)
    end
    if self.is_open then load.open = load.open - 1 end
    load.lost = load.lost + math.max(0, queue.last - queue.first + 1)
    self.is_open = false
  end
  function member.onError(_, conn, err)
    load.failure = load.failure or tostring(err)
    if conn then return conn:terminate() end
    load.failures = load.failures + 1
  end
  return member
end

-- As many as are due by now, each to the next connection in turn.
local function catch_up(load)
  local due = math.floor((load.now() - load.began) * load.plan.rate)
  while load.paced < due do
    load.paced = load.paced + 1
    load.turn = load.turn % #load.conns + 1
    local member = load.conns[load.turn]
    send(load, member.conn, member.queue, load.began + load.paced / load.plan.rate)
  end
end

---Begins to send.
---@param every fun(seconds: number, fn: function): any
function Load:start(every)
  self.is_sending, self.began, self.paced, self.turn = true, self.now(), 0, 0
  if self.plan.rate then
    self.timer = every(TICK, function() if self.is_sending then catch_up(self) end end)
    return
  end
  for _, member in ipairs(self.conns) do
    for _ = 1, self.plan.depth do send(self, member.conn, member.queue, self.now()) end
  end
end

---Begins to measure: what was before was the warm-up.
function Load:measure()
  self.is_measured, self.measured_at, self.counted = true, self.now(), self.answered
end

---Ends it.
---@return number seconds that were measured
---@return integer count of messages that came back meanwhile
function Load:stop()
  local seconds, count = self.now() - self.measured_at, self.answered - self.counted
  self.is_sending, self.is_measured, self.is_over = false, false, true
  if self.timer then self.timer:cancel() end
  for _, member in ipairs(self.conns) do member.conn:close() end
  return seconds, count
end

return Load
