-- Session - what conn.Session and request.Session are: the values that the site keeps for
-- one visitor. They are read from the store when they are first asked for; the handler
-- waits then. save() writes what was changed here, and only that, into what the store has
-- by then, so that the site's own changes meanwhile are not lost.

local class = require "ratchet.class"
local component = require "ratchet.component"
local ids = require "ratchet.session.id"
local native = require "ratchet.native"
local raise = require "ratchet.raise"
local Record = require "ratchet.session.record"
local wait = require "ratchet.wait"

local ENDED = "the session has ended: it is not in the store any more"
local TOO_LATE = "there is no session, and it is too late to send a cookie for a new one"

-- Changes that the store does not know yet; `all` when what it has is to be left out.
local function no_changes()
  return { all = false, by_name = {} } -- name to { value }, and { } for what was removed
end

---@class ratchet.session.Session
---@field id string of the cookie; "" without a session
local Session = class()

---@param store table with read, write, destroy, and perhaps update
---@param serializer table of ratchet.session.serializer
---@param id string? nil when the client named none
---@return ratchet.session.Session
function Session.new(store, serializer, id)
  return setmetatable({
    id = id or "",
    store = store,
    serializer = serializer,
    record = false, -- what was read; false before
    exists = false, -- did the store have it?
    tickets = false, -- of those who wait while another one reads
    changes = no_changes(),
    may_answer = true, -- can a cookie still be sent?
    cookie = nil, -- the id that the client has to be told; "" to forget it
  }, Session)
end

local function check_wait(what)
  wait.check("Session:" .. what, ". Where something can wait, Session:load() reads it "
    .. "beforehand, as the option autoLoad does")
end

local function apply(changes, record)
  if changes.all then record = Record() end
  for name, change in pairs(changes.by_name) do
    if change[1] == nil then record:remove(name) else record:add(name, change[1]) end
  end
  return record
end

-- Changes that could not be saved, and those that came meanwhile.
local function join(before, after)
  if after.all then return after end
  for name, change in pairs(after.by_name) do before.by_name[name] = change end
  return before
end

local function read(session)
  if session.id == "" then return Record(), false end
  local bytes, reason = session.store:read(session.id)
  if not bytes then return not reason and Record() or nil, reason or false end
  local record
  record, reason = session.serializer.decode(bytes)
  return record, record and true or "it cannot be read: " .. tostring(reason)
end

-- The tickets of those who came while it was being read.
local function wake_others(session)
  local tickets = session.tickets
  session.tickets = false
  for _, ticket in ipairs(tickets) do native.core().wake(ticket) end
end

local function read_for_all(session)
  session.tickets = {}
  local went_well, record, state = pcall(read, session)
  wake_others(session)
  if not went_well then error(record, 0) end
  if record then
    session.exists = state
    session.record = apply(session.changes, record)
    return true
  end
  local reason = ("session: %s"):format(tostring(state))
  native.core().log("warn", reason)
  return nil, reason
end

