local captured = require "support.captured"
local lfs = require "lfs"
local new = require "ratchet.command.new"

local function remove(folder)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name ~= "." and name ~= ".." then
      if lfs.attributes(path, "mode") == "directory" then remove(path) else os.remove(path) end
    end
  end
  lfs.rmdir(folder)
end

local function text_of(path)
  local handle = assert(io.open(path))
  local text = handle:read("*a")
  handle:close()
  return text
end

describe("new", function()
  local folder
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    lfs.mkdir(folder)
  end)
  after_each(function() remove(folder) end)

  for _, template in ipairs({ "chat", "rooms", "game", "dashboard", "wamp" }) do
    it("makes a folder from " .. template, function()
      local target = folder .. "/my-app"
      local status, out = captured(new, "--template", template, target)
      assert.are.equal(0, status)
      assert.matches("ratchet%-lua app.lua", out)
      for _, name in ipairs({ "app.lua", "public/index.html", "spec/app_spec.lua", "README.md",
        ".luacheckrc", ".luarc.json", ".busted", ".gitignore", "Dockerfile", "my-app.service" }) do
        local text = text_of(target .. "/" .. name)
        assert.is_nil(text:find("@%u+@"), name)
        if name:find("%.lua$") then assert.is_function(loadstring(text)) end
      end
      assert.matches("<title>my%-app</title>", text_of(target .. "/public/index.html"))
    end)
  end

  it("tells editors where the annotations are", function()
    captured(new, folder .. "/one")
    local settings = require("cjson").decode(text_of(folder .. "/one/.luarc.json"))
    assert.is_table(lfs.attributes(settings["workspace.library"][1] .. "/ratchet/meta/core.lua"))
  end)

  it("wants a name that is free, and a template that is there", function()
    for _, words in ipairs({ {}, { folder }, { folder .. "/1a" }, { folder .. "/a b" },
      { "--template", "none", folder .. "/x" } }) do
      local status, _, err = captured(new, unpack(words))
      assert.are.equal(2, status)
      assert.matches("^ratchet%-lua new: .*%-%-help%)\n$", err)
    end
  end)

  it("says when the folder cannot be made", function()
    local status, _, err = captured(new, folder .. "/none/x")
    assert.are.equal(1, status)
    assert.matches("^ratchet%-lua new: ENOENT", err)
  end)
end)
