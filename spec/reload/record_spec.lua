local record = require "ratchet.reload.record"

describe("record", function()
  local before
  before_each(function() before = record.begin() end)
  after_each(function() record.restore(before) end)

  it("keeps what is set up while files are loaded", function()
    local fn = function() end
    record.server("a server")
    record.hook(fn)
    assert.are.equal("a timer", record.timer("every", 1, fn, "a timer"))
    assert.are.equal("a task", record.task("a task"))
    assert.are.equal("a client", record.resource({ object = "a client" }))
    local current = record.current()
    assert.are.same({ "a server" }, current.servers)
    assert.are.same({ fn }, current.hooks)
    assert.are.same({ { timer = "a timer", kind = "every", seconds = 1, fn = fn } }, current.timers)
    assert.are.same({ "a task" }, current.tasks)
    assert.are.same({ { object = "a client" } }, current.resources)
  end)

  it("leaves to handlers what they start", function()
    record.finish()
    assert.are.equal("a timer", record.timer("after", 1, print, "a timer"))
    assert.are.equal("a task", record.task("a task"))
    assert.are.same({}, record.current().timers)
    assert.are.same({}, record.current().tasks)
  end)

  it("does at once what holds for the program, or later while code is on trial", function()
    local count = 0
    local function effect() count = count + 1 end
    record.later(effect)
    assert.are.same({ effect }, record.current().effects)
    assert.are.equal(0, count)
    record.finish()
    record.later(effect)
    assert.are.equal(1, count)
  end)

  it("goes back to the one before", function()
    local first = record.current()
    assert.are.equal(first, record.begin())
    record.restore(first)
    assert.are.equal(first, record.current())
  end)

  it("has one key for the same settings, however they are nested", function()
    local key = record.key("redis ", { host = "a", deep = { 1, 2 }, events = {} }, "events")
    assert.are.equal(key, record.key("redis ", { deep = { 1, 2 }, host = "a" }, "events"))
    assert.are_not.equal(key, record.key("redis ", { deep = { 2, 1 }, host = "a" }))
    assert.are_not.equal(key, record.key("connect ", { deep = { 1, 2 }, host = "a" }))
    assert.are_not.equal(key, record.key("redis ", { deep = { 1, 2 } }))
  end)
end)
