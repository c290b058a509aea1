local HttpServer = require "ratchet.http.http_server"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

describe("HttpServer", function()
  before_each(function() fake_core.install() end)
  after_each(fake_core.remove)

  it("lets the next layer answer", function()
    local layer, request = layers.answering("next"), layers.get("/")
    assert.are.same({ 200, "next" }, { HttpServer(layer):handle(request) })
    assert.are.equal(request, layer.request)
  end)

  it("hands the connection to a plain component (Ratchet: testOpen)", function()
    local app = layers.component()
    local kind, endpoint = HttpServer(app):handle(layers.get("/"))
    assert.are.equal("raw", kind)
    assert.are.equal(app, endpoint.component)
  end)

  it("makes one endpoint for all connections", function()
    local server = HttpServer(layers.component())
    local _, first = server:handle(layers.get("/"))
    local _, second = server:handle(layers.get("/"))
    assert.are.equal(first, second)
  end)

  it("refuses what is neither", function()
    assert.has_error(function() HttpServer({}) end)
    assert.has_error(function() HttpServer() end)
  end)

  it("knows what its URLs begin with", function()
    assert.are.equal("http", HttpServer(layers.component()).scheme)
    assert.are.equal("http", HttpServer(layers.answering()).scheme)
    assert.are.equal("ws", HttpServer({ handle = print, scheme = "ws" }).scheme)
  end)
end)
