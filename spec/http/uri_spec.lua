local uri = require "ratchet.http.uri"

local function parts(target)
  local path, query, authority = uri.split(target)
  return { path, query, authority }
end

local function pairs_of(query)
  local list = {}
  uri.each_pair(query, function(name, value) list[#list + 1] = name .. "=" .. value end)
  return list
end

describe("uri.decode", function()
  it("undoes percent-encoding", function()
    assert.are.equal("/a b/\195\188", uri.decode("/a%20b/%c3%BC"))
    assert.are.equal("/a/b", uri.decode("/a%2Fb"))
    assert.are.equal("%41", uri.decode("%2541"))
    assert.are.equal("a\0b", uri.decode("a%00b"))
  end)

  it("leaves a plus alone", function()
    assert.are.equal("a+b", uri.decode("a+b"))
  end)

  for _, broken in ipairs({ "%", "%4", "a%zz", "%4z", "%%41", "%4%41", "/%u0041" }) do
    it("refuses " .. broken, function()
      assert.is_nil(uri.decode(broken))
      assert.is_false(uri.is_well_encoded(broken))
    end)
  end
end)

describe("uri.split", function()
  it("takes the origin form", function()
    assert.are.same({ "/chat", "a=1" }, parts("/chat?a=1"))
    assert.are.same({ "/chat", "" }, parts("/chat"))
    assert.are.same({ "/", "a?b" }, parts("/?a?b"))
  end)

  it("takes the absolute form", function()
    assert.are.same({ "/chat", "a=1", "example.org:80" }, parts("http://example.org:80/chat?a=1"))
    assert.are.same({ "/", "", "example.org" }, parts("http://example.org"))
    assert.are.same({ "/", "a", "example.org" }, parts("http://example.org?a"))
  end)

  it("takes the asterisk", function()
    assert.are.same({ "*", "" }, parts("*"))
  end)

  it("cuts a fragment off", function()
    assert.are.same({ "/a", "" }, parts("/a#b?c"))
    assert.are.same({ "/a", "b" }, parts("/a?b#c"))
  end)
end)

describe("uri.each_pair", function()
  it("visits the pairs in order", function()
    assert.are.same({ "a=1", "b=2", "a=3" }, pairs_of("a=1&b=2&a=3"))
  end)

  it("takes flags, empty pieces and values with =", function()
    assert.are.same({ "flag=", "x=", "y=1=2" }, pairs_of("flag&&x=&y=1=2&"))
    assert.are.same({}, pairs_of(""))
  end)

  it("decodes names and values, a plus being a space", function()
    assert.are.same({ "a b=c d", "e+=f" }, pairs_of("a+b=c%20d&e%2B=f"))
  end)

  it("leaves a broken piece as it came", function()
    assert.are.same({ "a=%zz" }, pairs_of("a=%zz"))
  end)
end)

describe("uri.encode_path", function()
  it("is the way back", function()
    assert.are.equal("/a%20b/%C3%A4%3F%23%25%22%0D%0A/c:d@e,f", uri.encode_path(
      '/a b/ä?#%"\r\n/c:d@e,f'))
    for byte = 0, 255 do
      local char = string.char(byte)
      assert.are.equal(char, uri.decode(uri.encode_path(char)))
    end
  end)
end)
