local fake_core = require "support.fake_core"
local ratchet = require "ratchet"

describe("ratchet", function()
  after_each(fake_core.remove)

  it("has the public names", function()
    for _, name in ipairs({ "App", "fetch", "topic", "log", "server", "http", "websocket" }) do
      assert.is_not_nil(ratchet[name])
    end
    for _, name in ipairs({ "HttpServer", "Router", "OriginCheck", "Request", "Response",
      "Static" }) do
      assert.is_table(ratchet.http[name])
    end
    for _, name in ipairs({ "SessionProvider", "FileStore", "MemoryStore", "RedisStore", "cookie",
      "php" }) do
      assert.is_table(ratchet.session[name])
    end
    assert.is_table(ratchet.auth.jwt)
    assert.is_table(ratchet.server.EchoServer)
    assert.is_table(ratchet.server.IoServer)
    assert.is_table(ratchet.websocket.WsServer)
    for _, name in ipairs({ "WampServer", "ServerProtocol", "Topic", "TopicManager",
      "WampConnection", "json" }) do
      assert.is_table(ratchet.wamp[name])
    end
  end)

  it("loads a name once", function()
    assert.are.equal(ratchet.App, ratchet.App)
    assert.are.equal(require "ratchet.app", rawget(ratchet, "App"))
  end)

  it("names the nearest name for one that is not there", function()
    assert.has_error(function() return ratchet.Appp end,
      "ratchet has no Appp; did you mean ratchet.App?")
    assert.has_error(function() return ratchet.server.echoserver end,
      "ratchet.server has no echoserver; did you mean ratchet.server.EchoServer?")
  end)

  it("lists what there is when nothing is near", function()
    assert.has_error(function() return ratchet.websocket.Zebra end,
      "ratchet.websocket has no Zebra; it has WsServer")
  end)

  it("takes its version from the core", function()
    fake_core.install()
    assert.are.equal("0.0.0-fake", ratchet.version)
  end)
end)
