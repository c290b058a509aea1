local Client = require "ratchet.testing.client"
local Double = require "ratchet.testing.double"

describe("client", function()
  local client
  before_each(function()
    client = setmetatable({
      conn = Double(), path = "/chat", inbox = {}, pings = {}, pongs = {}, impairment = {},
    }, Client)
  end)

  it("sends by its connection", function()
    assert.are.equal(client, client:send("a"):sendBinary("b"):ping("c"))
    assert.are.same({ "a", "b" }, client.conn.sent)
    assert.are.same({ "c" }, client.conn.pings)
  end)

  it("says that it is closed when it is told to send", function()
    client.closed = { code = 1001, reason = "the server goes away" }
    assert.has_error(function() client:send("a") end,
      "client:send: the connection is closed: 1001 the server goes away")
    assert.has_error(function() client:split({ 1 }) end,
      "client:split: the connection is closed: 1001 the server goes away")
  end)

  it("stalls, goes on, and is cut", function()
    client:stall()
    assert.is_true(client.conn.isPaused)
    client:resume()
    assert.is_false(client.conn.isPaused)
    client:cut()
    assert.are.equal(1006, client.conn.closed.code)
  end)

  it("is shown by its path", function()
    assert.are.equal("the client of /chat", tostring(client))
  end)

  it("checks what makes a network bad", function()
    assert.has_error(function() client:split(3) end,
      "client:split takes a list of sizes, such as { 1, 3, 5 }; this is a number")
    assert.has_error(function() client:bandwidth(-1) end,
      "client:bandwidth: the bandwidth must be a whole number from 0 to 1073741824; it is -1")
  end)
end)
