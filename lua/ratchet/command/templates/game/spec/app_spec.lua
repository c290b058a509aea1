local cjson = require "cjson"
local testing = require "ratchet.testing"

describe("@NAME@", function()
  local server
  before_each(function() server = testing.serve("app.lua") end)

  -- What the world is after the next frame.
  local function world(client)
    client:forget()
    server:advance(0.05)
    return cjson.decode((client:receive()))
  end

  it("moves who wants to, once a frame, and not off the board", function()
    local ann = server:connect("/game")
    local you = cjson.decode((ann:receive())).you
    ann:send("right"):send("right")
    local players = world(ann).players
    assert.are.same({ { id = you, x = 1, y = 0, coins = 0 } }, players)
    ann:send("up")
    assert.are.equal(0, world(ann).players[1].y)
  end)

  it("gives a coin to who reaches it", function()
    local ann = server:connect("/game")
    for _ = 1, 10 do
      ann:send("right")
      world(ann)
    end
    for _ = 1, 5 do
      ann:send("down")
      world(ann)
    end
    ann:send("down")
    assert.are.equal(1, world(ann).players[1].coins)
  end)

  it("shows everybody, and forgets who has gone", function()
    local ann, bob = server:connect("/game"), server:connect("/game")
    assert.are.equal(2, #world(ann).players)
    bob:cut()
    assert.are.equal(1, #world(ann).players)
  end)
end)
