local fake_core = require "support.fake_core"
local listen = require "ratchet.server.listen"

local function wanted()
  return { address = "127.0.0.1", port = 8080 }
end

local function open(one)
  return listen.open({ one or wanted() })[1]
end

describe("listen.check", function()
  local function check(given) return listen.check(given, "app:listen") end

  it("takes an address and a port", function()
    assert.are.same({ address = "127.0.0.1", port = 81 }, check({ port = 81 }))
    assert.are.same({ address = "::1", port = 81 }, check({ address = "[::1]", port = 81 }))
    assert.are.same({ address = "::1", port = 0, ipv6Only = true },
      check({ port = 0, ipv6Only = true }))
    assert.are.same({ address = "127.0.0.1", port = 81, reusePort = true },
      check({ port = 81, reusePort = true }))
  end)

  it("takes a unix socket, a descriptor, a name", function()
    assert.are.same({ path = "/run/x.sock" }, check({ unix = "/run/x.sock" }))
    assert.are.same({ path = "x", mode = 432 }, check({ unix = "x", mode = "0660" }))
    assert.are.same({ fd = 3 }, check({ fd = 3 }))
    assert.are.same({ systemd = "web" }, check({ systemd = "web" }))
  end)

  it("refuses what makes no sense", function()
    local cases = {
      [{}] = "app:listen: one of port, unix, fd and systemd must say where",
      [{ address = "::1" }] = "app:listen: one of port, unix, fd and systemd must say where",
      [{ port = 1, unix = "x" }] = "app:listen: one of port, unix, fd and systemd, not two",
      [{ port = 1, mode = "0660" }] = 'app:listen: option "mode" goes with "unix", not with "port"',
      [{ unix = "x", address = "::1" }] =
        'app:listen: option "address" goes with "port", not with "unix"',
      [{ prot = 1 }] = 'app:listen: unknown option "prot"; did you mean "port"?',
      [{ unix = "x", mode = "0999" }] = 'app:listen: option "mode" must be a string of three '
        .. 'octal digits, such as "0660"; it is "0999"',
      [{ unix = "x", mode = 660 }] = 'app:listen: option "mode" must be a string of three '
        .. 'octal digits, such as "0660"; it is 660',
      [{ unix = "" }] = 'app:listen: option "unix" must be the path of a file; it is ""',
      [{ unix = "a\0b" }] =
        'app:listen: option "unix" must be the path of a file; it is "a\\0b"',
      [{ fd = 0 }] = 'app:listen: option "fd" must be a whole number from 3 to 65535; it is 0',
    }
    for given, message in pairs(cases) do
      assert.has_error(function() check(given) end, message)
    end
  end)
end)

