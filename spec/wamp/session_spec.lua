local Topic = require "ratchet.wamp.topic"
local fake_wamp = require "support.fake_wamp"
local session = require "ratchet.wamp.session"

local last = fake_wamp.last

describe("wamp.session", function()
  local conn
  before_each(function()
    fake_wamp.install()
    conn = fake_wamp.connection("wamp.2.json")
    conn.WAMP = { version = 2, sessionId = 5, subscriptions = {}, subscriptionCount = 0 }
    session.begin(conn)
  end)
  after_each(fake_wamp.remove)

  it("answers calls", function()
    assert.are.equal(conn, conn:callResult(7, { 1, 2 }))
    assert.are.equal("[50,7,{},[[1,2]]]", conn.texts[1])
    conn:callResult(2 ^ 53)
    assert.are.equal("[50,9007199254740992,{}]", conn.texts[2])
  end)

  it("answers with errors", function()
    assert.are.equal(conn, conn:callError(7, "uri"))
    assert.are.equal('[8,48,7,{},"uri",[]]', conn.texts[1])
    conn:callError(7, Topic("topic"), "why")
    assert.are.equal('[8,48,7,{},"topic",["why"]]', conn.texts[2])
    conn:callError(7, "uri", nil, { a = 1 })
    assert.are.equal('[8,48,7,{},"uri",["",{"a":1}]]', conn.texts[3])
  end)

  it("sends results in pieces to who wants them, while the call runs", function()
    conn.WAMP.call = 7
    assert.are.equal(conn, conn:callProgress(7, 1))
    conn.WAMP.wantsProgress = true
    conn:callProgress(8, 1)
    assert.are.equal(0, #conn.sent)
    conn:callProgress(7, 1)
    assert.are.same({ 50, 7, { progress = true }, { 1 } }, last(conn))
    conn:callResult(7, 2)
    assert.is_nil(conn.WAMP.call)
    conn:callProgress(7, 3)
    assert.are.same({ 50, 7, {}, { 2 } }, last(conn))
  end)

  it("sends events of topics that the client is subscribed to, and no others", function()
    local topic = Topic("news")
    assert.are.equal(conn, conn:event(topic, 1))
    assert.are.equal(0, #conn.sent)
    topic:join(conn)
    conn:event(topic, 1)
    assert.are.same({ 36, topic.subscription, last(conn)[3], {}, { 1 } }, last(conn))
    conn:event("news", 2)
    assert.are.same({ 2 }, last(conn)[5])
    conn:event("other", 3)
    assert.are.equal(2, #conn.sent)
  end)

  it("has no short forms", function()
    assert.are.equal(conn, conn:prefix("a", "b"))
    assert.are.equal("a:b", conn:getUri("a:b"))
    assert.are.equal(0, #conn.sent)
  end)

  it("has every method that a v1 connection has", function()
    local v1 = require("ratchet.wamp.wamp_connection").methods
    for name in pairs(v1) do assert.is_function(session.methods[name], name) end
    for name in pairs(session.methods) do assert.is_function(v1[name], name) end
  end)
end)
