local arguments = require "ratchet.arguments"
local captured = require "support.captured"

local usage = {
  name = "sample", help = "usage: ratchet-lua sample\n",
  operands = { "URL" }, optional = { "FILE" },
  options = {
    quiet = "flag", name = "text", header = "list", count = "count", wait = "seconds",
    rate = "number", format = { "text", "json" },
  },
}

local function parse(...) return arguments.parse({ ... }, usage) end

describe("arguments", function()
  it("reads options and operands", function()
    assert.are.same({ "u", "f", quiet = true, name = "", header = { "a", "b=c" }, count = 3,
      wait = 0.5, rate = 2, format = "json" },
      parse("--quiet", "--name", "", "--header", "a", "u", "--header=b=c", "--count", "3",
        "--wait", ".5", "f", "--rate=2", "--format", "json"))
  end)

  it("takes everything behind -- for operands", function()
    assert.are.same({ "--quiet" }, parse("--", "--quiet"))
    assert.are.same({ "-" }, parse("-"))
  end)

  for words, message in pairs({
    [""] = "URL is missing",
    ["u f g"] = '"g" is too much',
    ["--nam x u"] = "there is no option --nam; did you mean --name?",
    ["--zebra u"] = "there is no option --zebra",
    ["-q u"] = '"-q" is no option: options begin with --',
    ["u --name"] = "--name needs a value",
    ["--quiet=yes u"] = "--quiet takes no value",
    ["--count 0 u"] = '--count takes a whole number from 1, not "0"',
    ["--count 1.5 u"] = '--count takes a whole number from 1, not "1.5"',
    ["--wait soon u"] = '--wait takes a number of seconds, not "soon"',
    ["--wait . u"] = '--wait takes a number of seconds, not "."',
    ["--rate 0 u"] = '--rate takes a number over 0, not "0"',
    ["--format xml u"] = '--format takes text or json, not "xml"',
  }) do
    it(("says what is wrong with %q"):format(words), function()
      local list = {}
      for word in words:gmatch("%S+") do list[#list + 1] = word end
      local given, said = arguments.parse(list, usage)
      assert.is_nil(given)
      assert.are.equal(message, said)
    end)
  end

  it("runs the command, or helps", function()
    local function run(...)
      return captured(arguments.run, { ... }, usage, function(given) return #given[1] end)
    end
    assert.are.equal(3, (run("abc")))
    local status, out = run("--help")
    assert.are.equal(0, status)
    assert.are.equal(usage.help, out)
    local _, err
    status, _, err = run()
    assert.are.equal(2, status)
    assert.are.equal("ratchet-lua sample: URL is missing (see ratchet-lua sample --help)\n", err)
  end)
end)
