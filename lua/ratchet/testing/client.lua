-- client - somebody who is connected to the server of a test: the product's own client,
-- with all that comes written down, and a network that can be made bad.

local class = require "ratchet.class"
local connect = require "ratchet.connect"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local scope = require "ratchet.testing.scope"

local KERNEL = 1e9 -- ns

---@class ratchet.testing.ConnectOptions
---@field headers table<string, string|string[]>? more lines of the request
---@field protocols string[]? the sub-protocols that are offered
---@field origin string|false|nil the Origin header; the server's own page when not given,
---  false for none, which is what programs send
---@field maxMessageSize integer? of what comes, 1 GiB when not given
---@field keepAlive number? 0 when not given, so that all pings are the server's
---@field closeTimeout number?
---@field deflate boolean|table|nil offers compression

---@class ratchet.testing.Client
---@field conn ratchet.Connection
---@field inbox { text: string, isBinary: boolean }[] what has come and was not asked for
---@field pings string[] what came in pings
---@field pongs string[] what came in pongs
---@field closed { code: integer, reason: string }? how it ended
---@field protocol string? that was agreed on
local Client = class()

local known = {
  headers = "table", protocols = "strings", maxMessageSize = "bytes",
  keepAlive = "seconds", closeTimeout = "seconds", deflate = "deflate",
}

-- What the connection is told, for the client. A ticket is woken by whatever happens.
local function listen_for(client)
  local function happened() native.core().wake(client.ticket) end
  local events = {}
  function events.onOpen(_, conn)
    client.conn, client.protocol = conn, conn.protocol
    happened()
  end
  function events.onMessage(_, _, text, is_binary)
    client.inbox[#client.inbox + 1] = { text = text, isBinary = is_binary }
    happened()
  end
  function events.onPing(_, _, data) client.pings[#client.pings + 1] = data end
  function events.onPong(_, _, data)
    client.pongs[#client.pongs + 1] = data
    happened()
  end
  function events.onClose(_, _, code, reason)
    client.closed = { code = code, reason = reason or "" }
    happened()
  end
  function events.onError(_, _, err, answer)
    client.err, client.answer = err, answer
    happened()
  end
  return events
end

-- Waits for the next thing to happen; false when there was none in that time.
local function wait(client, seconds)
  local core = native.core()
  client.ticket = core.ticket()
  local _, why = core.wait(client.ticket, seconds)
  return why ~= "timeout"
end

---@param url string
---@param page string the origin of the server's own page
---@param path string as the test wrote it
---@param given ratchet.testing.ConnectOptions?
---@return ratchet.testing.Client? client
---@return string? err why there is none
---@return ratchet.fetch.Answer? answer when the server answered, but not with 101
function Client.open(url, page, path, given)
  local asked = {}
  for name, value in pairs(given or {}) do asked[name] = value end
  local origin = asked.origin
  asked.origin = nil
  options.check(asked, known, "server:connect")
  local client = setmetatable({
    path = path, inbox = {}, pings = {}, pongs = {}, impairment = {},
    ticket = native.core().ticket(),
  }, Client)
  asked.keepAlive = asked.keepAlive or 0 -- the server's are the ones to be seen
  asked.maxMessageSize = asked.maxMessageSize or 2 ^ 30
  asked.events = listen_for(client)
  asked.insecure = true
  if origin ~= false then asked.origin = origin or page end
  local dialling, err = connect(url, asked)
  if not dialling then return nil, err end
  while not client.conn and not client.err do wait(client) end
  if not client.conn then return nil, client.err, client.answer end
  return client
end

---@return string
function Client:describe() return "the client of " .. self.path end

Client.__tostring = Client.describe

local function check_open(client, what)
  if not client.closed then return end
  raise("client:%s: the connection is closed: %d%s", what, client.closed.code,
    client.closed.reason ~= "" and " " .. client.closed.reason or "")
end

---@param message string
---@param is_binary boolean?
---@return ratchet.testing.Client self
function Client:send(message, is_binary)
  check_open(self, "send")
  self.conn:send(message, is_binary)
  return self
end

---@param message string
---@return ratchet.testing.Client self
function Client:sendBinary(message)
  check_open(self, "sendBinary")
  self.conn:sendBinary(message)
  return self
end

---@param data string?
---@return ratchet.testing.Client self
function Client:ping(data)
  check_open(self, "ping")
  self.conn:ping(data)
  return self
end

---Begins the closing handshake.
---@param code integer? 1000 when not given
---@param reason string?
---@return ratchet.testing.Client self
function Client:close(code, reason)
  self.conn:close(code, reason)
  return self
end

---The next message; without one, nil once nothing moves any more.
---@param seconds number? in place of that, how long to wait for one
---@return string? message
---@return boolean? isBinary
function Client:receive(seconds)
  local function has_any() return self.inbox[1] end
  if not self:awaitUntil(has_any) and seconds then
    local core = native.core()
    local deadline = core.now() + seconds
    while not has_any() and not self.closed and core.now() < deadline do
      wait(self, deadline - core.now())
    end
  end
  local message = table.remove(self.inbox, 1)
  if message then return message.text, message.isBinary end
end

---Forgets all messages that have come.
---@return ratchet.testing.Client self
function Client:forget()
  native.core().testbed.settle()
  self.inbox = {}
  return self
end

---Waits until nothing moves any more.
function Client.settle()
  native.core().testbed.settle()
end

---Waits for that to be true until nothing moves any more, and returns what it then is. The
---kernel may hold back what it is to carry for a while (a delayed ACK, say, for 40 ms).
---@param is_there fun(): any
---@return any
function Client.awaitUntil(_, is_there)
  if is_there() then return is_there() end
  local testbed, now = native.core().testbed, require("luv").hrtime
  local deadline = now() + (scope.isLive and KERNEL or 0)
  repeat testbed.settle() until is_there() or now() >= deadline
  return is_there()
end

-- ---- a bad network

---Reads nothing from here on, so that the server's output piles up.
---@return ratchet.testing.Client self
function Client:stall()
  self.conn:pause()
  return self
end

---Reads again.
---@return ratchet.testing.Client self
function Client:resume()
  self.conn:resume()
  return self
end

---The connection is lost, without a close frame.
---@return ratchet.testing.Client self
function Client:cut()
  self.conn:terminate()
  return self
end

local function impair(client, name, value)
  check_open(client, name)
  client.impairment[name == "split" and "pieces" or "rate"] = value
  if not native.core().testbed.impair(client.conn, client.impairment) then
    raise("client:%s: not over TLS", name)
  end
  return client
end

---What is sent from here on arrives in pieces of these sizes, over and over.
---@param sizes integer[] bytes; 16 of them at most; empty for no more of it
---@return ratchet.testing.Client self
function Client:split(sizes)
  if type(sizes) ~= "table" then
    raise("client:split takes a list of sizes, such as { 1, 3, 5 }; this is a %s", type(sizes))
  end
  return impair(self, "split", sizes)
end

---Limits the bandwidth, each way.
---@param rate integer bytes a second; 0 for no more of it
---@return ratchet.testing.Client self
function Client:bandwidth(rate)
  options.argument("the bandwidth", rate, "count_or_none", "client:bandwidth")
  return impair(self, "bandwidth", rate)
end

return Client
