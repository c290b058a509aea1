local Journal = require "ratchet.reload.journal"
local timers = require "ratchet.reload.timers"

local function timer(fn)
  return { fn = fn, n = 0, cancel = function(self) self.is_cancelled = true end }
end

local function entry(kind, seconds, fn)
  return { kind = kind, seconds = seconds, fn = fn, timer = timer(fn) }
end

describe("timers", function()
  local function old_tick() end
  local function new_tick() end
  local function name_of(fn)
    return (fn == old_tick or fn == new_tick) and "tick" or "other"
  end

  local function move(old, new, all)
    local journal = Journal()
    local same = timers.pair(old, new, name_of, name_of)
    local finish, counts = timers.move({ old = old, new = new, same = same, journal = journal,
      heirs = { [old_tick] = new_tick }, all = all or {} })
    return finish, counts, journal
  end

  it("goes on with a timer of the same function and time", function()
    local old, new = entry("every", 1, old_tick), entry("every", 1, new_tick)
    local finish, counts = move({ old }, { new })
    assert.are.equal(new_tick, old.timer.fn)
    local begun = new.timer
    finish()
    assert.is_true(begun.is_cancelled)
    assert.is_nil(old.timer.is_cancelled)
    assert.are.equal(old.timer, new.timer)
    assert.are.equal(1, counts.kept)
  end)

  it("begins anew with another time, another kind, another function", function()
    for _, new in ipairs({ entry("every", 2, new_tick), entry("after", 1, new_tick),
      entry("every", 1, print) }) do
      local old = entry("every", 1, old_tick)
      local finish, counts = move({ old }, { new })
      finish()
      assert.is_true(old.timer.is_cancelled)
      assert.is_nil(new.timer.is_cancelled)
      assert.are.same({ old }, counts.cancelled)
    end
  end)

  it("counts those of one function", function()
    local olds = { entry("every", 1, old_tick), entry("every", 1, old_tick) }
    local news = { entry("every", 1, new_tick) }
    local finish, counts = move(olds, news)
    finish()
    assert.are.same({ olds[2] }, counts.cancelled)
    assert.is_nil(olds[1].timer.is_cancelled)
  end)

  it("binds those of handlers to the new function, where there is one", function()
    local named, closure = timer(old_tick), timer(function() end)
    local before = closure.fn
    local _, counts, journal = move({}, {}, { [named] = true, [closure] = true })
    assert.are.equal(new_tick, named.fn)
    assert.are.equal(before, closure.fn)
    assert.are.equal(1, counts.rebound)
    journal:undo()
    assert.are.equal(old_tick, named.fn)
  end)
end)
