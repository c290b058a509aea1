local Router = require "ratchet.http.router"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

local core

local function routed(router, target, host, method)
  local request = layers.get(target, { Host = host or "localhost" }, { method = method })
  local status, body, headers = router:handle(request)
  return body, status, headers, request
end

local function router_with(routes)
  local router = Router()
  for _, route in ipairs(routes) do
    local method, path, host, name = unpack(route, 1, 4)
    router:add(method, path, layers.answering(name or path), host)
  end
  return router
end

describe("Router, paths:", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("finds literal ones (Ratchet: testControllerOnOpen)", function()
    local router = router_with({ { "GET", "/" }, { "GET", "/chat" } })
    assert.are.equal("/", routed(router, "/"))
    assert.are.equal("/chat", routed(router, "/chat?room=1"))
    assert.are.equal("/chat", routed(router, "http://localhost/chat"))
  end)

  it("answers 404 to others (Ratchet: testFourOhFour)", function()
    local router = router_with({ { "GET", "/chat" } })
    for _, target in ipairs({ "/", "/CHAT", "/chat/x", "/cha", "*", "//chat" }) do
      assert.are.equal(404, select(2, routed(router, target)))
    end
    assert.are.equal("info 404 //chat: no route has this path", fake_core.last_log(core))
  end)

  it("hints at the slash", function()
    routed(router_with({ { "GET", "/chat" } }), "/chat/")
    assert.are.equal('info 404 /chat/: no route has this path, but "/chat" does',
      fake_core.last_log(core))
  end)

  it("compares them decoded", function()
    local router = router_with({ { "GET", "/a b" }, { "GET", "/\195\188" } })
    assert.are.equal("/a b", routed(router, "/a%20b"))
    assert.are.equal("/\195\188", routed(router, "/%C3%BC"))
  end)

  it("answers 400 to broken percent-encoding, in path and query", function()
    local router = router_with({ { "GET", "/{any:.*}" } })
    for _, target in ipairs({ "/%", "/%zz", "/a?b=%f" }) do
      local body, status = routed(router, target)
      assert.are.equal(400, status)
      assert.are.equal("the percent-encoding of the address is broken\n", body)
    end
  end)

  it("puts pieces in params (Ratchet: testRouterGeneratesRouteParameters)", function()
    local router = router_with({ { "GET", "/{foo}/{baz:%d+}" } })
    local _, _, _, request = routed(router, "/bar%20x/42")
    assert.are.same({ foo = "bar x", baz = "42" }, request.params)
    assert.is_true(rawget(request, "kept"))
  end)

  it("never mixes params and query (Ratchet: testQueryParams, #973)", function()
    local router = router_with({ { "GET", "/room/{id}" } })
    local _, _, _, request = routed(router, "/room/42?id=999&a=1")
    assert.are.same({ id = "42" }, request.params)
    assert.are.same({ id = "999", a = "1" }, request.query)
  end)

  it("takes a piece for one segment only, also when the slash was encoded", function()
    local router = router_with({ { "GET", "/room/{id}" } })
    for _, target in ipairs({ "/room/", "/room/a/b", "/room/a%2Fb" }) do
      assert.are.equal(404, select(2, routed(router, target)))
    end
  end)

  it("prefers literals to patterns, and patterns that came first", function()
    local router = router_with({
      { "GET", "/{any:.*}" }, { "GET", "/room/{id}" }, { "GET", "/room/lobby" },
    })
    assert.are.equal("/room/lobby", routed(router, "/room/lobby"))
    assert.are.equal("/{any:.*}", routed(router, "/room/42"))
  end)

  it("leaves a request without params as it is", function()
    local _, _, _, request = routed(router_with({ { "GET", "/" } }), "/")
    assert.is_nil(rawget(request, "kept"))
    assert.are.same({}, request.params)
  end)
end)

describe("Router, methods:", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("may share a path", function()
    local router = router_with({ { "GET", "/a", "", "get" }, { "POST", "/a", "", "post" } })
    assert.are.equal("get", routed(router, "/a"))
    assert.are.equal("post", routed(router, "/a", nil, "POST"))
  end)

  it("may be on a literal and on a pattern for the same path", function()
    local router = router_with({ { "GET", "/a", "", "get" }, { "POST", "/{x}", "", "post" } })
    assert.are.equal("post", routed(router, "/a", nil, "POST"))
    local _, status, headers = routed(router, "/a", nil, "PUT")
    assert.are.equal(405, status)
    assert.are.equal("GET, HEAD, POST", headers.Allow)
  end)

  it("answers HEAD from GET, unless HEAD has a route", function()
    local router = router_with({ { "GET", "/a", "", "get" } })
    assert.are.equal("get", routed(router, "/a", nil, "HEAD"))
    router:add("HEAD", "/a", layers.answering("head"))
    assert.are.equal("head", routed(router, "/a", nil, "HEAD"))
  end)

  it("answers 405 with Allow to others", function()
    local body, status, headers = routed(router_with({ { "GET", "/a" } }), "/a", nil, "DELETE")
    assert.are.equal(405, status)
    assert.are.equal("GET, HEAD", headers.Allow)
    assert.are.equal("DELETE is not answered here, only GET, HEAD\n", body)
  end)

  it("knows that a WebSocket has no HEAD", function()
    local router = Router():add("GET", "/a", { handle = print, scheme = "ws" })
    local _, status, headers = routed(router, "/a", nil, "HEAD")
    assert.are.equal(405, status)
    assert.are.equal("GET", headers.Allow)
  end)
end)

