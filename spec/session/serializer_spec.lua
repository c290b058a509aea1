local serializer = require "ratchet.session.serializer"

local function decoded(kind, bytes)
  local record, reason = serializer[kind].decode(bytes)
  assert.is_table(record, reason)
  return record
end

local function written(kind, bytes, name, value)
  local record = decoded(kind, bytes)
  if value == nil then record:remove(name) else record:add(name, value) end
  return serializer[kind].encode(record)
end

describe("every serializer", function()
  it("has 10000 names at most", function()
    local many, most = {}, { {}, {}, {}, {} }
    for i = 1, 10001 do
      local name = ("n%05d"):format(i)
      many[1], many[2] = name .. "|N;", "\6" .. name .. "N;"
      many[3], many[4] = 's:6:"' .. name .. '";N;', '"' .. name .. '":null'
      for kind = 1, 4 do most[kind][i] = many[kind] end
    end
    local function check(kind, bytes, expected)
      local record, reason = serializer[kind].decode(bytes)
      assert.are.equal(expected, reason)
      assert.are.equal(expected == nil, record ~= nil)
    end
    local too_many = "it has more than 10000 names"
    check("php", table.concat(most[1], "", 1, 10000), nil)
    check("php", table.concat(most[1]), too_many)
    check("php_binary", table.concat(most[2]), too_many)
    check("php_serialize", "a:10000:{" .. table.concat(most[3], "", 1, 10000) .. "}", nil)
    check("php_serialize", "a:10001:{" .. table.concat(most[3]) .. "}", too_many)
    check("json", "{" .. table.concat(most[4], ",", 1, 10000) .. "}", nil)
    check("json", "{" .. table.concat(most[4], ",") .. "}", too_many)
  end)
end)

describe("the serializer php", function()
  it("reads names and values (Ratchet: PhpHandler testUnserialize)", function()
    local record = decoded("php", 'user|s:3:"ada";roles|a:2:{i:0;s:1:"a";i:1;s:1:"|";}n|N;')
    assert.are.same({ user = "ada", roles = { "a", "|" } }, record.values)
    assert.are.same({ "user", "roles", "n" }, record.names)
  end)

  it("writes them (Ratchet: PhpHandler testSerialize)", function()
    local record = decoded("php", "")
    record:add("user", "ada")
    record:add("age", 36)
    assert.are.equal('user|s:3:"ada";age|i:36;', serializer.php.encode(record))
  end)

  it("lets what it cannot read stand as it is", function()
    local bytes = 'a|i:1;o|O:1:"X":1:{s:1:"p";d:0.10000000000000001;}b|i:2;'
    local record = decoded("php", bytes)
    assert.are.same({ a = 1, b = 2 }, record.values)
    assert.is_string(record.refused.o)
    assert.are.equal(bytes, serializer.php.encode(record))
    assert.are.equal(bytes .. 'c|b:1;', written("php", bytes, "c", true))
    assert.are.equal('o|O:1:"X":1:{s:1:"p";d:0.10000000000000001;}b|i:2;',
      written("php", bytes, "a", nil))
  end)

  it("writes values again that lead to each other", function()
    assert.are.equal("b|i:1;", written("php", "a|i:1;b|R:1;", "a", nil))
    assert.are.same({ nil, 'o: it has an object of the PHP class "X", and objects are not read, '
      .. "and its references could not be kept" },
      { written("php", 'a|i:1;b|R:1;o|O:1:"X":0:{}', "c", 1) })
  end)

  it("says what makes no sense", function()
    for _, bytes in ipairs({ "a", "a|", "a|i:1;b", "a|i:1;|", "a|x;", "a|i:1;}" }) do
      local record, reason = serializer.php.decode(bytes)
      assert.is_nil(record, bytes)
      assert.is_string(reason)
    end
  end)

  it("has no names that PHP would not keep", function()
    assert.are.equal('it must have no "|"', serializer.php.checkName("a|b"))
    assert.are.equal("PHP keeps no numbers as names", serializer.php.checkName("12"))
    assert.are.equal("it must be a string", serializer.php.checkName(12))
    assert.is_nil(serializer.php.checkName("a b"))
  end)
end)

