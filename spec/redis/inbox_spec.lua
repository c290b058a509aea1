local fake_redis = require "support.fake_redis"
local Inbox = require "ratchet.redis.inbox"

describe("redis.inbox", function()
  local fake, inbox, asked
  before_each(function()
    fake = fake_redis.install()
    asked = {}
    inbox = Inbox{
      pause = function() asked[#asked + 1] = "pause" end,
      resume = function() asked[#asked + 1] = "resume" end,
    }
  end)
  after_each(fake_redis.remove)

  it("keeps messages in order", function()
    inbox:put("a", "x")
    inbox:put("b", "y")
    assert.are.same({ "a", "x" }, { inbox:take() })
    inbox:put("c", "z")
    assert.are.same({ "b", "y" }, { inbox:take() })
    assert.are.same({ "c", "z" }, { inbox:take() })
    assert.is_nil(inbox:take())
  end)

  it("tells that something is in it", function()
    local told = 0
    inbox.told = function() told = told + 1 end
    inbox:put("a", "x")
    assert.are.equal(1, told)
  end)

  it("stops its source when it is full, until it is half empty", function()
    for i = 1, 1024 do inbox:put(tostring(i), "x") end
    assert.are.same({}, asked)
    inbox:put("one more", "x")
    inbox:put("and one", "x")
    assert.are.same({ "pause" }, asked)
    for _ = 1, 513 do inbox:take() end
    assert.are.same({ "pause" }, asked)
    inbox:take()
    assert.are.same({ "pause", "resume" }, asked)
    assert.are.equal(512, inbox:count())
  end)

  it("is full by bytes too", function()
    inbox:put(("x"):rep(1024 * 1024 + 1), "x")
    assert.are.same({ "pause" }, asked)
    inbox:take()
    assert.are.same({ "pause", "resume" }, asked)
  end)

  it("gives the next one to a handler that waits", function()
    local seen = {}
    fake.handler(function()
      seen[1] = { inbox:next() }
      seen[2] = { inbox:next() }
    end)
    inbox:put("a", "x")
    inbox:put("b", "y")
    fake.turn()
    assert.are.same({ { "a", "x" }, { "b", "y" } }, seen)
  end)

  it("gives each handler that waits another one", function()
    local seen = {}
    for i = 1, 2 do fake.handler(function() seen[i] = inbox:next() end) end
    inbox:put("a", "x")
    inbox:put("b", "y")
    fake.turn()
    assert.are.same({ "a", "b" }, seen)
  end)

  it("passes over one whose wait was cancelled", function()
    assert.has_error(function()
      fake.handler(function() inbox:next() end)
      fake.cancel(inbox.tickets[1])
    end, "cancelled")
    local message
    fake.handler(function() message = inbox:next() end)
    inbox:put("a", "x")
    fake.turn()
    assert.are.equal("a", message)
  end)

  it("ends: who waits gets nil, and nothing comes any more", function()
    local seen = "nothing yet"
    fake.handler(function() seen = inbox:next() end)
    inbox:close()
    fake.turn()
    assert.is_nil(seen)
    inbox:put("a", "x")
    assert.is_nil(inbox:take())
    fake.handler(function() seen = { inbox:next() } end)
    assert.are.same({}, seen)
  end)

  it("lets its source go on when it ends full", function()
    inbox:put(("x"):rep(1024 * 1024 + 1), "x")
    inbox:close()
    assert.are.same({ "pause", "resume" }, asked)
  end)
end)
