-- app_files - an app's files in memory, in a folder that there is not.

local files = require "ratchet.reload.files"

local app_files = { FOLDER = "/no/such/app/" }

local read, path

---Puts texts in the place of the disk; names are relative to the folder.
---@param texts table<string, string>
---@return table<string, string> texts to be changed later
function app_files.install(texts)
  read, path = files.read, package.path
  files.read = function(name)
    local text = texts[name:sub(#app_files.FOLDER + 1)]
    if not text then return nil, name .. ": No such file or directory" end
    return text
  end
  package.path = app_files.FOLDER .. "?.lua;" .. path
  files.install(app_files.FOLDER .. "app.lua")
  return texts
end

---Takes them away again.
function app_files.remove()
  for _, file in ipairs(files.list()) do
    if file.name then package.loaded[file.name] = nil end
  end
  files.remove()
  files.read, package.path = read, path
end

return app_files
