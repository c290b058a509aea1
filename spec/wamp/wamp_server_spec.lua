-- The tests of Ratchet's Wamp\WampServer, and what is new here.

local WampServer = require "ratchet.wamp.wamp_server"
local component = require "ratchet.component"
local fake_wamp = require "support.fake_wamp"

local last = fake_wamp.last

describe("wamp.WampServer", function()
  local app, server, conn
  before_each(function()
    fake_wamp.install()
    app = fake_wamp.component("onOpen", "onCall", "onSubscribe", "onUnSubscribe", "onPublish",
      "onClose", "onError", "onPing", "onPong", "onDrain")
    server, conn = WampServer(app), fake_wamp.connection()
    server:onOpen(conn, "request")
  end)
  after_each(fake_wamp.remove)

  it("testOpen, testOnClose, testOnError: with the connection that it is", function()
    server:onError(conn, "oh dear")
    server:onClose(conn, 1001, "bye")
    assert.are.same({ { "onOpen", conn, "request" }, { "onError", conn, "oh dear" },
      { "onClose", conn, 1001, "bye" } }, app.calls)
  end)

  it("testOnMessageToEvent", function()
    server:onMessage(conn, '[7,"topic","event"]')
    assert.are.same({ "onPublish", conn, server:getTopic("topic"), "event", {}, {} },
      app.calls[2])
  end)

  it("testGetSubProtocols", function()
    assert.are.same({ "wamp.2.json", "wamp" }, server:getSubProtocols())
    function app.getSubProtocols() return { "mine" } end
    assert.are.same({ "wamp.2.json", "wamp", "mine" }, server:getSubProtocols())
  end)

  it("testConnectionClosesOnInvalidJson", function()
    server:onMessage(conn, "invalid json")
    assert.are.same({ 1007, "Syntax error, malformed JSON" }, conn.closed)
  end)

  it("testConnectionClosesOnProtocolError", function()
    server:onMessage(conn, '{"valid":"json, but not WAMP"}')
    assert.are.same({ 1007, "Invalid WAMP message format" }, conn.closed)
    assert.are.equal(1, #app.calls) -- the component is not told
  end)

  it("speaks to each client as its sub-protocol says", function()
    local two = fake_wamp.connection("wamp.2.json")
    server:onOpen(two)
    server:onMessage(two, '[1,"realm1",{}]')
    assert.are.same({ 0, 2 }, { conn.sent[1][1], two.sent[1][1] })
    for _, name in ipairs({ "", "mine" }) do
      local other = fake_wamp.connection(name)
      server:onOpen(other)
      assert.are.equal(0, other.sent[1][1])
    end
    server:onMessage(conn, '[5,"news"]')
    server:onMessage(two, '[32,1,{},"news"]')
    server:getTopic("news"):broadcast("hi")
    assert.are.same({ 8, "news", "hi" }, last(conn))
    assert.are.same({ "hi" }, last(two)[5])
    server:onClose(two, 1000, "")
    assert.are.equal(1, server:getTopic("news"):count())
  end)

  it("answers the call whose handler failed", function()
    function app.onCall() error("oh dear") end
    pcall(server.onMessage, server, conn, '[2,"id","add"]')
    server:onError(conn, "oh dear")
    assert.are.same({ 4, "id", "wamp.error.runtime_error", "internal error" }, last(conn))
    server:onError(conn, "another one")
    assert.are.equal(2, #conn.sent)
  end)

  it("passes on what else a component may want", function()
    server:onPing(conn, "a")
    server:onPong(conn, "b")
    server:onDrain(conn)
    assert.are.same({ { "onPing", conn, "a" }, { "onPong", conn, "b" }, { "onDrain", conn } },
      { unpack(app.calls, 2) })
    assert.is_nil(server:onUpgrade("request"))
    function app.onUpgrade(_, request) return 403, request end
    assert.are.same({ 403, "request" }, { server:onUpgrade("request") })
    app.onPing = nil
    server:onPing(conn, "a")
  end)

  it("has no v1 where everyone has to say who it is", function()
    local given = { authentication = { ticket = function() end } }
    assert.are.same({ "wamp.2.json" }, WampServer(app, given):getSubProtocols())
    given.authentication.anonymous = true
    assert.are.same({ "wamp.2.json", "wamp" }, WampServer(app, given):getSubProtocols())
  end)

  it("takes a component that a layer is wrapped around", function()
    local inner = fake_wamp.component("onCall", "onPublish")
    local layer = component.wrap(inner, {
      onPublish = function(self, from, topic, event, ...)
        self.next:onPublish(from, topic, event .. "!", ...)
      end,
    })
    server = WampServer(layer)
    server:onOpen(conn)
    server:onMessage(conn, '[7,"news","hi"]')
    server:onMessage(conn, '[2,"id","add",1,2]')
    assert.are.same({ "onPublish", conn, server:getTopic("news"), "hi!", {}, {} },
      inner.calls[1])
    assert.are.same({ "onCall", conn, "id", server:getTopic("add"), { 1, 2 }, { 1, 2 } },
      inner.calls[2])
    assert.is_nil(layer.onSubscribe)
    assert.is_true(component.is_for_wamp(layer))
  end)

  it("needs no component", function()
    server = WampServer()
    server:onOpen(conn)
    server:onMessage(conn, '[5,"news"]')
    server:onMessage(conn, '[7,"news",1]')
    assert.are.same({ 8, "news", 1 }, last(conn))
    server:onClose(conn, 1000, "")
  end)

  it("raises at nothing that clients say, and keeps nothing of those who left", function()
    local core = fake_wamp.install()
    math.randomseed(11)
    local function one_of(list) return list[math.random(#list)] end
    local values = { "null", "true", "false", "[]", "{}", '[""]', "[null]", '{"a":[]}', "1e999",
      "-1", "0", "1", "2", "3", "7.5", '"a"', '"a.b"', '"a..b"', '"."', '""', '"p:x"', '[1,2]',
      '["a"]', '{"match":"prefix"}', '{"match":"wildcard"}', '{"acknowledge":true}',
      '{"exclude_me":false}', '{"eligible":[1]}', '{"exclude":["a"]}', '{"progress":true}',
      '{"receive_progress":true}' }
    local function anything()
      local parts = { tostring(one_of({ 1, 2, 3, 5, 6, 7, 8, 16, 32, 34, 48, 64, 66, 68, 70 })) }
      for i = 2, math.random(1, 6) do parts[i] = one_of(values) end
      return "[" .. table.concat(parts, ",") .. "]"
    end
    local options = { "{}", '{"match":"prefix"}', '{"acknowledge":true}', '{"progress":true}',
      '{"exclude_me":false}', '{"receive_progress":true}' }
    local function message(client)
      if math.random(20) == 1 then return anything() end
      local name = one_of({ '"a"', '"a.b"', '"a.b.c"', '"p:x"' })
      if client.protocol == "wamp" then
        return one_of({ '[1,"p","a"]', "[2,1," .. name .. ",1]", "[5," .. name .. "]",
          "[6," .. name .. "]", "[7," .. name .. ",[],true]", "[7," .. name .. ",{}]" })
      end
      local number, option = math.random(6), one_of(options)
      local topic = next(client.WAMP.subscriptions)
      local subscription = topic and topic.subscription or number
      return "[" .. one_of({ "16,1," .. option .. "," .. name .. ",[[]]", "66,1," .. number,
        "32,1," .. option .. "," .. name, "48,1," .. option .. "," .. name .. ",[],{}",
        "64,1,{}," .. name, "34,1," .. subscription, "70," .. number .. "," .. option .. ",[1]",
        "8,68," .. number .. ',{},"no"' }) .. "]"
    end
    server = WampServer({}, { maxSubscriptions = 5, maxRegistrations = 3, maxCalls = 3 })
    local clients, sent = {}, {}
    local function note(client)
      for _, each in ipairs(client.sent) do sent[each[1]] = (sent[each[1]] or 0) + 1 end
    end
    for _ = 1, 12000 do
      local i = math.random(10)
      local client = clients[i]
      if client and (client.closed or math.random(50) == 1) then
        client.readyState = 3
        server:onClose(client, 1006, "")
        note(client)
        client = nil
      end
      if not client then
        client = fake_wamp.connection(one_of({ "wamp", "wamp.2.json" }))
        server:onOpen(client)
        if client.protocol == "wamp.2.json" then server:onMessage(client, '[1,"r",{}]') end
      end
      clients[i] = client
      local text = message(client)
      server:onMessage(client, text)
      assert.is_true(client.closed == nil or client.closed[1] == 1007 or client.closed[1] == 1000
        or client.closed[1] == 1008, text)
    end
    for _, client in pairs(clients) do
      client.readyState = 3
      server:onClose(client, 1006, "")
    end
    for i in pairs(clients) do clients[i] = nil end
    for _, code in ipairs({ 3, 6, 8, 17, 33, 35, 36, 50, 65, 68 }) do
      assert.is_true((sent[code] or 0) > 10, "messages of type " .. code)
    end
    assert.are.equal(0, server.topics.patterns.count)
    assert.is_nil(next(server.v2.dealer.procedures))
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(server.topics.topics))
    assert.is_nil(next(core.topics))
  end)

  it("raises at slips of the pen", function()
    local function message_of(...)
      local _, message = pcall(WampServer, ...)
      return message
    end
    assert.matches('no event "onUnsubscribe"; did you mean "onUnSubscribe"',
      message_of({ onUnsubscribe = print }))
    assert.matches('did you mean "realm"', message_of({}, { relam = "x" }))
    assert.matches('"maxCalls" must be a whole number', message_of({}, { maxCalls = 0 }))
    assert.matches("this is a string", message_of("x"))
    assert.is_table(WampServer({ onSubscribed = print, [1] = 2 }))
  end)
end)
