-- What is written of which value: ../php_spec.lua.

local writer = require "ratchet.session.php.writer"

describe("session.php.writer", function()
  it("writes a value, or says why not", function()
    assert.are.equal("N;", writer.value(nil))
    assert.are.equal('a:1:{i:0;s:1:"x";}', writer.value({ "x" }))
    assert.are.same({ nil, "a function cannot be kept" }, { writer.value(print) })
  end)

  it("writes a key as PHP will have it", function()
    assert.are.equal('s:1:"x";', writer.key("x"))
    assert.are.equal("i:7;", writer.key("7"))
    assert.are.equal("i:7;", writer.key(7))
    assert.are.same({ nil, "a key is a string or a whole number; 0.5 is none" },
      { writer.key(0.5) })
  end)
end)
