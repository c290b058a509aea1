-- fake_files - stands in for the disk: a luv with the few functions that files are
-- read and written by, on a tree in a table, with callbacks that come at once. The core
-- gets tickets that go with it.
--
--   fake_files.install(core, { ["/www/a.txt"] = "text", ["/www/out"] = { link = "/etc" } })

local fake_files = {}

local MTIME = 784111777 -- Sun, 06 Nov 1994 08:49:37 GMT

local function add_tickets(core)
  function core.ticket() return {} end
  function core.wake(ticket, ...)
    ticket.values = { n = select("#", ...), ... }
    return true
  end
  function core.wait(ticket) return unpack(ticket.values, 1, ticket.values.n) end
end

local function is_folder(tree, path)
  for name in pairs(tree) do
    if name:sub(1, #path + 1) == path .. "/" then return true end
  end
  return false
end

-- The path with its links followed, or nil.
local function resolve(tree, path)
  local real = ""
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  for part in path:gmatch("[^/]+") do
    real = real .. "/" .. part
    local entry = tree[real]
    if type(entry) == "table" and entry.link then real = entry.link end
  end
  if real == "" then return "/" end
  if path:sub(-1) == "/" and tree[real] then return nil end -- a file is no folder
  return (tree[real] or is_folder(tree, real)) and real or nil
end

local function stat_of(tree, real)
  if is_folder(tree, real) then return { type = "directory", size = 0, mtime = { sec = MTIME } } end
  local entry = tree[real]
  if type(entry) == "string" then entry = { text = entry } end
  return {
    type = entry.type or "file",
    size = entry.size or #entry.text,
    mtime = { sec = entry.time or MTIME, nsec = 7 },
    uid = entry.uid or 1000, nlink = entry.nlink or 1,
  }
end

local function text_of(entry)
  return type(entry) == "string" and entry or entry.text
end

---Puts the fake in the place of luv.
---@param core table of fake_core
---@param tree table<string, string|table> path to the text, or to { link = } or to
---  { text =, size =, time =, type =, failure = }
---@return table disk with `open`, how many files are open, and `opened`, how many were
function fake_files.install(core, tree)
  local disk, paths = { open = 0, opened = 0 }, {}
  local uv = { constants = { O_NONBLOCK = 2048, O_RDWR = 2, O_CREAT = 64 } }
  add_tickets(core)
  function uv.fs_realpath(path, callback)
    local real = resolve(tree, path)
    callback(not real and "ENOENT: no such file or directory: " .. path or nil, real)
    return {}
  end
  function uv.fs_open(path, flags, _, callback)
    if flags % 128 >= 64 and not tree[path] then tree[path] = "" end
    if flags >= core.noFollow and type(tree[path]) == "table" and tree[path].link then
      callback("ELOOP: too many symbolic links encountered: " .. path)
      return {}
    end
    local real = resolve(tree, path)
    local failure = not real and "ENOENT: no such file or directory: " .. path
      or type(tree[real]) == "table" and tree[real].failure
    if failure then callback(failure) return {} end
    disk.open, disk.opened = disk.open + 1, disk.opened + 1
    paths[disk.opened] = real
    callback(nil, disk.opened)
    return {}
  end
  function uv.fs_fstat(fd, callback)
    if disk.stat_failure then return nil, disk.stat_failure end
    callback(nil, stat_of(tree, paths[fd]))
    return {}
  end
  function uv.fs_read(fd, length, offset, callback)
    if disk.read_failure then callback(disk.read_failure) return {} end
    callback(nil, text_of(tree[paths[fd]]):sub(offset + 1, offset + math.min(length, 7)))
    return {}
  end
  local function set_text(fd, text)
    local path = paths[fd]
    if type(tree[path]) == "table" then tree[path].text = text else tree[path] = text end
  end
  function uv.fs_write(fd, bytes, offset, callback)
    if disk.write_failure then callback(disk.write_failure) return {} end
    local text, part = text_of(tree[paths[fd]]), bytes:sub(1, 7)
    set_text(fd, text:sub(1, offset) .. part .. text:sub(offset + #part + 1))
    callback(nil, #part)
    return {}
  end
  function uv.fs_ftruncate(fd, length, callback)
    set_text(fd, text_of(tree[paths[fd]]):sub(1, length))
    callback(nil, true)
    return {}
  end
  function uv.fs_unlink(path, callback)
    if not tree[path] then callback("ENOENT: no such file or directory: " .. path) return {} end
    tree[path] = nil
    callback(nil, true)
    return {}
  end
  function uv.getuid() return disk.uid or 1000 end
  function uv.fs_close(_, callback)
    disk.open = disk.open - 1
    callback(nil, true)
    return {}
  end
  package.loaded.luv = uv
  return disk
end

---Takes it away again.
function fake_files.remove()
  package.loaded.luv = nil
end

return fake_files
