-- An app for kit_spec.lua: counts what it is asked, and the seconds by ten. It
-- ends nothing of what it begins.
local ratchet = require "ratchet"
local what = ...
local count = 0

local Count = {}
function Count:onMessage(conn)
  count = count + 1
  conn:send(('{"what":"%s","count":%d}'):format(what, count))
end

ratchet.every(10, function() count = count + 1 end)
ratchet.spawn(function() while true do ratchet.sleep(1) end end)

require("luv").new_timer():start(1, 1, function() end)

local app = ratchet.App("localhost", 8080)
app:route("/count", Count)
app:run()
