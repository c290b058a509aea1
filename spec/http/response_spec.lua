local Response = require "ratchet.http.response"

local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"
local layers = require "support.layers"

local function unpacked(response)
  local status, body, headers = response:unpack()
  return { status = status, body = body, headers = headers }
end

describe("Response", function()
  it("is 204 when nothing is set", function()
    assert.are.same({ status = 204, headers = {} }, unpacked(Response()))
  end)

  it("is 200 when anything but the status is", function()
    assert.are.equal(200, (Response():send(""):unpack()))
    assert.are.equal(200, (Response():header("X-A", "1"):unpack()))
  end)

  it("chains", function()
    assert.are.same(
      { status = 201, body = "made", headers = {
        ["X-Kind"] = "new", ["Content-Type"] = "text/plain; charset=utf-8",
      } },
      unpacked(Response():status(201):header("X-Kind", "new"):send("made")))
  end)

  it("tells HTML by its first character", function()
    local _, _, headers = Response():send("\n<!doctype html>"):unpack()
    assert.are.equal("text/html; charset=utf-8", headers["Content-Type"])
  end)

  it("leaves a Content-Type that is set", function()
    local _, _, headers = Response():header("content-type", "text/css"):send("<a>"):unpack()
    assert.are.same({ ["content-type"] = "text/css" }, headers)
  end)

  it("sends JSON", function()
    assert.are.same(
      { status = 200, body = '{"a":[1,2]}', headers = { ["Content-Type"] = "application/json" } },
      unpacked(Response():json({ a = { 1, 2 } })))
    assert.has_error(function() Response():json({ print }) end)
  end)

  it("sends what a function makes", function()
    local function next_piece() end
    local function over() end
    local status, body, headers, last = Response():send(next_piece, over):unpack()
    assert.are.same({ 200, next_piece, over }, { status, body, last })
    assert.are.same({ ["Content-Type"] = "text/plain; charset=utf-8" }, headers)
    assert.has_error(function() Response():send(next_piece, true) end,
      "response:send: what is called when the body is over must be a function; it is a boolean")
    for _, response in ipairs({
      Response():send(next_piece, over):send("text"), Response():send(next_piece, over):json({}),
      Response():send(next_piece),
    }) do
      assert.is_nil((select(4, response:unpack())))
    end
  end)

  it("redirects", function()
    assert.are.same({ status = 302, headers = { Location = "/there" } },
      unpacked(Response():redirect("/there")))
    assert.are.equal(303, (Response():redirect("/there", 303):unpack()))
  end)

  it("replaces a header, whatever its case, and takes lists", function()
    local _, _, headers = Response():header("x-a", "1"):header("X-A", { "2", 3 }):unpack()
    assert.are.same({ ["X-A"] = { "2", "3" } }, headers)
  end)

  it("sets cookies", function()
    local _, _, headers = Response():cookie("a", "1"):cookie("b", "2", { path = "/" }):unpack()
    assert.are.same({ ["Set-Cookie"] = { "a=1", "b=2; Path=/" } }, headers)
    assert.has_error(function() Response():cookie("a", "1; HttpOnly") end)
  end)

  it("refuses header injection", function()
    for _, value in ipairs({ "a\r\nX: y", "a\nb", "a\rb", "a\0b" }) do
      assert.has_error(function() Response():header("X-A", value) end,
        'response:header: the value of "X-A" has a line break in it')
      assert.has_error(function() Response():redirect(value) end)
      assert.has_error(function() Response():header("X-A", { value }) end)
    end
    assert.has_error(function() Response():header("X: y\r\nZ", "1") end)
    assert.has_error(function() Response():header("", "1") end)
  end)

  it("refuses what is no status, body or value", function()
    for _, status in ipairs({ 101, 600, 200.5, "200", 0 / 0 }) do
      assert.has_error(function() Response():status(status) end)
    end
    assert.has_error(function() Response():send({}) end,
      "response:send: the body must be a string or a function; it is a table "
      .. "(response:json sends tables)")
    assert.has_error(function() Response():header("X-A", true) end)
    assert.has_error(function() Response():header("X-A") end)
  end)

  it("knows its own", function()
    assert.is_true(Response.is(Response()))
    assert.is_false(Response.is({}))
    assert.is_false(Response.is("text"))
  end)
end)

describe("Response:file", function()
  local core
  before_each(function()
    core = fake_core.install()
    fake_files.install(core, {
      ["/www/a.txt"] = "text", ["/www/.env"] = "secret", ["/key"] = "key",
      ["/www/secret"] = { text = "", failure = "EACCES: permission denied" },
      ["/www/out"] = { link = "/key" },
    })
  end)
  after_each(function()
    fake_files.remove()
    fake_core.remove()
  end)

  local function answered(path, options)
    return unpacked(Response(layers.get("/page")):file(path, options))
  end

  it("fills it with a file", function()
    local answer = answered("/www/a.txt", { maxAge = 60 })
    assert.are.same({ 200, "text" }, { answer.status, answer.body })
    assert.are.equal("max-age=60", answer.headers["Cache-Control"])
    assert.are.equal("text", unpacked(Response():file("/www/a.txt")).body)
  end)

  it("knows what the client has", function()
    local tag = answered("/www/a.txt").headers.ETag
    local request = layers.get("/", { ["If-None-Match"] = tag })
    assert.are.equal(304, (Response(request):file("/www/a.txt"):unpack()))
  end)

  it("is 404 and 403 for what is not there, and what is not for it", function()
    assert.are.same({ 404, "Not Found\n" },
      { answered("/none").status, answered("/none").body })
    assert.are.equal("info 404 /page: there is no such file", fake_core.last_log(core))
    assert.are.equal(404, answered("/www").status)
    assert.are.equal(403, answered("/www/secret").status)
  end)

  it("stays in its root", function()
    assert.are.equal("text", answered("a.txt", { root = "/www" }).body)
    for _, path in ipairs({ "../key", "/key", ".env", "a\0", "out", "none", "", "a.txt/" }) do
      assert.are.equal(404, answered(path, { root = "/www" }).status, path)
    end
  end)

  it("refuses what is no path or option", function()
    assert.has_error(function() Response():file() end,
      "response:file: the path must be a string; it is a nil")
    assert.has_error(function() Response():file("/a", { rot = "/" }) end,
      'response:file: unknown option "rot"; did you mean "root"?')
  end)

  it("says which headers are set", function()
    assert.is_true(Response():header("X-A", "1"):has("x-a"))
    assert.is_false(Response():has("x-a"))
  end)
end)
