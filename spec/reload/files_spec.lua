local app_files = require "support.app_files"
local files = require "ratchet.reload.files"

local FOLDER = app_files.FOLDER

describe("files", function()
  local texts
  before_each(function()
    texts = app_files.install({ ["one.lua"] = "return 1", ["sub/two.lua"] = "return ..." })
  end)
  after_each(app_files.remove)

  it("notes what require, dofile and loadfile load from the app's folder", function()
    texts["three.lua"] = "return 3"
    assert.are.equal(1, require "one")
    assert.are.equal("sub.two", require "sub.two")
    assert.are.equal(3, dofile(FOLDER .. "three.lua"))
    local list = files.list()
    assert.are.same({ "one", "sub.two" }, { list[1].name, list[2].name })
    assert.are.equal("return 3", list[FOLDER .. "three.lua"].text)
    assert.are.same({}, files.marks(list[1]))
    assert.is_nil(list[1].chunk)
    assert.are.equal(3, loadfile(FOLDER .. "three.lua")())
    assert.are.equal(3, #list)
    assert.is_true(files.is_source("@" .. FOLDER .. "one.lua"))
    assert.is_false(files.is_source("@/elsewhere.lua"))
  end)

  it("leaves to others what is not the app's", function()
    assert.is_false(files.is_own("/usr/share/lua/x.lua"))
    assert.is_false(files.is_own(FOLDER .. "ratchet/app.lua", "ratchet.app"))
    assert.is_false(files.is_own(FOLDER .. "lua_modules/x.lua"))
    assert.is_true(files.is_own(FOLDER .. "x.lua"))
    local loaded = package.loaded["ratchet.log"]
    package.loaded["ratchet.log"] = nil
    assert.is_function(require "ratchet.log")
    package.loaded["ratchet.log"] = loaded
    assert.are.same({}, files.list())
  end)

  it("does not look further for a file that is there and cannot be read", function()
    local read = files.read
    function files.read(path)
      if path:find("one.lua", 1, true) then
        return nil, path .. ": Too many open files", true
      end
      return read(path)
    end
    local is_good, err = pcall(require, "one")
    files.read = read
    assert.is_false(is_good)
    assert.is_truthy(err:find("cannot open .*one.lua: Too many open files"))
  end)

  it("says where an error is", function()
    texts["bad.lua"] = "return = 1"
    local _, err = pcall(require, "bad")
    assert.are.equal(("error loading module 'bad' from file '%sbad.lua':\n"
      .. "\t%sbad.lua:1: unexpected symbol near '='"):format(FOLDER, FOLDER), err)
    assert.are.equal("return = 1", files.failed.text)
    assert.has_error(function() dofile(FOLDER .. "bad.lua") end)
    texts["byte.lua"] = "\27LJ"
    local chunk, message = loadfile(FOLDER .. "byte.lua")
    assert.is_nil(chunk)
    assert.are.equal(FOLDER .. "byte.lua is bytecode; Lua is loaded as text only", message)
    local found, missing = pcall(require, "none")
    assert.is_false(found)
    assert.is_truthy(missing:find("module 'none' not found", 1, true))
  end)

  it("passes over a line for the shell", function()
    texts["shell.lua"] = "#!/usr/bin/ratchet-lua\nreturn debug.getinfo(1, 'l').currentline"
    assert.are.equal(2, dofile(FOLDER .. "shell.lua"))
  end)

  it("reads from memory when it is told to", function()
    local before = files.begin({ [FOLDER .. "one.lua"] = "return 'memory'" })
    assert.are.equal("memory", require "one")
    assert.is_false((pcall(require, "sub.two")))
    package.loaded.one = nil
    files.from_disk()
    assert.are.equal(1, require "one")
    package.loaded.one = nil
    files.restore(before)
    assert.are.equal(before, files.list())
  end)

  it("tells of modules that are loaded late", function()
    local told
    files.late = function(name, value) told = { name, value } end
    files.mark_late()
    assert.are.equal(1, require "one")
    files.late = nil
    assert.are.same({ "one", 1 }, told)
    assert.is_true(files.list()[1].is_late)
  end)

  it("takes the folder of a plain name for the one that it stands in", function()
    files.install("app.lua")
    assert.is_true(files.is_own("./x.lua"))
    assert.is_true(files.is_own("x.lua"))
    assert.is_false(files.is_own("../x.lua"))
    assert.is_false(files.is_own("/x.lua"))
  end)
end)
