-- FileStore - the sessions of PHP's handler "files": sess_<id> in a folder, locked by
-- flock as PHP does it, from session_start() to the end of the script. Who reads or
-- writes here waits for that, and others are served meanwhile.
--
-- As in PHP, a file of another user is not believed, nor a symbolic link: in a folder that
-- everybody may write to (/tmp), anybody could have made them.

local class = require "ratchet.class"
local disk = require "ratchet.http.disk"
local ids = require "ratchet.session.id"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"

local MAX_SIZE = 1048576
local LOCK_TIMEOUT = 10
local SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.05

---@class ratchet.session.FileStore
---@field folder string
---@field depth integer folders below, each named by one character of the id
local FileStore = class()

local known = { maxSize = "bytes", lockTimeout = "some_seconds" }

---@param path string a folder, or what PHP has in session.save_path: "2;/var/lib/sessions",
---  "2;0600;/var/lib/sessions"
---@param given { maxSize: integer?, lockTimeout: number? }? bytes of a session, 1 MiB when
---  not given; seconds to wait for a lock, 10 when not given
---@return ratchet.session.FileStore
function FileStore.new(path, given)
  options.argument("the folder", path, "path", "FileStore")
  given = options.check(given, known, "FileStore")
  local depth, folder = path:match("^(%d%d?);(.+)$")
  folder = folder and (folder:match("^[0-7]+;(.+)$") or folder) or path
  if folder:find(";", 1, true) then
    raise('FileStore: %q is neither a folder nor a session.save_path such as "2;/folder"', path)
  end
  return setmetatable({
    folder = folder ~= "/" and folder:gsub("/$", "") or folder,
    depth = tonumber(depth) or 0,
    max_size = given.maxSize or MAX_SIZE,
    lock_timeout = given.lockTimeout or LOCK_TIMEOUT,
  }, FileStore)
end

local function path_of(store, id)
  if not ids.isValid(id) or #id <= store.depth then return nil, "this is no id of a session" end
  local parts = { store.folder }
  for i = 1, store.depth do parts[i + 1] = id:sub(i, i) end
  parts[#parts + 1] = "sess_" .. id
  return table.concat(parts, "/")
end

-- Asks again and again, as flock itself would hold up a thread of libuv.
local function lock(store, fd, kind)
  local core, waited, pause = native.core(), 0, SHORTEST_PAUSE
  local locked, message = core.lockFile(fd, kind)
  while locked == false do
    if waited >= store.lock_timeout then
      return nil, ("it is locked, by a script of the site, for over %g seconds"):format(waited)
    end
    core.sleep(pause)
    waited, pause = waited + pause, math.min(pause * 2, LONGEST_PAUSE)
    locked, message = core.lockFile(fd, kind)
  end
  return locked, message
end

local function check_owner(stat)
  local own = require("luv").getuid()
  if stat.type ~= "file" then return nil, "it is no file" end
  if own == 0 or stat.uid == own or stat.uid == 0 then return true end
  return nil, ("it belongs to the user %d, and the server runs as %d"):format(stat.uid, own)
end

-- What could not be read again is not written.
local function replace(store, fd, bytes)
  if #bytes > store.max_size then
    return nil, ("it would have %d bytes; %d is the most"):format(#bytes, store.max_size)
  end
  return disk.replace(fd, bytes)
end

-- The bytes under the lock; nil when the site has ended the session meanwhile.
local function read_locked(store, fd)
  local stat, message = disk.stat(fd)
  if not stat then return nil, message end
  if stat.nlink == 0 then return nil end
  if stat.size > store.max_size then
    return nil, ("it has %d bytes; %d is the most"):format(stat.size, store.max_size)
  end
  return disk.read(fd, 0, stat.size)
end

-- use(fd) with the file open, ours and locked. A file that is not there is no failure.
local function with_session(store, id, mode, kind, use)
  local path, no_path = path_of(store, id)
  if not path then return nil, no_path end
  local result, message = disk.with_file(path, function(fd, stat)
    local good, reason = check_owner(stat)
    if good then good, reason = lock(store, fd, kind) end
    if not good then return nil, reason end
    return use(fd)
  end, mode)
  if result == nil and disk.is_missing(message) and mode ~= "write" then message = nil end
  return result, message and ("%s: %s"):format(path, message)
end

---@param id string
---@return string? bytes nil, and no reason, when there is no such session
---@return string? reason
function FileStore:read(id)
  return with_session(self, id, "look", "shared", function(fd) return read_locked(self, fd) end)
end

---@param id string
---@param bytes string
---@return true? written
---@return string? reason
function FileStore:write(id, bytes)
  return with_session(self, id, "write", "exclusive", function(fd)
    return replace(self, fd, bytes)
  end)
end

---@param id string
---@param change fun(bytes: string?): string?, string?
---@return true? written
---@return string? reason
function FileStore:update(id, change)
  local is_there, refusal = false, nil
  local written, reason = with_session(self, id, "change", "exclusive", function(fd)
    local bytes, why = read_locked(self, fd)
    if not bytes then return nil, why end
    is_there = true
    bytes, refusal = change(bytes)
    if not bytes then return nil end
    return replace(self, fd, bytes)
  end)
  if is_there or reason then return written, refusal or reason end
  local bytes
  bytes, reason = change(nil)
  if not bytes then return nil, reason end
  return self:write(id, bytes)
end

---@param id string
---@return true? destroyed also when there was none
---@return string? reason
function FileStore:destroy(id)
  local path, no_path = path_of(self, id)
  if not path then return nil, no_path end
  local removed, message = disk.remove(path)
  if removed or disk.is_missing(message) then return true end
  return nil, message
end

return FileStore
