local Response = require "ratchet.http.response"
local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"
local file = require "ratchet.http.file"
local layers = require "support.layers"

local TAG = '"a-2ebc98a1-7"' -- size, seconds, nanoseconds
local DATE = "Sun, 06 Nov 1994 08:49:37 GMT"

describe("file.fill", function()
  local files
  before_each(function()
    files = fake_files.install(fake_core.install(), {
      ["/a.txt"] = "0123456789",
      ["/empty.css"] = "",
      ["/new"] = { text = "x", time = os.time() },
      ["/large"] = ("0123456789"):rep(7000),
      ["/pipe"] = { text = "", type = "fifo" },
      ["/secret"] = { text = "", failure = "EACCES: permission denied: /secret" },
      ["/busy"] = { text = "", failure = "EMFILE: too many open files: /busy" },
      ["/folder/a"] = "",
    })
  end)
  after_each(function()
    assert.are.equal(0, files.open)
    fake_files.remove()
    fake_core.remove()
  end)

  local function answered(path, headers, method, response, max_age)
    local request = layers.get("/", headers, { method = method })
    local filled = file.fill(response or Response(), request, path, max_age)
    local status, body, sent = filled:unpack()
    return { status = status, body = body, headers = sent }
  end

  it("is the file, and what it can be recognized by", function()
    assert.are.same({ status = 200, body = "0123456789", headers = {
      ["Content-Type"] = "text/plain; charset=utf-8",
      ["X-Content-Type-Options"] = "nosniff",
      ["Accept-Ranges"] = "bytes",
      ["ETag"] = TAG,
      ["Last-Modified"] = DATE,
    } }, answered("/a.txt"))
  end)

  it("may be empty", function()
    local answer = answered("/empty.css")
    assert.are.same({ 200, "" }, { answer.status, answer.body })
    assert.are.equal("text/css; charset=utf-8", answer.headers["Content-Type"])
  end)

  it("leaves headers that are set, and adds maxAge", function()
    local response = Response():header("content-type", "text/x-own")
    local answer = answered("/a.txt", {}, "GET", response, 60)
    assert.are.equal("text/x-own", answer.headers["content-type"])
    assert.is_nil(answer.headers["Content-Type"])
    assert.are.equal("max-age=60", answer.headers["Cache-Control"])
  end)

  it("is 304 without a body for who has it", function()
    for _, headers in ipairs({ { ["If-None-Match"] = TAG }, { ["If-Modified-Since"] = DATE } }) do
      for _, method in ipairs({ "GET", "HEAD" }) do
        local answer = answered("/a.txt", headers, method)
        assert.are.same({ 304, "", TAG }, { answer.status, answer.body, answer.headers.ETag })
      end
      assert.are.equal(200, answered("/a.txt", headers, "POST").status)
    end
  end)

  it("has a weak tag while it may change unnoticed", function()
    assert.matches('^W/"1%-', answered("/new").headers.ETag)
  end)

  it("is a part for who wants one", function()
    local answer = answered("/a.txt", { Range = "bytes=2-4" })
    assert.are.same({ 206, "234" }, { answer.status, answer.body })
    assert.are.equal("bytes 2-4/10", answer.headers["Content-Range"])
    assert.are.equal(TAG, answer.headers.ETag)
  end)

  it("is 416 behind the end", function()
    local answer = answered("/a.txt", { Range = "bytes=10-" })
    assert.are.same({ 416, "" }, { answer.status, answer.body })
    assert.are.equal("bytes */10", answer.headers["Content-Range"])
  end)

  it("is whole for several parts, HEAD, and another If-Range", function()
    assert.are.equal(200, answered("/a.txt", { Range = "bytes=0-1,3-4" }).status)
    assert.are.equal(200, answered("/a.txt", { Range = "bytes=0-1" }, "HEAD").status)
    assert.are.equal(200, answered("/a.txt", { Range = "bytes=0-1", ["If-Range"] = '"x"' }).status)
    assert.are.equal(206, answered("/a.txt", { Range = "bytes=0-1", ["If-Range"] = TAG }).status)
  end)

  it("keeps a status that is set, such as that of a page for errors", function()
    local answer = answered("/a.txt", { ["If-None-Match"] = TAG, Range = "bytes=1-2" }, "GET",
      Response():status(404))
    assert.are.same({ 404, "0123456789" }, { answer.status, answer.body })
  end)

  it("tells what is no file", function()
    for path, beginning in pairs({
      ["/none"] = "ENOENT", ["/folder"] = "EISDIR", ["/pipe"] = "ENOENT", ["/secret"] = "EACCES",
    }) do
      local filled, message = file.fill(Response(), layers.get("/"), path)
      assert.is_nil(filled)
      assert.matches("^" .. beginning, message)
    end
  end)

  it("is sent piece by piece when it is large", function()
    local response = Response()
    local answer = answered("/large", { Range = "bytes=1-69998" }, "GET", response)
    assert.are.equal("69998", answer.headers["Content-Length"])
    assert.are.equal("bytes 1-69998/70000", answer.headers["Content-Range"])
    local _, next_piece, _, over = response:unpack()
    local text = ""
    for piece in next_piece do text = text .. piece end
    assert.are.equal(("0123456789"):rep(7000):sub(2, -2), text)
    over()
    assert.are.equal("0123", answered("/large", { Range = "bytes=0-3" }).body)
  end)

  it("is not read for HEAD, which is told the length", function()
    files.read_failure = "EIO: i/o error"
    for path, length in pairs({ ["/a.txt"] = "10", ["/large"] = "70000", ["/empty.css"] = "0" }) do
      local response = Response()
      local answer = answered(path, {}, "HEAD", response)
      assert.are.same({ 200, length }, { answer.status, answer.headers["Content-Length"] })
      select(4, response:unpack())()
    end
    assert.are.equal(3, files.opened)
  end)

  it("raises when it cannot be read", function()
    assert.has_error(function() answered("/busy") end,
      "file: /busy: EMFILE: too many open files: /busy")
    files.read_failure = "EIO: i/o error"
    assert.has_error(function() answered("/a.txt") end, "file: /a.txt: EIO: i/o error")
  end)
end)
