local fake_core = require "support.fake_core"
local fake_redis = require "support.fake_redis"
local redis = require "ratchet.redis"

describe("redis.Subscription", function()
  local fake
  before_each(function() fake = fake_redis.install() end)
  after_each(fake_redis.remove)

  local function connect()
    local client = assert(redis.connect())
    fake.links[1].ready()
    return client
  end

  describe("with a function", function()
    local client, heard
    before_each(function()
      client = connect()
      heard = {}
    end)

    local function subscribe(handler)
      local subscription = client:subscribe("a", handler or function(message, channel)
        heard[#heard + 1] = { message, channel }
      end)
      fake.links[2].ready()
      return subscription, fake.links[2]
    end

    it("calls the function for each message", function()
      local _, link = subscribe()
      assert.are.equal("SUBSCRIBE a;", link:taken())
      link.reply{ "message", "a", "hello" }
      link.reply{ "message", "a", "again" }
      fake.turn()
      assert.are.same({ { "hello", "a" }, { "again", "a" } }, heard)
      assert.are.equal("", fake.links[1]:taken())
    end)

    it("waits for one before the next", function()
      local ticket = fake.core.ticket()
      local _, link = subscribe(function(message)
        heard[#heard + 1] = "begin " .. message
        if message == "1" then fake.core.wait(ticket) end
        heard[#heard + 1] = "end " .. message
      end)
      link.reply{ "message", "a", "1" }
      link.reply{ "message", "a", "2" }
      fake.turn()
      assert.are.same({ "begin 1" }, heard)
      fake.core.wake(ticket)
      fake.turn()
      assert.are.same({ "begin 1", "end 1", "begin 2", "end 2" }, heard)
    end)

    it("goes on after an error, which is logged", function()
      local _, link = subscribe(function(message)
        heard[#heard + 1] = message
        error("no " .. message)
      end)
      link.reply{ "message", "a", "1" }
      link.reply{ "message", "a", "2" }
      fake.turn()
      assert.are.same({ "1", "2" }, heard)
      assert.matches("error redis a: .*no 2.*traceback", fake_core.last_log(fake.core))
    end)

    it("ends with cancel, also inside of the function", function()
      local subscription, link
      subscription, link = subscribe(function(message)
        heard[#heard + 1] = message
        subscription:cancel()
      end)
      link.reply{ "message", "a", "1" }
      link.reply{ "message", "a", "2" }
      fake.turn()
      assert.are.same({ "1" }, heard)
      assert.is_true(link.is_closed)
    end)

    it("has patterns", function()
      client:psubscribe("a*", function(message, channel) heard[1] = { message, channel } end)
      fake.links[2].ready()
      fake.links[2].reply{ "pmessage", "a*", "ab", "hello" }
      fake.turn()
      assert.are.equal("PSUBSCRIBE a*;", fake.links[2]:taken())
      assert.are.same({ { "hello", "ab" } }, heard)
    end)

    it("raises for wrong arguments", function()
      assert.error_matches(function() client:subscribe(5, print) end, "channel must be a string")
      assert.error_matches(function() client:subscribe("a") end, "give it a function")
      client:close()
      assert.error_matches(function() client:subscribe("a", print) end, "closed")
    end)
  end)

  describe("as a loop", function()
    it("is a loop that waits, and ends with the client", function()
      local client = connect()
      local heard = {}
      fake.handler(function()
        for message, channel in client:messages("a") do heard[#heard + 1] = { message, channel } end
        heard[#heard + 1] = "end"
      end)
      fake.links[2].ready()
      fake.links[2].reply{ "message", "a", "1" }
      fake.turn()
      fake.links[2].reply{ "message", "a", "2" }
      client:close()
      fake.turn()
      assert.are.same({ { "1", "a" }, { "2", "a" }, "end" }, heard)
    end)

    it("has a connection of its own, which goes with the loop", function()
      local client = connect()
      fake.handler(function()
        local message = client:pmessages("a*")()
        assert.are.equal("1", message)
      end)
      fake.links[2].ready()
      fake.links[2].reply{ "pmessage", "a*", "ab", "1" }
      fake.turn()
      collectgarbage()
      collectgarbage()
      fake.advance(0.001)
      assert.is_true(fake.links[2].is_closed)
      assert.is_false(fake.links[1].is_closed)
    end)

    it("raises for wrong arguments", function()
      local client = connect()
      assert.error_matches(function() client:messages() end, "channel must be a string")
      client:close()
      assert.error_matches(function() client:messages("a") end, "closed")
    end)
  end)
end)
