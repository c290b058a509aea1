local fake_core = require "support.fake_core"
local fake_redis = require "support.fake_redis"
local native = require "ratchet.native"
local redis = require "ratchet.redis"

describe("redis", function()
  local fake
  before_each(function() fake = fake_redis.install() end)
  after_each(fake_redis.remove)

  local function connect(options)
    local client = assert(redis.connect(options))
    fake.links[1].ready()
    return client, fake.links[1]
  end

  -- What the call returns when the server answers this.
  local function answered(replies, call)
    local results
    fake.handler(function() results = { n = 0, call() } end)
    for _, reply in ipairs(replies) do fake.links[1].reply(unpack(reply, 1, 2)) end
    fake.turn()
    return results
  end

  describe("connect", function()
    it("has defaults", function()
      connect()
      local link = fake.links[1].handlers
      assert.are.same({ "127.0.0.1", 6379, 64 * 1024 * 1024 },
        { link.host, link.port, link.maxReplySize })
    end)

    it("says that there is no TLS", function()
      local client, err = redis.connect{ tls = true }
      assert.is_nil(client)
      assert.matches("TLS is not there yet", err)
    end)

    it("raises for options that make no sense", function()
      assert.error_matches(function() redis.connect{ hots = "x" } end, 'did you mean "host"')
      assert.error_matches(function() redis.connect{ port = "x" } end, "port")
      assert.error_matches(function() redis.connect{ username = "x" } end, "needs a password")
    end)

    it("leaves the table it was given alone", function()
      local given = { host = "x" }
      connect(given)
      assert.are.same({ host = "x" }, given)
    end)

    it("leaves no connection when it raises", function()
      local core = native.core()
      function core.redis() error("not enough memory", 0) end
      assert.has_error(function() redis.connect() end, "not enough memory")
      assert.are.equal(0, fake.timers())
      function core.after() error("no timer", 0) end
      assert.has_error(function() redis.connect() end, "no timer")
      assert.are.same({}, fake.links)
    end)

    it("needs the server", function()
      fake_core.remove()
      assert.error_matches(function() redis.connect() end, "ratchet%-lua")
    end)
  end)

  describe("a command", function()
    it("waits for its reply", function()
      local client, link = connect()
      local results = answered({ { "1" } }, function() return client:command("get", "k") end)
      assert.are.equal("get k;", link:taken())
      assert.are.same({ n = 0, "1" }, results)
    end)

    it("is any method, made once", function()
      local client, link = connect()
      answered({ { "1" } }, function() return client:hGet("h", 5) end)
      assert.are.equal("HGET h 5;", link:taken())
      assert.are.equal(client.hGet, client.hGet)
      assert.is_nil(client["no method"])
      assert.is_nil(client[1])
    end)

    it("returns errors", function()
      local client = connect()
      assert.are.same({ n = 0, nil, "ERR no" },
        answered({ { nil, "ERR no" } }, function() return client:foo() end))
    end)

    it("uses tickets again", function()
      local client = connect()
      for _ = 1, 3 do answered({ { "1" } }, function() return client:get("k") end) end
      assert.are.equal(1, #client.state.spare)
    end)

    it("raises for what is no argument, and sends nothing", function()
      local client, link = connect()
      for _, call in ipairs{
        function() client:get({}) end,
        function() client:set("k", nil, "x") end,
        function() client:set("k", true) end,
      } do
        assert.error_matches(function() fake.handler(call) end, "must be a string or a number")
      end
      assert.error_matches(function() fake.handler(function() client:command(5) end) end,
        "a command is a string")
      assert.are.equal("", link:taken())
    end)

    it("raises where nothing can wait, and sends nothing", function()
      local client, link = connect()
      assert.error_matches(function() client:get("k") end, "nothing can wait here")
      assert.are.equal("", link:taken())
    end)

    it("is not one that changes the connection for all", function()
      local client = connect()
      for _, name in ipairs{ "SUBSCRIBE", "multi", "Exec", "WATCH", "SELECT", "AUTH", "HELLO",
        "QUIT", "MONITOR" } do
        assert.error_matches(function() client:command(name, "x") end,
          "no " .. name:upper() .. " here")
      end
      assert.error_matches(function() client:client("reply", "OFF") end, "CLIENT REPLY")
    end)
  end)

  describe("send", function()
    it("does not wait", function()
      local client, link = connect()
      assert.is_true(client:send("PUBLISH", "a", "b"))
      assert.are.equal("PUBLISH a b;", link:taken())
      assert.error_matches(function() client:send("PUBLISH", "a", {}) end, "argument 2 of PUBLISH")
      client:close()
      assert.are.same({ nil, "closed" }, { client:send("PUBLISH", "a", "b") })
    end)
  end)

  describe("pipeline", function()
    it("takes a function", function()
      local client, link = connect()
      local results = answered({ { "OK" }, { nil }, { nil, "ERR" }, { "PONG" } }, function()
        return client:pipeline(function(p)
          p:set("a", 1)
          p:get("b")
          p:foo()
          p:command("PING")
        end)
      end)
      assert.are.equal("SET a 1;GET b;FOO;PING;", link:taken())
      assert.are.same({ n = 0, { "OK", false, { err = "ERR" }, "PONG" } }, results)
    end)

    it("takes a list", function()
      local client, link = connect()
      local results = answered({ { "1" } }, function() return client:pipeline{ { "GET", "a" } } end)
      assert.are.equal("GET a;", link:taken())
      assert.are.same({ n = 0, { "1" } }, results)
    end)

    it("of nothing is an empty list", function()
      local client = connect()
      assert.are.same({}, client:pipeline(function() end))
    end)

    it("raises before anything is sent", function()
      local client, link = connect()
      local function raises(commands, message)
        assert.error_matches(function()
          fake.handler(function() client:pipeline(commands) end)
        end, message)
      end
      raises("GET", "give it a function")
      raises({ "GET" }, "command 1 must be a list")
      raises({ { "GET", "a" }, { "GET", {} } }, "argument 1 of GET")
      raises({ { "MULTI" } }, "MULTI without EXEC")
      raises({ { "EXEC" } }, "pairs")
      raises({ { "MULTI" }, { "MULTI" } }, "pairs")
      raises({ { "SELECT", 1 } }, "no SELECT here")
      assert.are.equal("", link:taken())
    end)

    it("fails as one", function()
      local client = connect{ maxQueued = 1 }
      assert.are.same({ n = 0, nil, "too many commands wait: 0 (maxQueued)" },
        answered({}, function() return client:pipeline{ { "A" }, { "B" } } end))
    end)
  end)

  describe("transaction", function()
    local function transact(replies)
      local client, link = connect()
      local results = answered(replies, function()
        return client:transaction(function(p) p:incr("a") end)
      end)
      assert.are.equal("MULTI;INCR a;EXEC;", link:taken())
      return results
    end

    it("returns the replies", function()
      assert.are.same({ n = 0, { 1 } }, transact{ { "OK" }, { "QUEUED" }, { { 1 } } })
    end)

    it("returns why it was not carried out", function()
      assert.are.same({ n = 0, nil, "ERR unknown" },
        transact{ { "OK" }, { nil, "ERR unknown" }, { nil, "EXECABORT" } })
    end)
  end)

  it("shows where it is connected to", function()
    assert.are.equal("redis 127.0.0.1:6379", tostring((connect())))
  end)
end)
