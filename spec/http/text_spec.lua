local text = require "ratchet.http.text"

describe("text", function()
  it("shows control characters, so that no value can forge a log line", function()
    assert.are.equal("a\\x0ab\\x1b[31m\\x00\\x7f", text.plain("a\nb\27[31m\0\127"))
  end)

  it("cuts what is very long", function()
    assert.are.equal(("a"):rep(200) .. "...", text.plain(("a"):rep(10000)))
  end)

  it("quotes", function()
    assert.are.equal('"say \\"hi\\""', text.quote('say "hi"'))
  end)

  it("writes lists, not endlessly", function()
    assert.are.equal("{}", text.list({}))
    assert.are.equal('{"a", "b"}', text.list({ "a", "b" }))
    local many = {}
    for i = 1, 12 do many[i] = tostring(i) end
    assert.matches(', "10", and 2 more}$', text.list(many))
  end)
end)
