local cjson = require "cjson"
local testing = require "ratchet.testing"

describe("@NAME@", function()
  local server
  before_each(function() server = testing.serve("app.lua") end)

  local function receive(client)
    local message = client:receive()
    return message and cjson.decode(message)
  end

  it("says who is there, who comes and who goes", function()
    local ann = server:connect("/room/red?name=ann")
    assert.are.same({ type = "welcome", members = { "ann" } }, receive(ann))
    local bob = server:connect("/room/red?name=bob")
    assert.are.same({ type = "welcome", members = { "ann", "bob" } }, receive(bob))
    assert.are.same({ type = "join", name = "bob" }, receive(ann))
    bob:close()
    assert.are.same({ type = "leave", name = "bob" }, receive(ann))
  end)

  it("keeps rooms apart", function()
    local ann, bob = server:connect("/room/red?name=ann"), server:connect("/room/blue?name=bob")
    receive(ann)
    receive(bob)
    ann:send(cjson.encode{ text = "hello" })
    assert.are.same({ type = "text", name = "ann", text = "hello" }, receive(ann))
    assert.is_nil(receive(bob))
  end)

  it("lets nobody in without a name, or with one that is taken", function()
    local _, _, answer = server:connect("/room/red")
    assert.are.equal(400, answer.status)
    server:connect("/room/red?name=ann")
    _, _, answer = server:connect("/room/red?name=ann")
    assert.are.equal(409, answer.status)
  end)

  it("closes on what it does not know", function()
    local ann = server:connect("/room/red?name=ann")
    ann:send("no JSON")
    assert.closed(ann, 1008)
  end)
end)
