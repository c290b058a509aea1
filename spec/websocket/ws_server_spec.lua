local WsServer = require "ratchet.websocket.ws_server"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

local core

local function speaking(...)
  local component, names = layers.component(), { ... }
  function component.getSubProtocols() return names end
  return component
end

local function asking(protocols)
  return layers.get("/chat", { ["Sec-WebSocket-Protocol"] = protocols })
end

describe("WsServer", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("gives a good handshake to the component", function()
    local component = layers.component()
    local endpoint, protocol, headers = WsServer(component):handle(layers.get("/chat"))
    assert.are.equal(component, endpoint.component)
    assert.is_nil(protocol)
    assert.is_nil(headers)
  end)

  it("makes one endpoint, with the limits", function()
    local server = WsServer(layers.component(), { maxMessageSize = 10, overflow = "drop" })
    local first = server:handle(layers.get("/"))
    assert.are.equal(first, (server:handle(layers.get("/"))))
    assert.are.same({ maxMessageSize = 10, overflow = "drop" }, first.limits)
  end)

  it("refuses what is no component", function()
    assert.has_error(function() WsServer({}) end, "WsServer: a component is a table with onOpen, "
      .. "onMessage, onClose or onError; this is a table with none of them")
    assert.has_error(function() WsServer() end)
    assert.has_error(function() WsServer(layers.component(), { maxMesageSize = 1 }) end,
      'WsServer: unknown option "maxMesageSize"; did you mean "maxMessageSize"?')
  end)
end)

describe("WsServer, bad handshakes:", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  local function refused(status)
    local request = layers.get("/chat", {}, { upgradeStatus = status, upgradeReason = "because" })
    return WsServer(layers.component()):handle(request)
  end

  it("answers 426 with how to upgrade (RFC6455: testNoUpgradeRequested)", function()
    local status, body, headers = refused(426)
    assert.are.equal(426, status)
    assert.are.equal("because\n", body)
    assert.are.equal("websocket", headers.Upgrade)
    assert.are.equal("Upgrade", headers.Connection)
    assert.are.equal("13", headers["Sec-WebSocket-Version"])
    assert.are.equal("info 426 /chat: because", fake_core.last_log(core))
  end)

  it("answers 405 with Allow (RFC6455: testMethodMustBeGet)", function()
    local status, _, headers = refused(405)
    assert.are.equal(405, status)
    assert.are.equal("GET", headers.Allow)
  end)

  it("answers 400 to the rest (RFC6455: testInvalidSecWebsocketKey)", function()
    local status, _, headers = refused(400)
    assert.are.equal(400, status)
    assert.is_nil(headers.Upgrade)
    assert.are.same({}, core.endpoints)
  end)
end)

describe("WsServer, sub-protocols:", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("takes the client's first that is spoken (testSuggestsAppropriateSubprotocol)", function()
    local server = WsServer(speaking("wamp", "chat"))
    assert.are.equal("chat", select(2, server:handle(asking("x, chat, wamp"))))
  end)

  it("compares them with case", function()
    assert.are.equal(426, (WsServer(speaking("chat")):handle(asking("Chat"))))
  end)

  it("refuses a client that offers none of them (testBadSubprotocolResponse)", function()
    local status, body, headers = WsServer(speaking("wamp", "chat")):handle(asking("x, y"))
    assert.are.equal(426, status)
    assert.are.equal('none of {"x", "y"} is spoken here; spoken: {"wamp", "chat"}\n', body)
    assert.are.equal("wamp, chat", headers["Sec-WebSocket-Protocol"])
    assert.are.equal("13", headers["Sec-WebSocket-Version"])
  end)

  it("refuses a client that offers nothing where some are spoken", function()
    local status, body = WsServer(speaking("wamp")):handle(layers.get("/"))
    assert.are.equal(426, status)
    assert.are.equal('a sub-protocol must be asked for; spoken: {"wamp"}\n', body)
  end)

  it("lets everyone in where none is spoken", function()
    local endpoint, protocol = WsServer(layers.component()):handle(asking("arduino"))
    assert.is_table(endpoint)
    assert.is_nil(protocol)
    assert.is_table((WsServer(speaking()):handle(asking("arduino"))))
  end)

  it("lets everyone in when the check is off "
    .. "(testNonStrictSubprotocolDoesNotIncludeHeaderWhenNoneAgreedOn)", function()
    local server = WsServer(speaking("wamp"))
    server:setStrictSubProtocolCheck(false)
    local endpoint, protocol = server:handle(asking("x"))
    assert.is_table(endpoint)
    assert.is_nil(protocol)
    assert.are.equal("wamp", select(2, server:handle(asking("wamp"))))
  end)

  it("refuses a getSubProtocols that returns no list", function()
    local component = layers.component()
    function component.getSubProtocols() return "wamp" end
    assert.has_error(function() WsServer(component):handle(layers.get("/")) end,
      "getSubProtocols must return a list of names; it returned a string")
  end)
end)

