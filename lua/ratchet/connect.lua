-- connect - a WebSocket to another server (RFC 6455 4.1), in one of two styles.
--
-- As a line: the handler waits for the handshake, and then reads and writes.
--
--   local conn, err = ratchet.connect("ws://127.0.0.1:9000/feed")
--   if not conn then return nil, err end
--   conn:send("hello")
--   local message = conn:receive(5)
--
-- As events: `events` in the options is a component; nothing waits, and with
-- `reconnect` a connection that is lost is made anew.

local Answer = require "ratchet.fetch.answer"
local class = require "ratchet.class"
local component = require "ratchet.component"
local headers = require "ratchet.http.headers"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local record = require "ratchet.reload.record"
local Request = require "ratchet.http.request"
local url = require "ratchet.url"

local WHERE = "ratchet.connect"
local TIMEOUT = 10

---@class ratchet.ConnectOptions: ratchet.Limits
---@field protocols string[]? the sub-protocols that are offered, the dearest first
---@field headers table<string, string|string[]>? more lines of the request
---@field origin string? the Origin header, which only browsers must send
---@field connectTimeout number? seconds for name, TCP and TLS, 10 when not given
---@field handshakeTimeout number? seconds for the answer, 10 when not given
---@field unix string? the path of a unix socket to connect to, in place of the host
---@field ca string? wss: a file of certificates in PEM to trust, in place of the system's
---@field serverName string? wss: whose certificate it must be, in place of the host's
---@field insecure boolean? wss: true verifies nothing
---@field events table|userdata|nil the component of the style with events
---@field reconnect boolean|ratchet.ReconnectOptions|nil with `events`

---@class ratchet.ReconnectOptions
---@field min number? seconds before the first attempt, 1 when not given
---@field max number? seconds between attempts at most, 30 when not given
---@field attempts integer? how often without success before it is given up; without
---  end when not given

local known = options.join(options.limits, {
  protocols = "strings",
  headers = "table",
  origin = "string",
  connectTimeout = "some_seconds",
  handshakeTimeout = "some_seconds",
  unix = "path",
  ca = "path",
  serverName = "string",
  insecure = "boolean",
  events = "component",
  reconnect = "switch_or_table",
})

local known_of_reconnect = { min = "some_seconds", max = "some_seconds", attempts = "count" }

-- ---- what is asked for

-- Tokens (RFC 9110 5.6.2), each once (RFC 6455 4.1, item 10).
local function list_protocols(protocols)
  local seen = {}
  for _, name in ipairs(protocols) do
    if not headers.is_token(name) then
      raise('%s: the sub-protocol %q is no token', WHERE, name)
    end
    if seen[name] then raise("%s: the sub-protocol %q is there twice", WHERE, name) end
    seen[name] = true
  end
  return table.concat(protocols, ", ")
end

-- What makes the handshake, and its length.
local own = {
  host = true, upgrade = true, connection = true, ["content-length"] = true,
  ["transfer-encoding"] = true, ["sec-websocket-key"] = true, ["sec-websocket-version"] = true,
  ["sec-websocket-protocol"] = true, ["sec-websocket-extensions"] = true,
}

-- The core asks the same; here the error points at the line of the app.
local function check_header(name, value)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$")
    or value:find("[%z\1-\8\10-\31\127]") then
    raise('%s: the header "%s" has characters that no header may have', WHERE, tostring(name))
  end
  if own[name:lower()] then
    raise('%s: the header "%s" is the handshake\'s own and cannot be set', WHERE, name)
  end
end

