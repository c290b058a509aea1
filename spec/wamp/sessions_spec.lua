local fake_wamp = require "support.fake_wamp"
local sessions = require "ratchet.wamp.sessions"

describe("wamp.sessions", function()
  local core
  before_each(function() core = fake_wamp.install() end)
  after_each(fake_wamp.remove)

  it("finds whose an id is, until it is removed", function()
    local conn = fake_wamp.connection()
    sessions.add("a", conn)
    sessions.add(7, conn)
    assert.are.equal(conn, sessions.find("a"))
    assert.are.equal(conn, sessions.find(7))
    sessions.remove("a")
    assert.is_nil(sessions.find("a"))
    for _, id in ipairs({ "b", 0 / 0, {}, true }) do assert.is_nil(sessions.find(id)) end
    assert.is_nil(sessions.find(nil))
    sessions.remove(7)
  end)

  it("keeps nobody alive", function()
    sessions.add("gone", fake_wamp.connection())
    collectgarbage()
    collectgarbage()
    assert.is_nil(sessions.find("gone"))
  end)

  it("makes ids of random bytes", function()
    function core.randomBytes(count) return ("\255"):rep(count) end
    assert.are.equal(("f"):rep(32), sessions.text_id())
    assert.are.equal(2 ^ 53, sessions.number_id())
    function core.randomBytes(count) return ("\0"):rep(count) end
    assert.are.equal(1, sessions.number_id())
  end)
end)
