local json = require "ratchet.wamp.json"

local function again(text)
  local value, problem = json.decode(text)
  assert.is_nil(problem)
  return json.encode(value)
end

describe("wamp.json", function()
  it("writes what it has read", function()
    local texts = {
      "[]", "{}", "[[]]", "[{}]", "[[],[[]],{}]", '{"a":[]}', "null", "true", "false", "0",
      "-1", "0.1", "9007199254740991", "123456789012345", "1e999", "-1e999", "[null]",
      "[null,1]", "[1,null]", '["[]"]', '["\\\\",[]]', '["\\"[]",[]]', '"\\u0000"', '["",[]]',
    }
    for _, text in ipairs(texts) do assert.are.equal(text, again(text)) end
    assert.are.equal("[[],[]]", again("[ [ ] , [\t\r\n] ]"))
  end)

  it("keeps the digits of numbers", function()
    for _, number in ipairs({ 1 / 3, 2 ^ 53, 2 ^ 60, 1e300, 5e-324, -0.1, 1e15 + 0.5 }) do
      assert.are.equal(number, json.decode("[" .. json.encode(number) .. "]")[1])
    end
  end)

  it("tells lists from objects", function()
    assert.is_true(json.is_array(json.decode("[]")))
    assert.is_true(json.is_array(json.decode("[0]")))
    assert.is_false(json.is_array(json.decode("{}")))
    assert.is_false(json.is_array(json.decode('{"1":0}')))
    assert.is_true(json.is_object({}))
    assert.is_false(json.is_object(json.array()))
    assert.is_false(json.is_object("text"))
    assert.are.equal("[]", json.encode(json.array()))
    assert.are.equal("[]", json.encode_list({}))
    assert.are.equal("[1]", json.encode_list({ 1 }))
  end)

  it("takes holes for null when they are few, and for an object when they are many", function()
    assert.are.equal("[1,null,3]", json.encode({ 1, nil, 3 }))
    assert.are.equal('{"1000000":1}', json.encode({ [1000000] = 1 }))
    assert.are.equal('{"0":1}', json.encode({ [0] = 1 }))
    assert.are.equal('{"1.5":1}', json.encode({ [1.5] = 1 }))
  end)

  it("says no to what is no JSON", function()
    local texts = {
      "", " ", "[", "]", "[1,]", "nul", "NaN", "[NaN]", "Infinity", "0x10", "[01]", "{1:2}",
      '"a', '["\\', '[[],"', "1 2", '["\\ud800"]', "[[]", ("["):rep(101) .. ("]"):rep(101),
      ("["):rep(100000), "[\v]",
    }
    for _, text in ipairs(texts) do
      local value, problem = json.decode(text)
      assert.is_nil(value, text)
      assert.is_string(problem, text)
    end
  end)

  it("reads 100 levels, and writes as many", function()
    local text = ("["):rep(100) .. ("]"):rep(100)
    assert.are.equal(text, again(text))
    local deep = {}
    for _ = 1, 100 do deep = { deep } end
    assert.error_matches(function() json.encode(deep) end, "nested more than 100 deep")
    local round = {}
    round.round = round
    assert.error_matches(function() json.encode(round) end, "nested more than 100 deep")
  end)

  it("raises at what JSON has no way to write", function()
    assert.error_matches(function() json.encode(print) end, "no way to write a function")
    assert.error_matches(function() json.encode({ 0 / 0 }) end, "no number for NaN")
    assert.error_matches(function() json.encode({ [true] = 1 }) end, "one is a boolean")
  end)
end)
