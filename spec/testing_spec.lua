local testing = require "ratchet.testing"

describe("testing", function()
  it("needs the program to serve", function()
    assert.has_error(function() testing.serve({ onMessage = print }) end,
      "testing.serve needs the server around it: run the specs with `ratchet-lua test`")
  end)

  it("makes connections without it", function()
    local Greeter = { onOpen = function(_, conn) conn:send("hello") end }
    local conn = testing.connection({ name = "ann" })
    Greeter:onOpen(conn)
    assert.received(conn, "hello")
    assert.are.equal("ann", conn.name)
  end)
end)