describe("Router, hosts:", function()
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("compares them without case and port", function()
    local router = router_with({ { "GET", "/", "Example.org" } })
    assert.are.equal("/", routed(router, "/", "EXAMPLE.ORG:8080"))
  end)

  it("takes the loopback names as one", function()
    local router = router_with({ { "GET", "/", "localhost" } })
    for _, name in ipairs({ "localhost:8080", "127.0.0.1", "[::1]:8080" }) do
      assert.are.equal("/", routed(router, "/", name))
    end
  end)

  it("answers 404 to another, and says why", function()
    local router = router_with({ { "GET", "/chat", "localhost" }, { "GET", "/chat", "b.example" } })
    core.options.development = true
    local body, status = routed(router, "/chat", "evil.example:80")
    assert.are.equal(404, status)
    local sentence = 'Host header was "evil.example", this route answers to '
      .. '"localhost" or "b.example"'
    assert.are.equal(sentence .. "\n", fake_core.without_lesson(body))
    assert.are.equal("warn 404 /chat: " .. sentence, fake_core.last_log(core))
  end)

  it("names a host once, however many routes it has there", function()
    local router = router_with({
      { "GET", "/chat", "localhost" }, { "GET", "/{all:.*}", "localhost" },
    })
    router:handle(layers.get("/chat", { Host = "evil.example" }))
    assert.matches('answers to "localhost"$', fake_core.without_lesson(fake_core.last_log(core)))
  end)

  it("answers 404 to none, where one is asked for", function()
    local router = router_with({ { "GET", "/chat", "localhost" } })
    local status = router:handle(layers.get("/chat", { Host = false }))
    assert.are.equal(404, status)
    assert.matches("there was no Host header", fake_core.last_log(core))
  end)

  it("takes any where none is asked for", function()
    local router = router_with({ { "GET", "/chat", "" } })
    assert.are.equal("/chat", routed(router, "/chat", "whoever.example"))
    assert.are.equal(200, (router:handle(layers.get("/chat", { Host = false }))))
  end)

  it("takes patterns, whose pieces are params too", function()
    local router = router_with({ { "GET", "/{Room}", "{Tenant}.Example.org" } })
    local body, _, _, request = routed(router, "/lobby", "ACME.example.ORG")
    assert.are.equal("/{Room}", body)
    assert.are.same({ Room = "lobby", Tenant = "acme" }, request.params)
    assert.are.equal(404, select(2, routed(router, "/lobby", "a.b.example.org")))
    assert.are.equal(404, select(2, routed(router, "/lobby", "example.org")))
    assert.are.equal(404, select(2, routed(router, "/lobby", "acme.example.org.evil.example")))
  end)

  it("prefers literal to pattern to any", function()
    local router = router_with({
      { "GET", "/", "", "any" }, { "GET", "/", "{x}.example", "pattern" },
      { "GET", "/", "a.example", "literal" },
    })
    assert.are.equal("literal", routed(router, "/", "a.example"))
    assert.are.equal("pattern", routed(router, "/", "b.example"))
    assert.are.equal("any", routed(router, "/", "elsewhere"))
  end)

  it("tells a wrong method from a wrong host", function()
    local router = router_with({ { "GET", "/", "a.example" } })
    assert.are.equal(405, select(2, routed(router, "/", "a.example", "POST")))
    assert.are.equal(404, select(2, routed(router, "/", "b.example", "POST")))
  end)
end)

describe("Router, used wrongly,", function()
  local target = layers.answering()

  it("refuses what is no route", function()
    assert.has_error(function() Router():add("GET", "chat", target) end,
      'Router: a path begins with "/": write "/chat"')
    assert.has_error(function() Router():add("get", "/", target) end)
    assert.has_error(function() Router():add("GET", 1, target) end)
    assert.has_error(function() Router():add("GET", "/", target, 1) end)
  end)

  it("wants a layer (Ratchet: testControllerIsMessageComponentInterface)", function()
    assert.has_error(function() Router():add("GET", "/", layers.component()) end,
      "Router, GET /: this must have a method handle(request); wrap the component in "
      .. "ratchet.websocket.WsServer")
  end)

  it("refuses the same route twice", function()
    local router = Router():add("GET", "/a", target, "localhost"):add("GET", "/{x}", target)
    assert.has_error(function() router:add("GET", "/a", target, "127.0.0.1") end,
      'Router: GET /a on host "127.0.0.1" has a route already')
    assert.has_error(function() router:add("GET", "/{x}", target) end)
  end)
end)

describe("Router, with many routes,", function()
  it("visits no more places for 1000 literal routes than for one", function()
    local router = Router()
    for i = 1, 1000 do router:add("GET", "/route/" .. i, layers.answering()) end
    local visits = 0
    debug.sethook(function() visits = visits + 1 end, "c")
    router:find(layers.get("/route/500"))
    debug.sethook()
    assert.is_true(visits < 200, visits .. " calls")
  end)
end)
