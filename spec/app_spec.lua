local App = require "ratchet.app"
local HttpServer = require "ratchet.http.http_server"
local WsServer = require "ratchet.websocket.ws_server"
local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"
local layers = require "support.layers"
local lfs = require "lfs"

local core

local function asked(app, target, headers, method)
  return app:handle(layers.get(target, headers, { method = method }))
end

local function page() return "page" end

describe("App", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("has Ratchet's defaults", function()
    local app = App()
    assert.are.equal("localhost", app.httpHost)
    assert.are.equal(8080, app.port)
    assert.are.equal("127.0.0.1", app.address)
  end)

  it("takes arguments, or one table", function()
    local positional = App("a.example", 80, "0.0.0.0", { maxMessageSize = 5 })
    local named = App({ host = "a.example", port = 80, address = "0.0.0.0", maxMessageSize = 5 })
    for _, app in ipairs({ positional, named }) do
      assert.are.same({ "a.example", 80, "0.0.0.0" }, { app.httpHost, app.port, app.address })
      assert.are.same({ maxMessageSize = 5 }, app.options)
    end
  end)

  it("refuses wrong arguments (Ratchet: testCtorThrowsForInvalidLoop)", function()
    assert.has_error(function() App({ prot = 80 }) end,
      'ratchet.App: unknown option "prot"; did you mean "port"?')
    assert.has_error(function() App("localhost", "80") end,
      'ratchet.App: the port must be a whole number from 0 to 65535, or false for none; it is "80"')
    assert.has_error(function() App(8080) end, "ratchet.App: the host must be a string; it is 8080")
    assert.has_error(function() App("localhost", 80, "0.0.0.0", { keepalive = 1 }) end,
      'ratchet.App: unknown option "keepalive"; did you mean "keepAlive"?')
  end)
end)

describe("App:route", function()
  local app, chat
  before_each(function()
    core = fake_core.install()
    app, chat = App(), layers.component()
  end)
  after_each(fake_core.remove)

  it("returns the component", function()
    assert.are.equal(chat, app:route("/chat", chat))
  end)

  it("wraps a component in a WsServer", function()
    app:route("/chat", chat, { "*" })
    assert.are.equal(chat, asked(app, "/chat").component)
  end)

  it("wraps a component with WAMP's events in a WampServer, too", function()
    local called = { onCall = function() end }
    assert.are.equal(called, app:route("/wamp", called, { "*" }))
    local status, body = asked(app, "/wamp")
    assert.are.equal(426, status)
    assert.is_string(body)
  end)

  it("takes a WsServer as it is", function()
    app:route("/chat", WsServer(chat, { maxMessageSize = 7 }), { "*" })
    local endpoint = asked(app, "/chat")
    assert.are.equal(chat, endpoint.component)
    assert.are.same({ maxMessageSize = 7 }, endpoint.limits)
  end)

  it("takes any layer as it is", function()
    app:route("/raw", HttpServer(chat), { "*" })
    assert.are.equal("raw", (asked(app, "/raw")))
    app:route("/own", layers.answering("own"), { "*" })
    assert.are.same({ 200, "own" }, { asked(app, "/own") })
  end)

  it("gives limits to the component, those of the route before those of the app", function()
    app = App({ keepAlive = 9, maxMessageSize = 1, headerTimeout = 3 })
    app:route("/a", chat, { "*" }, nil, { maxMessageSize = 2 })
    app:route("/b", chat, { "*" })
    assert.are.same({ keepAlive = 9, maxMessageSize = 2 }, asked(app, "/a").limits)
    assert.are.same({ keepAlive = 9, maxMessageSize = 1 }, asked(app, "/b").limits)
  end)

  it("refuses wrong arguments, at the line that called", function()
    local ok, message = pcall(function() app:route("/chat", {}) end)
    assert.is_false(ok)
    assert.matches("app_spec%.lua:%d+: app:route: a component is a table", message)
    assert.has_error(function() app:route("chat", chat) end)
    assert.has_error(function() app:route("/chat", chat, "*") end)
    assert.has_error(function() app:route("/chat", chat, nil, 8080) end)
    assert.has_error(function() app:route("/chat", chat, nil, nil, { keepalive = 3 }) end,
      'app:route: unknown option "keepalive"; did you mean "keepAlive"?')
    assert.has_error(function() app:route("/chat", WsServer(chat), nil, nil, { keepAlive = 3 }) end,
      'app:route: option "keepAlive" goes to the component; give it to the WsServer')
  end)
end)

