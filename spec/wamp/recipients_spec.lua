local fake_wamp = require "support.fake_wamp"
local recipients = require "ratchet.wamp.recipients"
local sessions = require "ratchet.wamp.sessions"

describe("wamp.recipients", function()
  local a, b
  before_each(function()
    fake_wamp.install()
    a, b = fake_wamp.connection(), fake_wamp.connection()
    sessions.add("a", a)
    sessions.add(2, b)
  end)
  after_each(fake_wamp.remove)

  it("is nobody in particular without lists, with empty ones, and with strangers", function()
    assert.is_nil(recipients())
    assert.is_nil(recipients({}, {}))
    assert.is_nil(recipients({ "nobody", 99 }))
  end)

  it("knows the usual case, all but one", function()
    assert.are.equal(a, recipients({ "a" }).all_but)
    assert.are.equal(a, recipients({ "a", "nobody", "a" }, {}).all_but)
    assert.is_nil(recipients({ "a", 2 }).all_but)
    assert.is_nil(recipients({ "a" }, { 2 }).all_but)
  end)

  it("takes both lists", function()
    local found = recipients({ 2 }, { "a", 2, "nobody" })
    assert.are.same({ [b] = true }, found.excluded)
    assert.are.same({ [a] = true, [b] = true }, found.eligible)
    assert.are.same({}, recipients(nil, { "nobody" }).eligible)
  end)
end)
