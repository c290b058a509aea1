local cjson = require "cjson"
local testing = require "ratchet.testing"

describe("@NAME@", function()
  local server
  before_each(function() server = testing.serve("app.lua") end)

  local function receive(client)
    local message = client:receive()
    local figure = message and cjson.decode(message)
    return figure and { figure.name, figure.value }
  end

  it("shows a figure on every screen", function()
    local screen = server:connect("/screens")
    assert.are.equal(204, server:post("/figures", { name = "orders", value = 42 }).status)
    assert.are.same({ "orders", 42 }, receive(screen))
  end)

  it("shows who comes later what is known", function()
    server:post("/figures", { name = "orders", value = 1 })
    server:post("/figures", { name = "orders", value = 2 })
    local screen = server:connect("/screens")
    assert.are.same({ "orders", 2 }, receive(screen))
    assert.is_nil(receive(screen))
  end)

  it("takes nothing else for a figure", function()
    assert.are.equal(400, server:post("/figures", "42").status)
    assert.are.equal(400, server:post("/figures", { name = "orders", value = "many" }).status)
  end)

  it("has a figure of its own", function()
    local screen = server:connect("/screens")
    server:advance(5)
    assert.are.equal("memory, KiB", receive(screen)[1])
  end)
end)
