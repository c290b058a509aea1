local IpBlackList = require "ratchet.server.ip_black_list"
local fake_connection = require "support.fake_connection"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

describe("IpBlackList", function()
  local core, heard, app
  before_each(function()
    core, heard, app = fake_core.install(), {}, {}
    for _, event in ipairs({ "onOpen", "onMessage", "onClose", "onError" }) do
      app[event] = function(_, conn, ...) heard[#heard + 1] = { event, conn.resourceId, ... } end
    end
  end)
  after_each(fake_core.remove)

  local function from(address, id) return fake_connection(id, address) end

  it("lets others pass (Ratchet: testOnOpen, testOnMessageDecoration, testOnCloseDecoration, "
    .. "testDecoratorPassesErrors)", function()
    local list = IpBlackList(app):blockAddress("10.0.0.1")
    local conn = from("10.0.0.2", 7)
    list:onOpen(conn, "request")
    list:onMessage(conn, "text", false)
    list:onError(conn, "err")
    list:onClose(conn, 1001, "bye")
    assert.are.same({ { "onOpen", 7, "request" }, { "onMessage", 7, "text", false },
      { "onError", 7, "err" }, { "onClose", 7, 1001, "bye" } }, heard)
  end)

  it("closes who is blocked, and tells neither of their coming nor of their going "
    .. "(Ratchet: testBlockDoesNotTriggerOnOpen, testBlockDoesNotTriggerOnClose, "
    .. "testBlockClosesConnection)", function()
    local list = IpBlackList(app, { blocked = { "127.0.0.1" } })
    local conn = from("127.0.0.1")
    list:onOpen(conn)
    assert.are.same({ 1008, "blocked" }, conn.closed)
    list:onClose(conn, 1008, "")
    assert.are.same({}, heard)
    assert.are.same({}, list.refused)
  end)

  it("adds and removes, chained (Ratchet: testAddAndRemoveWithFluentInterfaces)", function()
    local list = IpBlackList(app)
    assert.are.equal(list, list:blockAddress("127.0.0.1"):blockAddress("::1")
      :blockAddress("10.0.0.9/8"):unblockAddress("127.0.0.1"))
    assert.are.same({ "10.0.0.0/8", "::1" }, list:getBlockedAddresses())
  end)

  it("lets in who was not kept out (Ratchet: testUnblockingSilentlyFails)", function()
    assert.are.equal(0, #IpBlackList(app):unblockAddress("127.0.0.1"):getBlockedAddresses())
  end)

  it("takes addresses with ports, zones and in IPv6, and networks "
    .. "(Ratchet: testFilterAddress)", function()
    local list = IpBlackList(app):blockAddress("127.0.0.1:6392"):blockAddress("fe80::1%lo0")
      :blockAddress("10.0.0.0/8"):blockAddress("2001:db8::/32")
    for _, address in ipairs({ "127.0.0.1", "127.0.0.1:80", "fe80::1", "10.9.8.7",
      "::ffff:10.0.0.1", "2001:db8:1::1" }) do
      assert.is_true(list:isBlocked(address), address)
    end
    for _, address in ipairs({ "127.0.0.2", "11.0.0.1", "2001:db9::", "", "localhost" }) do
      assert.is_false(list:isBlocked(address), address)
    end
    assert.is_false(list:isBlocked(nil))
  end)

  it("refuses what is no address, changed: Ratchet keeps any text", function()
    local list = IpBlackList(app)
    assert.has_error(function() list:blockAddress("localhost") end, 'blockAddress: "localhost" is '
      .. 'neither an IP address nor a network such as "10.0.0.0/8"')
    assert.has_error(function() list:unblockAddress(7) end,
      "unblockAddress: an address is a string; this is a number")
    assert.has_error(function() list:blockAddress("1.2.3.4", -1) end)
    assert.has_error(function() IpBlackList({}) end)
    assert.has_error(function() IpBlackList(app, { kik = true }) end)
  end)

  it("forgets when the time is over", function()
    local list = IpBlackList(app):blockAddress("1.1.1.1", 60):blockAddress("1.1.1.2")
    core.time = core.time + 59
    assert.is_true(list:isBlocked("1.1.1.1"))
    core.time = core.time + 1
    assert.is_false(list:isBlocked("1.1.1.1"))
    assert.are.same({ "1.1.1.2" }, list:getBlockedAddresses())
    assert.are.equal(1, list.count)
  end)

  it("does not keep what is over", function()
    local list = IpBlackList(app)
    for i = 0, 9999 do
      core.time = core.time + 1
      list:blockAddress(("10.0.%d.%d"):format(i / 256, i % 256), 10)
    end
    assert.is_true(list.count <= 512, list.count)
  end)

  it("kicks who is connected, and their onClose is told; else they stay", function()
    local kicking, patient = IpBlackList(app, { kick = true }), IpBlackList(app)
    for _, list in ipairs({ kicking, patient }) do
      local one, other = from("10.0.0.1", 1), from("10.0.0.2", 2)
      list:onOpen(one)
      list:onOpen(other)
      list:blockAddress("10.0.0.0/31")
      assert.are.same(list == kicking and { 1008, "blocked" } or nil, one.closed)
      assert.is_nil(other.closed)
      list:onClose(one, 1008, "blocked")
      assert.are.same({ "onClose", 1, 1008, "blocked" }, heard[#heard])
    end
  end)

  it("refuses the handshake of a component with 403, before its onUpgrade", function()
    function app.onUpgrade() return 200, "asked" end
    local list = IpBlackList(app):blockAddress("10.0.0.1")
    assert.are.equal(403, (list:onUpgrade(layers.get("/", nil, { remoteAddress = "10.0.0.1" }))))
    assert.are.equal(200, (list:onUpgrade(layers.get("/", nil, { remoteAddress = "10.0.0.2" }))))
    assert.is_nil(IpBlackList({ onOpen = print }):onUpgrade(layers.get("/")))
  end)

  it("answers 403 where it stands before what answers requests", function()
    local list = IpBlackList(layers.answering("hello")):blockAddress("10.0.0.1")
    local function asked(address)
      return (list:handle(layers.get("/", nil, { remoteAddress = address })))
    end
    assert.are.equal(403, asked("10.0.0.1"))
    assert.are.equal(200, asked("10.0.0.2"))
  end)

  it("kicks whose component is behind such a layer", function()
    local endpoint = core.endpoint(app, {})
    local list = IpBlackList({ handle = function() return endpoint end }, { kick = true })
    local answer = list:handle(layers.get("/", nil, { remoteAddress = "10.0.0.1" }))
    local conn = from("10.0.0.1", 1)
    answer.component:onOpen(conn, "request")
    answer.component:onMessage(conn, "text", false)
    list:blockAddress("10.0.0.1")
    assert.are.same({ 1008, "blocked" }, conn.closed)
    answer.component:onClose(conn, 1008, "blocked")
    assert.are.same({ "onOpen", "onMessage", "onClose" },
      { heard[1][1], heard[2][1], heard[3][1] })
    assert.are.same({}, list.open)
  end)

  it("does not let run begin with who is blocked", function()
    local ran = 0
    local list = IpBlackList({ run = function() ran = ran + 1 end }):blockAddress("10.0.0.1")
    for _, address in ipairs({ "10.0.0.1", "10.0.0.2" }) do
      local conn = from(address)
      list:onOpen(conn)
      list:run(conn)
    end
    assert.are.equal(1, ran)
  end)

  it("measures time without a core, too", function()
    fake_core.remove()
    assert.is_true(IpBlackList(app):blockAddress("1.1.1.1", 60):isBlocked("1.1.1.1"))
  end)
end)
