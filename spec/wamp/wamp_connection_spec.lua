-- The tests of Ratchet's Wamp\WampConnection.

local Topic = require "ratchet.wamp.topic"
local WampConnection = require "ratchet.wamp.wamp_connection"
local fake_wamp = require "support.fake_wamp"
local sessions = require "ratchet.wamp.sessions"

local last = fake_wamp.last

describe("wamp.WampConnection", function()
  local conn
  before_each(function()
    fake_wamp.install()
    conn = WampConnection(fake_wamp.connection())
  end)
  after_each(fake_wamp.remove)

  it("welcomes: [0, session, 1, server]", function()
    assert.matches("^%x+$", conn.WAMP.sessionId)
    assert.are.equal(32, #conn.WAMP.sessionId)
    assert.are.same({ 0, conn.WAMP.sessionId, 1, "ratchet-lua" }, conn.sent[1])
    assert.are.equal(conn, sessions.find(conn.WAMP.sessionId))
  end)

  it("testCallResult", function()
    assert.are.equal(conn, conn:callResult("id", { 1, 2 }))
    assert.are.same({ 3, "id", { 1, 2 } }, last(conn))
    conn:callResult(7)
    assert.are.equal('[3,7,[]]', conn.texts[#conn.texts])
    conn:callResult("id", false)
    assert.are.same({ 3, "id", false }, last(conn))
  end)

  it("testCallError", function()
    assert.are.equal(conn, conn:callError("id", "uri", "why"))
    assert.are.same({ 4, "id", "uri", "why" }, last(conn))
    conn:callError("id", "uri")
    assert.are.same({ 4, "id", "uri", "" }, last(conn))
  end)

  it("testCallErrorWithTopic", function()
    conn:callError("id", Topic("topic"), "why")
    assert.are.same({ 4, "id", "topic", "why" }, last(conn))
  end)

  it("testDetailedCallError", function()
    conn:callError("id", "uri", "why", { more = 1 })
    assert.are.same({ 4, "id", "uri", "why", { more = 1 } }, last(conn))
  end)

  it("testPrefix", function()
    assert.are.equal(conn, conn:prefix("calc", "http://example.com/calc"))
    assert.are.same({ 1, "calc", "http://example.com/calc" }, last(conn))
    assert.are.equal("http://example.com/calc#add", conn:getUri("calc:add"))
    assert.error_matches(function() conn:prefix("calc") end, "two strings")
  end)

  it("testGetUriWhenNoCurieGiven", function()
    assert.are.equal("http://example.com", conn:getUri("http://example.com"))
    assert.are.equal("name", conn:getUri("name"))
  end)

  it("testClose: it is the connection's own", function()
    conn:close()
    assert.are.same({ 1000, "" }, conn.closed)
  end)

  it("sends an event to one client", function()
    assert.are.equal(conn, conn:event("topic", { a = 1 }))
    assert.are.same({ 8, "topic", { a = 1 } }, last(conn))
    conn:event(Topic("topic"), "x")
    assert.are.same({ 8, "topic", "x" }, last(conn))
  end)

  it("has no results in pieces", function()
    assert.are.equal(conn, conn:callProgress("id", 1))
    assert.are.equal(1, #conn.sent)
  end)
end)
