local cjson = require "cjson"
local php = require "ratchet.session.php"

-- The value, or the reason.
local function read(bytes)
  local value, reason = php.decode(bytes)
  if reason then return reason end
  return value
end

local function there_and_back(bytes)
  local value, reason = php.decode(bytes)
  assert.is_nil(reason)
  assert.are.equal(bytes, php.encode(value))
end

describe("what PHP serializes", function()
  it("is read: plain values", function()
    assert.is_nil(read("N;"))
    assert.is_true(read("b:1;"))
    assert.is_false(read("b:0;"))
    assert.are.equal(-5, read("i:-5;"))
    assert.are.equal(0.1, read("d:0.1;"))
    assert.are.equal(1e25, read("d:1.0E+25;"))
    assert.are.equal(math.huge, read("d:INF;"))
    assert.are.equal(-math.huge, read("d:-INF;"))
    local nan = read("d:NAN;")
    assert.is_true(nan ~= nan)
  end)

  it("is read: strings by their bytes, whatever they are", function()
    assert.are.equal('a";i:5;', read('s:7:"a";i:5;";'))
    assert.are.equal("ü", read('s:2:"ü";'))
    assert.are.equal("\0\255", read('s:2:"\0\255";'))
    assert.are.equal("", read('s:0:"";'))
  end)

  it("is read: a list is a sequence, another array keeps its keys", function()
    assert.are.same({ "a", { "b" } }, read('a:2:{i:0;s:1:"a";i:1;a:1:{i:0;s:1:"b";}}'))
    assert.are.same({ [5] = "a", x = 1 }, read('a:2:{i:5;s:1:"a";s:1:"x";i:1;}'))
    assert.are.same({ [0] = "b", "a" }, read('a:2:{i:1;s:1:"a";i:0;s:1:"b";}'))
    assert.are.same({ [0] = "a", x = 1 }, read('a:2:{i:0;s:1:"a";s:1:"x";i:1;}'))
    assert.are.same({}, read("a:0:{}"))
    assert.are.same({ ["-1"] = nil, [-1] = 2 }, read("a:1:{i:-1;i:2;}"))
  end)

  it("goes there and back", function()
    for _, bytes in ipairs({ "N;", "b:1;", "i:5;", "i:-9007199254740991;", "d:0.1;", "d:-0;",
      "d:1.0E+25;", "d:1.5E-5;", "d:0.0001;", "d:1.0E+17;", "d:10000000000000000;",
      "d:0.3333333333333333;", "d:1.7976931348623157E+308;", "d:5.0E-324;", "d:INF;", "d:-INF;",
      "d:NAN;", 's:3:"a"b";', "a:0:{}", "a:2:{i:0;i:1;i:1;a:0:{}}", 'a:1:{i:1;s:1:"a";}',
      "a:3:{i:0;i:1;i:1;N;i:2;i:3;}", "a:2:{i:0;N;i:1;N;}", 'a:2:{i:5;i:1;s:1:"x";b:0;}',
      'a:2:{s:1:"a";i:1;s:1:"b";a:1:{s:2:"05";i:1;}}' }) do
      there_and_back(bytes)
    end
  end)

  it("is no integer that a double rounds: it becomes its digits", function()
    assert.are.equal(9007199254740991, read("i:9007199254740991;"))
    assert.are.equal("9007199254740993", read("i:9007199254740993;"))
    assert.are.equal("-9223372036854775808", read("i:-9223372036854775808;"))
    assert.are.same({ ["9007199254740993"] = 1 }, read("a:1:{i:9007199254740993;i:1;}"))
    there_and_back("a:1:{i:9007199254740993;i:1;}")
  end)

  it("has references, which are the value that they lead to", function()
    local value = read("a:3:{i:0;a:1:{i:0;i:7;}i:1;R:2;i:2;R:3;}")
    assert.are.same({ { 7 }, { 7 }, 7 }, value)
    assert.are.equal(value[1], value[2])
    -- One of the kind r counts itself, one of the kind R does not.
    assert.are.same({ 5, 5, 6, 6 }, read("a:4:{i:0;i:5;i:1;R:2;i:2;i:6;i:3;R:3;}"))
    assert.are.same({ 5, 5, 6, 6 }, read("a:4:{i:0;i:5;i:1;r:2;i:2;i:6;i:3;R:4;}"))
    assert.are.equal("it has a reference to itself", read("a:1:{i:0;R:1;}"))
    assert.are.equal("a reference leads nowhere", read("a:1:{i:0;R:9;}"))
    assert.are.equal("a reference leads nowhere", read("R:0;"))
  end)

  it("has objects, which are refused by name, whatever is in them", function()
    assert.are.equal('it has an object of the PHP class "App\\User", and objects are not read',
      read('O:8:"App\\User":1:{s:1:"a";i:1;}'))
    assert.are.equal('it has an object of the PHP class "X", and objects are not read',
      read('a:2:{i:0;i:1;i:1;a:1:{i:0;O:1:"X":0:{}}}'))
    assert.are.equal('it has an object of the PHP class "X", and objects are not read',
      read('C:1:"X":5:{a;}:1}'))
    assert.are.equal('it has the PHP enumeration "Suit:Hearts", and objects are not read',
      read('E:11:"Suit:Hearts";'))
    assert.are.equal('it has an object of the PHP class "a\\x0ab", and objects are not read',
      read('O:3:"a\nb":0:{}'))
    assert.are.equal('it has an object of the PHP class "X", and objects are not read',
      read('a:2:{i:0;O:1:"X":0:{}i:1;r:2;}'))
  end)

  it("is refused where it makes no sense", function()
    for _, bytes in ipairs({ "", "i", "i:", "i:;", "i:5", "i:x;", "i:5;i:6;", "b:2;", "b:;", "d:;",
      "d:--1;", "d:1..2;", "d:e;", "d:0x10;", "d:nan;", "N", "N:;", 's:3:"ab";', 's:1:"ab";',
      's:-1:"";', 's:9999999999:"";', 's:1:"a"', "s:1:'a';", "a:1:{}", "a:0:{", "a:2:{i:0;i:1;}",
      "a:-1:{}", "a:1:{N;i:1;}", "a:1:{d:1.5;i:1;}", "a:1:{b:1;i:1;}", "x:1;", "S:1:\"a\";",
      'O:1:"X":1:{}', 'O:9:"X":0:{}', 'C:1:"X":99:{}', 'E:1:"X"', "R:;", "r:x;", "}", ";",
      "i:" .. ("9"):rep(21) .. ";", "a:999999999:{", "a:100001:{" }) do
      local value, reason = php.decode(bytes)
      assert.is_nil(value, bytes)
      assert.is_string(reason, bytes)
    end
  end)

  it("is bounded in depth and in count", function()
    local function nested(depth)
      return ("a:1:{i:0;"):rep(depth) .. "i:1;" .. ("}"):rep(depth)
    end
    assert.is_table(read(nested(100)))
    assert.are.equal("it is nested deeper than 100", read(nested(101)))
    assert.are.equal("it is nested deeper than 100", read(nested(100000)))
    assert.are.equal("it is nested deeper than 100", read(('O:1:"X":1:{i:0;'):rep(200)))
    local many = {}
    for i = 0, 99998 do many[#many + 1] = ("i:%d;N;"):format(i) end
    assert.is_table(read("a:99999:{" .. table.concat(many) .. "}"))
    assert.are.equal("it has more than 100000 values",
      read("a:2:{i:0;a:99999:{" .. table.concat(many) .. "}i:1;i:1;}"))
  end)
end)

describe("what is written for PHP", function()
  it("is a list for a sequence, and else the keys as they are, sorted", function()
    assert.are.equal('a:2:{i:0;s:1:"a";i:1;b:1;}', php.encode({ "a", true }))
    assert.are.equal('a:3:{i:0;i:1;i:7;i:2;s:1:"b";i:3;}',
      php.encode({ b = 3, [7] = 2, [0] = 1 }))
    assert.are.equal("a:2:{i:1;i:1;i:3;i:3;}", php.encode({ 1, nil, 3 }))
    assert.are.equal("a:0:{}", php.encode({}))
    assert.are.equal("N;", php.encode(nil))
    assert.are.equal("a:2:{i:0;N;i:1;i:1;}", php.encode({ cjson.null, 1 }))
  end)

  it("is what map and list say", function()
    assert.are.equal('a:1:{i:1;s:1:"a";}', php.encode(php.map({ "a" })))
    assert.are.equal("a:4:{i:0;N;i:1;i:7;i:2;N;i:3;N;}", php.encode(php.list({ [2] = 7 }, 4)))
    assert.are.equal(4, php.length(php.list({}, 4)))
    assert.is_nil(php.length({}))
  end)

  it("follows what becomes of a list with nulls", function()
    local list = read("a:2:{i:0;N;i:1;i:1;}")
    list[3] = 5
    assert.are.equal("a:3:{i:0;N;i:1;i:1;i:2;i:5;}", php.encode(list))
    list[5] = 6 -- 4 is a gap that nobody has called null
    assert.are.equal("a:3:{i:2;i:1;i:3;i:5;i:5;i:6;}", php.encode(list))
  end)

  it("has integers for keys that PHP takes for some", function()
    assert.are.equal('a:4:{s:2:"-0";i:3;i:-5;i:1;i:0;i:2;s:2:"05";i:4;}',
      php.encode({ ["-5"] = 1, ["0"] = 2, ["-0"] = 3, ["05"] = 4 }))
    assert.are.same({ nil, 'the keys "1" and 1 are the same in PHP' },
      { php.encode({ [1] = 1, ["1"] = 2 }) })
  end)

  it("is nothing for what cannot be kept", function()
    local own = {}
    own.own = own
    for what, value in pairs({
      ["a function cannot be kept"] = { f = print },
      ["a thread cannot be kept"] = coroutine.create(print),
      ["a userdata cannot be kept"] = newproxy(),
      ["it is nested deeper than 100, or in itself"] = own,
      ["a key is a string or a whole number; 1.5 is none"] = { [1.5] = 1 },
      ["a key is a string or a whole number; this is a boolean"] = { [true] = 1 },
    }) do
      assert.are.same({ nil, what }, { php.encode(value) })
    end
    local wide = {}
    for i = 1, 30 do wide = { wide, wide, i } end -- 2 ^ 30 when it is written out
    assert.are.same({ nil, "it has too many values" }, { php.encode(wide) })
  end)
end)

-- A seed of its own, so that what fails fails again.
local function random_of(seed)
  return function(most)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % most + 1
  end
end

describe("bytes that anybody may have written", function()
  local seeds = {
    'a:3:{i:0;a:2:{s:1:"a";d:1.5;s:1:"b";b:1;}i:1;R:2;i:2;s:3:"xyz";}',
    'a:2:{s:4:"user";O:1:"U":1:{s:2:"id";i:5;}s:1:"n";N;}',
    'C:1:"X":5:{i:1;}}E:3:"A:B";d:-1.0E+25;',
    'a:2:{i:0;i:1;i:1;r:1;}',
  }
  local pieces = { "a:1:{", "}", "i:0;", "R:1;", "r:2;", 's:1:"', '";', "N;", "b:1;", "d:", "O:1:",
    "999999999", "-", "\0", "\255", ":", ";", '"', "{" }

  it("are read to a value or a reason, and never to more than they are", function()
    local random = random_of(20240607)
    for _ = 1, 20000 do
      local bytes = seeds[random(#seeds)]
      for _ = 1, random(4) do
        local at = random(#bytes + 1)
        local what = random(3)
        local piece = what == 1 and "" or pieces[random(#pieces)]
        bytes = bytes:sub(1, at - 1) .. piece .. bytes:sub(at + (what == 3 and 0 or random(3)))
      end
      local value, reason = php.decode(bytes)
      assert.is_true(reason == nil or value == nil and type(reason) == "string", bytes)
      if value ~= nil then
        local again = assert(php.encode(value))
        assert.is_true(#again <= 40 * #bytes + 100, bytes)
        assert.are.equal(again, php.encode((php.decode(again))), bytes)
      end
    end
  end)

  it("does not make copies without end of what references lead to", function()
    local references = {}
    for i = 1, 20 do references[i] = ("i:%d;R:2;"):format(i) end
    local bytes = ('a:21:{i:0;s:1048576:"%s";%s}'):format(("x"):rep(1048576),
      table.concat(references))
    local value = php.decode(bytes)
    assert.are.equal(1048576, #value[21])
    assert.are.same({ nil, "it has more than 16777216 bytes" }, { php.encode(value) })
  end)
end)
