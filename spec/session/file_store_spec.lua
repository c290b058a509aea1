local FileStore = require "ratchet.session.file_store"
local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"

describe("FileStore", function()
  local core, files, tree, locked, slept
  before_each(function()
    core = fake_core.install()
    tree = {
      ["/s/sess_abc"] = "user|i:1;",
      ["/s/sess_theirs"] = { text = "x", uid = 7 },
      ["/s/sess_roots"] = { text = "y", uid = 0 },
      ["/s/sess_gone"] = { text = "z", nlink = 0 },
      ["/s/sess_large"] = { text = "", size = 2000000 },
      ["/s/sess_pipe"] = { text = "", type = "fifo" },
      ["/s/sess_secret"] = { failure = "EACCES: permission denied: /s/sess_secret" },
      ["/s/a/b/sess_abc"] = "deep",
      ["/s/sess_link"] = { link = "/s/sess_abc" },
    }
    files = fake_files.install(core, tree)
    locked, slept = {}, 0
    function core.lockFile(_, kind)
      locked[#locked + 1] = kind
      return true
    end
    function core.sleep(seconds) slept = slept + seconds end
  end)
  after_each(function()
    assert.are.equal(0, files.open)
    fake_files.remove()
    fake_core.remove()
  end)

  it("reads PHP's file, under a lock", function()
    assert.are.equal("user|i:1;", FileStore("/s"):read("abc"))
    assert.are.same({ "shared" }, locked)
    assert.are.equal("user|i:1;", FileStore("/s/"):read("abc"))
  end)

  it("has no session where there is no file, and that is no failure", function()
    assert.are.same({ n = 2 }, { n = select("#", FileStore("/s"):read("nobody")),
      FileStore("/s"):read("nobody") })
    assert.are.same({}, { (FileStore("/s"):read("gone")) })
  end)

  it("knows what PHP has in session.save_path", function()
    for path, expected in pairs({
      ["2;/s"] = "deep", ["2;0600;/s"] = "deep", ["0;/s"] = "user|i:1;",
    }) do
      assert.are.equal(expected, FileStore(path):read("abc"))
    end
    assert.are.same({ nil, "this is no id of a session" }, { FileStore("5;/s"):read("abc") })
    assert.error_matches(function() FileStore("x;/s") end, "neither a folder nor")
    assert.error_matches(function() FileStore("") end, "the folder must be the path of a file")
  end)

  it("takes no id that leads elsewhere", function()
    local store = FileStore("/s")
    for _, id in ipairs({ "", "../s/sess_abc", "a/b", "..", "abc\0", "a.b" }) do
      assert.are.same({ nil, "this is no id of a session" }, { store:read(id) })
      assert.are.same({ nil, "this is no id of a session" }, { store:write(id, "x") })
      assert.are.same({ nil, "this is no id of a session" }, { store:destroy(id) })
      assert.are.same({ nil, "this is no id of a session" }, { store:update(id, error) })
    end
    assert.are.equal(0, files.opened)
  end)

  it("believes no file of somebody else, as PHP does", function()
    local store = FileStore("/s")
    assert.are.same({ nil,
      "/s/sess_theirs: it belongs to the user 7, and the server runs as 1000" },
      { store:read("theirs") })
    assert.are.equal("y", store:read("roots"))
    files.uid = 0
    assert.are.equal("x", store:read("theirs"))
    assert.are.same({ nil, "/s/sess_pipe: it is no file" }, { store:read("pipe") })
    assert.is_nil((store:read("link")))
    assert.are.same({ nil, "there was none" },
      { store:update("link", function() return nil, "there was none" end) })
    assert.matches("ELOOP", select(2, store:write("link", "x")))
    assert.are.equal("user|i:1;", tree["/s/sess_abc"])
  end)

  it("tells why it could not", function()
    local store = FileStore("/s")
    assert.are.same({ nil, "/s/sess_secret: EACCES: permission denied: /s/sess_secret" },
      { store:read("secret") })
    assert.are.same({ nil, "/s/sess_large: it has 2000000 bytes; 1048576 is the most" },
      { store:read("large") })
    files.write_failure = "ENOSPC: no space left on device"
    assert.are.same({ nil, "/s/sess_abc: ENOSPC: no space left on device" },
      { store:write("abc", "x") })
    core.lockFile = function() return nil, "No locks available" end
    assert.are.same({ nil, "/s/sess_abc: No locks available" }, { store:read("abc") })
  end)

  it("writes all of it, and no more", function()
    local store = FileStore("/s")
    assert.is_true(store:write("abc", ("long"):rep(10)))
    assert.are.equal(("long"):rep(10), tree["/s/sess_abc"])
    assert.is_true(store:write("abc", ""))
    assert.are.equal("", tree["/s/sess_abc"])
    assert.is_true(store:write("new", "x"))
    assert.are.equal("x", tree["/s/sess_new"])
    assert.are.same({ "exclusive", "exclusive", "exclusive" }, locked)
  end)

  it("writes nothing that it would not read again", function()
    local store = FileStore("/s", { maxSize = 10 })
    local reason = "/s/sess_abc: it would have 11 bytes; 10 is the most"
    assert.are.same({ nil, reason }, { store:write("abc", ("x"):rep(11)) })
    assert.are.same({ nil, reason },
      { store:update("abc", function() return ("x"):rep(11) end) })
    assert.are.equal("user|i:1;", store:read("abc"))
  end)

  it("updates under one lock", function()
    local store = FileStore("/s")
    assert.is_true(store:update("abc", function(bytes) return bytes .. "b|N;" end))
    assert.are.equal("user|i:1;b|N;", tree["/s/sess_abc"])
    assert.are.same({ "exclusive" }, locked)
    assert.are.same({ nil, "no" }, { store:update("abc", function() return nil, "no" end) })
    assert.is_true(store:update("none", function(bytes)
      assert.is_nil(bytes)
      return "made"
    end))
    assert.are.equal("made", tree["/s/sess_none"])
    for _, id in ipairs({ "gone", "nobody" }) do
      assert.are.same({ nil, "there was none" }, { store:update(id, function(bytes)
        assert.is_nil(bytes)
        return nil, "there was none"
      end) })
    end
  end)

  it("waits for a script of the site, and not for ever", function()
    local left = 5
    function core.lockFile()
      left = left - 1
      return left == 0
    end
    assert.are.equal("user|i:1;", FileStore("/s"):read("abc"))
    assert.is_true(slept > 0.01)
    core.lockFile = function() return false end
    slept = 0
    local bytes, reason = FileStore("/s", { lockTimeout = 1 }):read("abc")
    assert.is_nil(bytes)
    assert.matches("^/s/sess_abc: it is locked, by a script of the site, for over 1%.%d+ seconds$",
      reason)
    assert.is_true(slept < 1.1)
  end)

  it("closes the file when the wait is cancelled", function()
    core.lockFile = function() return false end
    core.sleep = function() error("cancelled", 0) end
    assert.has_error(function() FileStore("/s"):read("abc") end, "cancelled")
  end)

  it("destroys", function()
    local store = FileStore("/s")
    assert.is_true(store:destroy("abc"))
    assert.is_nil(tree["/s/sess_abc"])
    assert.is_true(store:destroy("abc"))
  end)
end)
