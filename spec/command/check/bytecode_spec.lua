local bytecode = require "ratchet.command.check.bytecode"

describe("bytecode", function()
  local chunk = loadstring([[
    local ffi = require "ffi"
    counter = 0
    ffi.cdef "int f(int);"
    local function f() return function() inner = counter end end
    local t = { cdef = f }
    print(t.other)
  ]])

  it("finds the globals that are written, in inner functions too", function()
    assert.are.same({ { name = "counter", line = 2 }, { name = "inner", line = 4 } },
      bytecode.globals_written(chunk))
  end)

  it("finds the fields that are asked for", function()
    assert.are.same({ { name = "cdef", line = 3 } }, bytecode.fields_read(chunk, { cdef = true }))
    assert.are.same({}, bytecode.fields_read(chunk, { metatype = true }))
  end)

  it("finds nothing in nothing", function()
    assert.are.same({}, bytecode.globals_written(loadstring("")))
  end)
end)
