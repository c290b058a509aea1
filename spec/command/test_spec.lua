local test = require "ratchet.command.test"

describe("test", function()
  it("is a command", function()
    assert.is_function(test)
  end)
end)
