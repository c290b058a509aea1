-- folder - finds the files of one folder by paths that strangers made up, and
-- nothing else: no "..", no hidden files, no way out by symbolic links.

local disk = require "ratchet.http.disk"

local folder = {}

---Why a path is not even looked for; nil when it is sound. It is decoded, relative,
---and may end with one slash.
---@param path string
---@return string? reason
function folder.objection(path)
  if path:find("[%z\1-\31\127\\]") then return "it has a backslash or a control character" end
  if path:sub(1, 1) == "/" or path:find("//", 1, true) then return "it has an empty part" end
  for part in path:gmatch("[^/]+") do
    if part:sub(1, 1) == "." then return "a part of it begins with a dot" end
  end
end

-- `real` as seen from `root`; nil when it lies elsewhere. Both are real paths.
local function below(root, real)
  if real == root then return "" end
  local prefix = root == "/" and "/" or root .. "/"
  if real:sub(1, #prefix) == prefix then return real:sub(#prefix + 1) end
end

---Where a sound path really is. Waits.
---@param root string the folder
---@param path string what folder.objection has nothing against
---@return string? real nil when it is not there, or no business of strangers
---@return string? message
function folder.find(root, path)
  local real_root, root_message = disk.real_path(root)
  if not real_root then
    error(("the folder %s cannot be read: %s"):format(root, root_message), 0)
  end
  local real, message = disk.real_path(real_root .. "/" .. path)
  if not real then return nil, message end
  local inside = below(real_root, real)
  if not inside then return nil, "ENOENT: a symbolic link leads out of the folder" end
  if folder.objection(inside) then return nil, "ENOENT: a symbolic link leads to a hidden file" end
  return real
end

return folder
