local fake_core = require "support.fake_core"
local topic = require "ratchet.topic"

describe("topic", function()
  after_each(fake_core.remove)

  it("is the core's topic of that name", function()
    fake_core.install()
    assert.are.equal("room:42", topic("room:42").name)
  end)

  it("needs the core only when it is called", function()
    assert.has_error(function() topic("room:42") end)
  end)
end)
