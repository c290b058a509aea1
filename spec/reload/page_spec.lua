local fake_core = require "support.fake_core"
local layers = require "support.layers"
local page = require "ratchet.reload.page"

describe("page", function()
  after_each(function()
    fake_core.remove()
    package.loaded["ratchet.reload"] = nil
  end)

  it("is there with --watch only", function()
    fake_core.install()
    assert.is_false(page.is_on())
    fake_core.install({ watch = true })
    assert.is_true(page.is_on())
  end)

  it("tells what is wrong, or nothing", function()
    package.loaded["ratchet.reload"] = { failure = "app.lua:1: no" }
    assert.are.equal("app.lua:1: no", select(2, page.handle({}, layers.get("/.ratchet/reload"))))
    package.loaded["ratchet.reload"] = {}
    assert.are.equal(204, (page.handle({}, layers.get("/.ratchet/reload"))))
  end)

  local function body_of(...)
    local answer = { ... }
    local layer = { handle = function() return unpack(answer) end }
    return (select(2, page.handle(layer, layers.get("/"))))
  end

  it("adds its script to pages, and to nothing else", function()
    local html = { ["content-type"] = "text/html; charset=utf-8" }
    assert.is_truthy(body_of(200, "<p>", html):find("^<p>\n<script>"))
    assert.are.equal("{}", body_of(200, "{}", { ["Content-Type"] = "application/json" }))
    assert.are.equal("<p>", body_of(404, "<p>", html))
    assert.are.equal("text", body_of(200, "text"))
    local endpoint = {}
    assert.are.equal(endpoint, (page.handle({ handle = function() return endpoint end },
      layers.get("/"))))
  end)
end)
