local captured = require "support.captured"
local doctor = require "ratchet.command.doctor"
local fake_core = require "support.fake_core"
local written = require "support.written"

describe("doctor", function()
  before_each(function() fake_core.install() end)
  after_each(fake_core.remove)

  local function examined(text)
    local path, remove = written('local ratchet = require "ratchet"\n' .. text)
    local status, out = captured(doctor, path)
    remove()
    return status, out
  end

  it("looks at this machine", function()
    local _, out = captured(doctor)
    assert.matches("^ok      ratchet%-lua 0.0.0%-fake, LuaJIT", out)
    assert.matches("file limit", out)
    assert.matches("in the way\n$", out)
    local _, json = captured(doctor, "--format", "json")
    assert.is_table(require("cjson").decode(json).findings)
  end)

  it("looks at an app", function()
    local _, out = examined('ratchet.App{ port = 8080, keepAlive = 120 }:run()')
    assert.matches("127.0.0.1:8080 is for this machine only", out)
    assert.matches("warning keepAlive = 120: proxies end", out)
    local status
    status, out = examined('error("broken here")')
    assert.are.equal(1, status)
    assert.matches("app.lua:2: broken here", out)
    _, out = examined('ratchet.App("localhost", 8080, "0.0.0.0"):run()')
    assert.matches("it would listen on 0.0.0.0:8080", out)
  end)

  it("wants a file or an address", function()
    for _, words in ipairs({ { "none.lua" }, { "http://localhost" }, { "a", "b" },
      { "--silence", "long" } }) do
      local status, _, err = captured(doctor, unpack(words))
      assert.are.equal(2, status)
      assert.matches("^ratchet%-lua doctor: .*%-%-help%)\n$", err)
    end
  end)
end)
