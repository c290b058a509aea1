local function caller_with(log, name)
  local caller = { open = true, name = name }
  function caller:isOpen() return self.open end
  function caller:close()
    self.open = false
    log[#log + 1] = name .. " closed"
  end
  function caller:rest(seconds) self.seconds = seconds end
  return caller
end

local function answer(keep_alive)
  return { headers = { ["keep-alive"] = keep_alive } }
end

describe("the pool", function()
  local pool, log
  before_each(function()
    package.loaded["ratchet.fetch.pool"] = nil
    pool, log = require "ratchet.fetch.pool", {}
  end)

  it("gives back what has rested least, to the same server only", function()
    local a, b = caller_with(log, "a"), caller_with(log, "b")
    pool.give("one", a, answer())
    pool.give("one", b, answer())
    assert.is_nil(pool.take("two"))
    assert.are.equal(b, pool.take("one"))
    assert.are.equal(a, pool.take("one"))
    assert.is_nil(pool.take("one"))
  end)

  it("passes over what has ended", function()
    local a, b = caller_with(log, "a"), caller_with(log, "b")
    pool.give("one", a, answer())
    pool.give("one", b, answer())
    b.open = false
    assert.are.equal(a, pool.take("one"))
  end)

  it("lets it rest a little, and less when the server says so", function()
    local function rest(keep_alive)
      local caller = caller_with(log, "a")
      pool.give("one", caller, answer(keep_alive))
      return caller.seconds
    end
    assert.are.equal(4, rest(nil))
    assert.are.equal(4, rest("timeout=75"))
    assert.are.equal(2, rest("max=5, Timeout=3"))
    assert.are.equal(4, rest("nonsense"))
    assert.is_nil(rest("timeout=1"))
    assert.are.same({ "a closed" }, log)
  end)

  it("keeps nothing that is closed already", function()
    local a = caller_with(log, "a")
    a.open = false
    pool.give("one", a, answer())
    assert.is_nil(pool.take("one"))
  end)

  it("keeps no more than 32 for a server", function()
    for i = 1, 33 do pool.give("one", caller_with(log, tostring(i)), answer()) end
    assert.are.same({ "33 closed" }, log)
  end)

  it("keeps no more than 256, of which the dead make room", function()
    local first
    for i = 1, 256 do
      local caller = caller_with(log, tostring(i))
      first = first or caller
      pool.give("server " .. i, caller, answer())
    end
    pool.give("one more", caller_with(log, "x"), answer())
    assert.are.same({ "x closed" }, log)
    first.open = false
    pool.give("one more", caller_with(log, "y"), answer())
    assert.are.same({ "x closed" }, log)
    assert.are.equal("y", pool.take("one more").name)
    assert.is_nil(pool.take("server 1"))
    assert.are.equal("2", pool.take("server 2").name)
  end)
end)
