local fake_core = require "support.fake_core"

describe("scope", function()
  local scope, core, connect
  before_each(function()
    core = fake_core.install()
    connect = package.loaded["ratchet.connect"]
    package.loaded["ratchet.connect"] = function() return { readyState = 1, terminate = print } end
    package.loaded["ratchet.testing.scope"] = nil
    scope = require "ratchet.testing.scope"
    core.after = function()
      return { cancel = function(self)
        local was = not self.is_over
        self.is_over = true
        return was
      end }
    end
    scope.watch()
  end)
  after_each(function()
    package.loaded["ratchet.connect"] = connect
    package.loaded["ratchet.testing.scope"] = nil
    fake_core.remove()
  end)

  it("tells what a test has begun and not ended", function()
    scope.enter("it")
    core.after(1, print)
    local timer = core.after(1, print)
    timer:cancel()
    assert.matches("scope_spec.lua:%d+: a timer that was begun here is still there at the end of "
      .. "the test; cancel it, or wait for its end$", scope.leave())
    scope.enter("it")
    assert.is_nil(scope.leave())
  end)

  it("does not tell what others have begun", function()
    scope.enter("it")
    coroutine.wrap(function() core.after(1, print) end)()
    scope.apart(function() core.after(1, print) end)
    assert.is_nil(scope.leave())
    core.after(1, print) -- outside of any
  end)

  it("passes results and errors on", function()
    assert.are.same({ true, 1, 2 }, { scope.apart(function(...) return ... end, 1, 2) })
    local is_well, err = scope.apart(error, "no")
    assert.is_false(is_well)
    assert.are.equal("no", err)
  end)

  it("opens the testbed once, and closes it with the scope that it is for", function()
    local told, sweeps = {}, 0
    core.testbed = {
      open = function(is_live) told[#told + 1] = "open " .. tostring(is_live) end,
      sweep = function()
        sweeps = sweeps + 1
        return sweeps == 3
      end,
      settle = function() told[#told + 1] = "settle" end,
      close = function() told[#told + 1] = "close" end,
    }
    scope.enter("describe")
    scope.open()
    scope.onLeave(function() told[#told + 1] = "left" end)
    scope.enter("it")
    scope.open()
    scope.leave()
    assert.are.same({ "open false" }, told)
    scope.leave()
    assert.are.same({ "open false", "settle", "settle", "close", "left" }, told)
    scope.close()
    assert.are.equal(5, #told)
  end)
end)
