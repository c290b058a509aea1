-- Ticker: each path /ticker/{name} is a room with a clock of its own. Its price moves
-- as often as somebody watches, and stands still when nobody does.
-- Run `ratchet-lua apps/ticker/app.lua` and open http://localhost:8080/ in two tabs.
--
-- What a client hears is { "name": "tea", "price": 101.25, "watching": 2 }. What it
-- says is "faster" or "slower": the room's timer is then set anew, for all who watch.

local json = require "cjson"
local ratchet = require "ratchet"

local FASTEST, SLOWEST = 0.05, 5 -- seconds between two prices

-- By name: { price, seconds, timer }, for as long as somebody watches.
local Ticker = { rooms = {} }

local function topic_of(name)
  return ratchet.topic("ticker:" .. name)
end

local function tick(name, room)
  room.price = math.max(1, room.price * (1 + (math.random() - 0.5) / 50))
  local topic = topic_of(name)
  topic:broadcast(json.encode{
    name = name,
    price = math.floor(room.price * 100 + 0.5) / 100,
    watching = topic:count(),
  })
end

local function start(name, room)
  if room.timer then room.timer:cancel() end
  room.timer = ratchet.every(room.seconds, tick, name, room)
end

function Ticker:onUpgrade(request)
  if not request.params.name:find("^%l+$") then return 404, "There is no such ticker.\n" end
end

function Ticker:onOpen(conn, request)
  local name = request.params.name
  conn.name = name
  topic_of(name):add(conn)
  local room = self.rooms[name]
  if not room then
    room = { price = 100, seconds = 1 }
    self.rooms[name] = room
    start(name, room)
  end
  tick(name, room) -- nobody waits for the first price
end

function Ticker:onMessage(conn, message)
  local room = self.rooms[conn.name]
  local factor = message == "faster" and 0.5 or message == "slower" and 2
  if not factor then return end
  room.seconds = math.min(SLOWEST, math.max(FASTEST, room.seconds * factor))
  start(conn.name, room)
end

-- Of its topics the connection is out already.
function Ticker:onClose(conn)
  if topic_of(conn.name):count() > 0 then return end
  self.rooms[conn.name].timer:cancel()
  self.rooms[conn.name] = nil
end

function Ticker:onError(conn) conn:close(1011) end

local app = ratchet.App("localhost", 8080)
app:route("/ticker/{name}", Ticker)

local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
app:get("/", function(_, response) return response:file(folder .. "page.html") end)

app:run()
