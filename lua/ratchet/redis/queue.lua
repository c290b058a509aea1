-- queue - the commands of one client, from when they are given until their replies are
-- there: first those that were sent, for Redis answers in order, then those that wait
-- for the connection. Each has a slot that says who is told:
--
--   a ticket   the handler that waits for this reply
--   a batch    a pipeline's: { ticket =, left =, results = }
--   true       nobody, but an error is logged
--   false      nobody any more
--
-- A command costs no table and no closure: the slots are parts of arrays, and deadlines
-- are counted in ticks of one timer, which runs only while something is awaited.
--
-- A handler may be stopped at any line (handlerBudget, no memory), so also between a
-- command and its slot; all later replies would be told to the wrong handlers. Whoever
-- finds that `is_giving` was left behind gives the connection up.

local class = require "ratchet.class"
local log = require "ratchet.log"
local native = require "ratchet.native"
local Line = require "ratchet.redis.line"

local MOST_BYTES = 64 * 1024 * 1024 -- of commands that wait for the connection
local TICKS = 20 -- so many in the time that a command may take

---@class ratchet.redis.Queue
local Queue = class()

local on_up, on_down, on_reply

---@param settings table checked options of ratchet.redis.connect
---@return ratchet.redis.Queue
function Queue.new(settings)
  local queue = setmetatable({
    settings = settings,
    slots = {}, deadlines = {}, unsent = {},
    head = 1, -- the oldest; from `sent` on they wait for the connection; `tail` is free
    sent = 1,
    tail = 1,
    expired = 1, -- all before it have been told that it took too long
    unsent_bytes = 0,
    ticks = 0,
    heard = 0, -- when: the tick of the last reply
    patience = settings.timeout > 0 and TICKS or math.huge,
    is_closed = false,
    is_up = false,
    is_giving = false, -- a command is written, its slot is not
    link = false,
    timer = false,
  }, Queue)
  queue.line = Line(settings, {
    up = function() on_up(queue) end,
    down = function(reason, is_final) on_down(queue, reason, is_final) end,
    reply = function(value, err) on_reply(queue, value, err) end,
  })
  return queue
end

---Begins to connect.
function Queue:connect() self.line:connect() end

local function tell(slot, value, err)
  if slot == true then
    if err then log("warn", "redis: a command that nobody waits for: " .. err) end
  elseif type(slot) == "userdata" then
    if err then native.core().wake(slot, nil, err) else native.core().wake(slot, value) end
  elseif slot and slot.ticket then
    local batch = slot
    local left = batch.left - 1
    batch.left = left
    if err then value = { err = err } elseif value == nil then value = false end
    batch.results[batch.count - left] = value
    if left == 0 then native.core().wake(batch.ticket, batch.results) end
  end
end

local function fail(slot, why)
  if slot and type(slot) == "table" then
    local ticket = slot.ticket
    slot.ticket = false
    if ticket then native.core().wake(ticket, nil, why) end
  else
    tell(slot, nil, why)
  end
end

-- Whoever is told may give further commands at once.
local function fail_until(queue, past, why)
  local first = queue.head
  queue.head = past
  for i = first, past - 1 do
    local slot = queue.slots[i]
    queue.slots[i] = nil
    queue.unsent[i] = nil
    fail(slot, why)
  end
end

local function rewind(queue)
  queue.head, queue.sent, queue.tail, queue.expired = 1, 1, 1, 1
end

local function mend(queue)
  local why = "a handler was stopped in the middle of a command"
  if queue.is_up then return queue.line:lose(why) end
  on_down(queue, why)
end

function on_reply(queue, value, err)
  if queue.is_giving then return mend(queue) end
  local head = queue.head
  if head == queue.sent then
    queue.line:lose(err or "the server sent a reply that nobody asked for")
    return
  end
  local slot = queue.slots[head]
  queue.slots[head] = nil
  queue.heard = queue.ticks
  queue.head = head + 1
  if head + 1 == queue.tail then rewind(queue) end
  tell(slot, value, err)
end

function on_up(queue)
  if queue.is_giving then mend(queue) end
  queue.is_up, queue.link = true, queue.line.link
  queue.heard = queue.ticks
  for i = queue.sent, queue.tail - 1 do
    local bytes = queue.unsent[i]
    local ok, why = queue.link:append(bytes)
    if not ok then return queue.line:lose(why) end
    queue.unsent[i] = nil
    queue.unsent_bytes = queue.unsent_bytes - #bytes
    queue.sent = i + 1
  end
end

