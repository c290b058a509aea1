-- testing - apps and components tested in milliseconds, with the real server underneath:
--
--   local testing = require "ratchet.testing"
--
--   it("tells everybody", function()
--     local server = testing.serve("app.lua")
--     local ann, bob = server:connect("/chat"), server:connect("/chat")
--     ann:send("hi")
--     assert.received(bob, "hi")
--   end)
--
-- Specs are run by `ratchet-lua test`. The clients and the server are in one process;
-- what they say to each other goes through memory, and the clock stands still until the
-- test waits. With `--live` the same goes through TCP. A component alone is tested in any
-- LuaJIT, by the double that testing.connection makes.

local Double = require "ratchet.testing.double"
local Server = require "ratchet.testing.server"
local assertions = require "ratchet.testing.assertions"

assertions.register()

local testing = {}

---Serves an app until the test ends: the `it`, or what else the call stands in (a
---`before_each`: each `it`; a `setup`: its `describe`). Only in `ratchet-lua test`.
---@param target string|table the path of an app file, which is loaded anew; an App or
---  IoServer; a layer; or a component, which is served at every path, to everybody
---@param options ratchet.testing.ServeOptions?
---@return ratchet.testing.Server
function testing.serve(target, options)
  return Server.serve(target, options)
end

---A connection without a server, which keeps what it is told, to call a component's
---events with.
---@param fields table? its fields, such as httpRequest
---@return ratchet.testing.Double
function testing.connection(fields)
  return Double(fields)
end

return testing
