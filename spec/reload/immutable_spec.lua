local immutable = require "ratchet.reload.immutable"

local TEXT = [[
local constant, counted, later = 1, 0
local function read() return constant, counted, later end
local function write()
  counted = counted + 1
  return function() return constant end
end
later = 2
return read, write
]]

describe("immutable", function()
  local chunk = assert(loadstring(TEXT, "@text.lua"))
  local marks = immutable.read(chunk)
  local read, write = chunk()

  local function is(fn, name)
    for index = 1, 10 do
      if debug.getupvalue(fn, index) == name then return immutable.is(marks, fn, index) end
    end
  end

  it("tells what no code assigns to", function()
    assert.is_true(is(read, "constant"))
  end)

  it("tells what some code assigns to, wherever it stands", function()
    assert.is_false(is(read, "counted"))
    assert.is_false(is(write, "counted"))
    assert.is_false(is(read, "later"))
  end)

  it("leaves open what belongs to a function further out", function()
    assert.is_nil(is(write(), "constant"))
  end)

  it("leaves open what two functions on one line disagree on", function()
    local line = assert(loadstring("local a, b = 1, 2 local function f() return a end "
      .. "local function g() b = 1 end return f, g", "@line.lua"))
    local f = line()
    assert.is_false(immutable.is(immutable.read(line), f, 1))
  end)
end)
