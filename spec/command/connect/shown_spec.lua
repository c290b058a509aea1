local shown = require "ratchet.command.connect.shown"

describe("shown", function()
  it("puts JSON on several lines", function()
    assert.are.equal('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": "x{,:]\\"\\\\"\n}',
      shown.json('{"a":[1, { } ],"b":"x{,:]\\"\\\\"}'))
    assert.are.equal("[]", shown.json(" [ ] "))
    assert.is_nil(shown.json("hello"))
    assert.is_nil(shown.json("{hello"))
    assert.is_nil(shown.json("12"))
  end)

  it("writes and reads hexadecimal", function()
    assert.are.equal("00ff41", shown.hex("\0\255A"))
    assert.are.equal("\0\255A", shown.unhex("00 FF 41"))
    assert.are.equal("", shown.unhex(""))
    assert.are.same({ nil, '"x" is no hexadecimal digit' }, { shown.unhex("0x41") })
    assert.matches("one is missing", select(2, shown.unhex("414")))
  end)

  it("shows a terminal nothing that it would obey", function()
    assert.are.equal("a\\x1b[2J\tb\nc\\x7f\\x00é", shown.safe("a\27[2J\tb\nc\127\0é"))
  end)
end)
