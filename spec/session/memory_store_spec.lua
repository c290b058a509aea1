local MemoryStore = require "ratchet.session.memory_store"

describe("MemoryStore", function()
  local now, time
  before_each(function()
    now, time = 1000, os.time
    os.time = function() return now end -- luacheck: ignore
  end)
  after_each(function() os.time = time end) -- luacheck: ignore

  it("keeps, updates and destroys", function()
    local store = MemoryStore()
    assert.is_nil(store:read("a"))
    assert.is_true(store:write("a", "1"))
    assert.are.equal("1", store:read("a"))
    assert.is_true(store:update("a", function(bytes) return bytes .. "2" end))
    assert.are.equal("12", store:read("a"))
    assert.are.same({ nil, "no" }, { store:update("b", function(bytes)
      assert.is_nil(bytes)
      return nil, "no"
    end) })
    assert.is_true(store:destroy("a"))
    assert.is_true(store:destroy("a"))
    assert.is_nil(store:read("a"))
  end)

  it("forgets what was not written for a lifetime", function()
    local store = MemoryStore{ lifetime = 10 }
    store:write("a", "1")
    now = 1009
    assert.are.equal("1", store:read("a"))
    now = 1010
    assert.is_nil(store:read("a"))
  end)

  it("has no memory of those whose time is over", function()
    local store = MemoryStore{ lifetime = 10 }
    for i = 1, 1000 do
      now = now + 1
      store:write("id" .. i, "x")
    end
    local count = 0
    for _ in pairs(store.entries) do count = count + 1 end
    assert.is_true(count <= 16, count)
  end)

  it("checks its options", function()
    assert.error_matches(function() MemoryStore{ lifetme = 1 } end, 'did you mean "lifetime"')
  end)
end)
