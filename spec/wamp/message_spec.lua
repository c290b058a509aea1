local json = require "ratchet.wamp.json"
local message = require "ratchet.wamp.message"

describe("wamp.message", function()
  it("takes whole numbers that a double can hold for ids", function()
    for _, id in ipairs({ 0, 1, 2 ^ 53 }) do assert.is_true(message.is_number(id)) end
    for _, other in ipairs({ -1, 0.5, 2 ^ 54, 0 / 0, "1", json.null }) do
      assert.is_false(message.is_number(other))
    end
  end)

  it("takes nothing for what it is not", function()
    assert.is_nil(message.given(json.null))
    assert.is_false(message.given(false))
    assert.are.equal("x", message.text_of("x"))
    assert.is_nil(message.text_of(1))
    assert.is_nil(message.object_of("x"))
    assert.is_nil(message.object_of(json.decode("[1]")))
    assert.are.same({ a = 1 }, message.object_of(json.decode('{"a":1}')))
  end)

  it("finds the arguments, and the named ones", function()
    local parts = json.decode('[1,[2],{"a":3}]')
    assert.are.same({ true, { 2 }, { a = 3 } }, { message.arguments_of(parts, 2) })
    assert.are.same({ true }, { message.arguments_of(parts, 4) })
    assert.is_false((message.arguments_of(json.decode('[1,{"a":3}]'), 2)))
    assert.is_false((message.arguments_of(json.decode("[1,null,[2]]"), 2)))
  end)

  it("sends a list", function()
    local sent
    message.send({ send = function(_, text) sent = text end }, "%d,%q", 5, "x")
    assert.are.equal('[5,"x"]', sent)
  end)
end)
