local close_code = require "ratchet.websocket.close_code"

describe("close_code", function()
  it("has a meaning for each", function()
    assert.are.equal("normal closure", close_code.meaning(1000))
    assert.matches("lost", close_code.meaning(1006))
    assert.matches("framework", close_code.meaning(3000))
    assert.matches("own", close_code.meaning(4999))
    for _, code in ipairs({ 999, 1004, 2000, 5000 }) do
      assert.matches("must not", close_code.meaning(code))
    end
  end)

  it("tells good ends from bad ones", function()
    assert.is_true(close_code.is_good(1000))
    assert.is_true(close_code.is_good(1001))
    assert.is_true(close_code.is_good(1005))
    assert.is_false(close_code.is_good(1006))
    assert.is_false(close_code.is_good(4000))
  end)
end)
