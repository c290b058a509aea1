local Journal = require "ratchet.reload.journal"

describe("Journal", function()
  it("takes back fields, metatables and local variables, the last first", function()
    local n = 1
    local function get() return n end
    local first = { __metatable = "protected" }
    local t = setmetatable({ a = 1 }, first)
    local journal = Journal()
    journal:set(t, "a", 2)
    journal:set(t, "a", 3)
    journal:set(t, "b", 4)
    journal:set_metatable(t, nil)
    journal:set_upvalue(get, 1, 5)
    assert.are.same({ 3, 4, 5 }, { t.a, t.b, get() })
    assert.is_nil(debug.getmetatable(t))
    journal:undo()
    assert.are.same({ 1, 1 }, { t.a, get() })
    assert.is_nil(rawget(t, "b"))
    assert.are.equal(first, debug.getmetatable(t))
    n = 6
    journal:undo()
    assert.are.equal(6, get())
  end)

  it("takes back what came before a write that has failed, and not that one", function()
    local t = { a = 1 }
    local journal = Journal()
    journal:set(t, "a", 2)
    assert.has_error(function() journal:set(t, 0 / 0, 3) end) -- as one without memory does
    journal:undo()
    assert.are.same({ a = 1 }, t)
  end)

  it("writes past metatables", function()
    local t = setmetatable({}, { __newindex = error })
    Journal():set(t, "a", 1)
    assert.are.equal(1, rawget(t, "a"))
  end)
end)
