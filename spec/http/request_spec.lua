local fake_core = require "support.fake_core"
local Request = require "ratchet.http.request"

local function with(target, raw_headers)
  return Request({ target = target, rawHeaders = raw_headers })
end

describe("Request", function()
  it("keeps what the core parsed", function()
    local request = Request({ method = "POST", target = "/a?b", remotePort = 5, secure = true })
    assert.are.equal("POST", request.method)
    assert.are.equal("/a?b", request.target)
    assert.are.equal(5, request.remotePort)
    assert.is_true(request.secure)
  end)

  it("has defaults for a made-up request", function()
    local request = Request()
    assert.are.equal("GET /", request.method .. " " .. request.target)
    assert.are.equal("1.1", request.version)
    assert.is_false(request.secure)
    assert.are.same({}, request.rawHeaders)
    assert.are.equal("", request.body)
  end)

  it("is nil where it has no such field", function()
    assert.is_nil(Request().upgradeStatus)
    assert.is_nil(Request().anything)
  end)

  it("gives the core its metatable", function()
    local core = fake_core.install()
    package.loaded["ratchet.http.request"] = nil
    local loaded = require "ratchet.http.request"
    assert.are.equal(loaded, core.request_metatable)
    local raw = { method = "GET", target = "/x?y=1", rawHeaders = {} }
    assert.are.equal("1", setmetatable(raw, core.request_metatable).query.y)
    fake_core.remove()
  end)
end)

describe("request.path and request.query", function()
  it("are decoded (Ratchet: testQueryParams)", function()
    local request = with("/a%20b?hello=world&x=%C3%BC")
    assert.are.equal("/a b", request.path)
    assert.are.same({ hello = "world", x = "\195\188" }, request.query)
  end)

  it("keep the last value of a repeated name, and all on demand", function()
    local request = with("/?c=1&c=2&d=3&c=")
    assert.are.equal("", request.query.c)
    assert.are.same({ "1", "2", "" }, request:queryAll("c"))
    assert.are.same({}, request:queryAll("e"))
  end)

  it("have no path when its encoding is broken", function()
    assert.is_nil(with("/%zz").path)
  end)

  it("never hold params", function()
    local request = with("/room/42?id=999")
    request.params = { id = "42" }
    assert.are.equal("999", request.query.id)
    assert.are.equal("42", request.params.id)
  end)
end)

describe("request.headers", function()
  local request = with("/", {
    "Host", "Example.org:8080", "X-Forwarded-For", "1.1.1.1", "x-forwarded-for", "2.2.2.2",
  })

  it("are looked up without case", function()
    for _, name in ipairs({ "host", "Host", "HOST" }) do
      assert.are.equal("Example.org:8080", request.headers[name])
    end
    assert.is_nil(request.headers["Accept"])
    assert.is_nil(request.headers[1])
  end)

  it("join repeated ones, and give all on demand", function()
    assert.are.equal("1.1.1.1, 2.2.2.2", request.headers["X-Forwarded-For"])
    assert.are.same({ "1.1.1.1", "2.2.2.2" }, request:headerAll("X-FORWARDED-FOR"))
    assert.are.same({}, request:headerAll("Accept"))
  end)

  it("can be walked, in lower case", function()
    local names = {}
    for name in pairs(request.headers) do names[#names + 1] = name end
    table.sort(names)
    assert.are.same({ "host", "x-forwarded-for" }, names)
  end)
end)

describe("request.cookies", function()
  it("are every cookie, also after names such as path", function()
    local request = with("/", { "Cookie", 'a=1; path=/x;b="quoted"; c=d=e;  f =  g ; bad; =x' })
    assert.are.same({ a = "1", path = "/x", b = "quoted", c = "d=e", f = "g" }, request.cookies)
  end)

  it("are not decoded", function()
    assert.are.equal("%20+", with("/", { "Cookie", "a=%20+" }).cookies.a)
  end)

  it("keep the first of a repeated name, and all on demand", function()
    local request = with("/", { "Cookie", "a=1; a=2", "Cookie", "a=3; b=4" })
    assert.are.same({ a = "1", b = "4" }, request.cookies)
    assert.are.same({ "1", "2", "3" }, request:cookieAll("a"))
  end)

  it("are none without the header", function()
    assert.are.same({}, with("/", {}).cookies)
  end)
end)

describe("request.host, origin and protocols", function()
  it("come from the headers", function()
    local request = with("/", {
      "Host", "Example.ORG:8080", "Origin", "http://a.example",
      "Sec-WebSocket-Protocol", "chat, wamp", "Sec-WebSocket-Protocol", "x",
    })
    assert.are.equal("example.org", request.host)
    assert.are.equal("http://a.example", request.origin)
    assert.are.same({ "chat", "wamp", "x" }, request.protocols)
  end)

  it("are nil and empty without", function()
    assert.is_nil(with("/", {}).host)
    assert.is_nil(with("/", {}).origin)
    assert.are.same({}, with("/", {}).protocols)
  end)

  it("take the host of an absolute target before the header", function()
    assert.are.equal("a.example", with("http://A.example:1/x", { "Host", "b.example" }).host)
  end)
end)

describe("a request's own fields", function()
  it("mark it as to be kept", function()
    local request = Request()
    request.user = "ada"
    assert.are.equal("ada", request.user)
    assert.is_true(rawget(request, "kept"))
  end)

  it("are not what is only read", function()
    local request = with("/?a=1", { "Cookie", "a=1" })
    for _, name in ipairs({ "query", "cookies", "params", "headers", "path", "protocols" }) do
      assert.is_not_nil(request[name])
    end
    assert.is_nil(rawget(request, "kept"))
  end)

  it("are not the headers of the 101", function()
    local request = Request()
    request.responseHeaders["Set-Cookie"] = "a=1"
    request.responseHeaders = { ["Set-Cookie"] = "b=1" }
    assert.is_nil(rawget(request, "kept"))
    assert.are.same({ ["Set-Cookie"] = "b=1" }, request.responseHeaders)
    request.connectionFields.user = "ada" -- nor what layers give to the connection
    assert.is_nil(rawget(request, "kept"))
    assert.are.equal("ada", request.connectionFields.user)
  end)
end)
