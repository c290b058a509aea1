-- The whole of a reload, with a core and files that are not there. What it does to
-- those who are connected is tested in tests/integration/reload_test.js.

local app_files = require "support.app_files"
local fake_core = require "support.fake_core"

local APP = app_files.FOLDER .. "app.lua"

local function app_text(body)
  return 'local ratchet = require "ratchet"\n' .. body
    .. '\nlocal app = ratchet.App("localhost", 8080)\napp:route("/", C)\napp:run()\n'
end

describe("reload", function()
  local core, texts, reload, versions, hidden

  before_each(function()
    core = fake_core.install()
    versions = {}
    function core.setVersion(version) versions[#versions + 1] = version end
    function core.isStopping() return core.is_stopping end
    function core.timers() return {} end
    function core.outdated() return {}, 0 end
    function core.freeze() end
    function core.ownHandle(handle) return handle end
    package.loaded.luv = {
      walk = function() end, hrtime = function() return 0 end,
      new_signal = function() return { start = function() end, unref = function() end } end,
    }
    hidden = {}
    for name, module in pairs(package.loaded) do
      if name:find("^ratchet%.") and name ~= "ratchet.core" and name ~= "ratchet.reload.files" then
        hidden[name], package.loaded[name] = module, nil
      end
    end
    hidden.ratchet, package.loaded.ratchet = package.loaded.ratchet, nil
    texts = app_files.install({})
    reload = require "ratchet.reload"
  end)
  after_each(function()
    app_files.remove()
    for name, module in pairs(hidden) do package.loaded[name] = module end
    package.loaded.luv = nil
    fake_core.remove()
  end)

  local function start(body)
    texts["app.lua"] = app_text(body)
    local env = setmetatable({}, { __index = _G, __newindex = _G })
    setfenv(assert(loadstring(texts["app.lua"], "@" .. APP)), env)()
    reload.start(APP)
  end

  local REPLY = "C = C or {} function C:onMessage(conn) return %d end"

  it("gives each load a version, and tells the core", function()
    start("local C = { onMessage = function() end }")
    assert.are.equal(8, #reload.version())
    assert.are.same({ reload.version() }, versions)
    local first = reload.version()
    texts["app.lua"] = app_text("local C = { onMessage = function() return 1 end }")
    assert.is_true((reload.now("reload")))
    assert.are_not.equal(first, reload.version())
    assert.are.equal(reload.version(), versions[2])
  end)

  it("says what it did, and keeps everything when it cannot", function()
    start("C = { onMessage = function() end }")
    texts["app.lua"] = app_text("C = { onMessage = function() return 1 end }")
    local is_good, text = reload.now("reload")
    assert.is_true(is_good)
    assert.is_truthy(text:find("functions replaced: onMessage (app.lua:2)", 1, true))
    local live, version = rawget(_G, "C"), reload.version()
    assert.are.equal(1, live.onMessage())
    texts["app.lua"] = app_text("C = { onMessage = function() return 2 end } error('no', 0)")
    is_good, text = reload.now("reload")
    assert.is_false(is_good)
    assert.are.equal(("reload failed, %s goes on: no"):format(version), text)
    assert.are.equal("error " .. text, fake_core.last_log(core))
    assert.are.equal(live, rawget(_G, "C"))
    assert.are.equal(1, live.onMessage())
    assert.are.equal(1, #core.listened)
    rawset(_G, "C", nil)
  end)

  it("goes on where one of the last steps fails, and the next one tells the truth", function()
    start(REPLY:format(1))
    local set_version, first = core.setVersion, reload.version()
    function core.setVersion() error("not enough memory", 0) end
    texts["app.lua"] = app_text(REPLY:format(2))
    assert.is_true((reload.now("reload")))
    core.setVersion = set_version
    local second = reload.version()
    assert.are.equal(2, rawget(_G, "C").onMessage())
    texts["app.lua"] = app_text(REPLY:format(3))
    local is_good, text = reload.now("reload")
    assert.is_true(is_good)
    assert.is_truthy(text:find(("reload %s -> %s"):format(second, reload.version()), 1, true))
    assert.is_truthy(text:find("functions replaced: C:onMessage (app.lua:2)", 1, true))
    assert.are.equal(3, rawget(_G, "C").onMessage())
    assert.are.same({ first, reload.version() }, versions)
    assert.is_true((reload.now("rollback")))
    assert.are.equal(second, reload.version())
    assert.are.equal(1, #core.listened)
    rawset(_G, "C", nil)
  end)

  it("rolls back as far as it went", function()
    start(REPLY:format(1))
    local first = reload.version()
    assert.is_false((reload.now("rollback")))
    for i = 2, 3 do
      texts["app.lua"] = app_text(REPLY:format(i))
      assert.is_true((reload.now("reload")))
    end
    assert.is_true((reload.now("rollback")))
    assert.are.equal(2, rawget(_G, "C").onMessage())
    assert.is_true((reload.now("rollback")))
    assert.are.equal(first, reload.version())
    assert.is_false((reload.now("rollback")))
    rawset(_G, "C", nil)
  end)

  it("does once what is asked for twice, and tells both", function()
    start("local C = { onMessage = function() end }")
    local told = {}
    for i = 1, 2 do reload.ask("reload", function(is_good) told[i] = is_good end) end
    core.run()
    assert.are.same({ true, true }, told)
    assert.are.equal(2, #versions)
  end)

  it("answers, and can be asked again, when it fails itself", function()
    start("local C = { onMessage = function() end }")
    local told, sleep = {}, core.sleep
    function core.sleep() error("broken", 0) end
    local function reply(is_good, text) told[#told + 1] = { is_good, text } end
    reload.ask("reload", function() error("gone") end)
    reload.ask("reload", reply)
    core.run()
    core.sleep = sleep
    reload.ask("reload", function(is_good) told[#told + 1] = is_good end)
    core.run()
    assert.are.same({ { false, "reload failed in ratchet itself: broken" }, true }, told)
  end)

  it("does nothing when the server goes away", function()
    start("local C = { onMessage = function() end }")
    core.is_stopping = true
    assert.are.same({ false, "reload failed: the server is going away" }, { reload.now("reload") })
  end)
end)
