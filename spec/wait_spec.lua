local fake_core = require "support.fake_core"
local wait = require "ratchet.wait"

describe("wait.sleep", function()
  after_each(fake_core.remove)

  it("suspends until the time has come", function()
    local core, done = fake_core.install(), false
    core.spawn(function() wait.sleep(1) done = true end)
    core.run(0.9)
    assert.is_false(done)
    core.run(0.2)
    assert.is_true(done)
  end)
end)

describe("wait.await", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  -- What await returns in a task, as a list; what start was given as resume.
  local function awaiting(start)
    local results, resume
    core.spawn(function()
      results = { wait.await(function(r) resume = r return start(r) end) }
    end)
    core.run()
    return function() return results end, resume
  end

  it("returns what resume is called with, later", function()
    local results, resume = awaiting(function() end)
    assert.is_nil(results())
    assert.is_true(resume("a", nil, "c"))
    core.run()
    assert.are.same({ "a", nil, "c" }, results())
  end)

  it("returns what resume is called with at once", function()
    local results, resume = awaiting(function(r) assert.is_true(r("now")) end)
    assert.are.same({ "now" }, results())
    assert.is_false(resume("again"))
  end)

  it("takes the first of several", function()
    local results, resume = awaiting(function(r)
      assert.is_true(r(1))
      assert.is_false(r(2))
    end)
    assert.are.same({ 1 }, results())
    assert.is_false(resume(3))
  end)

  it("raises what start raises", function()
    local ok, message
    core.spawn(function()
      ok, message = pcall(wait.await, function() error("broken", 0) end)
    end)
    core.run()
    assert.is_false(ok)
    assert.are.equal("broken", message)
  end)

  it("does not begin where nothing can wait", function()
    core.checkWait = function() error("nothing can wait here", 0) end
    local has_begun = false
    assert.has_error(function() wait.await(function() has_begun = true end) end,
      "nothing can wait here")
    assert.is_false(has_begun)
  end)

  it("refuses what is no function", function()
    assert.has_error(function() wait.await(5) end,
      "ratchet.await takes a function; this is a number")
  end)
end)

describe("wait.check", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("says what was called, why it cannot wait, and what helps", function()
    core.checkWait = function() error("app.lua:7: this is no handler", 0) end
    assert.has_error(function() wait.check("ratchet.fetch") end,
      "ratchet.fetch: this is no handler")
    assert.has_error(function() wait.check("Session:get", "; load it before") end,
      "Session:get: this is no handler; load it before")
  end)

  it("lets a task that was cancelled end as such", function()
    core.checkWait = function() error("app.lua:7: cancelled", 0) end
    assert.has_error(function() wait.check("ratchet.fetch") end, "cancelled")
  end)
end)
