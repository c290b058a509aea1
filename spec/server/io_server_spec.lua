local IoServer = require "ratchet.server.io_server"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

describe("IoServer", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("gives its options to the listener", function()
    local given = { proxyProtocol = true, maxConnections = 5, trustedProxies = { "::1" } }
    IoServer.factory(layers.component(), 8080, nil, given):run()
    local listened = core.listened[1]
    assert.is_true(listened.proxyProtocol)
    assert.are.equal(5, listened.maxConnections)
    assert.are.same({ "::1" }, listened.trustedProxies)
    assert.has_error(function() IoServer(layers.component(), 80, nil, { keepAlive = 1 }) end)
  end)

  it("listens on port 80 of every address by default (Ratchet: testFactory)", function()
    local server = IoServer.factory(layers.component())
    assert.are.equal(80, server.port)
    assert.are.equal("0.0.0.0", server.address)
  end)

  it("gives raw bytes to a plain component (Ratchet: testOnData)", function()
    local chat = layers.component()
    IoServer.factory(chat, 8080, "127.0.0.1"):run()
    assert.are.equal(chat, core.listened[1].endpoint.component)
    assert.is_nil(core.listened[1].handle)
    assert.are.same({ "tcp://localhost:8080" }, core.announced)
  end)

  it("serves HTTP to what handles requests", function()
    local layer = layers.answering()
    IoServer(layer, 8080):run()
    assert.is_nil(core.listened[1].endpoint)
    local request = layers.get("/")
    assert.are.equal(200, (core.listened[1].handle(request)))
    assert.are.equal(request, layer.request)
    assert.are.same({ "http://localhost:8080/" }, core.announced)
  end)

  it("announces ws:// when there is a WsServer below", function()
    local WsServer = require "ratchet.websocket.ws_server"
    local HttpServer = require "ratchet.http.http_server"
    IoServer(HttpServer(WsServer(layers.component())), 8080):run()
    assert.are.same({ "ws://localhost:8080/" }, core.announced)
  end)

  it("knows the real port after run", function()
    local server = IoServer(layers.component(), 0)
    server:run()
    assert.are.equal(49152, server.port)
  end)

  it("listens at more addresses", function()
    local server = IoServer(layers.component(), 8080)
    assert.are.equal(server, server:listen({ address = "::1", port = 8081 }))
    server:listen({ unix = "/run/x.sock" }):run()
    assert.are.same({ "tcp://localhost:8080", "tcp://[::1]:8081", "unix:/run/x.sock" },
      core.announced)
    assert.are.equal(core.listened[1].endpoint, core.listened[3].endpoint)
    assert.has_error(function() server:listen({ port = 1 }) end,
      "server:listen: server:run() has listened already")
  end)

  it("listens only there without a port of its own", function()
    local server = IoServer(layers.answering(), false)
    assert.has_error(function() server:run() end,
      "server:run: there is no port, and no server:listen{...}")
    server:listen({ unix = "/run/x.sock" }):run()
    assert.are.equal(1, #core.listened)
  end)

  it("refuses what it cannot serve (Ratchet: testCtorThrowsForInvalidLoop)", function()
    assert.has_error(function() IoServer({}) end)
    assert.has_error(function() IoServer(layers.component(), "80") end,
      'IoServer: port must be a whole number from 0 to 65535, or false for none; it is "80"')
    assert.has_error(function() IoServer(layers.component(), 80, 127) end,
      "IoServer: address must be a string; it is 127")
  end)

  it("needs the program around it (Ratchet: testNoLoopProvidedError)", function()
    fake_core.remove()
    assert.has_error(function() IoServer(layers.component(), 8080):run() end)
  end)
end)
