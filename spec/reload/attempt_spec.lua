-- That an attempt changes nothing when it fails; what it does when it does not is
-- init_spec.lua.

local fake_core = require "support.fake_core"
local app_files = require "support.app_files"
local addresses = require "ratchet.server.addresses"
local attempt = require "ratchet.reload.attempt"
local files = require "ratchet.reload.files"
local record = require "ratchet.reload.record"

local APP = app_files.FOLDER .. "app.lua"

describe("reload.attempt", function()
  local texts, live

  before_each(function()
    local core = fake_core.install()
    function core.timers() return {} end
    package.loaded.luv = { walk = function() end }
    texts = app_files.install({ ["app.lua"] = "return 1" })
    assert(files.load(APP))
    record.finish()
    live = {
      list = files.list(), generation = { version = "00000000" }, modules = {}, globals = {},
      record = record.current(), routes = {}, handles = {},
      survey = { tables = {}, functions = {}, sources = {}, cells = {} },
    }
  end)
  after_each(function()
    app_files.remove()
    package.loaded.luv = nil
    fake_core.remove()
  end)

  local function fails(text)
    texts["app.lua"] = text
    local after, reason = attempt({ path = APP, arguments = {} }, live)
    assert.is_nil(after)
    assert.are.equal(live.list, files.list())
    assert.are.equal(live.record, record.current())
    return reason
  end

  it("says where a text does not compile, and goes back to the files before", function()
    assert.are.equal(("%s:2: '=' expected near 'is'\n    2 | this is no Lua"):format(APP),
      fails("\nthis is no Lua"))
  end)

  it("goes back when the app raises", function()
    assert.are.equal("no", fails("error('no', 0)"))
  end)

  it("goes back when it cannot even begin", function()
    local begin = record.begin
    function record.begin() error("not enough memory", 0) end
    local is_called, reason = pcall(fails, "return 2")
    record.begin = begin
    assert.are.same({ true, "not enough memory" }, { is_called, reason })
    addresses.open({ address = "127.0.0.1", port = 8080 }, { options = {} })
    assert.is_nil(addresses.rival({ port = 8080 })) -- nothing is on trial any more
    addresses.forget()
  end)

  it("takes no app that listens nowhere", function()
    assert.are.equal(APP .. " listens nowhere: its last line should be app:run()",
      fails("return 2"))
  end)
end)
