local linter = require "ratchet.command.check.linter"
local written = require "support.written"

describe("linter", function()
  it("reads what luacheck prints", function()
    assert.are.same({
      { level = "warning", file = "a/app.lua", line = 3,
        message = "unused variable 'x' (luacheck W211)" },
      { level = "error", file = "app.lua", line = 1, message = "expected '=' (luacheck E011)" },
    }, linter.read("Checking app.lua\na/app.lua:3:7: (W211) unused variable 'x'\n"
      .. "app.lua:1:2: (E011) expected '='\n\nTotal: 2\n"))
  end)

  it("quotes words for the shell", function()
    assert.are.equal([['a b'\''c']], linter.quote("a b'c"))
  end)

  it("asks luacheck, where there is one", function()
    local path, remove = written("local x = 1\n", "it's.lua")
    local findings = linter.run({ path }, path:match("^(.*)/"))
    remove()
    if findings == nil then return end -- not installed, as on many machines
    assert.are.equal(1, #findings)
    assert.are.equal(path, findings[1].file)
    assert.matches("unused variable", findings[1].message)
  end)
end)
