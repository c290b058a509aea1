-- What is read of which bytes: ../php_spec.lua. Here is what reading several values needs.

local Reader = require "ratchet.session.php.reader"

describe("session.php.Reader", function()
  it("goes on behind an object, and counts references through", function()
    local reader = Reader('i:1;O:1:"X":1:{s:1:"a";i:2;}R:1;R:3;')
    assert.are.same({ true, 1 }, { reader:value() })
    assert.are.same({ true, nil,
      'it has an object of the PHP class "X", and objects are not read' },
      { reader:value() })
    assert.are.same({ true, 1 }, { reader:value() })
    assert.are.same({ true, nil, "it has a reference to an object" }, { reader:value() })
    assert.is_true(reader:isAtEnd())
    assert.is_true(reader.hasReferences)
  end)

  it("counts nothing behind an object with a format of its own", function()
    local reader = Reader('C:1:"X":4:{i:1;}R:1;')
    reader:value()
    assert.are.same({ true, nil, "it has a reference behind an object that cannot be counted" },
      { reader:value() })
  end)

  it("tells where it made no sense", function()
    local reader = Reader("i:1;x")
    reader:value()
    assert.are.same({ false, nil, 'before byte 6 there is an unknown type "x"' },
      { reader:value() })
  end)

  it("enters an array, whose keys and values are read one by one", function()
    local reader = Reader('a:2:{s:1:"a";i:1;i:7;i:2;}rest')
    assert.are.equal(2, reader:enter())
    assert.are.same({ "a" }, { reader:key() })
    assert.are.same({ true, 1 }, { reader:value() })
    assert.are.same({ 7 }, { reader:key() })
    assert.are.same({ true, 2 }, { reader:value() })
    assert.are.same({ nil, "at byte 26 a key was expected" }, { reader:key() })
    assert.are.equal("}", reader:skip("^(})"))
    assert.is_nil(reader:enter())
    assert.is_false(reader:isAtEnd())
  end)
end)
