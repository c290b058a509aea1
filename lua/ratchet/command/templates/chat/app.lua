-- @NAME@: what one writes, everybody else reads. A message is one line, "name: text".

local ratchet = require "ratchet"

local FOLDER = arg and arg[0] and arg[0]:match("^(.*)/") or "."

local Chat = { clients = {} }

function Chat:onOpen(conn)
  self.clients[conn] = true
end

function Chat:onMessage(from, message)
  for client in pairs(self.clients) do
    if client ~= from then client:send(message) end
  end
end

function Chat:onClose(conn)
  self.clients[conn] = nil
end

local app = ratchet.App("localhost", 8080)
app:route("/chat", Chat)
app:static("/", FOLDER .. "/public")
app:run()
