local uri = require "ratchet.wamp.uri"

describe("wamp.uri", function()
  it("takes text and numbers, within bounds", function()
    assert.are.equal("com.x", uri.of("com.x"))
    assert.are.equal("5", uri.of(5))
    assert.are.equal(("x"):rep(1024), uri.of(("x"):rep(1024)))
    for _, value in ipairs({ "", ("x"):rep(1025), true, {} }) do assert.is_nil(uri.of(value)) end
    assert.is_nil(uri.of(nil))
  end)

  it("writes short forms out", function()
    local prefixes = {
      calc = "http://example.com/simple/calc", hash = "http://example.com/x#",
      slash = "http://example.com/", ["http"] = "no",
    }
    local expected = {
      ["calc:add"] = "http://example.com/simple/calc#add",
      ["calc:a:b"] = "http://example.com/simple/calc#a:b", -- Ratchet lost the ":b"
      ["hash:add"] = "http://example.com/x#add", -- Ratchet had two "#"
      ["slash:add"] = "http://example.com/add",
      ["calc:"] = "http://example.com/simple/calc#",
      ["other:add"] = "other:add",
      ["add"] = "add",
      [":add"] = ":add",
      ["http://example.com/a:b"] = "http://example.com/a:b",
      ["https://example.com"] = "https://example.com",
    }
    for short, long in pairs(expected) do assert.are.equal(long, uri.expand(short, prefixes)) end
  end)
end)
