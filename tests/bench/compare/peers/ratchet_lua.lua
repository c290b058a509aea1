-- ratchet-lua: the chat of the README, and an echo.

local ratchet = require "ratchet"

local Chat = { clients = {} }

function Chat:onOpen(conn) self.clients[conn] = true end
function Chat:onMessage(from, message)
  for client in pairs(self.clients) do
    if client ~= from then client:send(message) end
  end
end
function Chat:onClose(conn) self.clients[conn] = nil end

local cert, key = os.getenv "CERT", os.getenv "KEY"
local app = ratchet.App("localhost", tonumber(os.getenv "PORT"), "127.0.0.1",
  { tls = cert and { cert = cert, key = key } })
app:route("/echo", ratchet.server.EchoServer(), { "*" }, nil,
  { deflate = os.getenv "DEFLATE" == "1" })
app:route("/chat", Chat, { "*" })
app:run()
