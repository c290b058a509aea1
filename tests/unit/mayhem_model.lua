-- What must hold of connections whatever an app does, for mayhem/app.lua, which tells it
-- what it does and what happens. It lies outside of the app's folder: a reload of the app
-- leaves it alone.

jit.off(true, true) -- finalizers call it: mayhem/app.lua says why

local model = { violations = {}, reloads = 0 }

local OPEN, CLOSED = 1, 3

-- conn to { id =, is_closed =, is_over =, heard =, sent =, final = }, and the same by id.
local records, by_id = {}, {}

local members = {} -- topic's name to the set of those that were added

local function check(is_so, text, ...)
  if is_so then return end
  local list = model.violations
  list[#list + 1] = debug.traceback(text:format(...), 2)
end
model.check = check

-- ---- what happens

function model.opened(conn)
  check(not records[conn], "a second onOpen")
  check(not by_id[conn.resourceId], "an id for the second time: %d", conn.resourceId)
  local record = { id = conn.resourceId, heard = 0, sent = 0, final = -1 }
  records[conn], by_id[record.id] = record, record
end

-- What onClose raises is the only thing that is told after it.
function model.event(conn, name)
  local record = records[conn]
  check(record, "%s before onOpen", name)
  if not record or not record.is_closed then return end
  check(name == "onError" and record.has_raised, "%s after onClose", name)
end

-- Peers number what they say.
function model.heard(conn, message)
  local record, number = records[conn], tonumber(message:match("^m(%d+)$"))
  check(number == record.heard + 1, "%d: message %s after %d", record.id, message, record.heard)
  record.heard = number or record.heard
end

function model.closed(conn)
  local record = records[conn]
  check(record, "onClose without onOpen")
  check(not record.is_closed, "a second onClose")
  check(conn.readyState ~= OPEN, "onClose of one that is open")
  record.is_closed = true
  for name, set in pairs(members) do
    check(not model.topic(name):has(conn), "a member of %s in onClose", name)
    set[conn] = nil
  end
end

-- Its onClose has ended: well, or not.
function model.over(conn, is_well)
  records[conn].is_over, records[conn].has_raised = is_well, not is_well
end

-- ---- what is done

-- Numbered, so that the peer can tell. What goes over maxBufferedAmount is not sent.
function model.send(conn, text, is_binary)
  local record, was_open = records[conn], conn.readyState == OPEN
  local result = conn:send(("s%d %s"):format(record.sent + 1, text), is_binary)
  check(rawequal(result, conn), "send returns something else")
  if was_open and conn.readyState == OPEN then record.sent = record.sent + 1 end
end

function model.close(conn)
  local record = records[conn]
  if conn.readyState == OPEN then record.final = record.sent end
  check(rawequal(conn:close(4000, "planned"), conn), "close returns something else")
  check(conn.readyState ~= OPEN, "open after close")
end

function model.terminate(conn)
  local record = records[conn]
  record.final = -1 -- what was queued is lost
  conn:terminate()
  check(conn.readyState ~= OPEN, "open after terminate")
end

-- ---- topics

local function set_of(topic)
  local set = members[topic.name] or {}
  members[topic.name] = set
  return set
end

function model.add(topic, conn)
  local is_open = conn.readyState == OPEN
  topic:add(conn)
  if is_open then set_of(topic)[conn] = true end
  check(topic:has(conn) == is_open or not is_open, "add has not added")
end

function model.remove(topic, conn)
  topic:remove(conn)
  set_of(topic)[conn] = nil
  check(not topic:has(conn), "remove has not removed")
end

-- One that is closing leaves at some time before onClose, for good.
function model.compare(topic)
  local set, inside, left = set_of(topic), topic:members(), 0
  for conn in pairs(set) do
    if inside[conn] then
      left = left + 1
    else
      check(conn.readyState ~= OPEN, "%s has lost a member", topic.name)
      set[conn] = nil
    end
  end
  for conn in pairs(inside) do
    check(set[conn], "%s has a member that nobody added", topic.name)
    check(topic:has(conn), "%s has not whom it lists", topic.name)
  end
  check(topic:count() == left, "%s counts %d, not %d", topic.name, topic:count(), left)
end

-- ---- the dead

-- All calls are harmless, and nothing comes of them.
function model.examine(conn)
  local record = records[conn]
  check(conn.resourceId == record.id, "another id")
  check(type(conn.bufferedAmount) == "number", "no bufferedAmount")
  if not record.is_over then return end
  check(conn.remoteAddress == nil and conn.remotePort == nil and conn.peerAddress == nil,
    "dead, and has an address")
  check(conn.protocol == "" and conn.extensions == "", "dead, and has something agreed on")
  check(conn.readyState == CLOSED, "dead, and its readyState is %d", conn.readyState)
  check(conn.bufferedAmount == 0, "dead, and has %d bytes to send", conn.bufferedAmount)
  for _, name in ipairs({ "send", "sendBinary", "ping", "pong" }) do
    check(rawequal(conn[name](conn, "x"), conn), "%s of a dead one", name)
  end
  for _, name in ipairs({ "close", "terminate", "pause", "resume" }) do
    check(rawequal(conn[name](conn), conn), "%s of a dead one", name)
  end
  for name in pairs(members) do
    local topic = model.topic(name)
    check(rawequal(topic:add(conn), topic) and not topic:has(conn), "a dead member")
  end
end

-- ---- in the end

-- How many of the messages that we sent a peer has to have when it gets our close frame;
-- -1: any.
function model.final(id)
  return by_id[id] and by_id[id].final or -1
end

function model.sent(id)
  return by_id[id] and by_id[id].sent or 0
end

function model.missing()
  local count = 0
  for _, record in pairs(records) do
    if not record.is_closed then count = count + 1 end
  end
  return count
end

-- ---- finalizers

local doing = 0

---What a finalizer must not act in the middle of, such as a comparison: see is_at_work.
---@param fn function that returns nothing and does not wait
function model.whole(fn)
  return function(...)
    doing = doing + 1
    local is_done, err = pcall(fn, ...)
    doing = doing - 1
    if not is_done then error(err, 0) end
  end
end

for _, name in ipairs({
  "opened", "event", "heard", "closed", "over", "send", "close", "terminate", "add", "remove",
  "compare", "examine",
}) do
  model[name] = model.whole(model[name])
end

-- Then a finalizer had better leave everything alone.
function model.is_at_work() return doing > 0 end

return model
