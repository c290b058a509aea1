local Record = require "ratchet.session.record"

local function encode(value)
  return value ~= "bad" and "<" .. tostring(value) .. ">" or nil, "no"
end

describe("a record", function()
  it("keeps the order, and the bytes of what is not changed", function()
    local record = Record()
    record:add("b", 1, "b's bytes")
    record:add("a", 2, "a's bytes")
    record:add("c", nil, "c's bytes", "it is an object")
    record:add("a", 3)
    assert.are.same({ { "b", "b's bytes" }, { "a", "<3>" }, { "c", "c's bytes" } },
      record:encoded(encode))
    record:remove("b")
    record:remove("nobody")
    assert.are.same({ { "a", "<3>" }, { "c", "c's bytes" } }, record:encoded(encode))
    assert.are.same({ "a", "c" }, record.names)
  end)

  it("replaces a refused value", function()
    local record = Record()
    record:add("c", nil, "bytes", "it is an object")
    record:add("c", 1)
    assert.are.same({}, record.refused)
    assert.are.same({ { "c", "<1>" } }, record:encoded(encode))
  end)

  it("keeps no bytes that lead to others by number", function()
    local record = Record()
    record:add("a", 1, "bytes")
    record.hasReferences = true
    assert.are.same({ { "a", "<1>" } }, record:encoded(encode))
    record:add("b", nil, "bytes", "it is an object")
    assert.are.same({ nil, "b: it is an object, and its references could not be kept" },
      { record:encoded(encode) })
  end)

  it("writes no more than 16 MiB", function()
    local record = Record()
    for i = 1, 17 do record:add("v" .. i, i, ("x"):rep(1048576)) end
    assert.are.same({ nil, "it has more than 16777216 bytes" }, { record:encoded(encode) })
  end)

  it("says which value cannot be written", function()
    local record = Record()
    record:add("a", "bad")
    assert.are.same({ nil, "a: no" }, { record:encoded(encode) })
  end)
end)
