-- The app of test_dispatch.c. What a message asks its handler for stands in it; what
-- has happened on each connection is checked at once against what may happen:
-- events one at a time and in order, one onClose for each onOpen, nothing after it.

local core = require "ratchet.core"

local C = {}
local faults, finished = {}, 0

local function fault(format, ...)
  faults[#faults + 1] = format:format(...)
end

-- By id, not in a field of the connection: this must outlive it.
local records = {}

local function record_of(conn)
  return records[conn.resourceId]
end

-- An event begins, and nothing else of this connection is under way.
local function begin(conn, what)
  local record = record_of(conn)
  if not record then
    fault("%s without onOpen", what)
    record = {}
    records[conn.resourceId] = record
  end
  if record.is_closed then fault("%s after onClose", what) end
  if record.running then fault("%s while %s runs", what, record.running) end
  record.running = what
  return record
end

local function finish(record)
  record.running = nil
end

-- The messages of a connection are numbered from 1.
local function count(record, message)
  local number, action, argument = message:match("^(%d+) (%a+) (%d+)")
  number = tonumber(number)
  if number ~= record.received + 1 then
    fault("message %d follows %d", number, record.received)
  end
  record.received = number
  return action, tonumber(argument)
end

local function on_timer(conn)
  local record = begin(conn, "a timer")
  core.sleep(0.003)
  finish(record)
end

local actions = {}

function actions.nothing() end

function actions.sleep(_, _, ms) core.sleep(ms / 1000) end

function actions.send(conn, _, ms)
  conn:send("before")
  core.sleep(ms / 1000)
  conn:send("after")
end

function actions.error(_, record, ms)
  if ms % 2 == 0 then core.sleep(ms / 1000) end
  record.errors = record.errors + 1
  finish(record)
  error("planned")
end

function actions.caught(_, _, ms)
  pcall(function()
    core.sleep(ms / 1000)
    error("caught")
  end)
  core.sleep(ms / 1000)
end

function actions.close(conn, record, ms)
  record.is_ending = true
  conn:close(4000 + ms % 10, "planned")
  core.sleep(ms / 1000)
end

function actions.terminate(conn, record)
  record.is_ending = true
  conn:terminate()
  core.sleep(0.001)
end

function actions.timer(conn, _, ms) conn:after(ms / 1000, on_timer) end

-- A message that is received inside of a handler is one of the connection's too.
function actions.receive(conn, record, ms)
  local message, why = conn:receive(ms % 5 > 0 and ms / 1000 or nil)
  if message then
    count(record, message)
  elseif why == "closed" then
    record.is_ending = true
    if conn:receive() then fault("a message behind the close") end
  elseif why ~= "timeout" then
    fault("receive returned %s", tostring(why))
  end
end

-- Tasks run beside the events, so they check nothing but that they come to an end.
function actions.spawn(_, _, ms)
  local ticket = core.ticket()
  core.spawn(function()
    core.sleep(ms / 1000)
    core.wake(ticket, "woken")
  end)
  local result = core.wait(ticket)
  if result ~= "woken" then fault("wait returned %s", tostring(result)) end
end

function actions.cancel(_, _, ms)
  local ended
  local task = core.spawn(function()
    ended = { pcall(core.sleep, 1000) }
  end)
  core.sleep(ms / 1000)
  task:cancel()
  core.sleep(0.001)
  if ms > 1 and not (ended and ended[2] == "cancelled") then fault("a task was not cancelled") end
end

function C:onOpen(conn)
  if records[conn.resourceId] then fault("a second onOpen") end
  records[conn.resourceId] = { received = 0, errors = 0, told_errors = 0 }
  local record = begin(conn, "onOpen")
  if conn.resourceId % 3 == 0 then core.sleep(0.005) end
  finish(record)
end

function C:onMessage(conn, message)
  local record = begin(conn, "onMessage")
  local action, argument = count(record, message)
  actions[action](conn, record, argument)
  finish(record)
end

function C:onPing(conn) finish(begin(conn, "onPing")) end
function C:onPong(conn) finish(begin(conn, "onPong")) end
function C:onDrain(conn) finish(begin(conn, "onDrain")) end

function C:onError(conn, err)
  local record = begin(conn, "onError")
  record.told_errors = record.told_errors + 1
  if not tostring(err):find("planned", 1, true) then fault("onError got %s", tostring(err)) end
  if record.told_errors % 2 == 0 then core.sleep(0.002) end
  finish(record)
end

function C:onClose(conn, code)
  local record = begin(conn, "onClose")
  if type(code) ~= "number" then fault("onClose got the code %s", tostring(code)) end
  if record.received % 2 == 0 then core.sleep(0.004) end
  finish(record)
  record.is_closed = true
  finished = finished + 1
end

-- For the test:

dispatch = { endpoint = core.endpoint(C, { maxQueuedMessages = 8 }) }

-- When all is over: the faults as one text, "" for none; how many were closed; how many
-- messages arrived on the connection with that id.
function dispatch.faults()
  for id, record in pairs(records) do
    if not record.is_closed then fault("connection %d was not closed", id) end
    if record.running then fault("%s of connection %d has not ended", record.running, id) end
    if record.errors ~= record.told_errors then fault("onError is not what was raised") end
  end
  return table.concat(faults, "\n")
end

function dispatch.finished() return finished end

function dispatch.received(id) return records[id] and records[id].received or 0 end

-- Did the handlers end the connection themselves?
function dispatch.hasEnded(id) return records[id] ~= nil and records[id].is_ending == true end
