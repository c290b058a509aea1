local report = require "ratchet.reload.report"

local function file(path, text)
  return { path = path, text = text }
end

describe("report.error", function()
  local list = { file("/a/very/long/path/app.lua", "one\nlocal x = = 1\n"), file("c.lua", "c") }

  it("shows the line that the message names", function()
    assert.are.equal("/a/very/long/path/app.lua:2: bad\n    2 | local x = = 1",
      report.error({ message = "/a/very/long/path/app.lua:2: bad", trace = "" }, list))
  end)

  it("knows a path that was cut, and a file that did not compile", function()
    assert.are.equal("...long/path/app.lua:1: bad\n    1 | one",
      report.error({ message = "...long/path/app.lua:1: bad", trace = "" }, list))
    assert.are.equal("x.lua:1: bad\n    1 | the text",
      report.error({ message = "x.lua:1: bad", trace = "" }, list, file("/x.lua", "the text")))
  end)

  it("leaves alone what names no line", function()
    assert.are.equal("bad", report.error({ message = "bad", trace = "" }, list))
    assert.are.equal("c.lua:9: bad", report.error({ message = "c.lua:9: bad", trace = "" }, list))
  end)

  it("makes a message of whatever was raised", function()
    assert.are.equal("a nil was raised", report.failure(nil).message)
    local failure = report.failure("text")
    assert.are.equal("text", failure.message)
    assert.are.equal(failure, report.failure(failure))
  end)
end)
