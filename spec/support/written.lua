-- written - a file with that text in a folder of its own, for what reads real files.

---@param text string
---@param name string? "app.lua" when not given
---@return string path
---@return fun() remove
return function(text, name)
  local folder = os.tmpname()
  os.remove(folder)
  assert(require("lfs").mkdir(folder))
  local path = folder .. "/" .. (name or "app.lua")
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  return path, function()
    os.remove(path)
    require("lfs").rmdir(folder)
  end
end
