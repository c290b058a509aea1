local command = require "ratchet.command"
local fake_core = require "support.fake_core"

describe("command", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(function()
    fake_core.remove()
    package.loaded["ratchet.command.sample"] = nil
  end)

  local function run(fn)
    package.loaded["ratchet.command.sample"] = fn
    return command.run("sample", "a", "b")
  end

  it("gives the command its arguments and returns its status", function()
    local given
    assert.are.equal(2, run(function(...)
      given = { ... }
      return 2
    end))
    assert.are.same({ "a", "b" }, given)
  end)

  it("takes no status for success", function()
    assert.are.equal(0, run(function() end))
  end)

  it("logs what is raised, with its traceback", function()
    local logged
    core.log = function(_, text) logged = text end
    assert.are.equal(1, run(function() error("broken here") end))
    assert.matches("^ratchet%-lua sample: .*command_spec.lua:%d+: broken here\nstack traceback",
      logged)
    assert.are.equal(1, run(function() error({}) end))
    assert.matches("raised a table", logged)
  end)

  it("runs as a task and then ends the program", function()
    local ended
    core.finish = function(status) ended = status end
    package.loaded["ratchet.command.sample"] = function(word) return word == "a" and 7 or 8 end
    command.start("sample", "a")
    assert.is_nil(ended)
    core.run()
    assert.are.equal(7, ended)
  end)
end)
