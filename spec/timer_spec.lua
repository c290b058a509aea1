local fake_core = require "support.fake_core"
local timer = require "ratchet.timer"

describe("timer", function()
  after_each(fake_core.remove)

  it("is the core's", function()
    local core = fake_core.install()
    local function fn() end
    assert.are.equal("a timer", timer.after(1, fn, "x"))
    assert.are.equal("a timer", timer.every(2, fn))
    assert.are.same({ { "after", 1, fn, "x" }, { "every", 2, fn } }, core.timed)
  end)

  it("needs the core only when it is called", function()
    assert.has_error(function() timer.after(1, print) end)
  end)
end)
