-- HTTP beside WebSockets: a health check, JSON in and out, the files of a folder, and
-- a cookie that the WebSocket reads and sets; all on one port.
-- Run `ratchet-lua apps/http_beside/app.lua` and open http://localhost:8080/.

local json = require "cjson"
local ratchet = require "ratchet"

local YEAR = 365 * 86400

-- Counts how often a browser has come, by a cookie.
local Visits = { open = 0 }

local function visits_before(request)
  return tonumber((request.cookies.visits or ""):match("^%d%d?%d?%d?%d?%d?$")) or 0
end

-- The answer to the handshake is HTTP, so this is where cookies are set. Of what the
-- client sends nothing can be believed; here it only fools itself.
function Visits:onUpgrade(request)
  request:setCookie("visits", visits_before(request) + 1,
    { path = "/", maxAge = YEAR, httpOnly = true, sameSite = "Strict" })
end

function Visits:onOpen(conn, request)
  self.open = self.open + 1
  local before = visits_before(request)
  conn:send(before == 0 and "Welcome." or ("Welcome back. This is visit %d."):format(before + 1))
end

function Visits:onClose() self.open = self.open - 1 end

local app = ratchet.App("localhost", 8080)
app:route("/visits", Visits)

-- For whoever watches the server: curl http://localhost:8080/healthz
app:get("/healthz", function(_, response)
  response:header("Cache-Control", "no-store")
  return { status = "ok", version = ratchet.version, connections = Visits.open }
end)

-- A page of another site can post a form without being asked, but not JSON.
app:post("/api/echo", function(request, response)
  local kind = (request.headers["Content-Type"] or ""):lower():match("^[^;%s]*")
  if kind ~= "application/json" then
    return 415, { error = "send application/json" }
  end
  local is_json = pcall(function()
    response:json({ you_sent = json.decode(request.body) })
  end)
  if not is_json then return 400, { error = "that is no JSON" } end
  return response
end)

-- Last, as it takes every path that is left.
local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
app:static("/", folder .. "files")

app:run()