-- What was sent may have been carried out, or not: it is not sent again.
function on_down(queue, reason, is_final)
  local is_broken = queue.is_giving
  queue.is_up, queue.link, queue.is_giving = false, false, false
  fail_until(queue, queue.sent, "connection lost")
  if is_final or is_broken then
    fail_until(queue, queue.tail, reason)
    queue.unsent_bytes = 0
  end
  if queue.head == queue.tail then rewind(queue) else queue.sent = queue.head end
end

local function why_late(queue)
  local line = queue.line
  return queue.is_up and ("timeout: no reply within %g s"):format(queue.settings.timeout)
    or ("timeout: not connected: %s"):format(line.reason or line.state)
end

-- A late reply finds its slot empty. A command that was not sent will not be.
local function expire(queue)
  local i = math.max(queue.head, queue.expired)
  while i < queue.tail and queue.deadlines[i] <= queue.ticks do
    local slot = queue.slots[i]
    queue.slots[i] = false
    if i >= queue.sent then
      queue.unsent_bytes = queue.unsent_bytes - #queue.unsent[i]
      queue.unsent[i] = nil
      queue.slots[i] = nil
      queue.head, queue.sent = i + 1, i + 1
    end
    i = i + 1
    queue.expired = i
    fail(slot, why_late(queue))
  end
end

-- A server that is gone without a word would not be noticed for many minutes.
local function is_silent(queue)
  local before = queue.ticks - queue.patience
  return queue.is_up and queue.head < queue.sent and queue.heard + queue.patience <= before
    and queue.deadlines[queue.head] <= before
end

local function stop_ticking(queue)
  if queue.timer then queue.timer:cancel() end
  queue.timer = false
end

local function tick(queue)
  if queue.is_giving then mend(queue) end
  queue.ticks = queue.ticks + 1
  expire(queue)
  if is_silent(queue) then
    queue.line:lose(("no reply for %g s"):format(2 * queue.settings.timeout))
  end
  if queue.head == queue.tail then stop_ticking(queue) end
end

local function start_ticking(queue)
  queue.timer = native.core().every(queue.settings.timeout / TICKS, function() tick(queue) end)
end

local function push(queue, slot)
  local tail = queue.tail
  queue.slots[tail] = slot
  queue.deadlines[tail] = queue.ticks + queue.patience + 1 -- a part of a tick is over
  queue.tail = tail + 1
  if queue.is_up then queue.sent = tail + 1 end
  if not queue.timer and queue.settings.timeout > 0 then start_ticking(queue) end
end

local function obstacle(queue, count)
  if queue.is_closed then return "closed" end
  if queue.line.state == "closed" then return "not connected: " .. queue.line.reason end
  if queue.tail - queue.head + count > queue.settings.maxQueued then
    return ("too many commands wait: %d (maxQueued)"):format(queue.tail - queue.head)
  end
end

local function keep_unsent(queue, bytes)
  if queue.unsent_bytes + #bytes > MOST_BYTES then
    return nil, "too much waits for the connection"
  end
  queue.unsent_bytes = queue.unsent_bytes + #bytes
  queue.unsent[queue.tail] = bytes
  return true
end

---Gives one command.
---@param slot userdata|boolean
---@param ... string|number
---@return true? given
---@return string|integer? why not; a number: which argument is neither string nor number
function Queue:give(slot, ...)
  if self.is_giving then mend(self) end
  local why = obstacle(self, 1)
  if why then return nil, why end
  self.is_giving = true
  local ok, bad
  if self.is_up then
    ok, bad = self.link:write(...)
  else
    ok, bad = native.core().redisCommand(...)
    if ok then ok, bad = keep_unsent(self, ok) end
  end
  if ok then push(self, slot) end
  self.is_giving = false
  if not ok then return nil, bad end
  return true
end

---Gives several that stay together.
---@param batch table
---@param count integer
---@param bytes string
---@return true? given
---@return string? why not
function Queue:give_batch(batch, count, bytes)
  if self.is_giving then mend(self) end
  local why = obstacle(self, count)
  if why then return nil, why end
  self.is_giving = true
  local ok
  if self.is_up then ok, why = self.link:append(bytes) else ok, why = keep_unsent(self, bytes) end
  for i = 1, ok and count or 0 do
    if i > 1 and not self.is_up then self.unsent[self.tail] = "" end
    push(self, batch)
  end
  self.is_giving = false
  if not ok then return nil, why end
  return true
end

---For good. Who waits is told so.
function Queue:close()
  if self.is_closed then return end
  self.is_closed, self.is_up, self.link = true, false, false
  self.line:close()
  stop_ticking(self)
  fail_until(self, self.tail, "closed")
  rewind(self)
end

return Queue
