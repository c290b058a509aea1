local cookie = require "ratchet.http.cookie"

describe("cookie.format", function()
  it("is a name and a value", function()
    assert.are.equal("a=b", cookie.format("a", "b"))
    assert.are.equal("a=", cookie.format("a", ""))
    assert.are.equal("a=7", cookie.format("a", 7))
    assert.are.equal("a_b-c=!#$%&'()*+-./:<=>?@[]^_`{|}~", cookie.format("a_b-c",
      "!#$%&'()*+-./:<=>?@[]^_`{|}~"))
  end)

  it("has attributes", function()
    assert.are.equal("id=7; Path=/a; Domain=example.org; Max-Age=60; "
      .. "Expires=Sun, 06 Nov 1994 08:49:37 GMT; Secure; HttpOnly; SameSite=Strict",
      cookie.format("id", "7", {
        path = "/a", domain = "example.org", maxAge = 60, expires = 784111777,
        secure = true, httpOnly = true, sameSite = "Strict",
      }))
    assert.are.equal("id=7", cookie.format("id", "7", { secure = false, httpOnly = false }))
    assert.are.equal("id=; Max-Age=0", cookie.format("id", "", { maxAge = 0 }))
  end)

  it("refuses what would be misread", function()
    for _, name in ipairs({ "", "a b", "a=b", "a;b", "a\r\n", "ä" }) do
      assert.has_error(function() cookie.format(name, "x") end)
    end
    assert.has_error(function() cookie.format(nil, "x") end,
      "cookie: a nil is no name of a cookie; letters, digits, - and _ are fine")
    for _, value in ipairs({ "a b", "a;b", "a,b", 'a"b', "a\\b", "a\r\nb", "a\0", "ä", "\127" }) do
      assert.has_error(function() cookie.format("a", value) end,
        'cookie: the value of "a" has a space, a quote, a comma, a semicolon, a backslash or '
        .. "a byte outside of ASCII; encode it, as base64 or by percents")
    end
    assert.has_error(function() cookie.format("a") end,
      'cookie: the value of "a" must be a string; it is a nil')
    for _, path in ipairs({ "", "a", "/a;b", "/a\r\nb", "/ä" }) do
      assert.has_error(function() cookie.format("a", "b", { path = path }) end)
    end
    for _, domain in ipairs({ "", ".a", "a.", "a..b", "a;b", "a b", "-a" }) do
      assert.has_error(function() cookie.format("a", "b", { domain = domain }) end)
    end
  end)

  it("refuses options that are none", function()
    assert.has_error(function() cookie.format("a", "b", { httponly = true }) end,
      'cookie: unknown option "httponly"; did you mean "httpOnly"?')
    assert.has_error(function() cookie.format("a", "b", { sameSite = "lax" }) end,
      'cookie: option "sameSite" must be "Strict" or "Lax" or "None"; it is "lax"')
    assert.has_error(function() cookie.format("a", "b", { maxAge = 1.5 }) end)
    assert.has_error(function() cookie.format("a", "b", { expires = "tomorrow" }) end)
  end)

  it("refuses what browsers drop", function()
    assert.has_error(function() cookie.format("a", "b", { sameSite = "None" }) end,
      'cookie: sameSite = "None" needs secure = true, or browsers drop "a"')
    assert.has_error(function() cookie.format("__Secure-a", "b") end)
    assert.has_error(function() cookie.format("__Host-a", "b", { secure = true }) end)
    assert.has_error(function()
      cookie.format("__Host-a", "b", { secure = true, path = "/", domain = "a.example" })
    end)
    assert.are.equal("__Host-a=b; Path=/; Secure",
      cookie.format("__Host-a", "b", { secure = true, path = "/" }))
  end)
end)

describe("cookie.add", function()
  it("puts them beside each other", function()
    local headers = {}
    cookie.add(headers, "a", "1")
    cookie.add(headers, "b", "2", { path = "/" })
    assert.are.same({ ["Set-Cookie"] = { "a=1", "b=2; Path=/" } }, headers)
  end)

  it("keeps what was there, in whatever form", function()
    local list = { "x=1" }
    for _, before in ipairs({ "x=1", list }) do
      local headers = { ["set-cookie"] = before }
      cookie.add(headers, "a", "1")
      assert.are.same({ ["set-cookie"] = { "x=1", "a=1" } }, headers)
    end
    assert.are.same({ "x=1" }, list)
  end)
end)
