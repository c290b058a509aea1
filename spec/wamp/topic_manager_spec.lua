-- The tests of Ratchet's Wamp\TopicManager, and what is new here.

local Topic = require "ratchet.wamp.topic"
local TopicManager = require "ratchet.wamp.topic_manager"
local WampConnection = require "ratchet.wamp.wamp_connection"
local fake_wamp = require "support.fake_wamp"

local last = fake_wamp.last

describe("wamp.TopicManager", function()
  local app, manager, conn
  before_each(function()
    fake_wamp.install()
    app = fake_wamp.component("onOpen", "onCall", "onSubscribe", "onUnSubscribe", "onPublish",
      "onClose", "onError")
    manager, conn = TopicManager(app), WampConnection(fake_wamp.connection())
  end)
  after_each(fake_wamp.remove)

  it("testGetTopicReturnsTopicObject", function()
    assert.are.equal(Topic, getmetatable(manager:getTopic("news")))
  end)

  it("testGetTopicCreatesTopicWithSameName", function()
    assert.are.equal("news", manager:getTopic("news"):getId())
  end)

  it("testGetTopicReturnsSameObject", function()
    assert.are.equal(manager:getTopic("news"), manager:getTopic("news"))
  end)

  it("testOnOpen", function()
    manager:onOpen(conn, "request")
    assert.are.same({ { "onOpen", conn, "request" } }, app.calls)
  end)

  it("testOnCall", function()
    manager:onCall(conn, "id", "news", { 1 }, { 1 })
    assert.are.same({ { "onCall", conn, "id", manager:getTopic("news"), { 1 }, { 1 } } },
      app.calls)
  end)

  it("testOnSubscribeCreatesTopicObject", function()
    manager:onSubscribe(conn, "news")
    assert.are.same({ { "onSubscribe", conn, manager:getTopic("news") } }, app.calls)
  end)

  it("testTopicIsInConnectionOnSubscribe", function()
    function app:onSubscribe(_, topic)
      assert.is_true(conn.WAMP.subscriptions[topic])
      assert.are.equal(1, topic:count())
    end
    manager:onSubscribe(conn, "news")
    assert.is_true(conn.WAMP.subscriptions[manager:getTopic("news")])
  end)

  it("testDoubleSubscriptionFiresOnce", function()
    manager:onSubscribe(conn, "news")
    manager:onSubscribe(conn, "news")
    assert.are.equal(1, #app.calls)
  end)

  it("testUnsubscribeEvent", function()
    manager:onSubscribe(conn, "news")
    local topic = manager:getTopic("news")
    manager:onUnSubscribe(conn, "news")
    assert.are.same({ "onUnSubscribe", conn, topic }, app.calls[2])
  end)

  it("testUnsubscribeFiresOnce", function()
    manager:onSubscribe(conn, "news")
    manager:onUnSubscribe(conn, "news")
    manager:onUnSubscribe(conn, "news")
    manager:onUnSubscribe(conn, "never seen")
    assert.are.equal(2, #app.calls)
  end)

  it("testUnsubscribeRemovesTopicFromConnection", function()
    manager:onSubscribe(conn, "news")
    manager:onUnSubscribe(conn, "news")
    assert.is_nil(next(conn.WAMP.subscriptions))
  end)

  it("testOnPublishBubbles", function()
    manager:onPublish(conn, "news", "hi", {}, {})
    assert.are.same({ { "onPublish", conn, manager:getTopic("news"), "hi", {}, {} } }, app.calls)
  end)

  it("testOnCloseBubbles", function()
    manager:onClose(conn, 1001, "bye")
    assert.are.same({ { "onClose", conn, 1001, "bye" } }, app.calls)
  end)

  it("testConnIsRemovedFromTopicOnClose; the component finds out which they were", function()
    manager:onSubscribe(conn, "news")
    local topic = manager:getTopic("news")
    function app:onClose()
      assert.are.equal(0, topic:count())
      assert.is_true(conn.WAMP.subscriptions[topic])
    end
    manager:onClose(conn, 1000, "")
    assert.is_false(topic:has(conn))
  end)

  for _, how in ipairs({ "onClose", "onUnSubscribe" }) do
    it("testTopicRetentionFromLeavingConnections: " .. how, function()
      manager:onSubscribe(conn, "news")
      collectgarbage()
      assert.is_not_nil(manager.topics["news"])
      manager[how](manager, conn, "news")
      app.calls, conn = {}, nil
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(manager.topics))
    end)
  end

  it("testOnErrorBubbles", function()
    manager:onError(conn, "oh dear")
    assert.are.same({ { "onError", conn, "oh dear" } }, app.calls)
  end)

  it("testGetSubProtocolsReturnsArray", function()
    assert.are.same({}, manager:getSubProtocols())
  end)

  it("testGetSubProtocolsBubbles", function()
    function app.getSubProtocols() return { "mine" } end
    assert.are.same({ "mine" }, manager:getSubProtocols())
  end)

  it("testRemoveFromConnectionRemovesFromManager: a component may refuse in onSubscribe",
    function()
      function app:onSubscribe(_, topic) topic:remove(conn) end
      manager:onSubscribe(conn, "news")
      assert.are.equal(0, manager:getTopic("news"):count())
      assert.is_nil(next(conn.WAMP.subscriptions))
    end)

  it("keeps a topic that somebody holds, so that it can be broadcast on for ever", function()
    local topic = manager:getTopic("news")
    manager:onSubscribe(conn, "news")
    manager:onUnSubscribe(conn, "news")
    collectgarbage()
    manager:onSubscribe(conn, "news")
    topic:broadcast("hi")
    assert.are.same({ 8, "news", "hi" }, last(conn))
  end)

  it("asks for no event that the component has not", function()
    manager = TopicManager({})
    manager:onOpen(conn)
    manager:onSubscribe(conn, "news")
    manager:onUnSubscribe(conn, "news")
    manager:onClose(conn, 1000, "")
    assert.is_nil(conn.closed)
    manager:onCall(conn, "id", "add", {}, {})
    assert.are.same({ 4, "id", "wamp.error.no_such_procedure" }, { unpack(last(conn), 1, 3) })
    manager:onError(conn, "oh dear")
    assert.are.same({ 1011, "internal error" }, conn.closed)
  end)

  it("passes on what is published when there is no onPublish", function()
    manager = TopicManager({})
    manager:onSubscribe(conn, "news")
    manager:onPublish(conn, "news", "one", {}, {})
    assert.are.same({ 8, "news", "one" }, last(conn))
    manager:onPublish(conn, "news", "two", { conn.WAMP.sessionId }, {})
    assert.are.same({ 8, "news", "one" }, last(conn))
    manager:onPublish(conn, "news", nil, {}, {}, { 1, 2 }, { a = 1 })
    assert.are.same({ 8, "news", { 1, 2 } }, last(conn))
  end)

  it("sends what onCall returns, unless it has answered", function()
    local answers = {
      returned = function() return 5 end,
      answered = function(id) return conn:callResult(id, 6) end,
      both = function(id) conn:callError(id, "uri") return 7 end,
      later = function() end,
    }
    function app:onCall(_, id, topic) return answers[topic.id](id) end
    for id, name in ipairs({ "returned", "answered", "both", "later" }) do
      manager:onCall(conn, id, name, {}, {})
    end
    assert.are.same({ { 3, 1, 5 }, { 3, 2, 6 }, { 4, 3, "uri", "" } },
      { unpack(conn.sent, 2) })
  end)

  it("lets a connection subscribe to so many topics", function()
    manager = TopicManager(app, { maxSubscriptions = 2 })
    for _, name in ipairs({ "a", "b", "b" }) do manager:onSubscribe(conn, name) end
    assert.is_nil(conn.closed)
    assert.is_nil(manager:join(conn, "c", "prefix"))
    assert.are.equal(0, manager.patterns.count)
    manager:onSubscribe(conn, "c")
    assert.are.same({ 1008, "too many subscriptions" }, conn.closed)
    assert.are.equal(2, #app.calls)
  end)

  it("leaves no pattern behind for who is closed already", function()
    conn.readyState = 3
    manager:join(conn, "a", "prefix")
    assert.are.equal(0, manager.patterns.count)
  end)
end)