local function list_headers(given)
  local raw = Request.flatten(given.headers or {})
  if given.origin then
    raw[#raw + 1] = "Origin"
    raw[#raw + 1] = given.origin
  end
  for i = 1, #raw, 2 do check_header(raw[i], raw[i + 1]) end
  return raw
end

-- Without the query, which may be a secret.
local function shown(parsed)
  return parsed.scheme .. "://" .. parsed.authority .. parsed.path
end

local function parse(text)
  if type(text) ~= "string" then
    raise("%s: the address must be a string; it is a %s", WHERE, type(text))
  end
  local parsed, err = url.parse(text)
  if not parsed then return nil, err end
  if parsed.scheme ~= "ws" and parsed.scheme ~= "wss" then
    return nil, ("%s is no address of a WebSocket, which begins with ws:// or wss://")
      :format(shown(parsed))
  end
  if parsed.user then
    return nil, "a user in the address is not sent; set the header Authorization"
  end
  return parsed
end

-- What the core is to do; the endpoint is still missing.
local function plan(parsed, given)
  local connect_timeout = given.connectTimeout or TIMEOUT
  local handshake_timeout = given.handshakeTimeout or TIMEOUT
  return {
    host = parsed.host, port = parsed.port, path = given.unix, secure = parsed.secure,
    ca = given.ca, serverName = given.serverName, insecure = given.insecure,
    target = parsed.target, authority = parsed.authority,
    protocols = list_protocols(given.protocols or {}),
    headers = list_headers(given),
    connectTimeout = connect_timeout, handshakeTimeout = handshake_timeout,
    at_most = connect_timeout + handshake_timeout + 10, -- the core is quicker
    shown = shown(parsed),
  }
end

-- ---- one attempt

local function explain(job, reason, answer)
  if not answer then return ("cannot connect to %s: %s"):format(job.shown, reason) end
  answer.url = job.shown
  return ("cannot connect to %s: the server answered %d %s")
    :format(job.shown, answer.status, answer.reason)
end

-- Waits for the handshake: onOpen of the job's component wakes the ticket with the
-- connection, the core with the reason why there is none. The attempt lives as long as
-- this coroutine has it. The last result: there is no use in trying again.
local function try(core, job, ticket)
  local attempt, reason = core.connect(ticket, job)
  if not attempt then return nil, explain(job, reason), nil, true end
  local waited, conn, answer
  waited, conn, reason, answer = pcall(core.wait, ticket, job.at_most)
  attempt:cancel()
  if not waited then error(conn, 0) end
  if conn then return conn end
  return nil, explain(job, reason, answer), answer
end

-- ---- as a line

local function open_line(core, job, limits)
  core.checkWait()
  local ticket = core.ticket()
  job.endpoint = core.endpoint({
    onOpen = function(_, conn)
      core.line(conn)
      if not core.wake(ticket, conn) then conn:close() end
    end,
  }, limits)
  return try(core, job, ticket)
end

-- ---- as events

---@class ratchet.Client what keeps a component connected
---@field conn ratchet.Connection? while it is open
local Client = class()

-- What the component is told, and what the client has to know besides. Handlers are
-- looked up when they are called, as everywhere.
local function listen_in(client)
  local relay = {}
  for _, name in ipairs({ "onMessage", "onPing", "onPong", "onDrain" }) do
    relay[name] = function(_, ...)
      local app = client.app
      local handler = app[name]
      if handler then return handler(app, ...) end
    end
  end
  function relay.onOpen(_, conn)
    client:opened(conn)
    if component.has(client.app, "onOpen") then client.app:onOpen(conn) end
  end
  function relay.onClose(_, conn, code, reason)
    client:closed()
    if component.has(client.app, "onClose") then client.app:onClose(conn, code, reason) end
  end
  function relay.onError(_, conn, err)
    if component.has(client.app, "onError") then return client.app:onError(conn, err) end
    conn:close(1011, "internal error")
  end
  if component.has(client.app, "run") then
    function relay.run(_, conn) return client.app:run(conn) end
  end
  return relay
end

function Client:opened(conn)
  self.conn = conn
  if not self.core.wake(self.ticket, conn) or self.is_over then conn:close() end
end

function Client:closed()
  self.conn = nil
  self.core.wake(self.ticket)
end

function Client:failed(err, answer)
  if component.has(self.app, "onError") then
    local ok, raised = xpcall(self.app.onError, debug.traceback, self.app, nil, err, answer)
    if ok then return end
    err = err .. "; and onError raised " .. tostring(raised)
  end
  self.core.log("warn", err)
end

-- Twice as long each time, up to the most; at a random time in the upper half, so that
-- the clients of a server that comes back do not come all at once.
local function delay_of(reconnect, failures)
  local delay = math.min(reconnect.min * 2 ^ math.min(failures, 30), reconnect.max)
  return delay * (0.5 + 0.5 * native.core().random())
end

-- When it has lasted, the next loss is the first again.
function Client:wait_until_closed(conn)
  if not self.conn then return end -- gone already
  local reconnect = self.reconnect
  if reconnect then conn:after(reconnect.max, function() self.failures = 0 end) end
  self.ticket = self.core.ticket()
  self.core.wait(self.ticket)
end

function Client:live_once()
  self.ticket = self.core.ticket()
  local conn, err, answer, is_final = try(self.core, self.job, self.ticket)
  self.is_over = self.is_over or is_final
  if conn then
    self:wait_until_closed(conn)
  elseif not self.is_over then
    self:failed(err, answer)
  end
end

function Client:live()
  local reconnect = self.reconnect
  self:live_once()
  while reconnect and not self.is_over and self.failures < reconnect.attempts do
    local delay = delay_of(reconnect, self.failures)
    self.failures = self.failures + 1
    self.core.sleep(delay)
    self:live_once()
  end
end

---Ends it: closes the connection, if there is one, and makes no other.
---@param code integer? 1000 when not given
---@param reason string?
---@return ratchet.Client self
function Client:close(code, reason)
  self.is_over = true
  if self.conn then
    self.conn:close(code, reason)
  else
    self.task:cancel()
  end
  return self
end

local function check_reconnect(given)
  if not given then return nil end
  local checked = options.check(given ~= true and given or {}, known_of_reconnect,
    WHERE .. ", reconnect")
  local reconnect = {
    min = checked.min or 1, max = checked.max or 30, attempts = checked.attempts or math.huge,
  }
  reconnect.max = math.max(reconnect.min, reconnect.max)
  return reconnect
end

local function open_events(core, job, given, limits)
  local client = setmetatable({
    core = core, job = job, app = given.events, failures = 0,
    reconnect = check_reconnect(given.reconnect),
  }, Client)
  job.endpoint = core.endpoint(listen_in(client), limits)
  client.task = core.spawn(Client.live, client)
  return client
end

local function set_component(client, app)
  client.app = app
end

---Connects to a WebSocket server.
---@param address string "ws://host:port/path?query"
---@param given ratchet.ConnectOptions?
---@return (ratchet.Connection|ratchet.Client)? conn the connection, open; or with
---  `events` at once the client that keeps its component connected
---@return string? err why there is none
---@return ratchet.fetch.Answer? answer when the server answered, but not with 101
local function connect(address, given)
  given = options.check(given, known, WHERE)
  local parsed, err = parse(address)
  if not parsed then return nil, err end
  local core = native.core()
  core.answerMetatable(Answer)
  local job, limits = plan(parsed, given), options.select(given, options.limits)
  if given.events then
    component.check(given.events, WHERE)
    return record.resource({
      object = open_events(core, job, given, limits),
      key = record.key("connect " .. address, given, "events"),
      close = Client.close, component = given.events, adopt = set_component,
    })
  end
  if given.reconnect then raise("%s: reconnect is for the style with events", WHERE) end
  return open_line(core, job, limits)
end

return connect
