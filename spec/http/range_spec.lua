local range = require "ratchet.http.range"

describe("range", function()
  it("is the first and the last byte", function()
    assert.are.same({ 0, 4 }, range.parse("bytes=0-4", 10))
    assert.are.same({ 5, 9 }, range.parse("bytes=5-", 10))
    assert.are.same({ 7, 9 }, range.parse("bytes=-3", 10))
    assert.are.same({ 9, 9 }, range.parse("Bytes= 9-9 ", 10))
  end)

  it("ends where the file does", function()
    assert.are.same({ 5, 9 }, range.parse("bytes=5-99999999999999999999", 10))
    assert.are.same({ 0, 9 }, range.parse("bytes=-11", 10))
  end)

  it("is outside behind the end", function()
    for _, header in ipairs({ "bytes=10-", "bytes=10-20", "bytes=-0",
      "bytes=99999999999999999999-" }) do
      assert.are.same({ nil, true }, { range.parse(header, 10) }, header)
    end
    assert.are.same({ nil, true }, { range.parse("bytes=0-", 0) })
    assert.are.same({ nil, true }, { range.parse("bytes=-5", 0) })
  end)

  it("is the whole for what is not understood", function()
    for _, header in ipairs({ "", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4",
      "lines=0-1", "bytes=a-b", "bytes=0x1-2", "bytes=--1", "bytes=1.5-2" }) do
      assert.are.same({}, { range.parse(header, 10) }, header)
    end
  end)
end)