describe("WsServer, onUpgrade:", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  local function deciding(fn)
    local component = layers.component()
    component.onUpgrade = fn
    return WsServer(component)
  end

  it("is asked with the request", function()
    local request, asked, self_given = layers.get("/"), nil, nil
    local server = deciding(function(self, r) self_given, asked = self, r end)
    assert.is_table((server:handle(request)))
    assert.are.equal(request, asked)
    assert.are.equal(server.component, self_given)
  end)

  it("refuses by a status", function()
    local status, body, headers = deciding(function() return 401 end):handle(layers.get("/a?t=1"))
    assert.are.equal(401, status)
    assert.are.equal("Unauthorized\n", body)
    assert.are.equal("text/plain; charset=utf-8", headers["Content-Type"])
    assert.are.equal("info 401 /a: onUpgrade refused", fake_core.last_log(core))
  end)

  it("refuses with a body and headers", function()
    local server = deciding(function() return 403, "<p>no</p>", { ["X-Why"] = "age" } end)
    local status, body, headers = server:handle(layers.get("/"))
    assert.are.equal(403, status)
    assert.are.equal("<p>no</p>", body)
    assert.are.same({ ["X-Why"] = "age", ["Content-Type"] = "text/html; charset=utf-8" }, headers)
  end)

  it("may add headers to the 101", function()
    local server = deciding(function(_, request)
      request.responseHeaders["Set-Cookie"] = { "a=1", "b=2" }
    end)
    assert.are.same({ ["Set-Cookie"] = { "a=1", "b=2" } },
      (select(3, server:handle(layers.get("/")))))
  end)

  it("may set cookies", function()
    local server = deciding(function(_, request)
      request:setCookie("a", "1"):setCookie("b", "2", { httpOnly = true })
    end)
    assert.are.same({ ["Set-Cookie"] = { "a=1", "b=2; HttpOnly" } },
      (select(3, server:handle(layers.get("/")))))
  end)

  it("may choose the sub-protocol, among those that are offered", function()
    local seen
    local component = speaking("chat.v1", "chat.v2")
    function component.onUpgrade(_, request)
      seen = request.protocol
      request.protocol = request.query.p
    end
    local function chosen(p)
      return select(2, WsServer(component):handle(layers.get("/?p=" .. p,
        { ["Sec-WebSocket-Protocol"] = "chat.v1, chat.v2" })))
    end
    assert.are.equal("chat.v2", chosen("chat.v2"))
    assert.are.equal("chat.v1", seen)
    assert.is_nil(chosen(""))
    assert.has_error(function() chosen("wamp") end, "onUpgrade: request.protocol must be one of "
      .. 'those that the client offers, {"chat.v1", "chat.v2"}, or "" for none; it is "wamp"')
  end)

  it("leaves the sub-protocol that was found", function()
    local component = speaking("wamp")
    function component.onUpgrade() end
    assert.are.equal("wamp", (select(2, WsServer(component):handle(asking("wamp")))))
    local request = layers.get("/")
    deciding(function() end):handle(request)
    assert.is_nil(rawget(request, "kept"))
  end)

  it("refuses a sub-protocol that is no string", function()
    assert.has_error(function()
      deciding(function(_, r) r.protocol = 7 end):handle(asking("7"))
    end)
  end)

  it("may wait", function()
    local server = deciding(function() if coroutine.yield("waiting") then return 403 end end)
    local thread = coroutine.create(function() return server:handle(layers.get("/")) end)
    assert.are.same({ true, "waiting" }, { coroutine.resume(thread) })
    assert.are.equal(403, select(2, coroutine.resume(thread, true)))
  end)

  it("is not asked about a bad handshake or sub-protocol", function()
    local function never() error("asked") end
    deciding(never):handle(layers.get("/", {}, { upgradeStatus = 400, upgradeReason = "bad" }))
    local component = speaking("wamp")
    component.onUpgrade = never
    assert.are.equal(426, (WsServer(component):handle(layers.get("/"))))
  end)

  it("lets nobody in by mistake: errors and strange values raise", function()
    local function broken() error("boom", 0) end
    assert.has_error(function() deciding(broken):handle(layers.get("/")) end, "boom")
    for _, value in ipairs({ true, false, "no" }) do
      assert.has_error(function() deciding(function() return value end):handle(layers.get("/")) end,
        "onUpgrade must return nothing, to accept, or a status; it returned a " .. type(value))
    end
    assert.has_error(function() deciding(function() return 101 end):handle(layers.get("/")) end)
  end)
end)
