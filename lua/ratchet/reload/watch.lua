-- watch - has the app loaded anew when one of its files changes: --watch.
--
-- Folders are watched, not files: an editor that writes a new file and renames it
-- into place is seen too, and so is a file that was missing. What was seen is looked
-- into after a moment, for one save is several events.

local files = require "ratchet.reload.files"
local native = require "ratchet.native"

local watch = {}

local MOMENT = 50 -- ms
local RETRY = 1000 -- ms, while the folder itself is not there
local MOST_FOLDERS = 1000
local passed_over = { node_modules = true, lua_modules = true }

local watched = {} -- path of a folder to its handle
local count = 0
local timer, asker

-- Does the disk have what was loaded last, or tried last?
local function is_stale()
  for _, file in ipairs(asker.attempted or files.list()) do
    if files.read(file.path) ~= file.text then return true end
  end
  local failed = asker.attempted and files.failed
  return failed and files.read(failed.path) ~= failed.text or false
end

local seen_new = false -- a file that the last attempt may have missed

local function look()
  watch.folders(files.folder())
  if is_stale() or asker.attempted and seen_new then asker.ask("reload") end
  seen_new = false
  if not watched[files.folder()] then timer:start(RETRY, 0, look) end
end

local function forget(folder)
  local handle = watched[folder]
  if not handle then return end
  handle:close()
  watched[folder], count = nil, count - 1
end

-- A folder that was itself moved or removed tells so by its own name, or by none; another
-- one may have its path by now, and is to be watched in its place.
local function is_of_itself(folder, name)
  return name == "" or name == folder:match("([^/]*)/$")
end

local function on_event(folder, err, name)
  if err then return end
  if is_of_itself(folder, name) then forget(folder) end
  local is_lua = name == nil or name:find("%.lua$")
  if is_lua then seen_new = true end
  if is_lua or not name:find(".", 1, true) then timer:start(MOMENT, 0, look) end
end

local function watch_one(folder)
  local uv = require "luv"
  if watched[folder] or count >= MOST_FOLDERS then return end
  local handle = native.core().ownHandle(uv.new_fs_event())
  local function on_its_event(...) on_event(folder, ...) end
  if not handle:start(folder, {}, on_its_event) then return handle:close() end
  handle:unref()
  watched[folder], count = handle, count + 1
  seen_new = true
end

local function each_folder(folder, visit)
  local uv = require "luv"
  local entries = uv.fs_scandir(folder)
  while entries do
    local name, kind = uv.fs_scandir_next(entries)
    if not name then return end
    if kind == "directory" and name:sub(1, 1) ~= "." and not passed_over[name] then
      visit(folder .. name .. "/")
    end
  end
end

---Watches a folder and all below it.
---@param folder string with a slash at its end
function watch.folders(folder)
  local uv = require "luv"
  for path in pairs(watched) do
    if not uv.fs_stat(path) then forget(path) end
  end
  watch_one(folder)
  each_folder(folder, watch.folders)
end

---Begins to watch the folder of the app file.
---@param reload table has `ask`, and `attempted`: the files of an attempt that failed
function watch.start(reload)
  local uv = require "luv"
  asker = reload
  timer = native.core().ownHandle(uv.new_timer())
  timer:unref()
  watch.folders(files.folder())
end

return watch