-- Several handlers of a connection may ask before the first one has an answer.
local function wait_for_other(session)
  local ticket = native.core().ticket()
  session.tickets[#session.tickets + 1] = ticket
  native.core().wait(ticket)
end

local function ensure(session, what)
  if session.record then return true end
  check_wait(what)
  while session.tickets do wait_for_other(session) end
  if session.record then return true end
  return read_for_all(session)
end

---Reads it anew. What was changed and not saved stays changed.
---@return true? read
---@return string? reason
function Session:load()
  self.record = false
  return ensure(self, "load")
end

---@param name string|integer
---@param default any
---@return any value `default` when there is none; nil when it cannot be had
---@return string? reason why it cannot be had
function Session:get(name, default)
  local loaded, reason = ensure(self, "get")
  if not loaded then return nil, reason end
  local refused = self.record.refused[name]
  if refused then return nil, ("%s: %s"):format(tostring(name), refused) end
  local value = self.record.values[name]
  if value == nil then return default end
  return value
end

---Is there a value of that name? Null is none; one that cannot be read is.
---@param name string|integer
---@return boolean
---@return string? reason why it is not known
function Session:has(name)
  local loaded, reason = ensure(self, "has")
  if not loaded then return false, reason end
  return self.record.values[name] ~= nil or self.record.refused[name] ~= nil
end

---All values, in a table of its own.
---@return table<string|integer, any>? values
---@return table<string|integer, string>|string refused name to the reason why that value
---  cannot be read; a reason when there are no values
function Session:all()
  local loaded, reason = ensure(self, "all")
  if not loaded then return nil, reason end
  local values, refused = {}, {}
  for name, value in pairs(self.record.values) do values[name] = value end
  for name, why in pairs(self.record.refused) do refused[name] = why end
  return values, refused
end

---Sets a value, until save() only here. Does not wait.
---@param name string|integer
---@param value any what the serializer takes: no function, no userdata
---@return ratchet.session.Session self
function Session:set(name, value)
  local reason = self.serializer.checkName(name)
  if reason then raise("Session:set: this is no name, %s: %s", reason, tostring(name)) end
  if value == nil then raise("Session:set: the value is nil; Session:remove removes one") end
  local kind = type(value)
  if kind == "function" or kind == "thread" or kind == "userdata" or kind == "cdata" then
    raise('Session:set: "%s" must be a string, a number, a boolean or a table; it is a %s',
      tostring(name), kind)
  end
  self.changes.by_name[name] = { value }
  if self.record then self.record:add(name, value) end
  return self
end

---Removes a value, until save() only here. Does not wait.
---@param name string|integer
---@return ratchet.session.Session self
function Session:remove(name)
  self.changes.by_name[name] = {}
  if self.record then self.record:remove(name) end
  return self
end

---Removes all values, until save() only here. Does not wait.
---@return ratchet.session.Session self
function Session:clear()
  self.changes = no_changes()
  self.changes.all = true
  if self.record then self.record = Record() end
  return self
end

-- ---- writing

local function put(store, id, change)
  if component.has(store, "update") then return store:update(id, change) end
  local before, reason = store:read(id)
  if reason then return nil, reason end
  local after
  after, reason = change(before)
  if not after then return nil, reason end
  return store:write(id, after)
end

-- What is to be written, and its record; nil and a reason.
local function encoded(session, changes, bytes)
  local record, reason = Record(), nil
  if bytes and not changes.all then record, reason = session.serializer.decode(bytes) end
  if not record then return nil, "it cannot be read: " .. reason end
  record = apply(changes, record)
  local after
  after, reason = session.serializer.encode(record)
  if not after then return nil, reason end
  return after, record
end

local function save_existing(session, changes)
  local record
  local saved, reason = put(session.store, session.id, function(bytes)
    if not bytes then return nil, ENDED end
    local after, result = encoded(session, changes, bytes)
    if not after then return nil, result end
    record = result
    return after
  end)
  return saved, reason, record
end

-- An id that a stranger may have put into the client's cookie is not made a session.
local function save_new(session, changes)
  if not session.may_answer then return nil, session.id == "" and TOO_LATE or ENDED end
  local bytes, record = encoded(session, changes, nil)
  if not bytes then return nil, record end
  local id = ids.new()
  local saved, reason = session.store:write(id, bytes)
  if saved then session.id, session.cookie, session.exists = id, id, true end
  return saved, reason, record
end

-- What is changed while the store writes waits for the next save.
local function save(session)
  local changes = session.changes
  session.changes = no_changes()
  local write = session.exists and save_existing or save_new
  local went_well, saved, reason, record = pcall(write, session, changes)
  if not went_well or not saved then
    session.changes = join(changes, session.changes)
    if not went_well then error(saved, 0) end
    return nil, "session: " .. tostring(reason)
  end
  session.record = apply(session.changes, record)
  return true
end

---Writes what was changed. In a handler of HTTP and in onUpgrade, a client without a
---session gets a new one, and its cookie with the answer; later there is none to save.
---@return true? saved
---@return string? reason
function Session:save()
  local loaded, reason = ensure(self, "save")
  if not loaded then return nil, reason end
  check_wait("save")
  return save(self)
end

---Gives it a new id, and ends the one before, so that who knew that knows nothing: for
---right after a login. Saves. Only where a cookie can be sent.
---@return true? done
---@return string? reason
function Session:regenerate()
  local loaded, reason = ensure(self, "regenerate")
  if not loaded then return nil, reason end
  if not self.may_answer then return nil, "session: it is too late to send a cookie" end
  check_wait("regenerate")
  local bytes
  bytes, reason = self.serializer.encode(self.record)
  if not bytes then return nil, "session: " .. reason end
  local old, id = self.exists and self.id, ids.new()
  local saved
  saved, reason = self.store:write(id, bytes)
  if not saved then return nil, reason and "session: " .. reason end
  self.id, self.cookie, self.exists, self.changes = id, id, true, no_changes()
  if old then return self.store:destroy(old) end
  return true
end

---Ends it, in the store and, where a cookie can be sent, in the client.
---@return true? destroyed
---@return string? reason
function Session:destroy()
  check_wait("destroy")
  local done, reason = true, nil
  if self.id ~= "" then done, reason = self.store:destroy(self.id) end
  if not done then return nil, reason and "session: " .. reason end
  self.cookie = self.may_answer and self.id ~= "" and "" or nil
  self.id, self.exists, self.record, self.changes = "", false, Record(), no_changes()
  return true
end

return Session