describe("App:route, origins:", function()
  local app, chat
  before_each(function()
    core = fake_core.install()
    app, chat = App(), layers.component()
  end)
  after_each(fake_core.remove)

  local function status_for(origin, host)
    local answer = asked(app, "/chat", { Origin = origin, Host = host })
    return type(answer) == "table" and 101 or answer
  end

  it("are the host's by default", function()
    app:route("/chat", chat)
    assert.are.equal(101, status_for("http://localhost:8080"))
    assert.are.equal(101, status_for("http://127.0.0.1:3000"))
    assert.are.equal(403, status_for("http://evil.example"))
    assert.are.equal('warn 403 /chat: Origin "http://evil.example" is not among {"localhost"}',
      fake_core.last_log(core))
    assert.are.equal(403, status_for(nil))
  end)

  it("are the host's for an empty list too", function()
    app:route("/chat", chat, {})
    assert.are.equal(403, status_for("http://evil.example"))
  end)

  it("are all for * anywhere in the list", function()
    app:route("/chat", chat, { "a.example", "*" })
    assert.are.equal(101, status_for("http://evil.example"))
    assert.are.equal(101, status_for(nil))
  end)

  it("are those of the list, and only those", function()
    app:route("/chat", chat, { "a.example" })
    assert.are.equal(101, status_for("https://a.example"))
    assert.are.equal(403, status_for("http://localhost"))
  end)

  it("may be missing when the route says so", function()
    app:route("/chat", chat, nil, nil, { allowMissingOrigin = true })
    assert.are.equal(101, status_for(nil))
    assert.are.equal(403, status_for("http://evil.example"))
  end)

  it("are those of the host that was asked where a route takes any", function()
    app:route("/chat", chat, nil, "")
    assert.are.equal(101, status_for("http://a.example", "a.example"))
    assert.are.equal(403, status_for("http://evil.example", "a.example"))
  end)

  it("guard layers too", function()
    app:route("/chat", WsServer(chat))
    assert.are.equal(403, status_for("http://evil.example"))
  end)
end)

describe("App:route, hosts:", function()
  local app, chat
  before_each(function()
    core = fake_core.install()
    app, chat = App("a.example"), layers.component()
  end)
  after_each(fake_core.remove)

  it("are the app's by default", function()
    app:route("/chat", chat, { "*" })
    assert.is_table(asked(app, "/chat", { Host = "A.example:8080" }))
    assert.are.equal(404, (asked(app, "/chat", { Host = "b.example" })))
    assert.are.equal('warn 404 /chat: Host header was "b.example", '
      .. 'this route answers to "a.example"', fake_core.last_log(core))
  end)

  it("may be given, and any", function()
    app:route("/b", chat, { "*" }, "b.example")
    app:route("/any", chat, { "*" }, "")
    assert.is_table(asked(app, "/b", { Host = "b.example" }))
    assert.are.equal(404, (asked(app, "/b", { Host = "a.example" })))
    assert.is_table(asked(app, "/any", { Host = "whoever.example" }))
  end)

  it("also are what --host says", function()
    core = fake_core.install({ host = "192.0.2.1" })
    app = App()
    app:route("/chat", chat)
    for _, name in ipairs({ "192.0.2.1", "localhost" }) do
      assert.is_table(asked(app, "/chat", { Host = name .. ":8080", Origin = "http://" .. name }))
    end
  end)

  it("are not opened by --host 0.0.0.0", function()
    core = fake_core.install({ host = "0.0.0.0" })
    app = App()
    app:route("/chat", chat, { "*" })
    assert.are.equal(404, (asked(app, "/chat", { Host = "0.0.0.0" })))
  end)
end)