describe("the serializer php_binary", function()
  it("reads names and values (Ratchet: PhpBinaryHandler testUnserialize)", function()
    local bytes = '\4users:3:"ada";\3agei:36;'
    local record = decoded("php_binary", bytes)
    assert.are.same({ user = "ada", age = 36 }, record.values)
    assert.are.equal(bytes, serializer.php_binary.encode(record))
  end)

  it("reads names without a value", function()
    assert.are.same({ b = 1 }, decoded("php_binary", "\129a\1bi:1;").values)
  end)

  it("says what makes no sense", function()
    for _, bytes in ipairs({ "\9a", "\1a", "\1ai:1;\1", "\1ax" }) do
      assert.is_nil((serializer.php_binary.decode(bytes)), bytes)
    end
  end)

  it("has names of 127 bytes at most", function()
    assert.is_nil(serializer.php_binary.checkName(("a"):rep(127)))
    assert.are.equal("it must have 127 bytes at most",
      serializer.php_binary.checkName(("a"):rep(128)))
  end)
end)

describe("the serializer php_serialize", function()
  it("is one array, with numbers among its names", function()
    local bytes = 'a:3:{s:4:"user";s:3:"ada";i:5;a:1:{i:0;b:1;}s:1:"o";O:1:"X":0:{}}'
    local record = decoded("php_serialize", bytes)
    assert.are.same({ user = "ada", [5] = { true } }, record.values)
    assert.are.equal(bytes, serializer.php_serialize.encode(record))
    assert.are.equal('a:2:{s:4:"user";s:3:"ada";s:1:"o";O:1:"X":0:{}}',
      written("php_serialize", bytes, 5, nil))
    assert.are.equal("a:0:{}", serializer.php_serialize.encode(decoded("php_serialize", "")))
  end)

  it("counts the array itself among what references lead to", function()
    assert.are.same({ a = 1, b = 1 },
      decoded("php_serialize", 'a:2:{s:1:"a";i:1;s:1:"b";R:2;}').values)
    local record = decoded("php_serialize", 'a:1:{s:1:"a";R:1;}')
    assert.are.equal("it has a reference to itself", record.refused.a)
  end)

  it("says what makes no sense", function()
    for _, bytes in ipairs({ "i:1;", "a:1:{}", "a:0:{}x", "a:0:{", "a:1:{N;N;}", "a:1:{i:0;x}",
      "a:999999999:{" }) do
      assert.is_nil((serializer.php_serialize.decode(bytes)), bytes)
    end
  end)

  it("has strings and whole numbers as names", function()
    local check = serializer.php_serialize.checkName
    assert.is_nil(check("a|b"))
    assert.is_nil(check(5))
    assert.is_string(check(1.5))
    assert.is_string(check("5"))
    assert.is_string(check(true))
  end)
end)

