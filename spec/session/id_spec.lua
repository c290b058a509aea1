local crypto = require "support.crypto"
local fake_core = require "support.fake_core"
local id = require "ratchet.session.id"

describe("the id of a session", function()
  it("has letters, digits, a comma and a hyphen, as in PHP", function()
    for _, good in ipairs({ "a", "0", "aZ,09-", ("a"):rep(256) }) do
      assert.is_true(id.isValid(good), good)
    end
    for _, bad in ipairs({ "", "a/b", "..", "../a", "a.b", "a b", "a\0", "a\n", "ä", "a;b", "a_b",
      "a:b", "a*", ("a"):rep(257), 7, false }) do
      assert.is_false(id.isValid(bad), tostring(bad))
    end
    assert.is_false(id.isValid(nil))
  end)

  it("is 128 random bits when it is new", function()
    crypto.install(fake_core.install())
    local one, two = id.new(), id.new()
    fake_core.remove()
    assert.are.equal(32, #one)
    assert.is_true(id.isValid(one))
    assert.are_not.equal(one, two)
  end)
end)
