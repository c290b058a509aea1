local captured = require "support.captured"
local check = require "ratchet.command.check"
local cjson = require "cjson"
local fake_core = require "support.fake_core"
local linter = require "ratchet.command.check.linter"
local written = require "support.written"

describe("check", function()
  local run = linter.run
  before_each(function()
    fake_core.install()
    linter.run = function() return {} end
  end)
  after_each(function()
    fake_core.remove()
    linter.run = run
  end)

  local function checked(text, ...)
    local path, remove = written(text)
    local status, out, err = captured(check, path, ...)
    remove()
    return status, (out:gsub(path:gsub("%p", "%%%0"), "app.lua")), err
  end

  it("finds nothing in the example of the README", function()
    for _, name in ipairs({ "chat", "echo", "http_beside", "rooms", "telnet_chat", "ticker" }) do
      local status, out = captured(check, ("apps/%s/app.lua"):format(name))
      assert.are.equal(0, status, out)
      assert.matches("nothing was found\n$", out)
    end
  end)

  it("shows routes", function()
    local _, out = captured(check, "apps/chat/app.lua")
    assert.matches("WS   /chat  localhost  Chat %(apps/chat/app.lua:9%)", out)
    assert.matches("events: onOpen, onMessage, onClose, onError", out)
    assert.matches("origins: everybody's", out)
  end)

  local BAD = [[
    local ratchet, ffi = require "ratchet", require "ffi"
    pcall(ffi.cdef, "int f(int);")
    if false then ffi.cdef "int f(int);" end
    local Chat = {}
    function Chat:onOpen() count = 1 end
    function Chat:onMesage() end
    local app = ratchet.App("localhost", 8080)
    app:route("/{rest:.*}", Chat)
    app:route("/room/{id}", Chat, { "a.example" }, nil, { keepAlive = 5 })
    app:run()
    local other = ratchet.App("localhost", 8081)
  ]]

  it("finds what is wrong, each with its line", function()
    local status, out = checked(BAD)
    assert.are.equal(1, status)
    for _, line in ipairs({
      "app.lua:3: warning: ffi.cdef raises when it runs a second time",
      "app.lua:5: warning: global count is written",
      "app.lua:6: error: onMesage is no event: did you mean onMessage%?",
      "app.lua:9: error: GET /room/{id} is never reached: /{rest:%.%*} of line 8",
      "app.lua:11: error: this app listens nowhere: app:run%(%) is missing",
      "options: keepAlive = 5", "origins: a.example", "\n5 findings\n$",
    }) do
      assert.matches(line, out)
    end
  end)

  it("says the same as JSON", function()
    local status, out = checked(BAD, "--format", "json")
    local said = cjson.decode(out)
    assert.are.equal(1, status)
    assert.is_false(said.ok)
    assert.are.equal(5, #said.findings)
    assert.are.same({ keepAlive = 5 }, said.routes[2].options)
    status, out = captured(check, "apps/telnet_chat/app.lua", "--format=json")
    assert.are.equal(0, status)
    assert.matches('"findings":%[%]', out)
  end)

  it("looks into what a component calls, too", function()
    local _, out = checked([[
      local ratchet = require "ratchet"
      local News = { onPublish = function() end, onOpne = function() end }
      local app = ratchet.App("localhost", 8080)
      app:route("/", ratchet.wamp.WampServer(News))
      app:run()
    ]])
    assert.matches("2: error: onOpne is no event: did you mean onOpen%?", out)
  end)

  it("says when nothing listens", function()
    local status, out = checked("local x = 1 return x")
    assert.are.equal(1, status)
    assert.matches("listens nowhere: its last line should be app:run%(%)", out)
  end)

  it("passes on what luacheck says, but what it has found itself", function()
    linter.run = function(files)
      return {
        { level = "warning", file = files[1], line = 1, message = "line too long (luacheck W631)" },
        { level = "warning", file = files[1], line = 1,
          message = "setting non-standard global variable 'x' (luacheck W111)" },
      }
    end
    local _, out = checked("x = 1")
    assert.matches("line too long %(luacheck W631%)", out)
    assert.matches("global x is written", out)
    assert.is_nil(out:find("W111", 1, true))
    linter.run = function() end
    _, out = checked("local x = 1 return x")
    assert.matches("luacheck, which finds more, is not installed: apt%-get install lua%-check", out)
  end)

  it("cannot read what is not there", function()
    local status, _, err = captured(check, "none.lua")
    assert.are.equal(1, status)
    assert.matches("cannot read none.lua", err)
  end)
end)
