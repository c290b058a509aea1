local fake_core = require "support.fake_core"
local fake_redis = require "support.fake_redis"
local Inbox = require "ratchet.redis.inbox"
local Subscriber = require "ratchet.redis.subscriber"

describe("redis.subscriber", function()
  local fake, subscriber
  before_each(function()
    fake = fake_redis.install()
    subscriber = Subscriber(fake_redis.settings())
  end)
  after_each(fake_redis.remove)

  local function add(kind, name)
    local inbox = Inbox(subscriber)
    subscriber:add(kind, name, inbox)
    return inbox
  end

  it("connects when there is something to hear, and asks for it when it is up", function()
    assert.are.equal(0, #fake.links)
    add("SUBSCRIBE", "a")
    assert.are.equal("", fake.links[1]:taken())
    fake.links[1].ready()
    assert.are.equal("SUBSCRIBE a;", fake.links[1]:taken())
    add("PSUBSCRIBE", "a*")
    assert.are.equal("PSUBSCRIBE a*;", fake.links[1]:taken())
    add("SUBSCRIBE", "a")
    assert.are.equal("", fake.links[1]:taken())
  end)

  it("puts a message in every inbox of its channel", function()
    local one, two, pattern = add("SUBSCRIBE", "a"), add("SUBSCRIBE", "a"), add("PSUBSCRIBE", "*")
    local link = fake.links[1]
    link.ready()
    link.reply{ "subscribe", "a", 1 }
    link.reply{ "message", "a", "hello" }
    link.reply{ "pmessage", "*", "a", "hello" }
    assert.are.same({ "hello", "a" }, { one:take() })
    assert.are.same({ "hello", "a" }, { two:take() })
    assert.are.same({ "hello", "a" }, { pattern:take() })
  end)

  it("passes over what is no message", function()
    local inbox = add("SUBSCRIBE", "a")
    local link = fake.links[1]
    link.ready()
    for _, odd in ipairs{ {}, { "message" }, { "message", "a" }, { "message", "a", 5 },
      { "message", false, "x" }, { "message", {}, "x" }, { "pmessage", "a" } } do
      link.reply(odd)
    end
    assert.are.equal(0, inbox:count())
    assert.is_false(link.is_closed)
    link.reply("OK")
    assert.is_true(link.is_closed)
  end)

  it("logs what the server refuses", function()
    add("SUBSCRIBE", "a")
    fake.links[1].ready()
    fake.links[1].reply(nil, "NOPERM no")
    assert.are.equal("error redis h:1: NOPERM no", fake_core.last_log(fake.core))
  end)

  it("asks again when the connection is back", function()
    add("SUBSCRIBE", "a")
    fake.links[1].ready()
    fake.links[1].lost("gone")
    fake.advance(0.1)
    fake.links[2].ready()
    assert.are.equal("SUBSCRIBE a;", fake.links[2]:taken())
  end)

  it("says when the last of a channel goes, and closes with the last of all", function()
    local one, two, other = add("SUBSCRIBE", "a"), add("SUBSCRIBE", "a"), add("PSUBSCRIBE", "b")
    local link = fake.links[1]
    link.ready()
    link:taken()
    subscriber:remove("SUBSCRIBE", "a", one)
    assert.are.equal("", link:taken())
    subscriber:remove("SUBSCRIBE", "a", two)
    subscriber:remove("SUBSCRIBE", "a", two)
    assert.are.equal("UNSUBSCRIBE a;", link:taken())
    subscriber:remove("PSUBSCRIBE", "b", other)
    assert.is_true(link.is_closed)
    add("SUBSCRIBE", "a")
    assert.are.equal(2, #fake.links)
  end)

  it("is not read while an inbox is full", function()
    local one, two = add("SUBSCRIBE", "a"), add("SUBSCRIBE", "b")
    local link = fake.links[1]
    link.ready()
    local large = ("x"):rep(1024 * 1024 + 1)
    link.reply{ "message", "a", large }
    link.reply{ "message", "b", large }
    assert.is_true(link.is_paused)
    one:take()
    assert.is_true(link.is_paused)
    two:take()
    assert.is_false(link.is_paused)
  end)

  it("ends all", function()
    local inbox = add("SUBSCRIBE", "a")
    subscriber:close()
    assert.is_true(inbox.is_closed)
    assert.is_true(fake.links[1].is_closed)
  end)
end)
