local fake_core = require "support.fake_core"
local native = require "ratchet.native"

describe("native", function()
  after_each(fake_core.remove)

  it("finds the core inside of the program", function()
    local core = fake_core.install()
    assert.are.equal(core, native.core())
    assert.are.equal(core, native.optional())
  end)

  it("says what to do outside of it", function()
    assert.is_nil(native.optional())
    local _, message = pcall(native.core)
    assert.matches("run the file with `ratchet%-lua app%.lua`", message)
  end)

  it("has the options of the command line, none outside", function()
    assert.are.same({}, native.options())
    fake_core.install({ port = 9000 })
    assert.are.same({ port = 9000 }, native.options())
  end)
end)
