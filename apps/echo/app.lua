-- The smallest server: whatever a client says comes back, text as text and binary
-- as binary. Run `ratchet-lua apps/echo/app.lua` and connect to ws://localhost:8080/

local ratchet = require "ratchet"

local app = ratchet.App("localhost", 8080)
app:route("/", ratchet.server.EchoServer(), { "*" })
app:run()
