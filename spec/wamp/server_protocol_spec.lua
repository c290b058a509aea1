-- The tests of Ratchet's Wamp\ServerProtocol, and what is new here.

local ServerProtocol = require "ratchet.wamp.server_protocol"
local fake_wamp = require "support.fake_wamp"
local json = require "ratchet.wamp.json"
local sessions = require "ratchet.wamp.sessions"

describe("wamp.ServerProtocol", function()
  local app, protocol, conn
  before_each(function()
    fake_wamp.install()
    app = fake_wamp.component("onOpen", "onCall", "onSubscribe", "onUnSubscribe", "onPublish",
      "onClose", "onError")
    protocol, conn = ServerProtocol(app), fake_wamp.connection()
    protocol:onOpen(conn, "request")
    app.calls = {}
  end)
  after_each(fake_wamp.remove)

  local function say(...)
    for _, text in ipairs({ ... }) do protocol:onMessage(conn, text) end
    return app.calls[#app.calls]
  end

  local function refused(text, why)
    app.calls, conn.closed = {}, nil
    protocol:onMessage(conn, text)
    assert.are.same({}, app.calls, text)
    assert.are.same({ 1007, why }, conn.closed, text)
  end

  it("testInvalidMessages", function()
    for _, code in ipairs({ 0, 3, 4, 8, 9, -1, 1.5, 100000 }) do
      refused("[" .. code .. "]", "Invalid WAMP message type")
    end
  end)

  it("testWelcomeMessage", function()
    assert.are.same({ 0, conn.WAMP.sessionId, 1, "ratchet-lua" }, conn.sent[1])
  end)

  it("testSubscribe", function()
    assert.are.same({ "onSubscribe", conn, "news" }, say('[5,"news"]'))
    assert.are.same({ "onSubscribe", conn, "5" }, say("[5,5]"))
  end)

  it("testUnSubscribe", function()
    assert.are.same({ "onUnSubscribe", conn, "news" }, say('[6,"news"]'))
  end)

  it("testCall", function()
    local cases = {
      { '"a","b"', 2 }, { '["a","b"]', 2 }, { '"x"', 1 }, { '"x","y","z"', 3 },
      { '["x","y","z"]', 3 }, { '{"0":"x"},"y"', 2 }, { '["x"],"y"', 2 }, { '"a",{"b":1}', 2 },
    }
    for _, case in ipairs(cases) do
      local call = say('[2,"id","proc",' .. case[1] .. "]")
      assert.are.same({ "onCall", conn, "id", "proc" }, { unpack(call, 1, 4) })
      assert.are.equal(case[2], #call[5], case[1])
    end
    assert.are.same({ a = 1 }, say('[2,"id","proc",{"a":1}]')[5])
    assert.are.same({}, say('[2,"id","proc"]')[5])
    assert.are.same({ json.null }, say('[2,"id","proc",null]')[5])
    assert.are.equal(7, say('[2,7,"proc"]')[3])
  end)

  it("testPublish", function()
    assert.are.same({ "onPublish", conn, "news", "hi", {}, {} }, say('[7,"news","hi"]'))
    assert.are.same({ "onPublish", conn, "news", nil, {}, {} }, say('[7,"news"]'))
    assert.are.same({ "onPublish", conn, "news", nil, {}, {} },
      say('[7,"news",null,null,null]'))
  end)

  it("testPublishAndExcludeMe", function()
    assert.are.same({ conn.WAMP.sessionId }, say('[7,"news","hi",true]')[5])
    assert.are.same({}, say('[7,"news","hi",false]')[5])
    assert.are.same({ "a", "b" }, say('[7,"news","hi",["a","b"]]')[5])
  end)

  it("testPublishAndEligible", function()
    assert.are.same({ "a", "b" }, say('[7,"news","hi",false,["a","b"]]')[6])
    assert.are.same({}, say('[7,"news","hi",false,[]]')[6])
  end)

  it("testEvent", function()
    conn:event("news", "hi")
    assert.are.same({ 8, "news", "hi" }, fake_wamp.last(conn))
  end)

  it("testOnClosePropagation", function()
    protocol:onClose(conn, 1001, "bye")
    assert.are.same({ { "onClose", conn, 1001, "bye" } }, app.calls)
    assert.is_nil(sessions.find(conn.WAMP.sessionId))
  end)

  it("testOnErrorPropagation", function()
    protocol:onError(conn, "oh dear")
    assert.are.same({ { "onError", conn, "oh dear" } }, app.calls)
    app.onError = nil
    protocol:onError(conn, "oh dear")
    assert.are.same({ 1011, "internal error" }, conn.closed)
  end)

  it("testPrefix", function()
    say('[1,"calc","http://example.com/calc"]', '[1,"one","http://example.com/one#"]')
    assert.are.equal("http://example.com/calc#add", say('[2,"id","calc:add"]')[4])
    assert.are.equal("http://example.com/one#two", say('[5,"one:two"]')[3])
    assert.are.equal("http://example.com/one#two", say('[6,"one:two"]')[3])
    assert.are.equal("http://example.com/one#two", say('[7,"one:two",1]')[3])
    assert.are.equal("none:two", say('[5,"none:two"]')[3])
  end)

  it("testMessageMustBeJson", function()
    for _, text in ipairs({ "", "hello", "[5,", '[5,"a"', ("["):rep(600) }) do
      refused(text, "Syntax error, malformed JSON")
    end
  end)

  it("testGetSubProtocolsReturnsArray", function()
    assert.are.same({ "wamp" }, protocol:getSubProtocols())
  end)

  it("testGetSubProtocolsGetFromApp", function()
    function app.getSubProtocols() return { "mine", "yours" } end
    assert.are.same({ "mine", "yours", "wamp" }, protocol:getSubProtocols())
    assert.are.equal(2, #app.getSubProtocols())
  end)

  it("testWampOnMessageApp: a component without events is told nothing", function()
    protocol = ServerProtocol({})
    protocol:onOpen(conn)
    for _, text in ipairs({ '[5,"a"]', '[6,"a"]', '[7,"a"]', '[2,"id","a"]' }) do
      protocol:onMessage(conn, text)
    end
    protocol:onClose(conn, 1000, "")
    assert.is_nil(conn.closed)
  end)

  it("testValidJsonButInvalidProtocol", function()
    for _, text in ipairs({ "true", "5", "null", '"x"', "{}", '{"0":"fail","hello":"world"}',
      '{"0":5,"1":"topic"}' }) do
      refused(text, "Invalid WAMP message format")
    end
    for _, text in ipairs({ "[]", '["5","topic"]', "[null]", "[[5]]", "[{}]", "[true]" }) do
      refused(text, "Invalid WAMP message type")
    end
  end)

  local no_names = { "null", "true", "[]", "{}", '["a"]', '""', '"' .. ("x"):rep(1025) .. '"' }

  it("testBadClientInputFromNonStringTopic: nor without one", function()
    for _, code in ipairs({ 5, 6 }) do
      refused("[" .. code .. "]", "Invalid Topic, must be a string")
      for _, name in ipairs(no_names) do
        refused(("[%d,%s]"):format(code, name), "Invalid Topic, must be a string")
      end
    end
    refused("[2]", "Invalid call id")
    for _, id in ipairs({ "null", "true", "[]", "{}" }) do
      refused("[2," .. id .. ',"proc"]', "Invalid call id")
    end
    refused('[2,"id"]', "Invalid procedure, must be a string")
    for _, name in ipairs(no_names) do
      refused('[2,"id",' .. name .. "]", "Invalid procedure, must be a string")
    end
  end)

  it("testBadPrefixWithNonStringTopic", function()
    refused("[1]", "Invalid prefix")
    refused('[1,"a"]', "Invalid prefix")
    for _, name in ipairs(no_names) do
      refused('[1,"a",' .. name .. "]", "Invalid prefix")
      refused("[1," .. name .. ',"a"]', "Invalid prefix")
    end
  end)

  it("testBadPublishWithNonStringTopic: nor with lists that are none", function()
    refused("[7]", "Invalid Topic, must be a string")
    for _, name in ipairs(no_names) do
      refused("[7," .. name .. ",1]", "Invalid Topic, must be a string")
    end
    for _, ids in ipairs({ "1", '"x"', '{"a":1}', "[null]", "[true]", "[[]]" }) do
      refused('[7,"t","x",' .. ids .. "]", "Invalid list of excluded sessions")
      refused('[7,"t","x",false,' .. ids .. "]", "Invalid list of eligible sessions")
    end
    refused('[7,"t","x",false,true]', "Invalid list of eligible sessions")
  end)

  it("takes text only", function()
    protocol:onMessage(conn, '[5,"news"]', true)
    assert.are.same({ 1007, "WAMP messages are text" }, conn.closed)
  end)

  it("remembers a hundred prefixes", function()
    for i = 1, 100 do say(('[1,"p%d","x"]'):format(i)) end
    say('[1,"p7","y"]')
    assert.is_nil(conn.closed)
    refused('[1,"p101","x"]', "Too many prefixes")
  end)

  it("bounds a name also when its prefix is written out", function()
    say('[1,"p","' .. ("x"):rep(1000) .. '"]')
    refused('[5,"p:' .. ("y"):rep(100) .. '"]', "Invalid Topic, must be a string")
  end)

  it("takes calls with as many arguments as a message can have", function()
    local call = say('[2,"id","proc"' .. (",0"):rep(300000) .. "]")
    assert.are.equal(300000, #call[5])
  end)
end)
