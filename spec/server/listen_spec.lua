local fake_core = require "support.fake_core"
local listen = require "ratchet.server.listen"

local function wanted()
  return { address = "127.0.0.1", port = 8080 }
end

describe("listen.open", function()
  after_each(fake_core.remove)

  it("listens where it is told", function()
    local core = fake_core.install()
    assert.are.same({ address = "127.0.0.1", port = 8080 }, listen.open(wanted()))
    assert.are.equal(1, #core.listened)
  end)

  it("returns the real port for port 0", function()
    fake_core.install()
    assert.are.equal(49152, listen.open({ address = "127.0.0.1", port = 0 }).port)
  end)

  it("obeys --port and --host", function()
    fake_core.install({ port = 9000, host = "0.0.0.0" })
    assert.are.same({ address = "0.0.0.0", port = 9000 }, listen.open(wanted()))
    fake_core.install({ host = "::1" })
    assert.are.equal("::1", listen.open(wanted()).address)
    fake_core.install({ host = "localhost" })
    assert.are.equal("127.0.0.1", listen.open(wanted()).address)
  end)

  it("does not listen on a name: it is the host that clients ask for", function()
    fake_core.install({ host = "chat.example.org" })
    assert.are.equal("127.0.0.1", listen.open(wanted()).address)
  end)

  it("says what is wrong and what helps", function()
    local core = fake_core.install()
    core.failure = { "address already in use", "EADDRINUSE" }
    assert.has_error(function() listen.open(wanted()) end,
      "cannot listen on 127.0.0.1:8080: address already in use; "
      .. "stop the program that has this port, or choose another with --port")
    core.failure = { "permission denied", "EACCES" }
    assert.has_error(function() listen.open({ address = "::1", port = 80 }) end,
      "cannot listen on [::1]:80: permission denied; "
      .. "ports below 1024 need special rights: choose another with --port")
    core.failure = { "something else", "EIO" }
    assert.has_error(function() listen.open(wanted()) end,
      "cannot listen on 127.0.0.1:8080: something else")
  end)
end)

describe("listen.open with what the core does not take", function()
  after_each(fake_core.remove)

  it("says what it says, and where", function()
    local core = fake_core.install()
    function core.listen() error("trustedProxies: no network", 0) end
    assert.has_error(function() listen.open({ address = "::1", port = 80 }) end,
      "trustedProxies: no network")
  end)
end)

describe("listen.reachable", function()
  it("is what a client on this machine writes", function()
    assert.are.equal("localhost", listen.reachable("0.0.0.0"))
    assert.are.equal("localhost", listen.reachable("::1"))
    assert.are.equal("192.0.2.1", listen.reachable("192.0.2.1"))
    assert.are.equal("[2001:db8::1]", listen.reachable("2001:db8::1"))
  end)
end)
