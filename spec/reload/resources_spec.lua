local Journal = require "ratchet.reload.journal"
local resources = require "ratchet.reload.resources"

local function close(object) object.is_closed = true end

local function client(key)
  return { object = {}, key = key, close = close }
end

local function subscription(parent, key, handler)
  return {
    object = { handler = handler }, key = key, close = close, parent = parent.object,
    renew = function(journal, live, new) journal:set(live, "handler", new.handler) end,
    move = function(live_parent) return { moved_to = live_parent } end,
  }
end

describe("resources", function()
  local function bring(old, new)
    local of, journal = {}, Journal()
    local same = resources.pair(old, new, of)
    local finish = resources.move({ old = old, new = new, same = same, of = of, journal = journal })
    return of, finish, journal, same
  end

  it("goes on with the live one, and closes the new one", function()
    local old, new = client("redis a"), client("redis a")
    local made, list = new.object, { new }
    local of, finish = bring({ old }, list)
    assert.are.equal(old.object, of[made])
    finish()
    assert.is_true(made.is_closed)
    assert.is_nil(old.object.is_closed)
    assert.are.equal(old, list[1])
  end)

  it("changes over where the settings differ", function()
    local old, new = client("redis a"), client("redis b")
    local of, finish, _, same = bring({ old }, { new })
    assert.is_nil(of[new.object])
    assert.is_true(resources.is_ending({ old }, same, old.object))
    finish()
    assert.is_true(old.object.is_closed)
    assert.is_nil(new.object.is_closed)
  end)

  it("tells the live component, also of what is new", function()
    local app, live_app = {}, {}
    local new = client("connect b")
    new.component = app
    function new.adopt(object, component) object.app = component end
    local of, journal = { [app] = live_app }, Journal()
    local finish = resources.move({ old = {}, new = { new }, of = of, journal = journal,
      same = resources.pair({}, { new }, of) })
    finish()
    assert.are.equal(live_app, new.object.app)
  end)

  it("gives a subscription its new function, moves new ones and closes those not wanted", function()
    local old, new = client("redis"), client("redis")
    local olds = { old, subscription(old, "news", "old"), subscription(old, "gone", "old") }
    local news = { new, subscription(new, "news", "new"), subscription(new, "fresh", "new") }
    local _, finish, journal = bring(olds, news)
    assert.are.equal("new", olds[2].object.handler)
    finish()
    assert.is_true(olds[3].object.is_closed)
    assert.is_nil(olds[2].object.is_closed)
    assert.are.equal(old.object, news[3].object.moved_to)
    assert.are.equal(old.object, news[3].parent)
    journal:undo()
    assert.are.equal("old", olds[2].object.handler)
  end)
end)
