local app_files = require "support.app_files"
local fake_core = require "support.fake_core"
local files = require "ratchet.reload.files"

local FOLDER = app_files.FOLDER

describe("watch", function()
  local texts, folders, reload, later, watch

  before_each(function()
    local core = fake_core.install()
    function core.ownHandle(handle) return handle end
    texts = app_files.install({ ["app.lua"] = "return 1", ["part.lua"] = "return 2" })
    folders, later = {}, nil
    local tree = { [FOLDER] = { "sub", ".git", "node_modules" } }
    package.loaded.luv = {
      new_timer = function()
        return { unref = function() end, start = function(_, _, _, fn) later = fn end }
      end,
      new_fs_event = function()
        return { unref = function() end, close = function() end,
          start = function(_, folder, _, callback)
            folders[folder] = callback
            return true
          end }
      end,
      fs_stat = function() return {} end,
      fs_scandir = function(folder) return { folder = folder, at = 0 } end,
      fs_scandir_next = function(entries)
        entries.at = entries.at + 1
        return (tree[entries.folder] or {})[entries.at], "directory"
      end,
    }
    assert(files.load(FOLDER .. "app.lua"))
    require "part"
    reload = { count = 0, ask = function() reload.count = reload.count + 1 end }
    package.loaded["ratchet.reload.watch"] = nil
    watch = require "ratchet.reload.watch"
    watch.start(reload)
  end)
  after_each(function()
    package.loaded.luv = nil
    app_files.remove()
    fake_core.remove()
  end)

  local function event(name)
    later = nil
    folders[FOLDER](nil, name)
    if later then later() end
    return reload.count
  end

  it("watches the folder and those below, but not what is hidden or installed", function()
    local found = {}
    for folder in pairs(folders) do found[#found + 1] = folder end
    table.sort(found)
    assert.are.same({ FOLDER, FOLDER .. "sub/" }, found)
  end)

  it("asks for a reload when a file that was loaded differs or is gone", function()
    assert.are.equal(0, event("app.lua"))
    texts["part.lua"] = "return 3"
    assert.are.equal(1, event("part.lua"))
    texts["part.lua"] = nil
    assert.are.equal(2, event("part.lua"))
  end)

  it("does not care for other files", function()
    texts["part.lua"] = "return 3"
    assert.are.equal(0, event("page.html"))
  end)

  it("tries again what failed only when there is something new", function()
    reload.attempted = { { path = FOLDER .. "app.lua", text = "bad" } }
    texts["app.lua"] = "bad"
    event("app.lua")
    local count = reload.count
    texts["app.lua"] = "good"
    assert.are.equal(count + 1, event("app.lua"))
  end)
end)
