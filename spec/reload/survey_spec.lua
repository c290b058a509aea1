local survey = require "ratchet.reload.survey"

local function is_own(source) return source:sub(1, 5) == "@app/" end

local function load_app(text)
  return assert(loadstring(text, "@app/x.lua"))()
end

describe("survey", function()
  it("finds tables with their fields, functions, and what functions share", function()
    local root = load_app([[
      local n, list = 1, { 7 }
      return setmetatable({ add = function() n = n + list[1] end, get = function() return n end },
        { __index = list })
    ]])
    local found = survey({ root }, is_own, {})
    assert.are.equal(root.add, found.tables[root].fields.add)
    assert.is_table(found.tables[getmetatable(root)])
    assert.are.equal(2, #found.functions)
    assert.are.equal("@app/x.lua", found.sources[root.add])
    local cells = {}
    for _, cell in pairs(found.cells) do cells[cell.name] = cell end
    assert.are.equal(1, cells.n.value)
    assert.are.equal(4, #cells.n.holders)
    assert.are.same({ 7 }, found.tables[cells.list.value].fields)
  end)

  it("keeps what was there, whatever becomes of the tables", function()
    local root = { a = 1 }
    local found = survey({ root }, is_own, {})
    root.a = 2
    assert.are.equal(1, found.tables[root].fields.a)
  end)

  it("does not enter what is not the app's", function()
    local module = { secret = {} }
    local function foreign() return module end
    local found = survey({ { module, foreign } }, is_own, { [module] = true })
    assert.is_nil(found.tables[module])
    assert.is_nil(found.tables[module.secret])
    assert.are.same({}, found.functions)
  end)
end)
