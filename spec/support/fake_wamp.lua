-- fake_wamp - what the specs of WAMP need beside the fake core: topics that broadcast,
-- random bytes that count, and connections that keep what was sent as Lua values.

local fake_core = require "support.fake_core"
local json = require "ratchet.wamp.json"

local fake_wamp = {}

local Topic = {}
Topic.__index = Topic

function Topic:add(conn) self.members[conn] = true return self end
function Topic:remove(conn) self.members[conn] = nil return self end

function Topic:broadcast(message, options)
  self.broadcasts = self.broadcasts + 1
  for conn in pairs(self.members) do
    if not options or conn ~= options.exclude then conn:send(message) end
  end
end

local function add_random(core)
  local count = 0
  function core.randomBytes(length)
    count = count + 1
    return (("\0"):rep(length) .. string.char(math.floor(count / 256), count % 256)):sub(-length)
  end
end

---Puts a fake in the place of the core, as fake_core.install does.
---@return table core with the topics that were made, by name
function fake_wamp.install()
  local core = fake_core.install()
  core.topics = setmetatable({}, { __mode = "v" })
  function core.topic(name)
    core.topics[name] = core.topics[name]
      or setmetatable({ name = name, members = {}, broadcasts = 0 }, Topic)
    return core.topics[name]
  end
  add_random(core)
  function core.hmacSha256(key, message) return key .. ":" .. message end
  return core
end

local Connection = {}
Connection.__index = Connection

function Connection:send(text)
  self.texts[#self.texts + 1] = text
  self.sent[#self.sent + 1] = assert(json.decode(text))
  return self
end

function Connection:close(code, reason)
  self.closed = self.closed or { code or 1000, reason or "" }
  self.readyState = 2
  return self
end

function Connection:after(seconds, fn)
  local timer = { seconds = seconds, fn = fn }
  function timer.cancel() timer.is_cancelled = true end
  self.timer = timer
  return timer
end

---A connection without a network.
---@param protocol string? "wamp" when not given
---@return table conn with sent, a list of messages; texts, the same as they were; closed
function fake_wamp.connection(protocol)
  return setmetatable({
    protocol = protocol or "wamp", readyState = 1, sent = {}, texts = {},
  }, Connection)
end

---The last message that was sent to it.
---@param conn table
---@return table
function fake_wamp.last(conn)
  return conn.sent[#conn.sent]
end

---A component that keeps what it is told: calls is a list of { event, ... }.
---@param ... string the events that it has
---@return table
function fake_wamp.component(...)
  local component = { calls = {} }
  for _, event in ipairs({ ... }) do
    component[event] = function(self, ...)
      self.calls[#self.calls + 1] = { event, ... }
    end
  end
  return component
end

fake_wamp.remove = fake_core.remove

return fake_wamp
