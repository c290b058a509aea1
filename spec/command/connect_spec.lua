local captured = require "support.captured"
local connect = require "ratchet.command.connect"

-- What it does with a server is shown by tests/integration/tools_test.js.
describe("connect", function()
  it("helps", function()
    local status, out = captured(connect, "--help")
    assert.are.equal(0, status)
    assert.matches("^usage: ratchet%-lua connect", out)
  end)

  it("wants an address of a WebSocket", function()
    for _, words in ipairs({ {}, { "localhost" }, { "http://localhost" }, { "ws://a", "b" } }) do
      local status, _, err = captured(connect, unpack(words))
      assert.are.equal(2, status)
      assert.matches("^ratchet%-lua connect: .*%-%-help%)\n$", err)
    end
  end)
end)
