local disk = require "ratchet.http.disk"
local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"

describe("disk", function()
  local core, files
  before_each(function()
    core = fake_core.install()
    files = fake_files.install(core, {
      ["/a.txt"] = "0123456789abcdef",
      ["/l"] = { link = "/a.txt" },
      ["/short"] = { text = "12", size = 5 },
    })
  end)
  after_each(function()
    fake_files.remove()
    fake_core.remove()
  end)

  it("reads a part, however many pieces it comes in", function()
    assert.are.equal("123456789abcde", disk.with_file("/a.txt", function(fd, stat)
      assert.are.equal(16, stat.size)
      return disk.read(fd, 1, 14)
    end))
    assert.are.same({ 0, 1 }, { files.open, files.opened })
  end)

  it("reads nothing when nothing is asked for", function()
    assert.are.equal("", disk.with_file("/a.txt", function(fd) return disk.read(fd, 16, 0) end))
  end)

  it("tells of a file that became shorter", function()
    assert.are.same({ nil, "it became shorter while it was read" },
      { disk.with_file("/short", function(fd) return disk.read(fd, 0, 5) end) })
  end)

  it("closes the file after errors and failures", function()
    assert.has_error(function() disk.with_file("/a.txt", function() error("boom", 0) end) end,
      "boom")
    files.read_failure = "EIO: i/o error"
    assert.are.same({ nil, "EIO: i/o error" },
      { disk.with_file("/a.txt", function(fd) return disk.read(fd, 0, 5) end) })
    files.stat_failure = "ENOMEM: not enough memory" -- not even started
    assert.are.same({ nil, "ENOMEM: not enough memory" }, { disk.with_file("/a.txt", error) })
    assert.are.same({ 0, 3 }, { files.open, files.opened })
  end)

  it("closes what was opened when nobody waits any more", function()
    function core.wake() return false end
    function core.wait() error("not in a handler", 0) end
    assert.has_error(function() disk.with_file("/a.txt", error) end, "not in a handler")
    assert.are.same({ 0, 1 }, { files.open, files.opened })
  end)

  it("follows links", function()
    assert.are.equal("/a.txt", disk.real_path("/l"))
    local real, message = disk.real_path("/none")
    assert.is_nil(real)
    assert.is_true(disk.is_missing(message))
  end)

  it("tells failures apart", function()
    for _, code in ipairs({ "ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP" }) do
      assert.is_true(disk.is_missing(code .. ": text"))
      assert.is_false(disk.is_forbidden(code .. ": text"))
    end
    for _, code in ipairs({ "EACCES", "EPERM" }) do
      assert.is_true(disk.is_forbidden(code .. ": text"))
      assert.is_false(disk.is_missing(code .. ": text"))
    end
    assert.is_false(disk.is_missing("EMFILE: too many open files"))
    assert.is_false(disk.is_missing(nil))
  end)

  it("puts bytes in the place of others, however many writes it takes", function()
    for _, text in ipairs({ "longer than what was there before", "short", "" }) do
      assert.is_true(disk.with_file("/a.txt", function(fd) return disk.replace(fd, text) end,
        "change"))
      assert.are.equal(text, disk.with_file("/a.txt", function(fd, stat)
        return disk.read(fd, 0, stat.size)
      end))
    end
    files.write_failure = "ENOSPC: no space left on device"
    assert.are.same({ nil, "ENOSPC: no space left on device" }, { disk.with_file("/a.txt",
      function(fd) return disk.replace(fd, "x") end, "change") })
  end)

  it("makes a file to write, and none to change", function()
    assert.is_true(disk.is_missing(select(2, disk.with_file("/new", error, "change"))))
    assert.is_true(disk.with_file("/new", function(fd) return disk.replace(fd, "x") end, "write"))
    assert.is_true(disk.remove("/new"))
    assert.is_true(disk.is_missing(select(2, disk.remove("/new"))))
  end)

  it("follows no link where it is told so", function()
    for _, mode in ipairs({ "look", "change", "write" }) do
      assert.matches("^ELOOP", select(2, disk.with_file("/l", error, mode)))
    end
  end)

  -- `ratchet-lua test` has a core behind the fake one, for which nobody would wake us.
  it("needs the server", function()
    local preload = package.preload["ratchet.core"]
    fake_core.remove()
    package.preload["ratchet.core"] = nil
    local ok, message = pcall(disk.real_path, "/a.txt")
    package.preload["ratchet.core"] = preload
    assert.is_false(ok)
    assert.matches("this needs the server around it", message)
  end)
end)
