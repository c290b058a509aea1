-- A chat, and the page to talk in, on one port.
-- Run `ratchet-lua apps/chat/app.lua` and open http://localhost:8080/ in two tabs.

local ratchet = require "ratchet"

-- Sends every message to all other clients.
local Chat = { clients = {} }

function Chat:onOpen(conn)  self.clients[conn] = true end
function Chat:onMessage(from, message)
  for client in pairs(self.clients) do
    if client ~= from then client:send(message) end
  end
end
function Chat:onClose(conn) self.clients[conn] = nil end
function Chat:onError(conn, err) conn:close() end

local app = ratchet.App("localhost", 8080)
app:route("/chat", Chat, { "*" })
app:route("/echo", ratchet.server.EchoServer(), { "*" })

-- The page lies beside this file. It is read at each request: edit it, press reload.
local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
app:get("/", function()
  local file = assert(io.open(folder .. "page.html"))
  local page = file:read("*a")
  file:close()
  return page
end)

app:run()
