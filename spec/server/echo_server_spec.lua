local EchoServer = require "ratchet.server.echo_server"
local fake_connection = require "support.fake_connection"

describe("EchoServer", function()
  it("sends text back as text (Ratchet: testMessageEchod)", function()
    local conn = fake_connection()
    EchoServer():onMessage(conn, "Tillsonburg, my back still aches.", false)
    assert.are.same({ { "Tillsonburg, my back still aches.", false } }, conn.sent)
  end)

  it("sends binary back as binary", function()
    local conn = fake_connection()
    EchoServer():onMessage(conn, "\0\255", true)
    assert.are.same({ { "\0\255", true } }, conn.sent)
  end)

  it("closes after an error (Ratchet: testErrorClosesConnection)", function()
    local conn = fake_connection()
    EchoServer():onError(conn, "boom")
    assert.is_table(conn.closed)
  end)
end)
