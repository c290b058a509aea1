local class = require "ratchet.class"

describe("class", function()
  local Point = class()
  function Point.new(x, y) return setmetatable({ x = x, y = y }, Point) end
  function Point:sum() return self.x + self.y end

  it("makes an instance when it is called", function()
    assert.are.equal(5, Point(2, 3):sum())
  end)

  it("does the same by new", function()
    assert.are.equal(5, Point.new(2, 3):sum())
  end)

  it("gives each class methods of its own", function()
    assert.is_nil(class().sum)
  end)
end)
