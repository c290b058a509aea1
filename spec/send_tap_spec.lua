local fake_core = require "support.fake_core"
local component = require "ratchet.component"
local send_tap = require "ratchet.send_tap"

describe("send_tap", function()
  local core, seen, layer, conn, topic, closed

  before_each(function()
    core, seen, closed = fake_core.install(), {}, {}
    local Connection = { sent = {} }
    function Connection.send(self, message)
      if message == "bad" then error("must be UTF-8", 0) end
      return self
    end
    function Connection.sendBinary(self) return self end
    core.connectionMethods = Connection
    core.topicMethods = { broadcast = function() return 1 end }
    layer = { onSend = function(_, _, message, binary) seen[#seen + 1] = { message, binary } end }
    local function readyState(self) return closed[self] and 3 or 1 end
    conn = setmetatable({}, { __index = function(self, name)
      if name == "readyState" then return readyState(self) end
      return Connection[name]
    end })
    topic = setmetatable({ has = function(_, one) return one == conn end },
      { __index = core.topicMethods })
  end)
  after_each(fake_core.remove)

  it("tells what is sent from watch to unwatch", function()
    send_tap.watch(conn, layer)
    assert.are.equal(conn, conn:send("text"))
    assert.are.equal(conn, conn:send("binary", true))
    assert.are.equal(conn, conn:sendBinary("too"))
    send_tap.unwatch(conn, layer)
    conn:send("unheard")
    assert.are.same({ { "text", false }, { "binary", true }, { "too", true } }, seen)
  end)

  it("hands on what forbids to compress", function()
    local Connection, handed = core.connectionMethods, {}
    function Connection.send(_, _, is_binary, compress) handed[1] = { is_binary, compress } end
    function Connection.sendBinary(_, _, compress) handed[2] = { compress } end
    send_tap.watch(conn, layer)
    conn:send("secret", nil, false)
    conn:sendBinary("secret", false)
    assert.are.same({ { nil, false }, { false } }, handed)
    send_tap.unwatch(conn, layer)
    conn:send("secret", true, false)
    conn:sendBinary("secret", false)
    assert.are.same({ { true, false }, { false } }, handed)
  end)

  it("tells of broadcasts, but to who is left out", function()
    send_tap.watch(conn, layer)
    assert.are.equal(1, topic:broadcast("to all"))
    topic:broadcast("to others", { exclude = conn })
    topic:broadcast("bytes", { binary = true })
    send_tap.unwatch(conn, layer)
    assert.are.same({ { "to all", false }, { "bytes", true } }, seen)
  end)

  it("tells nothing of what is not queued", function()
    send_tap.watch(conn, layer)
    assert.has_error(function() conn:send("bad") end)
    closed[conn] = true
    conn:send("late")
    send_tap.unwatch(conn, layer)
    assert.are.same({}, seen)
  end)

  it("changes the methods once, and only when there is a layer", function()
    local before = core.connectionMethods.send
    component.wrap({ onOpen = print })
    assert.are.equal(before, core.connectionMethods.send)
    send_tap.watch(conn, layer)
    local after = core.connectionMethods.send
    send_tap.watch(conn, { onSend = function() seen[#seen + 1] = "inner" end })
    assert.are.equal(after, core.connectionMethods.send)
    conn:send("x")
    assert.are.same({ "inner", { "x", false } }, seen)
    send_tap.unwatch({}, layer)
  end)

  it("goes with a layer of component.wrap that has onSend, from onOpen to onClose", function()
    local told = {}
    local wrapped = component.wrap({
      onOpen = function(_, one) one:send("welcome") told[#told + 1] = "open" end,
      onClose = function() told[#told + 1] = "close" end,
    }, layer)
    wrapped:onOpen(conn)
    wrapped:onClose(conn)
    conn:send("later")
    assert.are.same({ { "welcome", false } }, seen)
    assert.are.same({ "open", "close" }, told)
  end)
end)
