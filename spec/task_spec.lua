local fake_core = require "support.fake_core"
local task = require "ratchet.task"
local wait = require "ratchet.wait"

describe("task", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  -- Runs fn as a task to its end; what it returned or raised, as pcall has it.
  local function outcome(fn)
    local results
    core.spawn(function() results = { pcall(fn) } end)
    core.run(60)
    return results
  end

  local function after(seconds, value)
    return function() wait.sleep(seconds) return value end
  end

  describe("spawn", function()
    it("begins later, with its arguments", function()
      local seen
      task.spawn(function(...) seen = { ... } end, 1, "b")
      assert.is_nil(seen)
      core.run()
      assert.are.same({ 1, "b" }, seen)
    end)

    it("refuses what is no function", function()
      assert.has_error(function() task.spawn("x") end,
        "ratchet.spawn: the first argument must be a function; it is a string")
    end)
  end)

  describe("all", function()
    it("returns the first result of each in their order", function()
      assert.are.same({ true, "slow", "quick" }, outcome(function()
        return task.all(after(2, "slow"), after(1, "quick"))
      end))
    end)

    it("keeps the place of a nil", function()
      local results = outcome(function() return task.all(after(1), after(2, "b")) end)
      assert.is_nil(results[2])
      assert.are.equal("b", results[3])
    end)

    it("returns at once when there is nothing to wait for", function()
      assert.are.same({ true }, outcome(function() return task.all() end))
    end)

    it("raises what one of them raises, and cancels the others", function()
      local ending
      local results = outcome(function()
        task.all(
          function() ending = { pcall(wait.sleep, 50) } end,
          function() wait.sleep(1) error("broken", 0) end)
      end)
      assert.are.same({ false, "broken" }, results)
      assert.are.same({ false, "cancelled" }, ending)
    end)

    it("passes on an error that is nil", function()
      assert.are.same({ false }, outcome(function() task.all(function() error() end) end))
    end)

    it("refuses what is no function before anything begins", function()
      local has_begun = false
      local results = outcome(function() task.all(function() has_begun = true end, 5) end)
      assert.is_false(results[1])
      assert.is_truthy(results[2]:find("argument 2 must be a function; it is a number", 1, true))
      assert.is_false(has_begun)
    end)
  end)

  describe("timeout", function()
    it("returns what the function returns in time", function()
      assert.are.same({ true, "in", "time" }, outcome(function()
        return task.timeout(2, function(...) wait.sleep(1) return ... end, "in", "time")
      end))
    end)

    it("returns nil, timeout and cancels the function", function()
      local ending
      local results = outcome(function()
        return task.timeout(1, function() ending = { pcall(wait.sleep, 50) } end)
      end)
      assert.is_nil(results[2])
      assert.are.equal("timeout", results[3])
      assert.are.same({ false, "cancelled" }, ending)
    end)

    it("raises what the function raises", function()
      assert.are.same({ false, "broken" }, outcome(function()
        task.timeout(1, function() error("broken", 0) end)
      end))
    end)
  end)
end)
