local sessions = require "ratchet.wamp.sessions"
local router = require "support.wamp_router"

local aborted, last, HELLO = router.aborted, router.last, router.HELLO
local connect, say, welcomed, with = router.connect, router.say, router.welcomed, router.with

describe("wamp.handshake", function()
  before_each(router.install)
  after_each(router.remove)

  it("begins a session by HELLO, and tells the component then", function()
    with({ "onOpen", "onClose" })
    local conn = connect()
    assert.are.equal(0, #router.app.calls)
    say(conn, HELLO)
    assert.are.same({ { "onOpen", conn, "request" } }, router.app.calls)
    local welcome = conn.sent[1]
    assert.are.same({ 2, conn.WAMP.sessionId }, { unpack(welcome, 1, 2) })
    assert.are.same({ "realm1", "anonymous", "anonymous", "anonymous" },
      { welcome[3].realm, welcome[3].authid, welcome[3].authrole, welcome[3].authmethod })
    assert.is_true(welcome[3].roles.broker.features.pattern_based_subscription)
    assert.is_true(conn.timer.is_cancelled)
    assert.are.equal(conn, sessions.find(conn.WAMP.sessionId))
    router.protocol:onClose(conn, 1001, "bye")
    assert.are.same({ "onClose", conn, 1001, "bye" }, router.app.calls[2])
    assert.is_nil(sessions.find(conn.WAMP.sessionId))
  end)

  it("tells the component nothing of who never said HELLO", function()
    with({ "onOpen", "onClose", "onError" })
    local conn = connect()
    router.protocol:onError(conn, "oh dear")
    aborted(conn, "wamp.error.runtime_error", 1011)
    router.protocol:onClose(conn, 1006, "")
    assert.are.equal(0, #router.app.calls)
  end)

  it("waits ten seconds for a session", function()
    local conn = connect()
    assert.are.equal(10, conn.timer.seconds)
    conn.timer.fn(conn)
    aborted(conn, "wamp.error.authentication_failed", 1000)
    conn = welcomed()
    conn.timer = nil
  end)

  it("knows its realm", function()
    with({}, { realm = "realm1" })
    welcomed()
    local conn = connect()
    say(conn, '[1,"other",{}]')
    aborted(conn, "wamp.error.no_such_realm", 1000)
  end)

  it("closes for a client that aborts", function()
    local conn = connect()
    say(conn, '[3,{},"why"]')
    assert.are.same({ 1000, "" }, conn.closed)
    assert.are.equal(0, #conn.sent)
  end)

  describe("with authentication", function()
    before_each(function()
      with({ "onOpen" }, { authentication = {
        ticket = function(_, ticket) return ticket == "good" and "admin" end,
      } })
    end)

    it("asks, and lets in who is right", function()
      local conn = connect()
      say(conn, '[1,"realm1",{"authmethods":["ticket"],"authid":"ada"}]')
      assert.are.same({ { 4, "ticket", {} } }, conn.sent)
      assert.are.equal(0, #router.app.calls)
      say(conn, '[5,"good",{}]')
      assert.are.equal("ada", last(conn)[3].authid)
      assert.are.same({ "ada", "admin", "ticket" },
        { conn.WAMP.authid, conn.WAMP.authrole, conn.WAMP.authmethod })
      assert.are.equal(1, #router.app.calls)
    end)

    it("lets nobody else in", function()
      local conn = connect()
      say(conn, '[1,"realm1",{"authmethods":["ticket"],"authid":"ada"}]', '[5,"bad",{}]')
      aborted(conn, "wamp.error.authentication_failed", 1000)
      for _, details in ipairs({ "{}", '{"authmethods":["ticket"]}', '{"authmethods":"ticket"}',
        '{"authmethods":["anonymous"]}', '{"authmethods":["ticket"],"authid":5}' }) do
        conn = connect()
        say(conn, '[1,"realm1",' .. details .. "]")
        aborted(conn, "wamp.error.no_matching_auth_method", 1000)
      end
      assert.are.equal(0, #router.app.calls)
    end)

    it("takes messages in their order only", function()
      local hello = '[1,"realm1",{"authmethods":["ticket"],"authid":"ada"}]'
      for _, texts in ipairs({ { '[5,"good",{}]' }, { hello, hello }, { hello, '[5,7,{}]' },
        { hello, "[5]" }, { hello, '[16,1,{},"topic"]' } }) do
        local conn = connect()
        say(conn, unpack(texts))
        aborted(conn, "wamp.error.protocol_violation", 1007)
      end
      assert.are.equal(0, #router.app.calls)
    end)
  end)
end)
