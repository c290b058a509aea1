local condition = require "ratchet.http.condition"

local STRONG = { tag = '"a-1"', time = 784111777.5 }
local WEAK = { tag = 'W/"a-1"', time = 784111777 }
local DATE, BEFORE, AFTER = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT",
  "Sun, 06 Nov 1994 08:49:38 GMT"

describe("condition.is_unchanged", function()
  local function unchanged(headers, version)
    return condition.is_unchanged(headers, version or STRONG)
  end

  it("compares tags, weakly", function()
    for _, header in ipairs({ '"a-1"', 'W/"a-1"', '"x", W/"y" , "a-1"', "*", " * " }) do
      assert.is_true(unchanged({ ["if-none-match"] = header }), header)
      assert.is_true(unchanged({ ["if-none-match"] = header }, WEAK), header)
    end
    for _, header in ipairs({ '"a-2"', "a-1", "", '"A-1"', '"a-1' }) do
      assert.is_false(unchanged({ ["if-none-match"] = header }), header)
    end
  end)

  it("compares dates", function()
    assert.is_true(unchanged({ ["if-modified-since"] = DATE }))
    assert.is_true(unchanged({ ["if-modified-since"] = AFTER }))
    assert.is_false(unchanged({ ["if-modified-since"] = BEFORE }))
    assert.is_false(unchanged({ ["if-modified-since"] = "yesterday" }))
    assert.is_false(unchanged({}))
  end)

  it("goes by the tag when there is one", function()
    assert.is_false(unchanged({ ["if-none-match"] = '"x"', ["if-modified-since"] = DATE }))
  end)
end)

describe("condition.may_send_part", function()
  local function may(header, version)
    return condition.may_send_part({ ["if-range"] = header }, version or STRONG)
  end

  it("holds without If-Range, with the same strong tag, with the very date", function()
    assert.is_true(may(nil))
    assert.is_true(may('"a-1"'))
    assert.is_true(may(DATE))
  end)

  it("does not hold for another state, and for what may be another", function()
    for _, header in ipairs({ '"a-2"', 'W/"a-1"', BEFORE, AFTER, "", "x" }) do
      assert.is_false(may(header), header)
    end
    assert.is_false(may('W/"a-1"', WEAK))
    assert.is_false(may(DATE, WEAK))
  end)
end)
