local redirect = require "ratchet.fetch.redirect"
local url = require "ratchet.url"

local base = url.parse("http://a.example/b/c/d?q")

local function resolved(location, from)
  local to = assert(redirect.resolve(from or base, location))
  return to.scheme .. "://" .. to.authority .. to.target
end

-- From RFC 3986 5.4; a fragment is never sent.
local rows = {
  { "g", "/b/c/g" }, { "./g", "/b/c/g" }, { "g/", "/b/c/g/" }, { "/g", "/g" },
  { "?y", "/b/c/d?y" }, { "g?y", "/b/c/g?y" }, { "#s", "/b/c/d?q" }, { "g#s", "/b/c/g" },
  { "", "/b/c/d?q" }, { ".", "/b/c/" }, { "./", "/b/c/" }, { "..", "/b/" }, { "../", "/b/" },
  { "../g", "/b/g" }, { "../..", "/" }, { "../../g", "/g" }, { "../../../g", "/g" },
  { "/./g", "/g" }, { "/../g", "/g" }, { "g.", "/b/c/g." }, { "..g", "/b/c/..g" },
  { "./g/.", "/b/c/g/" }, { "g/../h", "/b/c/h" }, { "g?y/../x", "/b/c/g?y/../x" },
  { "/a//b", "/a//b" },
}

describe("redirect.resolve", function()
  for _, row in ipairs(rows) do
    it(("understands %q"):format(row[1]), function()
      assert.are.equal("http://a.example" .. row[2], resolved(row[1]))
    end)
  end

  it("understands other servers", function()
    assert.are.equal("http://b.example/x", resolved("//b.example/x"))
    assert.are.equal("https://b.example/", resolved("https://b.example"))
    assert.are.equal("http://a.example:81/x", resolved("/x", url.parse("http://a.example:81/")))
    assert.are.equal("http://[::1]:81/x", resolved("x", url.parse("http://[::1]:81/")))
  end)

  it("refuses what is none", function()
    for _, location in ipairs({ "ftp://a/", "http://", "/a b", "/%zz", "javascript:alert(1)" }) do
      local to, err = redirect.resolve(base, location)
      assert.is_nil(to)
      assert.is_string(err)
    end
  end)
end)

describe("redirect.location", function()
  it("is of the five statuses, with a Location", function()
    for _, status in ipairs({ 301, 302, 303, 307, 308 }) do
      assert.are.equal("/x", redirect.location({ status = status, headers = { location = "/x" } }))
      assert.is_nil(redirect.location({ status = status, headers = {} }))
    end
    for _, status in ipairs({ 200, 201, 300, 304, 305 }) do
      assert.is_nil(redirect.location({ status = status, headers = { location = "/x" } }))
    end
  end)
end)

describe("redirect.request", function()
  local function follow(status, method, to)
    local asked = {
      method = method, url = base, body = method == "POST" and "x" or nil,
      headers = { Authorization = "a", cookie = "b", ["Content-Type"] = "c", ["X-D"] = "d" },
    }
    return redirect.request(asked, { status = status }, url.parse(to or "http://a.example/x"))
  end

  it("asks by GET after 303, and after 301 and 302 to POST", function()
    for _, status in ipairs({ 301, 302, 303 }) do
      local following = follow(status, "POST")
      assert.are.equal("GET", following.method)
      assert.is_nil(following.body)
      assert.is_nil(following.headers["Content-Type"])
      assert.are.equal("a", following.headers.Authorization)
    end
    assert.are.equal("GET", follow(303, "DELETE").method)
    assert.are.equal("HEAD", follow(303, "HEAD").method)
    assert.are.equal("DELETE", follow(302, "DELETE").method)
  end)

  it("says the same again after 307 and 308", function()
    for _, status in ipairs({ 307, 308 }) do
      local following = follow(status, "POST")
      assert.are.equal("POST", following.method)
      assert.are.equal("x", following.body)
      assert.are.equal("c", following.headers["Content-Type"])
    end
  end)

  it("tells no secrets to another server", function()
    for _, to in ipairs({ "http://b.example/", "http://a.example:81/", "https://a.example/" }) do
      local headers = follow(307, "GET", to).headers
      assert.is_nil(headers.Authorization)
      assert.is_nil(headers.cookie)
      assert.are.equal("d", headers["X-D"])
    end
  end)
end)
