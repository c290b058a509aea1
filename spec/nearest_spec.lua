local nearest = require "ratchet.nearest"

local names = { "keepAlive", "maxMessageSize", "overflow", "port" }

describe("nearest", function()
  for given, meant in pairs({
    keepalive = "keepAlive",
    keepAlve = "keepAlive",
    maxMesageSize = "maxMessageSize",
    overlfow = "overflow",
    prot = "port",
    PORT = "port",
  }) do
    it(("takes %s for %s"):format(given, meant), function()
      assert.are.equal(meant, nearest(given, names))
    end)
  end

  it("takes nothing for what is far from all", function()
    assert.is_nil(nearest("compression", names))
  end)

  it("prefers what differs by case to what differs by a letter", function()
    assert.are.equal("onOpen", nearest("onopen", { "onOpem", "onOpen" }))
  end)

  it("copes with empty names and lists", function()
    assert.is_nil(nearest("anything", {}))
    assert.is_nil(nearest("", { "longer" }))
  end)
end)
