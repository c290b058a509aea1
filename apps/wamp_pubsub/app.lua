-- Publish and subscribe, and procedures, over WAMP.
-- Run `ratchet-lua apps/wamp_pubsub/app.lua` and open http://localhost:8080/ in two tabs.
--
-- A client subscribes to any topic and publishes text on it; subscribers hear
-- { from = "ada", text = "hello" }. It can call
--
--   name(name)     to say who it is; returns the name
--   count(topic)   how many are subscribed to that topic
--
-- Clients may speak WAMP v2 (AutobahnJS, autobahn of Python) or v1: nothing here asks.

local ratchet = require "ratchet"

local LONGEST_NAME, LONGEST_TEXT = 30, 500 -- bytes

local PubSub = {}

local function is_text(value, longest)
  return type(value) == "string" and value:find("%S") ~= nil and #value <= longest
end

function PubSub:onOpen(conn)
  conn.name = "guest " .. conn.resourceId
end

-- What a procedure returns is the result.
local procedures = {
  name = function(conn, name)
    if not is_text(name, LONGEST_NAME) then return nil end
    conn.name = name
    return name
  end,
  count = function(_, topic)
    if not is_text(topic, LONGEST_TEXT) then return nil end
    return PubSub.server:getTopic(topic):count()
  end,
}

function PubSub:onCall(conn, id, topic, params)
  local procedure = procedures[topic.id]
  if not procedure then return conn:callError(id, "no_such_procedure", topic.id) end
  local result = procedure(conn, params[1])
  if result == nil then return conn:callError(id, "bad_argument", topic.id) end
  return result
end

-- Nothing is passed on by itself: what is published goes out as it is made here.
function PubSub:onPublish(conn, topic, event, exclude, eligible)
  if not is_text(event, LONGEST_TEXT) then return false end
  topic:broadcast({ from = conn.name, text = event }, exclude, eligible)
end

function PubSub:onError(conn) conn:close(1011) end

PubSub.server = ratchet.wamp.WampServer(PubSub)

local app = ratchet.App("localhost", 8080)
app:route("/wamp", PubSub.server)

local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
app:get("/", function(_, response) return response:file(folder .. "page.html") end)

-- The page speaks by AutobahnJS where that is installed (npm install autobahn-browser, in
-- this folder, or with the tests), else by a small client with the same names.
local AUTOBAHN = "node_modules/autobahn-browser/autobahn.min.js"

app:get("/autobahn.js", function(_, response)
  for _, path in ipairs({ folder .. AUTOBAHN, folder .. "../../tests/" .. AUTOBAHN }) do
    local file = io.open(path)
    if file then
      file:close()
      return response:file(path)
    end
  end
  return response:file(folder .. "client.js")
end)

app:run()
