local testing = require "ratchet.testing"

describe("@NAME@", function()
  it("tells everybody else", function()
    local server = testing.serve("app.lua")
    local ann, bob = server:connect("/chat"), server:connect("/chat")
    ann:send("ann: hello")
    assert.are.equal("ann: hello", bob:receive())
    assert.is_nil(ann:receive())
  end)

  it("forgets who has gone", function()
    local server = testing.serve("app.lua")
    local ann, bob = server:connect("/chat"), server:connect("/chat")
    bob:cut()
    ann:send("ann: anybody?")
    assert.is_nil(ann:receive())
  end)

  it("has a page", function()
    local server = testing.serve("app.lua")
    assert.matches("<title>@NAME@</title>", server:get("/").body, 1, true)
  end)
end)
