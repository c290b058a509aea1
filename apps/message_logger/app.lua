-- MessageLogger: a layer that writes to the log what goes in and out of the component
-- behind it, which knows nothing of it.
-- Run `ratchet-lua apps/message_logger/app.lua` and connect to ws://localhost:8080/echo
-- (logged) or ws://localhost:8080/quiet (the same component, not logged).

local ratchet = require "ratchet"

local LONGEST = 60 -- bytes of a message that are shown

local function shown(message, is_binary)
  if is_binary then return ("%d bytes"):format(#message) end
  local text = message:gsub("%c", "?")
  if #text <= LONGEST then return '"' .. text .. '"' end
  return ('"%s"... %d bytes'):format(text:sub(1, LONGEST), #message)
end

local function log(conn, what, ...)
  ratchet.log("info", ("%d %s " .. what):format(conn.resourceId, conn.remoteAddress, ...))
end

-- Whatever the layer does not have goes to the next one as it is.
local function MessageLogger(next_layer)
  local layer = {}

  function layer:onOpen(conn, request)
    log(conn, "came")
    ratchet.component.tell(self.next, "onOpen", conn, request)
  end

  function layer:onMessage(conn, message, is_binary)
    log(conn, "said %s", shown(message, is_binary))
    ratchet.component.tell(self.next, "onMessage", conn, message, is_binary)
  end

  function layer:onSend(conn, message, is_binary)
    log(conn, "hears %s", shown(message, is_binary))
  end

  function layer:onClose(conn, code, reason)
    log(conn, "went: %d", code)
    ratchet.component.tell(self.next, "onClose", conn, code, reason)
  end

  return ratchet.component.wrap(next_layer, layer)
end

local Echo = ratchet.server.EchoServer()

local app = ratchet.App("localhost", 8080)
app:route("/echo", MessageLogger(Echo), { "*" })
app:route("/quiet", Echo, { "*" })
app:run()
