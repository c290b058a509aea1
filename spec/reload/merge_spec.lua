local reloaded = require "support.reloaded"

describe("Merge", function()
  it("gives live tables the new functions, and takes those away that are gone", function()
    local live = reloaded("return { a = function() return 1 end, b = function() end }",
      "return { a = function() return 2 end, c = function() return 3 end }")
    assert.are.equal(2, live.a())
    assert.is_nil(live.b)
    assert.are.equal(3, live.c())
  end)

  it("keeps what was put in, and changes what was not", function()
    local live = reloaded("return { list = {}, word = 'a', mine = 'a' }",
      "return { list = {}, word = 'b', mine = 'b', extra = {} }",
      function(module)
        module.list[1] = "kept"
        module.mine = "kept"
      end)
    assert.are.same({ list = { "kept" }, word = "b", mine = "kept", extra = {} }, live)
  end)

  it("leaves alone what the app took away", function()
    local live = reloaded("return { word = 'a', f = print, t = {} }",
      "return { word = 'b', f = print, t = { 1 } }",
      function(module) module.word, module.f, module.t = nil, nil, nil end)
    assert.are.same({}, live)
  end)

  it("keeps a function that the app has put in place of its own", function()
    local function own() end
    local live = reloaded("return { f = function() end }", "return { f = function() end }",
      function(module) module.f = own end)
    assert.are.equal(own, live.f)
  end)

  it("renews a function of the old code that the app has moved", function()
    local text = "local M = { f = false } function M.one() return %d end return M"
    local live = reloaded(text:format(1), text:format(2),
      function(module) module.f = module.one end)
    assert.are.equal(2, live.f())
  end)

  it("shares what is assigned to, and gives new code its own of what is not", function()
    local live = reloaded(
      "local n, k = 0, 5 return { add = function() n = n + 1 end, "
        .. "get = function() return n, k end }",
      "local n, k = 0, 5 return { add = function() n = n + 1 k = k + 1 end, "
        .. "get = function() return n, k end }",
      function(module)
        module.add()
        module.old = module.add
      end)
    live.add()
    live.old()
    assert.are.same({ 3, 6 }, { live.get() })
  end)

  it("puts live tables in the place of new ones wherever the new code has them", function()
    local live = reloaded("local Base = {} return { Base = Base }",
      "local Base = {} return { Base = Base, known = { [Base] = Base }, "
        .. "one = setmetatable({}, Base), get = function() return Base end }")
    assert.are.equal(live.Base, live.known[live.Base])
    assert.are.equal(live.Base, getmetatable(live.one))
    assert.are.equal(live.Base, live.get())
  end)

  it("changes metatables", function()
    local live = reloaded("return { a = setmetatable({}, { __index = { x = 1 } }), b = {} }",
      "return { a = setmetatable({}, { __index = { x = 2 } }), b = setmetatable({}, "
        .. "{ __index = { x = 3 } }) }")
    assert.are.same({ 2, 3 }, { live.a.x, live.b.x })
  end)

  it("can be taken back", function()
    local live, result = reloaded(
      "local n = 1 return { f = function() n = n + 1 return n end, word = 'a' }",
      "local n = 1 return { f = function() return 'new' end, word = 'b', more = 1 }")
    result.journal:undo()
    assert.are.equal(2, live.f())
    assert.are.equal("a", live.word)
    assert.is_nil(live.more)
  end)

  it("names the constants that changed, and the variables that were kept", function()
    local _, result = reloaded(
      "local N, seen, n = 1, {}, 0 return { f = function() n = n + 1 return N, seen end }",
      "local N, seen, n = 2, {}, 0 return { f = function() n = n + 1 return N, seen end }",
      function(module) module.f() end)
    assert.are.same({ "N" }, result.merge.changed)
    local kept = {}
    for _, cell in ipairs(result.merge.kept) do kept[#kept + 1] = cell.name end
    table.sort(kept)
    assert.are.same({ "n", "seen" }, kept)
  end)

  it("says what is to be compared with the next time", function()
    local live, result = reloaded("return { list = {}, word = 'a' }",
      "return { list = {}, word = 'b' }", function(module) module.list[1] = 1 end)
    local base = result.merge:rebase()
    assert.are.equal("b", base.tables[live].fields.word)
    assert.are.equal(live.list, base.tables[live].fields.list)
    assert.are.same({}, base.tables[live.list].fields)
  end)
end)
