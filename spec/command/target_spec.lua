local target = require "ratchet.command.target"

describe("target", function()
  it("makes options of ratchet.connect", function()
    assert.are.same({ headers = { Cookie = { "a=1", "b=2" }, ["X-A"] = { "" } },
      protocols = { "chat" }, origin = "http://a.example", unix = "/x", connectTimeout = 3,
      handshakeTimeout = 3, ca = "/ca.pem", insecure = true },
      target.read{ "ws://localhost:8080/chat", header = { "Cookie: a=1", "Cookie:b=2 ", "X-A:" },
        protocol = { "chat" },
        origin = "http://a.example", unix = "/x", timeout = 3, ca = "/ca.pem", insecure = true })
  end)

  for given, message in pairs({
    [{ "localhost:8080" }] = "is no address",
    [{ "http://localhost/" }] = "begins with ws://",
    [{ "ws://localhost/", header = { "Cookie" } }] = "takes 'NAME: VALUE', not \"Cookie\"",
    [{ "ws://localhost/", header = { "A: b\1" } }] = "takes 'NAME: VALUE'",
    [{ "ws://localhost/", header = { "host: a" } }] = "the handshake's own",
    [{ "ws://localhost/", header = { "Sec-WebSocket-Protocol: a" } }] = "use %-%-protocol",
    [{ "ws://localhost/", protocol = { "a, b" } }] = "takes a token, not \"a, b\"",
  }) do
    it("refuses what " .. message, function()
      local options, said = target.read(given)
      assert.is_nil(options)
      assert.matches(message, said)
    end)
  end
end)
