local url = require "ratchet.url"

local function parts_of(text)
  local parsed = assert(url.parse(text))
  return { parsed.scheme, parsed.host, parsed.port, parsed.target }
end

describe("url.parse", function()
  for text, parts in pairs({
    ["ws://example.org"] = { "ws", "example.org", 80, "/" },
    ["wss://example.org"] = { "wss", "example.org", 443, "/" },
    ["http://example.org"] = { "http", "example.org", 80, "/" },
    ["https://example.org"] = { "https", "example.org", 443, "/" },
    ["WS://Example.ORG:8080/Chat?A=b"] = { "ws", "example.org", 8080, "/Chat?A=b" },
    ["ws://example.org?a"] = { "ws", "example.org", 80, "/?a" },
    ["ws://example.org/?"] = { "ws", "example.org", 80, "/?" },
    ["ws://example.org:/x"] = { "ws", "example.org", 80, "/x" },
    ["ws://127.0.0.1:1/"] = { "ws", "127.0.0.1", 1, "/" },
    ["ws://[::1]:65535/"] = { "ws", "::1", 65535, "/" },
    ["ws://[2001:DB8::1]/"] = { "ws", "2001:db8::1", 80, "/" },
    ["ws://[::ffff:192.0.2.1]"] = { "ws", "::ffff:192.0.2.1", 80, "/" },
    ["ws://my_host.local-net./a%20b"] = { "ws", "my_host.local-net.", 80, "/a%20b" },
    ["ws://xn--bcher-kva.example/"] = { "ws", "xn--bcher-kva.example", 80, "/" },
    ["ws://h/a@b:c?d=e@f/?"] = { "ws", "h", 80, "/a@b:c?d=e@f/?" },
    ["http://h/a?b#c"] = { "http", "h", 80, "/a?b" },
    ["http://h#c"] = { "http", "h", 80, "/" },
  }) do
    it("takes " .. text .. " apart", function()
      assert.are.same(parts, parts_of(text))
    end)
  end

  it("tells path and query apart", function()
    local parsed = assert(url.parse("ws://h/a%2Fb?c=d"))
    assert.are.equal("/a%2Fb", parsed.path)
    assert.are.equal("c=d", parsed.query)
    assert.is_nil(assert(url.parse("ws://h/")).query)
    assert.are.equal("", assert(url.parse("ws://h/?")).query)
  end)

  it("writes the authority without the default port", function()
    local function authority(text) return assert(url.parse(text)).authority end
    assert.are.equal("h", authority("ws://H:80/"))
    assert.are.equal("h", authority("https://h:443"))
    assert.are.equal("h:443", authority("ws://h:443"))
    assert.are.equal("[::1]", authority("ws://[::1]"))
    assert.are.equal("[::1]:81", authority("ws://[::1]:81"))
  end)

  it("knows what goes over TLS", function()
    assert.is_true(assert(url.parse("wss://h")).secure)
    assert.is_true(assert(url.parse("https://h")).secure)
    assert.is_false(assert(url.parse("ws://h")).secure)
    assert.is_false(assert(url.parse("http://h")).secure)
  end)

  it("decodes user and password", function()
    local parsed = assert(url.parse("ws://ada:p%40ss%3a@h:1/"))
    assert.are.same({ "ada", "p@ss:", "h:1" }, { parsed.user, parsed.password, parsed.authority })
    parsed = assert(url.parse("ws://ada@h"))
    assert.are.same({ "ada", "" }, { parsed.user, parsed.password })
    assert.is_nil(assert(url.parse("ws://h")).user)
  end)

  for text, why in pairs({
    [""] = "it is empty",
    ["example.org"] = "does not begin with",
    ["//example.org"] = "does not begin with",
    ["ws:example.org"] = "does not begin with",
    ["ws:/example.org"] = "does not begin with",
    ["localhost:8080"] = "does not begin with",
    ["ftp://example.org"] = "ftp:// is not spoken here",
    ["ws://"] = "the host is missing",
    ["ws:///path"] = "the host is missing",
    ["ws://:80/"] = "the host is missing",
    ["ws://h:0"] = "the port",
    ["ws://h:65536"] = "the port",
    ["ws://h:080000"] = "the port",
    ["ws://h:+80"] = "the port",
    ["ws://h:8x"] = "the port",
    ["ws://[::1"] = "no IPv6 address",
    ["ws://[127.0.0.1]"] = "no IPv6 address",
    ["ws://[fe80::1%25eth0]"] = "no IPv6 address",
    ["ws://[]"] = "no IPv6 address",
    ["ws://[::1]x"] = '"x" follows the host',
    ["ws://::1"] = "the host is missing",
    ["ws://a..b"] = "is no host name",
    ["ws://.a"] = "is no host name",
    ["ws://-a"] = "is no host name",
    ["ws://a!b"] = "is no host name",
    ["ws://" .. ("a"):rep(64)] = "is no host name",
    ["ws://" .. ("a."):rep(127)] = "is no host name",
    ["ws://a%62"] = "percent-encoded",
    ["ws://b\195\188cher.example"] = "byte 7 is not ASCII; write a host in its xn-- form",
    ["ws://h/a b"] = "byte 9 (0x20)",
    ["ws://h/\r\nX: y"] = "byte 8 (0x0D)",
    ["ws://h/\0"] = "byte 8 (0x00)",
    ["ws://h\\@evil"] = "byte 7 (0x5C)",
    ["ws://h/%"] = "two hexadecimal digits",
    ["ws://h/%g0"] = "two hexadecimal digits",
    ["ws://h/?%1"] = "two hexadecimal digits",
    ["ws://h/#a"] = "no fragment",
    ["wss://h#"] = "no fragment",
    ["ws://a@b@c"] = 'two "@"',
  }) do
    it(("refuses %q"):format(text):gsub("\n", "n"), function()
      local parsed, err = url.parse(text)
      assert.is_nil(parsed)
      assert.is_truthy(err:find(why, 1, true), err)
    end)
  end

  it("does not tell a password", function()
    local _, err = url.parse("ftp://ada:secret@h/")
    assert.is_nil(err:find("secret", 1, true))
  end)
end)

describe("url.encode", function()
  it("leaves nothing that means something", function()
    assert.are.equal("a-b_c.d~%20%2F%3F%26%23%C3%BC", url.encode("a-b_c.d~ /?&#\195\188"))
  end)
end)