describe("listen.open", function()
  after_each(fake_core.remove)

  it("listens where it is told", function()
    local core = fake_core.install()
    assert.are.same({ address = "127.0.0.1", port = 8080 }, open())
    assert.are.equal(1, #core.listened)
  end)

  it("chooses the TLS of each: its own, the app's, none", function()
    local core, own, common = fake_core.install(), { cert = "own" }, { cert = "common" }
    local bound = listen.open({ { path = "/a", tls = own }, { path = "/b" },
      { path = "/c", tls = false } }, { options = { tls = common } })
    assert.are.same({ { path = "/a", tls = own }, { path = "/b", tls = common },
      { path = "/c" } }, core.listened)
    assert.are.same({ { path = "/a", secure = true }, { path = "/b", secure = true },
      { path = "/c" } }, bound)
  end)

  it("keeps the TLS of an address that --port changes", function()
    local core = fake_core.install({ port = 9000 })
    listen.open({ { address = "127.0.0.1", port = 1, tls = { cert = "x" } } })
    assert.are.same({ cert = "x" }, core.listened[1].tls)
  end)

  it("says why there is no TLS", function()
    fake_core.install().failure = { "/x.pem: No such file or directory", "TLS" }
    assert.has_error(function() listen.open({ wanted() }, { tls = { cert = "/x.pem" } }) end,
      "no TLS on 127.0.0.1:8080: /x.pem: No such file or directory")
  end)

  it("says what is served at each", function()
    local core = fake_core.install()
    listen.open({ wanted(), { path = "/x", mode = 432 } }, { options = { headerTimeout = 3 } })
    assert.are.same({
      { address = "127.0.0.1", port = 8080, headerTimeout = 3 },
      { path = "/x", mode = 432, headerTimeout = 3 },
    }, core.listened)
  end)

  it("returns the real port for port 0", function()
    fake_core.install()
    assert.are.equal(49152, open({ address = "127.0.0.1", port = 0 }).port)
  end)

  it("obeys --port and --host", function()
    fake_core.install({ port = 9000, host = "0.0.0.0" })
    assert.are.same({ address = "0.0.0.0", port = 9000 }, open())
    fake_core.install({ host = "::1" })
    assert.are.equal("::1", open().address)
    fake_core.install({ host = "localhost" })
    assert.are.equal("127.0.0.1", open().address)
  end)

  it("obeys them at the first that has a port", function()
    fake_core.install({ port = 9000, host = "::1" })
    assert.are.same({ { path = "/x" }, { address = "::1", port = 9000 }, wanted() },
      listen.open({ { path = "/x" }, wanted(), wanted() }))
  end)

  it("says so when there is none", function()
    local core = fake_core.install({ port = 9000 })
    assert.are.same({ { path = "/x" } }, listen.open({ { path = "/x" } }))
    assert.are.equal("warn --port is not used: the app asks for no port", fake_core.last_log(core))
  end)

  it("does not listen on a name: it is the host that clients ask for", function()
    fake_core.install({ host = "chat.example.org" })
    assert.are.equal("127.0.0.1", open().address)
  end)

  local function expect_failure(one, code, message)
    fake_core.install().failure = { "no", code }
    assert.has_error(function() open(one) end, "cannot listen on " .. message)
  end

  it("says what is wrong and what helps", function()
    expect_failure(wanted(), "EADDRINUSE", "127.0.0.1:8080: no; "
      .. "stop the program that has this port, or choose another with --port")
    expect_failure({ address = "::1", port = 80 }, "EACCES", "[::1]:80: no; "
      .. "ports below 1024 need special rights: choose another with --port")
    expect_failure({ address = "127.0.0.1", port = 80, ipv6Only = true }, "EINVAL",
      "127.0.0.1:80: no; ipv6Only is for addresses of IPv6")
    expect_failure(wanted(), "EINVAL", "127.0.0.1:8080: no")
    expect_failure(wanted(), "EIO", "127.0.0.1:8080: no")
    expect_failure({ path = "/x" }, "EEXIST", "unix:/x: no; "
      .. "what is there is no socket: remove it, or choose another path")
    expect_failure({ fd = 5 }, "EBADF", "descriptor 5: no; no listening socket has that number")
  end)
end)

describe("listen.open with sockets that were handed over", function()
  local core
  before_each(function()
    core = fake_core.install()
    core.handed = {
      { fd = 3, name = "web", address = "::", port = 8080 },
      { fd = 4, name = "web", address = "127.0.0.1", port = 8080 },
      { fd = 5, name = "local", path = "/run/x.sock" },
    }
  end)
  after_each(fake_core.remove)

  it("takes the one at the address, then one at the port", function()
    assert.are.same({
      { address = "127.0.0.1", port = 8080 }, { address = "::", port = 8080 },
      { path = "/run/x.sock" },
    }, listen.open({ wanted(), wanted(), { path = "/run/x.sock", mode = 432 } }))
    assert.are.same({ { fd = 4 }, { fd = 3 }, { fd = 5 } }, core.listened)
    open()
    assert.are.same(wanted(), core.listened[4])
  end)

  it("leaves those at other places alone", function()
    listen.open({ { address = "::", port = 81 }, { address = "::", port = 0 }, { path = "/x" } })
    for _, asked in ipairs(core.listened) do assert.is_nil(asked.fd) end
  end)

  it("takes all of a name", function()
    assert.are.equal(2, #listen.open({ { systemd = "web" } }))
    assert.are.same({ { fd = 3 }, { fd = 4 } }, core.listened)
  end)

  it("says which names there are", function()
    assert.has_error(function() open({ systemd = "wep" }) end,
      'cannot listen on systemd:wep: the sockets that were handed over are named '
      .. '"web", "web", "local"')
    core.handed = {}
    assert.has_error(function() open({ systemd = "web" }) end,
      "cannot listen on systemd:web: no socket was handed over; "
      .. "start the program by its .socket unit")
  end)

  it("carries along what holds for the address", function()
    listen.open({ { systemd = "local", proxyProtocol = true } })
    assert.are.same({ fd = 5, proxyProtocol = true }, core.listened[1])
  end)

  it("gives none twice", function()
    listen.open({ wanted(), { fd = 4 } })
    assert.are.same({ { fd = 3 }, { fd = 4 } }, core.listened)
  end)
end)

describe("listen.open with what the core does not take", function()
  after_each(fake_core.remove)

  it("says what it says, and where", function()
    local core = fake_core.install()
    function core.listen() error("trustedProxies: no network", 0) end
    assert.has_error(function() listen.open({ { address = "::1", port = 80 } }) end,
      "trustedProxies: no network")
  end)
end)

describe("listen.reachable", function()
  it("is what a client on this machine writes", function()
    assert.are.equal("localhost", listen.reachable("0.0.0.0"))
    assert.are.equal("localhost", listen.reachable("::"))
    assert.are.equal("[::1]", listen.reachable("::1"))
    assert.are.equal("192.0.2.1", listen.reachable("192.0.2.1"))
    assert.are.equal("[2001:db8::1]", listen.reachable("2001:db8::1"))
  end)
end)
