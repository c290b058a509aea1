local RedisStore = require "ratchet.session.redis_store"
local fake_core = require "support.fake_core"

-- A Redis that is a table, and notes what it was asked.
local function fake_redis(data)
  local redis = { asked = {}, data = data or {} }
  local function note(...) redis.asked[#redis.asked + 1] = table.concat({ ... }, " ") end
  function redis:get(key)
    if self.failure then return nil, self.failure end
    return self.data[key]
  end
  function redis:set(key, value, ...)
    if self.failure then return nil, self.failure end
    note("SET", key, value, ...)
    self.data[key] = value
    return "OK"
  end
  function redis:del(key)
    if self.failure then return nil, self.failure end
    local count = self.data[key] and 1 or 0
    self.data[key] = nil
    return count
  end
  -- What the script does.
  function redis:eval(_, count, key, lock, before, after, lifetime)
    if self.failure then return nil, self.failure end
    note("EVAL", count, lifetime)
    if self.meanwhile then self.meanwhile() end
    if self.data[lock] then return "locked" end
    local now = self.data[key]
    if (now and "s" .. now or "") ~= before then return "changed" end
    self.data[key] = after
    return "set"
  end
  return redis
end

describe("RedisStore", function()
  local core, slept
  before_each(function()
    core, slept = fake_core.install(), 0
    function core.sleep(seconds) slept = slept + seconds end
  end)
  after_each(fake_core.remove)

  it("has the keys of phpredis, and a lifetime", function()
    local redis = fake_redis{ ["PHPREDIS_SESSION:abc"] = "user|i:1;" }
    local store = RedisStore{ redis = redis }
    assert.are.equal("user|i:1;", store:read("abc"))
    assert.is_nil((store:read("nobody")))
    assert.is_true(store:write("new", "x"))
    assert.are.same({ "SET PHPREDIS_SESSION:new x EX 1440" }, redis.asked)
    assert.is_true(store:destroy("new"))
    assert.is_true(store:destroy("new"))
    store = RedisStore{ redis = redis, prefix = "s:", lifetime = 60 }
    store:write("a", "y")
    assert.are.equal("SET s:a y EX 60", redis.asked[2])
  end)

  it("lets nobody in between reading and writing", function()
    local redis = fake_redis{ ["PHPREDIS_SESSION:abc"] = "1" }
    local store, times = RedisStore{ redis = redis }, 0
    function redis.meanwhile()
      redis.data["PHPREDIS_SESSION:abc"] = "2"
      redis.meanwhile = nil
    end
    assert.is_true(store:update("abc", function(bytes)
      times = times + 1
      return bytes .. "+"
    end))
    assert.are.equal("2+", redis.data["PHPREDIS_SESSION:abc"])
    assert.are.equal(2, times)
    assert.are.same({ nil, "no" }, { store:update("x", function() return nil, "no" end) })
  end)

  it("waits for the lock of phpredis, and not for ever", function()
    local redis = fake_redis{ ["PHPREDIS_SESSION:abc"] = "1", ["PHPREDIS_SESSION:abc_LOCK"] = "!" }
    local store = RedisStore{ redis = redis, lockTimeout = 1 }
    local written, reason = store:update("abc", function() return "2" end)
    assert.is_nil(written)
    assert.matches("^it was locked for over 1%.%d+ seconds$", reason)
    function redis.meanwhile() redis.data["PHPREDIS_SESSION:abc_LOCK"] = nil end
    assert.is_true(store:update("abc", function() return "2" end))
  end)

  it("tells why it could not", function()
    local redis = fake_redis{ ["PHPREDIS_SESSION:large"] = ("x"):rep(11) }
    local store = RedisStore{ redis = redis, maxSize = 10 }
    assert.are.same({ nil, "it has 11 bytes; 10 is the most" }, { store:read("large") })
    local reason = "it would have 11 bytes; 10 is the most"
    assert.are.same({ nil, reason }, { store:write("a", ("x"):rep(11)) })
    assert.are.same({ nil, reason }, { store:update("a", function() return ("x"):rep(11) end) })
    redis.failure = "connection lost"
    for _, answer in ipairs({ { store:read("a") }, { store:write("a", "b") },
      { store:destroy("a") }, { store:update("a", error) } }) do
      assert.are.same({ nil, "connection lost" }, answer)
    end
  end)

  it("checks its options, and connects when it is first asked", function()
    assert.error_matches(function() RedisStore{ prefx = "a" } end, 'did you mean "prefix"')
    assert.error_matches(function() RedisStore{ hots = "a" } end, 'did you mean "host"')
    assert.error_matches(function() RedisStore{ redis = {}, host = "a" } end,
      "goes to ratchet.redis.connect")
    assert.has_no_error(function() RedisStore{ host = "nowhere.example" } end)
    assert.has_no_error(function() RedisStore() end)
  end)
end)
