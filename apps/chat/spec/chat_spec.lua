-- Run `ratchet-lua test` in the folder apps/chat.

local testing = require "ratchet.testing"

describe("the chat", function()
  local server, ann, bob
  before_each(function()
    server = testing.serve("app.lua")
    ann = assert(server:connect("/chat"))
    bob = assert(server:connect("/chat"))
  end)

  it("tells everybody else what somebody says", function()
    ann:send("hi")
    assert.received(bob, "hi")
    assert.silent(ann)
  end)

  it("does without those who have left", function()
    bob:close()
    assert.closed(bob, 1000)
    ann:send("anybody?")
    assert.silent(bob)
    assert.is_not.closed(ann)
  end)

  it("loses who does not answer for a minute", function()
    bob:stall()
    server:advance(61)
    bob:resume()
    assert.closed(bob, 1006)
    ann:send("are you there?")
    assert.is_not.closed(ann)
  end)

  it("has a page", function()
    local page = assert(server:get("/"))
    assert.are.equal(200, page.status)
    assert.matches("<html", page.body)
  end)
end)
