-- The server the conformance runner tests: an echo at "/", with room for the
-- 16 MiB messages of group 9. Groups 12 and 13 have it compress, and keep contexts
-- where they let it.

local ratchet = require "ratchet"

local app = ratchet.App("localhost", tonumber(arg and arg[1]) or 8080)

app:route("/", ratchet.server.EchoServer(), { "*" }, nil, {
  maxMessageSize = 16 * 1024 * 1024,
  maxBufferedAmount = 64 * 1024 * 1024,
  deflate = { serverContext = "dedicated", clientContext = "dedicated", threshold = 0 },
})

app:run()
