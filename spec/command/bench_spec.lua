local bench = require "ratchet.command.bench"
local captured = require "support.captured"

-- What it does with a server is shown by tests/integration/tools_test.js.
describe("bench", function()
  it("helps", function()
    local status, out = captured(bench, "--help")
    assert.are.equal(0, status)
    assert.matches("^usage: ratchet%-lua bench", out)
  end)

  it("wants an address, and figures", function()
    for _, words in ipairs({ {}, { "localhost" }, { "ws://a", "--size", "0" },
      { "ws://a", "--rate", "-1" } }) do
      local status, _, err = captured(bench, unpack(words))
      assert.are.equal(2, status)
      assert.matches("^ratchet%-lua bench: .*%-%-help%)\n$", err)
    end
  end)
end)
