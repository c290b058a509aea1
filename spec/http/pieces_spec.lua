local disk = require "ratchet.http.disk"
local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"
local pieces = require "ratchet.http.pieces"

local SIZE = 150000

describe("pieces", function()
  local core, files, stat
  before_each(function()
    core = fake_core.install()
    files = fake_files.install(core, { ["/large"] = ("0123456789"):rep(SIZE / 10) })
    disk.with_file("/large", function(_, found) stat = found end)
  end)
  after_each(function()
    fake_files.remove()
    fake_core.remove()
  end)

  local function all_of(next_piece)
    local text, count = "", 0
    for piece in next_piece do text, count = text .. piece, count + 1 end
    return text, count
  end

  it("are the whole, opened late and closed at the end", function()
    local next_piece, over = pieces("/large", stat, 0, SIZE)
    assert.are.same({ 0, 1 }, { files.open, files.opened })
    local text, count = all_of(next_piece)
    assert.are.equal(("0123456789"):rep(SIZE / 10), text)
    assert.are.equal(3, count)
    assert.are.same({ 1, 2 }, { files.open, files.opened })
    over()
    assert.are.equal(0, files.open)
  end)

  it("are a part", function()
    local next_piece, over = pieces("/large", stat, 65541, 7)
    assert.are.same({ "1234567", 1 }, { all_of(next_piece) })
    over()
  end)

  it("open nothing that is not wanted", function()
    local _, over = pieces("/large", stat, 0, SIZE)
    over()
    assert.are.same({ 0, 1 }, { files.open, files.opened })
  end)

  it("are closed when no more is wanted", function()
    local next_piece, over = pieces("/large", stat, 0, SIZE)
    next_piece()
    over()
    assert.are.equal(0, files.open)
  end)

  it("are closed only after a thread has read", function()
    local next_piece, over = pieces("/large", stat, 0, SIZE)
    next_piece()
    local wait = core.wait
    function core.wait(ticket) -- the client leaves meanwhile
      over()
      assert.are.equal(1, files.open)
      return wait(ticket)
    end
    next_piece()
    assert.are.equal(0, files.open)
  end)

  it("are closed when the client leaves while the file is opened", function()
    local next_piece, over = pieces("/large", stat, 0, SIZE)
    local wait = core.wait
    function core.wait(ticket)
      core.wait = wait
      over()
      return wait(ticket)
    end
    assert.are.equal("", next_piece())
    assert.are.equal(0, files.open)
  end)

  it("raise for another file, and for one that cannot be read", function()
    local other = pieces("/large", { ino = 2 }, 0, SIZE)
    assert.has_error(other, "file: /large: another file took its place while it was sent")
    assert.has_error(pieces("/gone", stat, 0, 1),
      "file: /gone: ENOENT: no such file or directory: /gone")
    assert.has_error(pieces("/large", stat, SIZE, 1),
      "file: /large: it became shorter while it was read")
    files.read_failure = "EIO: i/o error"
    assert.has_error(pieces("/large", stat, 0, 1), "file: /large: EIO: i/o error")
    files.stat_failure = "ENOMEM: not enough memory"
    assert.has_error(pieces("/large", stat, 0, 1), "file: /large: ENOMEM: not enough memory")
    assert.are.equal(0, files.open)
  end)
end)
