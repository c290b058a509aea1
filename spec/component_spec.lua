local component = require "ratchet.component"

local function userdata_with(fields)
  local value = newproxy(true)
  getmetatable(value).__index = fields
  return value
end

describe("component.has", function()
  it("asks tables and userdata", function()
    assert.is_true(component.has({ onOpen = print }, "onOpen"))
    assert.is_true(component.has(userdata_with({ onOpen = print }), "onOpen"))
    assert.is_false(component.has({}, "onOpen"))
  end)

  it("is safe for everything else", function()
    for _, value in ipairs({ 1, "text", print, true, newproxy(false) }) do
      assert.is_false(component.has(value, "onOpen"))
    end
    assert.is_false(component.has(nil, "onOpen"))
  end)

  it("follows metatables", function()
    assert.is_true(component.has(setmetatable({}, { __index = { handle = print } }), "handle"))
  end)
end)

describe("component.is_for_wamp", function()
  it("is what has one of WAMP's events, and reads no messages by itself", function()
    for _, event in ipairs(component.wamp_events) do
      assert.is_true(component.is_for_wamp({ [event] = print }))
      assert.is_false(component.is_for_wamp({ [event] = print, onMessage = print }))
    end
    assert.is_false(component.is_for_wamp({ onOpen = print }))
    assert.is_false(component.is_for_wamp(nil))
  end)
end)

describe("component.check", function()
  it("takes whatever has an event", function()
    for _, event in ipairs(component.events) do
      component.check({ [event] = print }, "f")
    end
  end)

  it("refuses what has none", function()
    assert.has_error(function() component.check({}, "f") end, "f: a component is a table with "
      .. "onOpen, onMessage, onClose or onError; this is a table with none of them")
    assert.has_error(function() component.check(nil, "f") end, "f: a component is a table with "
      .. "onOpen, onMessage, onClose or onError; this is a nil")
  end)

  it("names the event that was meant", function()
    assert.has_error(function() component.check({ onmessage = print }, "f") end,
      'f: the component has no event; did you mean "onMessage" by "onmessage"?')
  end)
end)

describe("component.check_handler", function()
  it("takes what has handle", function()
    component.check_handler({ handle = print }, "f")
  end)

  it("tells a component from a layer", function()
    assert.has_error(function() component.check_handler({ onOpen = print }, "f") end,
      "f: this must have a method handle(request); wrap the component in "
      .. "ratchet.websocket.WsServer")
  end)
end)

describe("component.check", function()
  it("tells a layer from a component", function()
    assert.has_error(function() component.check({ handle = print }, "f") end,
      "f: this is a layer, with a method handle; it goes around what is made here")
  end)
end)

describe("component.kind", function()
  it("is what a layer was before", function()
    local Class = {}
    Class.__index = Class
    local next_layer = { onMessage = print }
    assert.are.equal(Class, component.kind(component.wrap(next_layer, setmetatable({}, Class))))
    assert.is_false(component.kind(component.wrap(next_layer)))
    assert.is_nil(component.kind(next_layer))
    assert.is_nil(component.kind(setmetatable({}, Class)))
    assert.is_nil(component.kind("text"))
  end)
end)

describe("component.wrap", function()
  local function recording(...)
    local next_layer = { heard = {} }
    for _, event in ipairs({ ... }) do
      next_layer[event] = function(self, ...)
        self.heard[#self.heard + 1] = { event, ... }
        return event
      end
    end
    return next_layer
  end

  local all = {
    "onOpen", "onMessage", "onClose", "onError", "onUpgrade", "onPing", "onPong", "onDrain", "run",
    "getSubProtocols", "onReceive",
  }

  it("passes on every event, with its arguments and its result (Ratchet: testOpen, testOnClose, "
    .. "testOnError of each decorator)", function()
    for _, event in ipairs(all) do
      local next_layer = recording(event, "onDrain")
      local layer = component.wrap(next_layer)
      assert.are.equal(event, layer[event](layer, 1, 2, 3), event)
      assert.are.same({ { event, 1, 2, 3 } }, next_layer.heard)
    end
  end)

  it("has no event that the next one does not have", function()
    local layer = component.wrap(recording("onOpen"))
    for _, event in ipairs(all) do
      assert.are.equal(event == "onOpen", component.has(layer, event), event)
    end
    assert.is_false(component.has(layer, "handle"))
    assert.is_nil(layer.scheme)
  end)

  it("keeps what the layer has itself, and its metatable", function()
    local Class = { onClose = function() return "class" end }
    Class.__index = Class
    local layer = component.wrap(recording("onOpen", "onClose", "onMessage"),
      setmetatable({ onOpen = function() return "own" end }, Class))
    assert.are.equal("own", layer:onOpen())
    assert.are.equal("class", layer:onClose())
    assert.are.equal("onMessage", layer:onMessage())
    local computed = component.wrap(recording("onOpen"), setmetatable({}, {
      __index = function(_, name) return name == "onPing" and print or nil end,
    }))
    assert.are.equal(print, computed.onPing)
    assert.are.equal("onOpen", computed:onOpen())
  end)

  it("finds what the next one becomes, as new code does", function()
    local next_layer = recording("onOpen", "onMessage")
    local layer = component.wrap(next_layer)
    function next_layer.onMessage() return "new" end
    function next_layer.onPing() return "pinged" end
    assert.are.equal("new", layer:onMessage())
    assert.are.equal("pinged", layer:onPing())
    next_layer.onMessage = nil
    assert.is_nil(layer:onMessage())
  end)

  it("goes around layers, any number of them, and around what has handle", function()
    local next_layer = { handle = function(_, request) return 200, request end, scheme = "ws" }
    local layer = component.wrap(component.wrap(component.wrap(next_layer)))
    assert.are.same({ 200, "request" }, { layer:handle("request") })
    assert.are.equal("ws", layer.scheme)
  end)

  it("wants a component, and a table", function()
    assert.has_error(function() component.wrap({}) end, "component.wrap: a component is a table "
      .. "with onOpen, onMessage, onClose or onError; this is a table with none of them")
    assert.has_error(function() component.wrap(recording("onOpen"), 7) end,
      "component.wrap: the layer must be a table; it is a number")
  end)
end)

describe("component.tell", function()
  it("calls what is there, and nothing else", function()
    local target = { onOpen = function(_, conn, request) return conn, request end }
    assert.are.same({ 1, 2 }, { component.tell(target, "onOpen", 1, 2) })
    assert.is_nil(component.tell(target, "onClose", 1))
  end)

  it("closes with 1011 where there is no onError", function()
    local conn = require "support.fake_connection" ()
    component.tell({}, "onError", conn, "err")
    assert.are.same({ 1011, "internal error" }, conn.closed)
  end)
end)

describe("component.around", function()
  local fake_core = require "support.fake_core"
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("puts a layer around the component of an endpoint, once", function()
    local around = component.around(function(inner) return { next = inner } end)
    local endpoint = core.endpoint("inner", { keepAlive = 7 })
    local first, protocol, headers = around(endpoint, "chat", { A = "b" })
    assert.are.same({ "inner" }, { first.component.next })
    assert.are.same({ keepAlive = 7 }, first.limits)
    assert.are.same({ "chat", { A = "b" } }, { protocol, headers })
    assert.are.equal(first, (around(endpoint)))
    local raw, second = around("raw", endpoint)
    assert.are.equal("raw", raw)
    assert.are.equal(first, second)
  end)

  it("lets answers be", function()
    local around = component.around(error)
    assert.are.same({ 404, "text", { A = "b" } }, { around(404, "text", { A = "b" }) })
    assert.are.same({}, { around() })
  end)
end)
