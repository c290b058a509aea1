-- Every module has a spec of the same name at the same place, and every spec a
-- module: lua/ratchet/http/router.lua and spec/http/router_spec.lua.

local lfs = require "lfs"

local function each_file(folder, visit, below)
  for name in lfs.dir(folder .. (below or "")) do
    local path = (below or "") .. "/" .. name
    if lfs.attributes(folder .. path, "mode") == "directory" then
      if name:sub(1, 1) ~= "." then each_file(folder, visit, path) end
    else
      visit(path)
    end
  end
end

local function stems(folder, ending, is_left_out)
  local found = {}
  each_file(folder, function(path)
    local stem = path:sub(-#ending) == ending and path:sub(2, -#ending - 1)
    if stem and not is_left_out(stem) then found[#found + 1] = stem end
  end)
  table.sort(found)
  return found
end

-- Files that are not of the library: descriptions, and what `ratchet-lua new` copies.
local function is_no_module(stem)
  return stem:find("^meta/") or stem:find("^command/templates/")
end

describe("the mirror of lua/ and spec/", function()
  it("has no gap", function()
    local modules = stems("lua/ratchet", ".lua", is_no_module)
    local specs = stems("spec", "_spec.lua",
      function(stem) return stem == "meta" or stem == "readme" or stem == "annotations" end)
    assert.are.same(modules, specs)
  end)

  it("runs in LuaJIT", function()
    assert.is_table(_G.jit)
  end)
end)

describe("every module", function()
  it("loads without the core", function()
    assert.is_nil(package.loaded["ratchet.core"])
    for _, stem in ipairs(stems("lua/ratchet", ".lua", is_no_module)) do
      local name = "ratchet." .. stem:gsub("/", ".")
      package.loaded[name] = nil
      assert.has_no_error(function() require(name:gsub("%.init$", "")) end)
    end
  end)
end)
