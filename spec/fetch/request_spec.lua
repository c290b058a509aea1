local request = require "ratchet.fetch.request"
local url = require "ratchet.url"

local function write(method, headers, body)
  return request.write(method, url.parse("http://a.example:81/x?y=1"), headers, body)
end

local START = " /x?y=1 HTTP/1.1\r\nHost: a.example:81\r\nAccept-Encoding: identity\r\n"

describe("request.method", function()
  it("is GET, or what is said, in capitals", function()
    assert.are.equal("GET", request.method(nil))
    assert.are.equal("PATCH", request.method("patch"))
    assert.are.equal("PURGE", request.method("PURGE"))
  end)

  it("refuses what is none, and what only proxies are asked", function()
    for _, method in ipairs({ "", "GET / HTTP/1.1\r\nX: y", "G T", "GET\n", "A\0", "é" }) do
      assert.error_matches(function() request.method(method) end, "is no method")
    end
    assert.error_matches(function() request.method("CONNECT") end, "cannot be sent")
    assert.error_matches(function() request.method("trace") end, "cannot be sent")
  end)
end)

describe("request.write", function()
  it("writes the least there is", function()
    assert.are.equal("GET" .. START .. "\r\n", write("GET"))
  end)

  it("writes headers in order, lists as lines", function()
    assert.are.equal("GET" .. START .. "A: 1\r\nB: x\r\nB: y\r\n\r\n",
      write("GET", { B = { "x", "y" }, A = 1 }))
  end)

  it("counts the body and names its kind", function()
    assert.are.equal("POST" .. START .. "Content-Type: text/plain; charset=utf-8\r\n"
      .. "Content-Length: 2\r\n\r\nhi", write("POST", nil, "hi"))
    assert.are.equal("PUT" .. START .. "Content-Type: application/json\r\n"
      .. "Content-Length: 7\r\n\r\n{\"a\":1}", write("PUT", nil, { a = 1 }))
    assert.are.equal("POST" .. START .. "content-type: a/b\r\nContent-Length: 0\r\n\r\n",
      write("POST", { ["content-type"] = "a/b" }, ""))
  end)

  it("says that there is no body where one is expected", function()
    assert.are.equal("POST" .. START .. "Content-Length: 0\r\n\r\n", write("POST"))
    assert.are.equal("DELETE" .. START .. "\r\n", write("DELETE"))
  end)

  it("refuses a body where there is none, and one that is no JSON", function()
    assert.error_matches(function() write("GET", nil, "x") end, "a GET request has no body")
    assert.error_matches(function() write("HEAD", nil, "x") end, "a HEAD request has no body")
    assert.error_matches(function() write("POST", nil, { print }) end, "cannot be sent as JSON")
  end)

  it("lets nothing end a line", function()
    for _, value in ipairs({ "a\r\nX: y", "a\nb", "a\rb", "a\0b", "\127", "\27[31m" }) do
      assert.error_matches(function() write("GET", { A = value }) end, "line break or a control")
      assert.error_matches(function() write("GET", { A = { "x", value } }) end, "line break")
    end
    for _, name in ipairs({ "", "A B", "A:", "A\r\nB", "A\0", "\195\164", "(A)" }) do
      assert.error_matches(function() write("GET", { [name] = "x" }) end, "is no name of a header")
    end
    assert.error_matches(function() write("GET", { "x" }) end, "is no name of a header")
    assert.are.equal("GET" .. START .. "A: \t\195\164\r\n\r\n", write("GET", { A = "\t\195\164" }))
  end)

  it("refuses values that are no text", function()
    assert.error_matches(function() write("GET", { A = true }) end, "must be a string")
    assert.error_matches(function() write("GET", { A = { {} } }) end, "must be a string")
  end)

  it("keeps what is its own, in whatever spelling", function()
    for _, name in ipairs({ "Host", "content-length", "TRANSFER-ENCODING", "Connection",
      "Upgrade", "Expect", "TE", "Trailer", "Keep-Alive", "Accept-Encoding" }) do
      assert.error_matches(function() write("GET", { [name] = "x" }) end, "cannot be set: ")
    end
  end)

  it("refuses one header in two spellings", function()
    assert.error_matches(function() write("GET", { A = "1", a = "2" }) end, "is given twice")
  end)
end)
