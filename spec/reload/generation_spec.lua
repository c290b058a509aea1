local fake_core = require "support.fake_core"
local generation = require "ratchet.reload.generation"

describe("generation", function()
  before_each(function() fake_core.install() end)
  after_each(fake_core.remove)

  local function of(...) return generation.of({ ... }, "/x/") end
  local app, other = { path = "/x/app.lua", text = "a" }, { path = "/x/b.lua", text = "b" }

  it("has a version that depends on paths and texts, not on their order or place", function()
    local version = of(app, other).version
    assert.are.equal(8, #version)
    assert.are.equal(version, of(other, app).version)
    assert.are.equal(version, generation.of(
      { { path = "/y/app.lua", text = "a" }, { path = "/y/b.lua", text = "b" } }, "/y/").version)
    assert.are_not.equal(version, of(app, { path = "/x/b.lua", text = "c" }).version)
    assert.are_not.equal(version, of(app, { path = "/x/c.lua", text = "b" }).version)
    assert.are_not.equal(version, of(app).version)
  end)

  it("tells what differs", function()
    local changed = { path = "/x/app.lua", text = "A" }
    local new = { path = "/x/new.lua", text = "" }
    assert.are.same({ "/x/app.lua", "+ /x/new.lua", "- /x/b.lua" },
      generation.changes(of(app, other), of(changed, new)))
  end)

  it("knows the lines of a file", function()
    local file = { path = "", text = "one\ntwo\r\n\nfour" }
    assert.are.same({ "one", "two", "", "four" }, {
      generation.lines(file, 1), generation.lines(file, 2), generation.lines(file, 3),
      generation.lines(file, 4) })
    assert.are.equal("one\ntwo", generation.lines(file, 1, 2))
    assert.is_nil(generation.lines(file, 5))
    assert.are.same({ 1, 1, 2, 4 }, { generation.line_at(file, 1), generation.line_at(file, 4),
      generation.line_at(file, 5), generation.line_at(file, #file.text) })
  end)
end)
