local Audience = require "ratchet.wamp.audience"
local fake_wamp = require "support.fake_wamp"

describe("wamp.audience", function()
  local core, audience, a, b, c
  before_each(function()
    core = fake_wamp.install()
    audience = Audience("here")
    a, b, c = fake_wamp.connection(), fake_wamp.connection(), fake_wamp.connection()
    for _, conn in ipairs({ a, b, c }) do audience:add(conn) end
  end)
  after_each(fake_wamp.remove)

  local function heard(text, recipients)
    audience:send(text, recipients)
    local list = {}
    for name, conn in pairs({ a = a, b = b, c = c }) do
      if conn.texts[#conn.texts] == text then list[#list + 1] = name end
    end
    table.sort(list)
    return table.concat(list)
  end

  it("is a topic of the core, and knows who is in it", function()
    assert.is_true(core.topics["here"].members[a])
    audience:add(a)
    assert.are.equal(3, audience.size)
    assert.is_true(audience:remove(a))
    assert.is_false(audience:remove(a))
    assert.are.equal(2, audience.size)
    assert.is_nil(core.topics["here"].members[a])
  end)

  it("broadcasts by the core to all, and to all but one", function()
    assert.are.equal("abc", heard("1"))
    assert.are.equal("bc", heard("2", { excluded = { [a] = true }, all_but = a }))
    assert.are.equal(2, core.topics["here"].broadcasts)
  end)

  it("sends to some, one by one", function()
    assert.are.equal("c", heard("1", { excluded = { [a] = true, [b] = true } }))
    assert.are.equal("ab", heard("2", { excluded = {}, eligible = { [a] = true, [b] = true } }))
    assert.are.equal("b", heard("3",
      { excluded = { [a] = true }, eligible = { [a] = true, [b] = true } }))
    local stranger = fake_wamp.connection()
    assert.are.equal("", heard("4", { excluded = {}, eligible = { [stranger] = true } }))
    assert.are.equal(0, #stranger.sent)
  end)
end)
