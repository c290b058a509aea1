local Double = require "ratchet.testing.double"
local assertions = require "ratchet.testing.assertions"

assertions.register()

describe("assertions", function()
  local conn
  before_each(function() conn = Double({ resourceId = 7 }) end)

  local function message_of(fn)
    local is_well, err = pcall(fn)
    assert.is_false(is_well)
    return (tostring(err):gsub("^.-:%d+: ", ""))
  end

  describe("received", function()
    it("takes one message after the other", function()
      conn:send("a"):send("b")
      assert.received(conn, "a")
      assert.received(conn, "b")
      assert.are.equal("expected connection 7 to receive \"c\" next; nothing came; it is open",
        message_of(function() assert.received(conn, "c") end))
    end)

    it("shows what came instead, and leaves it there", function()
      for i = 1, 7 do conn:send("message " .. i) end
      assert.are.equal([[expected connection 7 to receive "x" next; what came:
  "message 1"
  "message 2"
  "message 3"
  "message 4"
  "message 5"
  and 2 more]], message_of(function() assert.received(conn, "x") end))
      assert.received(conn, "message 1")
    end)

    it("cuts what is long", function()
      conn:send(("x"):rep(1000))
      assert.matches('"x+%.%.%."$', message_of(function() assert.received(conn, "x") end))
    end)

    it("tells binary from text, if asked", function()
      conn:sendBinary("a"):send("b")
      assert.received(conn, "a", true)
      assert.matches('receive binary "b" next',
        message_of(function() assert.received(conn, "b", true) end))
      assert.received(conn, "b", false)
    end)

    it("can be denied", function()
      conn:send("a")
      assert.is_not.received(conn, "b")
      assert.are.equal('expected connection 7 not to receive "a" next',
        message_of(function() assert.is_not.received(conn, "a") end))
    end)

    it("refuses what is no client and no message", function()
      assert.matches("assert.received takes a client .* this is a nil",
        message_of(function() assert.received(nil, "a") end))
      assert.matches("the message is a string, or a table for JSON; this is a number",
        message_of(function() assert.received(conn, 3) end))
    end)
  end)

  it("silent is when nothing is left", function()
    assert.silent(conn)
    conn:send("a")
    assert.are.equal('expected connection 7 to receive nothing; what came:\n  "a"',
      message_of(function() assert.silent(conn) end))
    assert.is_not.silent(conn)
  end)

  it("closed is with a code and a reason, if asked", function()
    assert.are.equal("expected connection 7 to be closed; it is open",
      message_of(function() assert.closed(conn) end))
    conn:close(4000, "no")
    assert.closed(conn)
    assert.closed(conn, 4000)
    assert.closed(conn, 4000, "no")
    assert.is_not.closed(conn, 1000)
    assert.are.equal('expected connection 7 to be closed with 4000 "yes"; '
      .. 'it was closed with 4000 "no"',
      message_of(function() assert.closed(conn, 4000, "yes") end))
    assert.matches('nothing came; it was closed with 4000 "no"$',
      message_of(function() assert.received(conn, "a") end))
  end)
end)
