local fake_core = require "support.fake_core"
local fake_redis = require "support.fake_redis"
local Line = require "ratchet.redis.line"

describe("redis.line", function()
  local fake, events, line
  before_each(function()
    fake = fake_redis.install()
    events = {}
  end)
  after_each(fake_redis.remove)

  local function open(more)
    line = Line(fake_redis.settings(more), {
      up = function() events[#events + 1] = "up" end,
      down = function(reason, is_final)
        events[#events + 1] = reason .. (is_final and " (final)" or "")
      end,
      reply = function(value, err) events[#events + 1] = { value, err } end,
    })
    line:connect()
    return fake.links[#fake.links]
  end

  it("connects to where it was told", function()
    local link = open{ path = "/p" }
    assert.are.equal("/p", link.handlers.path)
    assert.are.equal(1000, link.handlers.maxReplySize)
    assert.are.equal("/p", line.name)
    assert.are.equal("h:1", Line(fake_redis.settings(), {}).name)
  end)

  it("is up at once when there is nothing to say before", function()
    open().ready()
    assert.are.same({ "up" }, events)
    assert.are.equal("up", line.state)
    assert.are.equal(0, fake.timers())
  end)

  it("says who it is, and waits until that is accepted", function()
    local link = open{ username = "ada", password = "pw", db = 3 }
    link.ready()
    assert.are.equal("AUTH ada pw;SELECT 3;", link:taken())
    link.reply("OK")
    assert.are.same({}, events)
    link.reply("OK")
    assert.are.same({ "up" }, events)
    link.reply("value")
    assert.are.same({ "value" }, events[2])
  end)

  it("knows a password without a name", function()
    local link = open{ password = "pw" }
    link.ready()
    assert.are.equal("AUTH pw;", link:taken())
  end)

  it("is refused: that is told to those who wait, and tried again", function()
    local link = open{ password = "wrong" }
    link.ready()
    link.reply(nil, "WRONGPASS no")
    assert.are.same({ "WRONGPASS no (final)" }, events)
    assert.is_true(link.is_closed)
    fake.advance(0.05)
    assert.are.equal(2, #fake.links)
  end)

  it("comes again later each time, up to a bound, and logs once", function()
    open()
    local times = {}
    for attempt = 1, 12 do
      fake.links[attempt].lost("connection refused")
      local before = #fake.links
      local waited = 0
      while #fake.links == before do
        fake.advance(0.01)
        waited = waited + 0.01
      end
      times[attempt] = waited
    end
    assert.is_true(times[1] <= 0.06)
    assert.is_true(times[12] >= 1 and times[12] <= 2.01)
    assert.are.equal(1, #fake.core.logged)
    assert.are.equal("warn redis h:1: connection refused; trying again",
      fake_core.last_log(fake.core))
    fake.links[#fake.links].ready()
    assert.are.equal("info redis h:1: connected again", fake_core.last_log(fake.core))
  end)

  it("does not begin anew with the delays until the server has answered", function()
    open().lost("x")
    assert.are.equal(0.1, line.delay)
    fake.advance(0.1)
    fake.links[2].ready()
    assert.are.equal(0.1, line.delay)
    fake.links[2].reply("OK")
    assert.are.equal(0.05, line.delay)
  end)

  it("comes again also when those who hear of it raise", function()
    local link = open()
    function line.events.down() error("no memory", 0) end
    assert.has_error(function() link.lost("gone") end, "no memory")
    assert.is_true(link.is_closed)
    fake.advance(0.05)
    assert.are.equal(2, #fake.links)
    fake.links[2].ready()
    assert.are.same({ "up" }, events)
  end)

  it("is closed by one who hears of it, and does not come again", function()
    local link = open()
    function line.events.down() line:close() end
    link.lost("gone")
    fake.advance(10)
    assert.are.equal(1, #fake.links)
    assert.are.equal("closed", line.state)
  end)

  it("gives up a server that does not take the connection", function()
    local link = open{ connectTimeout = 0.2 }
    fake.advance(0.2)
    assert.is_true(link.is_closed)
    assert.are.same({ "no connection within 0.2 s" }, events)
  end)

  it("stays down without reconnect", function()
    open{ reconnect = false }.lost("gone")
    fake.advance(10)
    assert.are.same({ "gone (final)" }, events)
    assert.are.equal(1, #fake.links)
    assert.are.equal("closed", line.state)
    line:lose("again")
    assert.are.equal(1, #events)
  end)

  it("is paused also when it is connected anew", function()
    local link = open()
    line:pause()
    assert.is_false(link.is_paused)
    link.ready()
    assert.is_true(link.is_paused)
    line:resume()
    assert.is_false(link.is_paused)
  end)

  it("is closed for good, twice too", function()
    local link = open()
    line:close()
    line:close()
    assert.is_true(link.is_closed)
    fake.advance(10)
    assert.are.same({}, events)
    assert.are.equal(1, #fake.links)
  end)
end)
