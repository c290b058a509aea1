local Histogram = require "ratchet.command.bench.histogram"

describe("Histogram", function()
  it("knows percentiles within a hundredth", function()
    local histogram = Histogram()
    for i = 1, 1000 do histogram:add(i / 1000) end
    for _, share in ipairs({ 0.5, 0.9, 0.99, 0.999 }) do
      local found = histogram:percentile(share)
      assert.is_true(math.abs(found / share - 1) < 0.01, share .. " is " .. found)
    end
    assert.are.equal(1, histogram:percentile(1))
    assert.are.equal(0.001, histogram.least)
    assert.is_true(math.abs(histogram:mean() - 0.5005) < 1e-9)
  end)

  it("takes whatever comes", function()
    local histogram = Histogram()
    for _, seconds in ipairs({ 0, 1e-12, 1e6 }) do histogram:add(seconds) end
    assert.are.equal(3, histogram.count)
    assert.are.equal(1e6, histogram:percentile(1))
  end)

  it("is nothing when there is nothing", function()
    local histogram = Histogram()
    assert.is_nil(histogram:percentile(0.5))
    assert.is_nil(histogram:mean())
    assert.are.same({}, histogram:rows())
  end)

  it("has few rows, each twice as wide", function()
    local histogram = Histogram()
    for _ = 1, 3 do histogram:add(0.001) end
    histogram:add(0.005)
    local rows, sum = histogram:rows(), 0
    for i, row in ipairs(rows) do
      sum = sum + row.count
      assert.are.equal(row.from * 2, row.to)
      if i > 1 then assert.are.equal(rows[i - 1].to, row.from) end
    end
    assert.are.equal(4, sum)
    assert.are.equal(3, rows[1].count)
    assert.is_true(rows[1].from <= 0.001 and rows[1].to >= 0.001)
  end)
end)
