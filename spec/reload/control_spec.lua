local control = require "ratchet.reload.control"
local fake_connection = require "support.fake_connection"
local fake_core = require "support.fake_core"

describe("control", function()
  local core, reload, signals

  before_each(function()
    core = fake_core.install({ control = "/run/1.sock" })
    signals = {}
    local signal = { unref = function() end,
      start = function(_, name, callback) signals[name] = callback end }
    package.loaded.luv = {
      new_signal = function() return signal end,
      fs_realpath = function(path) return "/real/" .. path end,
    }
    function core.ownHandle(handle) return handle end
    reload = {
      asked = {},
      app = function() return "app.lua" end,
      version = function() return "0123abcd" end,
    }
    function reload.ask(kind, reply)
      reload.asked[#reload.asked + 1] = kind
      if reply then reply(reload.is_good, "the text") end
    end
    control.listen(reload)
  end)
  after_each(function()
    fake_core.remove()
    package.loaded.luv = nil
  end)

  local function say(...)
    local conn = fake_connection()
    local component = core.endpoints[1].component
    for _, bytes in ipairs({ ... }) do component:onMessage(conn, bytes) end
    return conn.sent[1] and conn.sent[1][1], conn.closed ~= nil
  end

  it("listens where only the user can reach it", function()
    assert.are.equal("/run/1.sock", core.listened[1].path)
    assert.are.equal(384, core.listened[1].mode)
  end)

  it("tells what runs", function()
    local answer, is_closed = say("status\n")
    assert.are.equal("ok\n/real/app.lua\n0123abcd\n", answer)
    assert.is_true(is_closed)
  end)

  it("asks for a reload, however the command comes, and tells what came of it", function()
    assert.are.equal("error\nthe text\n", (say("rel", "oad\r\n")))
    reload.is_good = true
    assert.are.equal("ok\nthe text\n", (say("rollback\n")))
    assert.are.same({ "reload", "rollback" }, reload.asked)
  end)

  it("refuses what is no command", function()
    local text = "error\nthere is no such command: status, reload, rollback, drain SECONDS\n"
    assert.are.equal(text, (say("delete all\n")))
    assert.are.equal(text, (say(("x"):rep(101))))
    assert.is_nil((say("reload")))
  end)

  it("refuses to drain without a time", function()
    assert.are.equal("error\ndrain takes a number of seconds, 86400 at most\n", (say("drain\n")))
    assert.are.equal("error\ndrain takes a number of seconds, 86400 at most\n",
      (say("drain 999999\n")))
  end)

  it("drains all but those who are connected to it", function()
    local leave = require "ratchet.server.leave"
    local begin, seconds, except = leave.begin, nil, nil
    function leave.begin(...)
      seconds, except = ...
      return 3
    end
    local other, asker, stranger = fake_connection(), fake_connection(), fake_connection()
    local component = core.endpoints[1].component
    component:onOpen(other)
    component:onOpen(asker)
    component:onMessage(asker, "drain 2\n")
    leave.begin = begin
    assert.are.equal("ok\n3 connections are asked to come again within 2 s\n", asker.sent[1][1])
    assert.are.equal(2, seconds)
    assert.is_true(except[other] and except[asker])
    assert.is_nil(except[stranger])
  end)

  it("hears SIGHUP", function()
    signals.sighup()
    assert.are.same({ "reload" }, reload.asked)
  end)

  it("says so when it cannot listen", function()
    core.failure = { "not allowed", "EACCES" }
    control.listen(reload)
    assert.are.equal("warn `ratchet-lua reload` cannot reach this server: /run/1.sock: not allowed",
      fake_core.last_log(core))
  end)

  it("takes one command from a connection", function()
    reload.is_good = true
    say("reload\nreload\n", "x", "rollback\n", "\n")
    assert.are.same({ "reload" }, reload.asked)
  end)
end)