describe("the serializer json", function()
  local bytes = '{"user":"ada","o":{"b":[1,null,"]}\\""],"e":[]},"n":null,"f":-1.5e3,"t":true}'

  it("reads an object; null is nil", function()
    assert.are.same({ user = "ada", o = { b = { 1, nil, ']}"' }, e = {} }, f = -1500, t = true },
      decoded("json", bytes).values)
    for _, empty in ipairs({ "", "{}", " { } ", "[]", " [ ] " }) do
      assert.are.same({}, decoded("json", empty).values)
    end
  end)

  it("lets stand as it is what is not changed", function()
    assert.are.equal(bytes, serializer.json.encode(decoded("json", bytes)))
    assert.are.equal('{"a":[ 1 , {"b":2} ],"c":1}', written("json", ' { "a" : [ 1 , {"b":2} ] } ',
      "c", 1))
    assert.are.equal('{"big":9007199254740993,"e":[]}',
      written("json", '{"big":9007199254740993,"e":[],"x":1}', "x", nil))
  end)

  it("writes null where a list that was read had it", function()
    local record = decoded("json", '{"a":[1,null,3]}')
    record:add("b", record.values.a)
    assert.are.equal('{"a":[1,null,3],"b":[1,null,3]}', serializer.json.encode(record))
  end)

  it("has names with escapes, and takes the last of those that are the same", function()
    local text = '{"a\\u0041\\"|":1,"b":[1],"b":{"c":"\\\\"}}'
    local record = decoded("json", text)
    assert.are.same({ ['aA"|'] = 1, b = { c = "\\" } }, record.values)
    assert.are.equal('{"aA\\"|":1,"b":{"c":"\\\\"}}', serializer.json.encode(record))
  end)

  it("says what makes no sense", function()
    for _, bad in ipairs({ "[1]", "5", '"a"', "null", "{", '{"a":1', '{"a":1}x', "{'a':1}",
      '{"a":' .. ("["):rep(200) .. ("]"):rep(200) .. "}" }) do
      local record, reason = serializer.json.decode(bad)
      assert.is_nil(record, bad)
      assert.is_string(reason)
    end
  end)

  it("writes nothing that JSON cannot have", function()
    local own = {}
    own.own = own
    for _, bad in ipairs({ own, 0 / 0, math.huge, { f = print } }) do
      local text, reason = written("json", "{}", "a", bad)
      assert.is_nil(text)
      assert.is_string(reason)
    end
    assert.are.equal("it must be a string", serializer.json.checkName(5))
  end)
end)

describe("bytes that anybody may have written", function()
  local seeds = {
    php = { 'a|i:1;b|a:2:{i:0;s:3:"x|y";i:1;R:1;}o|O:1:"X":1:{s:1:"p";N;}',
      'abc|i:12345;def|d:1.2345;ghi|i:678;jkl|O:1:"X":1:{s:1:"p";N;}' },
    php_binary = { '\1ai:1;\1ba:2:{i:0;s:3:"x|y";i:1;R:1;}\1oO:1:"X":1:{s:1:"p";N;}',
      '\3abci:12345;\3defd:1.2345;\3ghii:678;\3jklO:1:"X":1:{s:1:"p";N;}' },
    php_serialize = { 'a:3:{s:1:"a";i:1;i:5;a:2:{i:0;s:3:"x|y";i:1;R:2;}s:1:"o";O:1:"X":0:{}}',
      'a:3:{s:3:"abc";i:12345;i:123456;d:1.2345;s:3:"jkl";O:1:"X":0:{}}' },
    json = { '{"a":1,"b":[null,{"c":"\\"}"}],-1.5],"d":{"e":[]},"f":true}',
      '{"abcdefghijklmnopqrstuvwxyz":"abcdefghijklmnopqrstuvwxyz","b":[12345,null]}' },
  }
  local pieces = { "|", "}", "{", "i:0;", "R:1;", 's:1:"', '";', "N;", "\0", "\255", ":", ";", '"',
    "\\", "[", "]", ",", "null", "a:1:{", '"a":' }
  local seed = 20240608
  local function random(most) -- with a seed of its own, so that what fails fails again
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % most + 1
  end

  local function changed(bytes)
    for _ = 1, random(3) do
      local at, what = random(#bytes + 1), random(3)
      local piece = what == 1 and "" or pieces[random(#pieces)]
      bytes = bytes:sub(1, at - 1) .. piece .. bytes:sub(at + (what == 3 and 0 or random(3)))
    end
    return bytes
  end

  for kind, texts in pairs(seeds) do
    it("are a record or a reason: " .. kind, function()
      local count = 0
      for _ = 1, 5000 do
        local given = changed(texts[random(2)])
        local record, reason = serializer[kind].decode(given)
        assert.are.equal(record == nil, type(reason) == "string", given)
        local again = record and serializer[kind].encode(record)
        if again then
          count = count + 1
          local second = assert(serializer[kind].decode(again), given)
          assert.are.same(record.names, second.names, given)
          assert.are.same(record.values, second.values, given)
        end
      end
      assert.is_true(count > 50, "as many: " .. count)
    end)
  end
end)
