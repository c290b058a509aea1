-- What a client makes of it is in ../redis_spec.lua.

local fake_core = require "support.fake_core"
local pipeline = require "ratchet.redis.pipeline"

describe("redis.pipeline", function()
  before_each(function()
    local core = fake_core.install()
    function core.redisCommand(...) return table.concat({ ... }, " ") .. "\n" end
  end)
  after_each(fake_core.remove)

  it("notes what a function asks for, and takes a list as it is", function()
    local list = pipeline.list(function(p)
      p:get("a")
      p:command("set", "b", 1)
    end)
    assert.are.same({ { "GET", "a", n = 2 }, { "set", "b", 1, n = 3 } }, list)
    assert.are.equal(list, pipeline.list(list))
    assert.is_nil(getmetatable(list))
  end)

  it("puts them into one piece", function()
    assert.are.equal("GET a\nSET b 1\n", pipeline.bytes({ { "GET", "a" }, { "SET", "b", 1 } }))
  end)

  it("wants transactions whole", function()
    assert.has_error(function() pipeline.bytes({ { "MULTI" }, { "GET", "a" } }) end,
      "redis:pipeline: there is a MULTI without EXEC")
    assert.has_error(function() pipeline.bytes({ { "EXEC" } }) end,
      "redis:pipeline: MULTI and EXEC must come in pairs")
  end)

  it("takes nothing else", function()
    assert.has_error(function() pipeline.list(5) end, "redis:pipeline: give it a function, or "
      .. 'a list of commands such as { "GET", "key" }')
    assert.has_error(function() pipeline.bytes({ "GET" }) end,
      'redis:pipeline: command 1 must be a list such as { "GET", "key" }')
  end)
end)
