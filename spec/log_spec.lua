local fake_core = require "support.fake_core"
local log = require "ratchet.log"

describe("log", function()
  after_each(fake_core.remove)

  it("hands the line to the core", function()
    local core = fake_core.install()
    log("warn", "look")
    assert.are.same({ { "warn", "look" } }, core.logged)
  end)

  it("refuses a level that is none", function()
    fake_core.install()
    assert.has_error(function() log("loud", "look") end,
      'ratchet.log: the level must be "debug", "info", "warn" or "error"; it is "loud"')
  end)

  it("writes to stderr outside of the program", function()
    local written = {}
    local stderr = io.stderr
    io.stderr = { write = function(_, ...) written = { ... } end } -- luacheck: ignore 122
    log("info", "look")
    io.stderr = stderr -- luacheck: ignore 122
    assert.are.equal("info look\n", table.concat(written))
  end)
end)
