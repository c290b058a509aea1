local Static = require "ratchet.http.static"
local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"
local layers = require "support.layers"

-- A folder that is there, as the constructor asks the real disk; what is in it is
-- made up.
local ROOT = "spec"

describe("Static", function()
  local core, files
  before_each(function()
    core = fake_core.install()
    files = fake_files.install(core, {
      ["/spec/a b.txt"] = "text",
      ["/spec/index.html"] = "<p>home",
      ["/spec/docs/index.html"] = "<p>docs",
      ["/spec/bare/x.css"] = "x",
      ["/spec/odd/index.html/x"] = "a folder of that name",
      ["/spec/.env"] = "secret",
      ["/spec/secret"] = { text = "", failure = "EACCES: permission denied" },
      ["/spec/out"] = { link = "/etc/passwd" },
      ["/etc/passwd"] = "root",
    })
  end)
  after_each(function()
    assert.are.equal(0, files.open)
    fake_files.remove()
    fake_core.remove()
  end)

  local function asked(target, prefix, fields)
    return Static(prefix or "/", ROOT, { maxAge = 5 }):handle(layers.get(target, {}, fields))
  end

  local function brief(target, prefix)
    local status, body = asked(target, prefix)
    return { status, body }
  end

  it("serves files below its prefix", function()
    for _, prefix in ipairs({ "/s", "/s/" }) do
      local status, body, headers = asked("/s/a%20b.txt?v=1", prefix)
      assert.are.same({ 200, "text", "max-age=5" }, { status, body, headers["Cache-Control"] })
    end
    assert.are.same({ 200, "text" }, brief("/a%20b.txt"))
    assert.are.equal(404, (asked("/other/a%20b.txt", "/s")))
  end)

  it("serves index.html for a folder", function()
    assert.are.same({ 200, "<p>home" }, brief("/"))
    assert.are.same({ 200, "<p>home" }, brief("/s/", "/s"))
    assert.are.same({ 200, "<p>docs" }, brief("/docs/"))
    assert.are.equal(404, (asked("/bare/")))
    assert.are.equal(404, (asked("/odd/")))
    assert.are.equal(404, (asked("/docs/index.html/")))
  end)

  it("leads to the slash, and never to another host", function()
    local status, _, headers = asked("/docs?a=1")
    assert.are.same({ 301, "/docs/?a=1" }, { status, headers.Location })
    status, _, headers = asked("/s", "/s")
    assert.are.same({ 301, "/s/" }, { status, headers.Location })
    status, _, headers = asked("http://evil.example/docs")
    assert.are.same({ 301, "/docs/" }, { status, headers.Location })
    for _, target in ipairs({ "//docs", "/%2Fdocs", "/\\docs", "//evil.example/docs" }) do
      assert.are.equal(404, (asked(target)), target)
    end
  end)

  it("does not leave its folder, and shows nothing hidden", function()
    for _, target in ipairs({
      "/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2fetc/passwd", "/%252e%252e/etc/passwd",
      "/..%5cetc", "/docs/../../etc/passwd", "/etc/passwd", "//etc/passwd", "/a%20b.txt%00.html",
      "/a%20b.txt%00", "/.env", "/docs/.git/config", "/.", "/..", "/out",
    }) do
      assert.are.equal(404, (asked(target)), target)
    end
    assert.are.equal(0, files.opened)
    assert.are.equal("info 404 /out: a symbolic link leads out of the folder",
      fake_core.last_log(core))
  end)

  it("says what is missing and forbidden, without a path of the machine", function()
    assert.are.same({ 404, "Not Found\n" }, brief("/none"))
    core.options.development = true
    assert.are.same({ 404, "no file is there\n" }, brief("/none"))
    assert.are.same({ 403, "the file there may not be read by the server\n" },
      brief("/secret"))
  end)

  it("answers GET and HEAD only", function()
    assert.are.equal(200, (asked("/", "/", { method = "HEAD" })))
    local status, _, headers = asked("/", "/", { method = "POST" })
    assert.are.same({ 405, "GET, HEAD" }, { status, headers.Allow })
  end)

  it("refuses broken percent-encoding", function()
    assert.are.equal(400, (asked("/%zz")))
  end)

  it("refuses what is no prefix, folder or option", function()
    assert.has_error(function() Static("assets", ROOT) end,
      'static: the prefix is a path such as "/assets"; this is assets')
    assert.has_error(function() Static("/{a}", ROOT) end)
    assert.has_error(function() Static("/", "spec/none") end, "static: spec/none is no folder "
      .. "that can be read; paths are relative to the folder that the program was started in")
    assert.has_error(function() Static("/", "spec/app_spec.lua") end)
    assert.has_error(function() Static("/") end)
    assert.has_error(function() Static("/", ROOT, { maxage = 1 }) end,
      'static: unknown option "maxage"; did you mean "maxAge"?')
  end)
end)
