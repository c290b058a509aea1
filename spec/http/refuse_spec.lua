local fake_core = require "support.fake_core"
local layers = require "support.layers"
local refuse = require "ratchet.http.refuse"

describe("refuse", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("says why in the log", function()
    local status, body, headers = refuse(layers.get("/chat"), 404, "nobody here")
    assert.are.equal("info 404 /chat: nobody here", fake_core.last_log(core))
    assert.are.equal(404, status)
    assert.are.equal("Not Found\n", body)
    assert.are.same({ ["Content-Type"] = "text/plain; charset=utf-8" }, headers)
  end)

  it("teaches in the log, and in development", function()
    local function refused(fields)
      return (select(2, refuse(layers.get("/chat", {}, fields), 400, "nobody here",
        { lesson = "RFC 9110 1: come in" })))
    end
    assert.are.equal("nobody here\n", refused())
    assert.are.same({ "info", "400 /chat: nobody here. RFC 9110 1: come in" },
      core.logged[#core.logged])
    assert.are.equal("nobody here. RFC 9110 1: come in\n", refused({ development = true }))
    assert.are.equal("nobody here.\n", (select(2, refuse(layers.get("/"), 400, "nobody here.",
      { lesson = "" }))))
    assert.are.equal("400 /: nobody here.", core.logged[#core.logged][2])
  end)

  local function body_of(status, fields)
    return (select(2, refuse(layers.get("/chat", {}, fields), status, "nobody here")))
  end

  it("tells the client what it may know", function()
    for _, status in ipairs({ 400, 405, 426 }) do
      assert.are.equal("nobody here\n", body_of(status))
    end
    assert.are.equal("Forbidden\n", body_of(403))
    assert.are.equal("Refused\n", body_of(418))
  end)

  it("tells it everything in development", function()
    assert.are.equal("nobody here\n", body_of(403, { development = true }))
    core.options.development = true
    assert.are.equal("nobody here\n", body_of(403))
    assert.are.equal("nobody here\n", body_of(418))
  end)

  it("never sends a sentence as HTML", function()
    local _, _, headers = refuse(layers.get("/"), 404, "<script>")
    assert.are.equal("text/plain; charset=utf-8", headers["Content-Type"])
  end)

  it("warns of 403, and of what it is told to", function()
    refuse(layers.get("/chat"), 403, "no")
    assert.matches("^warn 403", fake_core.last_log(core))
    refuse(layers.get("/chat"), 404, "no", { level = "warn" })
    assert.matches("^warn 404", fake_core.last_log(core))
  end)

  it("sends headers, and another body", function()
    local _, body, headers = refuse(layers.get("/"), 405, "no", {
      headers = { Allow = "GET" }, body = "<p>no</p>",
    })
    assert.are.equal("<p>no</p>", body)
    assert.are.same({ Allow = "GET", ["Content-Type"] = "text/html; charset=utf-8" }, headers)
  end)

  it("logs neither the query nor control characters", function()
    refuse(layers.get("/a\27b?token=secret"), 404, "no")
    assert.are.equal("info 404 /a\\x1bb: no", fake_core.last_log(core))
  end)
end)