describe("App:get and its kin", function()
  local app
  before_each(function()
    core = fake_core.install()
    app = App()
  end)
  after_each(fake_core.remove)

  it("answer their method", function()
    for _, method in ipairs({ "get", "post", "put", "patch", "delete" }) do
      assert.are.equal(app, app[method](app, "/x", function() return method end))
    end
    for _, method in ipairs({ "get", "post", "put", "patch", "delete" }) do
      assert.are.equal(method, select(2, asked(app, "/x", {}, method:upper())))
    end
    assert.are.equal("get", select(2, asked(app, "/x", {}, "HEAD")))
    local status, _, headers = asked(app, "/x", {}, "OPTIONS")
    assert.are.equal(405, status)
    assert.are.equal("DELETE, GET, HEAD, PATCH, POST, PUT", headers.Allow)
  end)

  it("answer to the app's host and to the loopback names", function()
    app = App("a.example")
    app:get("/health", page)
    assert.are.equal(200, (asked(app, "/health", { Host = "a.example" })))
    assert.are.equal(200, (asked(app, "/health", { Host = "127.0.0.1" })))
    assert.are.equal(404, (asked(app, "/health", { Host = "evil.example" })))
  end)

  it("answer to the host that is given", function()
    app:get("/health", page, "b.example")
    assert.are.equal(200, (asked(app, "/health", { Host = "b.example" })))
    assert.are.equal(404, (asked(app, "/health", { Host = "localhost" })))
  end)

  it("share a path with a WebSocket only when the method differs", function()
    app:route("/x", layers.component())
    app:post("/x", page)
    assert.has_error(function() app:get("/x", page) end)
  end)

  it("want a function", function()
    assert.has_error(function() app:get("/x", "text") end,
      "GET /x: the handler must be a function(request, response); it is a string")
  end)
end)

