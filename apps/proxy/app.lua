-- A proxy: each WebSocket that comes in is joined to one that goes out, so that a
-- server that must not be seen from outside can be used through this one.
--
--   ratchet-lua apps/echo/app.lua
--   ratchet-lua --port 8081 apps/proxy/app.lua ws://127.0.0.1:8080/
--
-- Then connect to ws://localhost:8081/.

local ratchet = require "ratchet"

local upstream = (...) or "ws://127.0.0.1:8080/"
assert(require("ratchet.url").parse(upstream))

-- More than this on its way to a slow reader, and who sends it is not read: neither
-- side can fill this process by sending faster than the other takes.
local MOST_WAITING = 64 * 1024

local function forward(from, to, message, isBinary)
  to:send(message, isBinary)
  if to.bufferedAmount > MOST_WAITING then from:pause() end
end

-- "No code was given" and "the connection was lost" cannot be sent.
local function pass_on(to, code, reason, lost)
  if code == 1005 then to:close(1000)
  elseif code == 1006 then to:close(lost)
  else to:close(code, reason) end
end

-- The way out, for one connection that came in.
local Upstream = {}
Upstream.__index = Upstream

function Upstream:onOpen() self.conn:resume() end
function Upstream:onMessage(out, message, isBinary) forward(out, self.conn, message, isBinary) end
function Upstream:onDrain() self.conn:resume() end
function Upstream:onClose(_, code, reason) pass_on(self.conn, code, reason, 1014) end

-- Without `out`, the upstream could not be reached.
function Upstream:onError(out, err)
  ratchet.log("warn", err)
  self.conn:close(1014, "bad gateway")
  if out then out:close(1011) end
end

local Proxy = {}

-- What the client sends before the way out is open waits in the network.
function Proxy:onOpen(conn)
  conn:pause()
  conn.out = ratchet.connect(upstream, {
    events = setmetatable({ conn = conn }, Upstream),
    headers = { ["X-Forwarded-For"] = conn.remoteAddress },
  })
end

function Proxy:onMessage(conn, message, isBinary)
  if conn.out.conn then forward(conn, conn.out.conn, message, isBinary) end
end

function Proxy:onDrain(conn)
  if conn.out.conn then conn.out.conn:resume() end
end

function Proxy:onClose(conn, code, reason)
  local out = conn.out
  if out.conn then pass_on(out, code, reason, 1001) else out:close() end
end

local app = ratchet.App("localhost", 8080)
app:route("/", Proxy, { "*" })
app:run()
