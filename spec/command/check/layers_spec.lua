local FunctionHandler = require "ratchet.http.function_handler"
local OriginCheck = require "ratchet.http.origin_check"
local Static = require "ratchet.http.static"
local WsServer = require "ratchet.websocket.ws_server"
local layers = require "ratchet.command.check.layers"

describe("layers", function()
  local Chat = { onMessage = function() end }

  it("finds the component, its options, and who may connect", function()
    local server = WsServer(Chat, { keepAlive = 5 })
    local found = layers.describe(OriginCheck(server, { "a.example" }, { allowMissing = true,
      sameHost = true }))
    assert.are.equal("component", found.kind)
    assert.are.equal(Chat, found.value)
    assert.are.equal("ws", found.scheme)
    assert.are.same({ keepAlive = 5 }, found.options)
    assert.are.same({ "a.example", "the host that is asked", "none sent" }, found.origins)
    assert.is_nil(layers.describe(server).origins)
    assert.is_nil(layers.describe(OriginCheck(server, { "*" })).origins)
  end)

  it("finds functions and folders", function()
    local fn = function() end
    assert.are.equal(fn, layers.describe(FunctionHandler(fn, "GET /")).value)
    local found = layers.describe(Static("/", "spec"))
    assert.are.same({ "folder", "spec" }, { found.kind, found.value })
  end)

  it("sees through layers of the app's own", function()
    local server = WsServer(Chat)
    local by_local = { handle = function(_, request) return server:handle(request) end }
    assert.are.equal(Chat, layers.describe(by_local).value)
    local by_field = { inner = by_local }
    function by_field:handle(request) return self.inner:handle(request) end
    local found = layers.describe(by_field)
    assert.are.equal(Chat, found.value)
    assert.are.equal(by_local, found.layer)
    assert.are.equal(Chat, layers.describe{ app = Chat, handle = function() end }.value)
  end)

  it("does not go round in circles", function()
    local a, b = { handle = function() end }, { handle = function() end }
    a.next, b.next = b, a
    assert.are.equal("layer", layers.describe(a).kind)
  end)
end)
