local headers = require "ratchet.http.headers"

local raw = { "X-A", "1", "Cookie", "a=1", "x-a", "2", "cookie", "b=2" }

describe("headers", function()
  it("are looked up without case, repeated ones joined", function()
    local found = headers.parse(raw)
    assert.are.equal("1, 2", found["X-a"])
    assert.are.equal("a=1; b=2", found.COOKIE)
    assert.is_nil(found["x-b"])
    assert.is_nil(found[1])
  end)

  it("are all there, in order", function()
    assert.are.same({ "1", "2" }, headers.all(raw, "X-A"))
    assert.are.same({}, headers.all(raw, "X-B"))
    local seen = {}
    headers.each(raw, function(name, value) seen[#seen + 1] = name .. "=" .. value end)
    assert.are.same({ "x-a=1", "cookie=a=1", "x-a=2", "cookie=b=2" }, seen)
  end)

  it("have tokens for names", function()
    for _, name in ipairs({ "X-A", "a_b", "!#$%&'*+-.^_`|~9" }) do
      assert.is_true(headers.is_token(name), name)
    end
    for _, name in ipairs({ "", "a b", "a:", "a/b", "a\0", "\195\188", 7 }) do
      assert.is_false(headers.is_token(name), name)
    end
  end)
end)