describe("App:run", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("listens and answers", function()
    local app = App("localhost", 8080, "127.0.0.1", { headerTimeout = 3, maxHeaderSize = 4096 })
    app:get("/", page)
    app:run()
    local listener = core.listened[1]
    assert.are.equal("127.0.0.1 8080 3 4096", table.concat(
      { listener.address, listener.port, listener.headerTimeout, listener.maxHeaderSize }, " "))
    assert.are.equal("page", select(2, listener.handle(layers.get("/"))))
  end)

  it("tells the listener of proxies and of how many may come", function()
    local proxies = { "127.0.0.1", "unix" }
    App({
      trustedProxies = proxies, proxyProtocol = true, maxConnections = 10,
      maxConnectionsPerAddress = 2, keepAlive = 5,
    }):run()
    local listener = core.listened[1]
    assert.are.equal(proxies, listener.trustedProxies)
    assert.is_true(listener.proxyProtocol)
    assert.are.equal("10 2", listener.maxConnections .. " " .. listener.maxConnectionsPerAddress)
    assert.is_nil(listener.keepAlive)
    assert.has_error(function() App({ trustedProxies = "127.0.0.1" }) end)
  end)

  it("tells the watchdog how long a handler may take", function()
    App({ slowHandler = 0.05, handlerBudget = 0, maxBodySize = 10 }):run()
    assert.are.same({ slowHandler = 0.05, handlerBudget = 0 }, core.watchdog_limits)
    assert.has_error(function() App({ handlerBudget = -1 }) end,
      'ratchet.App: option "handlerBudget" must be a number of seconds from 0 to 86400; it is -1')
  end)

  it("tells clients why in development only", function()
    for development, expected in pairs({ [true] = "no route has this path\n",
      [false] = "Not Found\n" }) do
      local app = App({ port = 0, development = development })
      app:run()
      local request = layers.get("/none")
      local body = select(2, core.listened[#core.listened].handle(request))
      assert.are.equal(expected, fake_core.without_lesson(body))
      assert.is_nil(rawget(request, "kept"))
      assert.is_nil(core.listened[#core.listened].development)
    end
    assert.has_error(function() App({ development = "yes" }) end)
  end)

  it("announces the URLs that work", function()
    local app = App("localhost", 8080)
    app:get("/", page)
    app:post("/form", page)
    app:route("/chat", layers.component())
    app:route("/room/{id}", layers.component(), nil, "b.example")
    app:route("/own", layers.answering(), nil, "")
    app:run()
    assert.are.same({
      "http://localhost:8080/", "http://localhost:8080/own",
      "ws://localhost:8080/chat", "ws://b.example:8080/room/{id}",
    }, core.announced)
  end)

  it("announces https and wss, and leaves 443 out", function()
    local app = App{ port = 443, tls = { cert = "x.pem" } }
    app:route("/ws", { onMessage = function() end }, { "*" })
    app:get("/", function() end)
    app:run()
    assert.are.same({ "https://localhost/", "wss://localhost/ws" }, core.announced)
  end)

  it("announces the real port, and leaves 80 out", function()
    local app = App("localhost", 0)
    app:get("/", page)
    app:run()
    assert.are.same({ "http://localhost:49152/" }, core.announced)
    assert.are.equal(49152, app.port)
    core = fake_core.install({ port = 80, host = "192.0.2.1" })
    app = App("localhost", 8080)
    app:get("/", page)
    app:run()
    assert.are.same({ "http://192.0.2.1/" }, core.announced)
    assert.are.equal("192.0.2.1", core.listened[1].address)
  end)

  it("raises one line, with the cure, when it cannot listen", function()
    core.failure = { "address already in use", "EADDRINUSE" }
    local _, message = pcall(function() App():run() end)
    assert.matches("^%S*app_spec%.lua:%d+: cannot listen on 127%.0%.0%.1:8080: "
      .. "address already in use; stop the program that has this port, "
      .. "or choose another with %-%-port$", message)
  end)
end)

describe("App:static", function()
  local app
  before_each(function()
    core = fake_core.install()
    fake_files.install(core, { ["/spec/a.txt"] = "text", ["/spec/index.html"] = "home" })
    app = App()
  end)
  after_each(function()
    fake_files.remove()
    fake_core.remove()
  end)

  local function status(target, method)
    return (asked(app, target, nil, method))
  end

  it("answers below its prefix", function()
    assert.are.equal(app, app:static("/s", "spec"))
    assert.are.same({ 200, 200, 301, 404, 404, 405 }, {
      status("/s/a.txt"), status("/s/a.txt", "HEAD"), status("/s"), status("/s/none"),
      status("/a.txt"), status("/s/a.txt", "POST"),
    })
  end)

  it("may have all paths, and leaves those of other routes", function()
    app:get("/page", page)
    app:post("/form", page)
    app:static("/", "spec", "", { maxAge = 60 })
    assert.are.equal("page", (select(2, asked(app, "/page"))))
    assert.are.same({ 200, 200, 200 }, { status("/"), status("/a.txt"), status("/form", "POST") })
  end)

  it("is announced when there is an index", function()
    app:static("/s", "spec"):run()
    assert.are.same({}, core.announced)
    local folder = os.tmpname()
    os.remove(folder)
    assert(lfs.mkdir(folder))
    assert(io.open(folder .. "/index.html", "w")):close()
    App():static("/c", folder):run()
    os.remove(folder .. "/index.html")
    os.remove(folder)
    assert.are.same({ "http://localhost:8080/c/" }, core.announced)
  end)

  it("refuses what is no folder", function()
    assert.has_error(function() app:static("/s", "spec/none") end)
  end)
end)

describe("App:listen", function()
  local app
  before_each(function()
    core = fake_core.install()
    app = App("localhost", 8080)
    app:get("/", page)
  end)
  after_each(fake_core.remove)

  it("is beside the app's own address", function()
    app:route("/any", layers.answering(), nil, "")
    assert.are.equal(app, app:listen({ address = "::1", port = 8081 }))
    app:listen({ unix = "/run/x.sock", mode = "0660" })
    app:listen({ address = "0.0.0.0", port = 8080 })
    app:run()
    assert.are.same({ "127.0.0.1", "::1", "0.0.0.0" },
      { core.listened[1].address, core.listened[2].address, core.listened[4].address })
    assert.are.equal(432, core.listened[3].mode)
    assert.are.same({
      "http://localhost:8080/", "http://localhost:8080/any",
      "http://[::1]:8081/", "http://[::1]:8081/any", "unix:/run/x.sock",
    }, core.announced)
    assert.are.equal(4, #app.listeners)
    assert.are.equal(8080, app.port)
  end)

  it("is all there is when the app has no port of its own", function()
    for _, own in ipairs({ App("localhost", false), App({ port = false }) }) do
      core = fake_core.install()
      assert.is_false(own.port)
      own:listen({ unix = "/run/x.sock" }):run()
      assert.are.same({ "unix:/run/x.sock" }, core.announced)
      assert.is_false(own.port)
    end
  end)

  it("refuses what makes no sense", function()
    local _, message = pcall(function() app:listen({ port = "http" }) end)
    assert.matches('app_spec%.lua:%d+: app:listen: option "port" must be', message)
    assert.has_error(function() App("localhost", false):run() end,
      "app:run: there is no port, and no app:listen{...}")
    app:run()
    assert.has_error(function() app:listen({ port = 81 }) end,
      "app:listen: app:run() has listened already")
  end)
end)
