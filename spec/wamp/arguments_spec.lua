local arguments = require "ratchet.wamp.arguments"
local json = require "ratchet.wamp.json"

describe("wamp.arguments", function()
  local null, named = json.null, { a = 1 }

  it("has a text for messages", function()
    assert.are.equal("[]", arguments.text())
    assert.are.equal("[1,[]]", arguments.text({ 1, json.array() }))
    assert.are.equal('[],{"a":1}', arguments.text(nil, named))
    assert.are.equal("[1],{}", arguments.text({ 1 }, {}))
  end)

  it("has one value for v1", function()
    assert.is_nil(arguments.single())
    assert.is_nil(arguments.single({}))
    assert.is_nil(arguments.single({ null }))
    assert.are.equal(named, arguments.single({}, named))
    assert.are.equal(1, arguments.single({ 1 }, named))
    assert.are.equal(false, arguments.single({ false }))
    assert.are.same({ 1, 2 }, arguments.single({ 1, 2 }, named))
    assert.are.same({ null, null }, arguments.single({ null, null }))
  end)

  it("has parameters for a component", function()
    local list = { 1, 2 }
    assert.are.equal(list, arguments.params(list, named))
    assert.are.equal(list, arguments.params({ list }, named))
    assert.are.equal(named, arguments.params({ named }))
    assert.are.equal(named, arguments.params({}, named))
    assert.are.same({}, arguments.params({}))
    assert.are.same({ null }, arguments.params({ null }))
    assert.are.same({ list, 3 }, arguments.params({ list, 3 }))
  end)
end)
