local format = require "ratchet.session.php.format"

describe("session.php.format", function()
  it("knows which names PHP makes integers of", function()
    for _, key in ipairs({ "0", "7", "-7", "9223372036854775807" }) do
      assert.is_true(format.is_integer_key(key), key)
    end
    for _, key in ipairs({ "", "-", "-0", "07", "+7", "7 ", "1e3", "9223372036854775808" }) do
      assert.is_false(format.is_integer_key(key), key)
    end
  end)

  it("makes reasons of its own failures, and of no others", function()
    local _, failure = pcall(format.fail, "%d is too many", 7)
    assert.are.equal("7 is too many", format.reason_of(failure))
    assert.has_error(function() format.reason_of("no memory") end, "no memory")
  end)
end)
