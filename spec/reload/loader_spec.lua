local app_files = require "support.app_files"
local fake_core = require "support.fake_core"
local files = require "ratchet.reload.files"
local loader = require "ratchet.reload.loader"

local APP = app_files.FOLDER .. "app.lua"

describe("loader", function()
  before_each(function() fake_core.install() end)
  after_each(function()
    app_files.remove()
    fake_core.remove()
  end)

  local function run(texts, modules, globals)
    app_files.install(texts)
    for name, value in pairs(modules or {}) do package.loaded[name] = value end
    return loader.run(APP, { "first" }, modules or {}, globals or {}, files.list())
  end

  it("runs the files to the side", function()
    rawset(_G, "app_global", "old")
    local live = { old = true }
    local load = run({
      ["app.lua"] = "app_global = { ..., rawget(_G, 'app_global') } require 'part'",
      ["part.lua"] = "other_global = 1 return { new = true }",
    }, { part = live }, { app_global = "old" })
    assert.is_nil(load.failure)
    assert.are.same({ app_global = { "first" }, other_global = 1 }, load.globals)
    assert.are.same({ part = { new = true } }, load.modules)
    assert.are.equal("old", rawget(_G, "app_global"))
    assert.is_nil(rawget(_G, "other_global"))
    assert.are.equal(live, package.loaded.part)
    rawset(_G, "app_global", nil)
  end)

  it("leaves nothing behind of one that fails", function()
    local live = {}
    local load = run({ ["app.lua"] = "left = 1 require 'part' require 'fresh' error('no', 0)",
      ["part.lua"] = "return {}", ["fresh.lua"] = "return {}" }, { part = live })
    assert.are.equal("no", load.failure.message)
    assert.is_truthy(load.failure.trace:find("traceback", 1, true))
    assert.is_nil(rawget(_G, "left"))
    assert.are.equal(live, package.loaded.part)
    assert.is_nil(package.loaded.fresh)
  end)

  it("takes a yield, a thrown table and a missing file for failures", function()
    assert.are.equal("an app file cannot yield",
      run({ ["app.lua"] = "coroutine.yield()" }).failure.message)
    app_files.remove()
    assert.are.equal("a table was raised", run({ ["app.lua"] = "error({})" }).failure.message)
    app_files.remove()
    assert.is_truthy(run({}).failure.message:find("No such file", 1, true))
  end)
end)
