-- @NAME@: everybody moves on one board, and collects coins. The server alone knows the
-- world; clients say which way they go, and are told the whole of it 20 times a second.
--   from a client    "up", "down", "left", "right"
--   from the server  { you = id }, then { players = { { id, x, y, coins } }, coin = { x, y } }

local cjson = require "cjson"
local ratchet = require "ratchet"

local FOLDER = arg and arg[0] and arg[0]:match("^(.*)/") or "."
local WIDTH, HEIGHT = 20, 12
local FRAME = 0.05 -- seconds

local ways = { up = { 0, -1 }, down = { 0, 1 }, left = { -1, 0 }, right = { 1, 0 } }

local Game = { players = {}, coin = { x = 10, y = 6 } } -- connection to player

local function clamp(value, most)
  return math.max(0, math.min(most - 1, value))
end

function Game:onOpen(conn)
  self.players[conn] = { id = conn.resourceId, x = 0, y = 0, coins = 0 }
  conn:send(cjson.encode{ you = conn.resourceId })
  ratchet.topic("game"):add(conn)
  self:begin()
end

-- The way is kept until the next frame: whoever sends faster goes no faster.
function Game:onMessage(conn, message)
  self.players[conn].way = ways[message] or self.players[conn].way
end

function Game:onClose(conn)
  self.players[conn] = nil
  if next(self.players) or not self.timer then return end
  self.timer:cancel() -- nobody plays
  self.timer = nil
end

function Game:begin()
  self.timer = self.timer or ratchet.every(FRAME, function() self:frame() end)
end

function Game:frame()
  local list = {}
  for _, player in pairs(self.players) do
    if player.way then
      player.x = clamp(player.x + player.way[1], WIDTH)
      player.y = clamp(player.y + player.way[2], HEIGHT)
      player.way = nil
    end
    if player.x == self.coin.x and player.y == self.coin.y then
      player.coins = player.coins + 1
      self.coin = { x = math.random(0, WIDTH - 1), y = math.random(0, HEIGHT - 1) }
    end
    list[#list + 1] = { id = player.id, x = player.x, y = player.y, coins = player.coins }
  end
  ratchet.topic("game"):broadcast(cjson.encode{ players = list, coin = self.coin })
end

local app = ratchet.App("localhost", 8080)
app:route("/game", Game, nil, nil, { maxMessageSize = 16, overflow = "drop" })
app:static("/", FOLDER .. "/public")
app:run()
