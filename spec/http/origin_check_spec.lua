local OriginCheck = require "ratchet.http.origin_check"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

local function check(allowed, options)
  return OriginCheck(layers.answering(), allowed, options)
end

local function assert_allows(allowed, origins)
  for _, origin in ipairs(origins) do
    assert.is_true(check(allowed):allows(origin), origin .. " should pass")
  end
end

local function assert_refuses(allowed, origins)
  for _, origin in ipairs(origins) do
    assert.is_false(check(allowed):allows(origin), origin .. " should not pass")
  end
end

describe("OriginCheck, a host in the list", function()
  it("lets it pass with any scheme and port, without case", function()
    assert_allows({ "Example.org" }, {
      "http://example.org", "https://example.org", "http://EXAMPLE.org:3000", "example.org",
    })
  end)

  it("refuses everyone else (cross-site hijacking)", function()
    assert_refuses({ "example.org" }, {
      "http://evil.example", "http://sub.example.org", "http://example.org.evil.example",
      "http://evilexample.org", "http://example.orgx", "null", "", "file://", "http://",
      "http://example.org@evil.example", "http://evil.example/example.org",
      "http://evil.example#example.org", "http://evil.example, http://example.org",
      "http://example.org, http://evil.example",
    })
  end)

  it("refuses what only begins like an origin", function()
    assert_refuses({ "localhost", "http", "*.example" }, {
      "http://localhost:80@evil.test", "http://[::1]evil.test", "http://localhost:evil",
      "http://a.example:x", "http:evil.test", "localhost:80@evil.test", "http://a b.example",
    })
  end)

  it("takes the loopback names as one", function()
    for _, name in ipairs({ "localhost", "127.0.0.1", "[::1]", "::1" }) do
      assert_allows({ name }, {
        "http://localhost:3000", "http://127.0.0.1", "https://[::1]:8080", "http://LOCALHOST",
      })
      assert_refuses({ name }, { "http://sub.localhost", "http://127.0.0.2" })
    end
  end)
end)

describe("OriginCheck, an origin in the list", function()
  it("wants scheme, host and port to be the same", function()
    assert_allows({ "https://app.example.com:8443" }, {
      "https://app.example.com:8443", "HTTPS://App.example.com:8443",
    })
    assert_refuses({ "https://app.example.com:8443" }, {
      "http://app.example.com:8443", "https://app.example.com", "https://example.com:8443",
      "app.example.com", "null",
    })
  end)

  it("knows the default ports", function()
    assert_allows({ "https://example.org" }, { "https://example.org:443" })
    assert_allows({ "http://example.org:80/" }, { "http://example.org" })
    assert_refuses({ "https://example.org" }, { "https://example.org:80", "http://example.org" })
  end)

  it("takes the loopback names as one", function()
    assert_allows({ "http://localhost:3000" }, { "http://127.0.0.1:3000", "http://[::1]:3000" })
    assert_refuses({ "http://localhost:3000" }, { "http://localhost:3001" })
  end)
end)

describe("OriginCheck, a wildcard in the list", function()
  it("lets every host below pass, and not the host itself", function()
    assert_allows({ "*.Example.com" }, {
      "https://a.example.com", "http://a.b.example.com:81", "https://A.EXAMPLE.com",
    })
    assert_refuses({ "*.example.com" }, {
      "https://example.com", "https://evilexample.com", "https://.example.com.evil.example",
      "https://a.example.com.evil.example",
    })
  end)

  it("is everyone when it is alone, wherever it stands", function()
    assert_allows({ "example.com", "*" }, { "http://evil.example", "null" })
    assert.is_true(check({ "*" }):allows(nil))
  end)
end)

describe("OriginCheck without an Origin header", function()
  it("refuses, as Ratchet does", function()
    assert.is_false(check({ "localhost" }):allows(nil))
  end)

  it("lets it pass when it is told to", function()
    local lenient = check({ "localhost" }, { allowMissing = true })
    assert.is_true(lenient:allows(nil))
    assert.is_false(lenient:allows("http://evil.example"))
  end)
end)

describe("OriginCheck with sameHost", function()
  it("lets pages of the host that was asked pass", function()
    local same = check({}, { sameHost = true })
    assert.is_true(same:allows("https://a.example:8080", "a.example"))
    assert.is_true(same:allows("http://127.0.0.1", "localhost"))
    assert.is_false(same:allows("https://b.example", "a.example"))
    assert.is_false(same:allows("https://b.example", nil))
  end)
end)

describe("OriginCheck:handle", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("passes on what is allowed (Ratchet: testOnMessage)", function()
    local layer = layers.answering("next")
    local request = layers.get("/chat", { Origin = "http://localhost" })
    assert.are.same({ 200, "next" }, { OriginCheck(layer, { "localhost" }):handle(request) })
  end)

  it("explains a refusal (Ratchet: testCloseOnNonMatchingOrigin)", function()
    local layer = layers.answering()
    local request = layers.get("/chat?x", { Origin = "http://evil.example" })
    core.options.development = true
    local status, body = OriginCheck(layer, { "localhost" }):handle(request)
    assert.are.equal(403, status)
    assert.are.equal('Origin "http://evil.example" is not among {"localhost"}\n',
      fake_core.without_lesson(body))
    assert.are.equal('warn 403 /chat: Origin "http://evil.example" is not among {"localhost"}',
      fake_core.last_log(core))
    assert.is_nil(layer.request)
  end)

  it("explains a missing Origin", function()
    OriginCheck(layers.answering(), { "localhost" }):handle(layers.get("/chat"))
    assert.are.equal('warn 403 /chat: no Origin was sent, and it must be among {"localhost"}',
      fake_core.last_log(core))
  end)

  it("refuses two Origins, even allowed ones", function()
    local request = layers.get("/", { Origin = { "http://localhost", "http://localhost" } })
    assert.are.equal(403, (OriginCheck(layers.answering(), { "localhost" }):handle(request)))
  end)
end)

describe("OriginCheck, used wrongly,", function()
  it("names what is no origin", function()
    assert.has_error(function() check({ "localhost:3000" }) end, 'OriginCheck: "localhost:3000" '
      .. 'is neither a host nor an origin; write "http://localhost:3000"')
    for _, entry in ipairs({ "", "a*b", "https://*.example.com", "example.org/x", "*.*" }) do
      assert.has_error(function() check({ entry }) end)
    end
    assert.has_error(function() check({ 1 }) end, "OriginCheck: an origin must be a string; "
      .. "this is a number")
    assert.has_error(function() check("*") end)
  end)

  it("wants a layer and known options", function()
    assert.has_error(function() OriginCheck(layers.component(), {}) end)
    assert.has_error(function() check({}, { allowMising = true }) end,
      'OriginCheck: unknown option "allowMising"; did you mean "allowMissing"?')
  end)
end)
