local Double = require "ratchet.testing.double"

describe("double", function()
  it("keeps what is sent", function()
    local conn = Double()
    assert.are.equal(conn, conn:send("a"):sendBinary("b"):send(3))
    assert.are.same({ "a", "b", "3" }, conn.sent)
    assert.are.same({ false, true, false },
      { conn.inbox[1].isBinary, conn.inbox[2].isBinary, conn.inbox[3].isBinary })
  end)

  it("refuses what is no message", function()
    assert.has_error(function() Double():send({}) end,
      "conn:send: a message is a string; this is a table")
  end)

  it("keeps pings and pongs", function()
    assert.are.same({ "x", "" }, Double():ping("x"):pong().pings)
  end)

  it("closes once, and takes nothing after that", function()
    local conn = Double():close(4000, "no"):close():send("late")
    assert.are.same({ code = 4000, reason = "no" }, conn.closed)
    assert.are.same({}, conn.sent)
    assert.are.equal(3, conn.readyState)
    assert.are.same({ code = 1000, reason = "" }, Double():close().closed)
    assert.are.equal(1006, Double():terminate().closed.code)
  end)

  it("can be paused", function()
    assert.is_true(Double():pause().isPaused)
    assert.is_false(Double():pause():resume().isPaused)
  end)

  it("has fields of its own and of the test", function()
    local one, other = Double({ httpRequest = { path = "/x" } }), Double()
    assert.are_not.equal(one.resourceId, other.resourceId)
    assert.are.equal("/x", one.httpRequest.path)
    assert.are.equal("127.0.0.1", one.remoteAddress)
  end)
end)
