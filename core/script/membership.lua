-- membership - what a topic keeps and tells beside its set of connections: what each
-- was added with, and who comes and goes. Built into the program like the prelude, and
-- given the methods of topics that C has, and the log.
--
-- Only a topic that has something to keep has a state here, so one without costs what
-- the set costs. Returns the methods of topics, how their other fields are read and
-- set, and what is called before onClose.

local native, log_error = ...
local add, remove, has, list = native.add, native.remove, native.has, native.members

local NOTHING = {} -- in place of what a member was added with

-- topic to { members = conn to what it was added with, onJoin, onLeave }, as long as
-- there is any of these; it is what keeps the topic's object.
local states = {}

-- conn to the list of the topics above that it has to leave, in the order of joining.
local joined = {}

local methods = {}
for name, method in pairs(native) do methods[name] = method end

local function state_of(topic)
  local state = states[topic]
  if not state then
    state = { members = {} }
    states[topic] = state
  end
  return state
end

local function forget_if_empty(topic, state)
  if next(state.members) == nil and not state.onJoin and not state.onLeave then
    states[topic] = nil
  end
end

local function note(topic, state, conn, meta)
  if state.members[conn] == nil then
    local topics = joined[conn] or {}
    topics[#topics + 1] = topic
    joined[conn] = topics
    state.members[conn] = NOTHING
  end
  if meta ~= nil then state.members[conn] = meta end
end

-- The function of C, whose errors point at who called the method.
local function checked(method, topic, conn)
  local ok, result = pcall(method, topic, conn)
  if not ok then error(result, 3) end
  return result
end

---Adds a connection; again changes only what it was added with.
function methods.add(topic, conn, meta)
  if meta == nil and not states[topic] then return add(topic, conn) end
  local was_in = checked(has, topic, conn)
  checked(add, topic, conn)
  if not has(topic, conn) then return topic end -- it is closed, and stays outside
  local state = state_of(topic)
  note(topic, state, conn, meta)
  if not was_in and state.onJoin then state.onJoin(topic, conn, meta) end
  return topic
end

-- Tells that a connection has left.
local function tell_left(topic, conn)
  local state = states[topic]
  local meta = state and state.members[conn]
  if meta == nil then return end
  state.members[conn] = nil
  forget_if_empty(topic, state)
  if meta == NOTHING then meta = nil end
  if state.onLeave then state.onLeave(topic, conn, meta) end
end

local function forget_joined(topic, conn)
  local topics = joined[conn]
  for i = 1, topics and #topics or 0 do
    if topics[i] == topic then
      table.remove(topics, i)
      break
    end
  end
  if topics and #topics == 0 then joined[conn] = nil end
end

function methods.remove(topic, conn)
  if not states[topic] then return remove(topic, conn) end
  if not checked(has, topic, conn) then return topic end
  remove(topic, conn)
  forget_joined(topic, conn)
  tell_left(topic, conn)
  return topic
end

---What a member was added with, true when with nothing; nil for who is no member.
function methods.get(topic, conn)
  if not checked(has, topic, conn) then return nil end
  local state = states[topic]
  local meta = state and state.members[conn]
  if meta == nil or meta == NOTHING then return true end
  return meta
end

---The members of this moment: conn to what get(conn) returns.
function methods.members(topic)
  local state, found = states[topic], {}
  for _, conn in ipairs(list(topic)) do
    local meta = state and state.members[conn]
    if meta == nil or meta == NOTHING then meta = true end
    found[conn] = meta
  end
  return found
end

local settable = { onJoin = true, onLeave = true }

local function get_field(topic, name)
  local state = settable[name] and states[topic]
  return state and state[name] or nil
end

local function set_field(topic, name, value)
  if not settable[name] then
    error(("a topic has no field %q to be set; it has onJoin and onLeave"):format(
      tostring(name)), 2)
  end
  if value ~= nil and type(value) ~= "function" then
    error(("%s of a topic must be a function; it is a %s"):format(name, type(value)), 2)
  end
  local state = state_of(topic)
  state[name] = value
  if name == "onLeave" and value then
    for _, conn in ipairs(list(topic)) do note(topic, state, conn) end
  end
  forget_if_empty(topic, state)
end

local function with_traceback(err)
  if type(err) == "string" then return debug.traceback(err, 2) end
  return err
end

-- The connection has left all its topics; those that have something to tell do so,
-- each whatever becomes of the others.
local function leave_all(conn)
  local topics = joined[conn]
  if not topics then return end
  joined[conn] = nil
  for _, topic in ipairs(topics) do
    local ok, err = xpcall(tell_left, with_traceback, topic, conn)
    if not ok then log_error(err) end
  end
end

return methods, get_field, set_field, leave_all
