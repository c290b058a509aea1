-- The tests of Ratchet's Wamp\Topic, and what is new here: v2, patterns, lifetime.

local Topic = require "ratchet.wamp.topic"
local TopicManager = require "ratchet.wamp.topic_manager"
local WampConnection = require "ratchet.wamp.wamp_connection"
local fake_wamp = require "support.fake_wamp"
local session = require "ratchet.wamp.session"

local last = fake_wamp.last

local function v1() return WampConnection(fake_wamp.connection()) end

local next_id = 1000
local function v2()
  local conn = fake_wamp.connection("wamp.2.json")
  next_id = next_id + 1
  conn.WAMP = { version = 2, sessionId = next_id, subscriptions = {}, subscriptionCount = 0 }
  session.begin(conn)
  return conn
end

describe("wamp.Topic", function()
  local core
  before_each(function() core = fake_wamp.install() end)
  after_each(fake_wamp.remove)

  it("testGetId", function() assert.are.equal("news", Topic("news"):getId()) end)

  it("testToString", function() assert.are.equal("news", tostring(Topic("news"))) end)

  it("testAddAndCount", function()
    local topic = Topic("news")
    assert.are.equal(topic, topic:add(v1()):add(v1()):add(v1()))
    assert.are.equal(3, topic:count())
  end)

  it("testRemove", function()
    local topic, gone = Topic("news"), v1()
    topic:add(v1()):add(gone):add(v1())
    assert.are.equal(topic, topic:remove(gone))
    assert.are.equal(2, topic:count())
    assert.are.equal(2, topic:remove(gone):count())
  end)

  it("testBroadcast", function()
    local topic, a, b = Topic("news"), v1(), v1()
    topic:add(a):add(b)
    assert.are.equal(topic, topic:broadcast("Hello World!"))
    assert.are.same({ 8, "news", "Hello World!" }, last(a))
    assert.are.same({ 8, "news", "Hello World!" }, last(b))
  end)

  it("testBroadcastWithExclude", function()
    local topic, a, b = Topic("news"), v1(), v1()
    topic:add(a):add(b):broadcast("hi", { a.WAMP.sessionId })
    assert.are.equal(1, #a.sent) -- its WELCOME
    assert.are.same({ 8, "news", "hi" }, last(b))
  end)

  it("testBroadcastWithEligible", function()
    local topic, a, b, c = Topic("news"), v1(), v1(), v1()
    topic:add(a):add(b):add(c)
    topic:broadcast("hi", { c.WAMP.sessionId }, { a.WAMP.sessionId, c.WAMP.sessionId })
    assert.are.same({ 8, "news", "hi" }, last(a))
    assert.are.equal(1, #b.sent)
    assert.are.equal(1, #c.sent) -- exclude beats eligible
  end)

  it("testIterator", function()
    local topic, all = Topic("news"), {}
    for _ = 1, 3 do all[v1()] = true end
    for conn in pairs(all) do topic:add(conn) end
    for conn in topic:subscribers() do
      assert.is_true(all[conn])
      all[conn] = nil
      topic:remove(conn) -- may be changed meanwhile
    end
    assert.is_nil(next(all))
  end)

  it("testDoesHave, testDoesNotHave, testDoesNotHaveAfterRemove", function()
    local topic, conn = Topic("news"), v1()
    assert.is_false(topic:has(conn))
    assert.is_true(topic:add(conn):has(conn))
    assert.is_false(topic:remove(conn):has(conn))
    assert.is_false(topic:has({}))
  end)

  it("testRemoveFromTopicRemovesFromManager: both sides stay in step", function()
    local topic, conn = Topic("news"), v1()
    topic:add(conn):add(conn)
    assert.is_true(conn.WAMP.subscriptions[topic])
    assert.are.equal(1, conn.WAMP.subscriptionCount)
    topic:remove(conn):remove(conn)
    assert.is_nil(conn.WAMP.subscriptions[topic])
    assert.are.equal(0, conn.WAMP.subscriptionCount)
  end)

  it("adds no closed connection, no stranger, and no v2 client that has not asked", function()
    local topic, closed = Topic("news"), v1()
    closed.readyState = 3
    assert.are.equal(0, topic:add(closed):count())
    assert.error_matches(function() topic:add({}) end, "no connection of a WampServer")
    assert.error_matches(function() topic:add(v2()) end, "subscribes by itself")
  end)

  it("encodes once for each version, and broadcasts by the core", function()
    local topic = Topic("news")
    local a, b, c = v1(), v2(), v2()
    topic:add(a)
    topic:join(b):join(c)
    topic:broadcast({ text = "hi" })
    assert.are.equal('[8,"news",{"text":"hi"}]', a.texts[2])
    local publication = last(b)[3]
    assert.are.same({ 36, topic.subscription, publication, {}, { { text = "hi" } } }, last(b))
    assert.are.equal(b.texts[1], c.texts[1])
    local names, broadcasts = 0, 0
    for _, each in pairs(core.topics) do
      names, broadcasts = names + 1, broadcasts + each.broadcasts
    end
    assert.are.same({ 2, 2 }, { names, broadcasts })
    assert.are.equal(3, topic:count())
  end)

  it("gives v2 its arguments, and v1 the one value that stands for them", function()
    local topic, one, two = Topic("news"), v1(), v2()
    topic:add(one)
    topic:join(two)
    local function heard(args, kwargs)
      topic:publish(args, kwargs)
      return one.texts[#one.texts]:match("^%[8,\"news\",(.*)%]$"),
        two.texts[#two.texts]:match("^%[36,%d+,%d+,{},(.*)%]$")
    end
    assert.are.same({ "1", "[1]" }, { heard({ 1 }) })
    assert.are.same({ "[1,2]", "[1,2]" }, { heard({ 1, 2 }) })
    assert.are.same({ "null", "[]" }, { heard({}) })
    assert.are.same({ "null", "[]" }, { heard() })
    assert.are.same({ '{"a":1}', '[],{"a":1}' }, { heard({}, { a = 1 }) })
    assert.are.same({ "1", '[1],{"a":1}' }, { heard({ 1 }, { a = 1 }) })
    assert.are.same({ "null", "[null]" }, { heard({ require("cjson").null }) })
  end)

  it("leaves out and picks by the ids of both versions", function()
    local topic, one, two = Topic("news"), v1(), v2()
    topic:add(one)
    topic:join(two)
    topic:broadcast("x", { two.WAMP.sessionId })
    assert.are.same({ 2, 0 }, { #one.sent, #two.sent })
    topic:broadcast("x", {}, { two.WAMP.sessionId })
    assert.are.same({ 2, 1 }, { #one.sent, #two.sent })
  end)

  it("tells a v2 client that its subscription has ended, if it understands that", function()
    local topic, deaf, hearing = Topic("news"), v2(), v2()
    hearing.WAMP.hearsRevocation = true
    topic:join(deaf):join(hearing)
    topic:remove(deaf):remove(hearing)
    assert.are.equal(0, #deaf.sent)
    assert.are.same({ 35, 0,
      { subscription = topic.subscription, reason = "wamp.error.not_authorized" } },
      last(hearing))
  end)

  it("raises at the app's line, and sends nothing, when JSON has no way to write it", function()
    local topic, conn = Topic("news"), v1()
    topic:add(conn)
    for _, each in ipairs({ topic, Topic("none") }) do
      local _, message = pcall(function() each:broadcast({ print }) end)
      assert.matches("topic_spec.lua:%d+: JSON has no way to write a function", message)
    end
    assert.are.equal(1, #conn.sent)
  end)

  it("gives the core's topic back when nobody is in it", function()
    local topic, conn = Topic("news"), v1()
    topic:add(conn):remove(conn)
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(core.topics))
  end)

  it("has the events of a manager's patterns, with the name", function()
    local manager, conn = TopicManager({}), v2()
    local pattern = manager:join(conn, "ne", "prefix")
    manager:getTopic("news"):broadcast(1)
    manager:getTopic("other"):broadcast(2)
    assert.are.equal(1, #conn.sent)
    assert.are.same({ 36, pattern.subscription, last(conn)[3], { topic = "news" }, { 1 } },
      last(conn))
    manager:getTopic("news"):publish({ 1 }, nil, { conn.WAMP.sessionId })
    assert.are.equal(1, #conn.sent)
  end)
end)
