-- disk - files without holding up the loop: the handler that calls these waits, in a
-- thread of libuv the work is done, and others are served meanwhile.
-- Failures are returned as nil, message; the message begins with the name of the
-- error, such as "ENOENT: ...".

local native = require "ratchet.native"

local disk = {}

local PIECE = 1048576 -- bytes read at once

local function is_code(value, code)
  return type(value) == "string" and value:sub(1, #code) == code
end

-- Calls a function of luv with a callback, and waits for it. The callback comes from
-- the loop, and so never before the wait. When nobody waits any more (or could not,
-- outside of a handler), what it brings is given to release(value).
local function await(release, name, ...)
  local core, uv = native.core(), require "luv"
  local ticket, arguments, count = core.ticket(), { ... }, select("#", ...)
  arguments[count + 1] = function(err, value)
    if not core.wake(ticket, err, value) and release and value then release(value) end
  end
  local started, message = uv[name](unpack(arguments, 1, count + 1))
  if not started then return nil, message end
  local err, value = core.wait(ticket)
  if err then return nil, err end
  return value
end

---Is nothing there, as far as this message of a failure says?
---@param message string?
---@return boolean
function disk.is_missing(message)
  return is_code(message, "ENOENT") or is_code(message, "ENOTDIR")
    or is_code(message, "ENAMETOOLONG") or is_code(message, "ELOOP")
end

---May it not be read, as far as this message of a failure says?
---@param message string?
---@return boolean
function disk.is_forbidden(message)
  return is_code(message, "EACCES") or is_code(message, "EPERM")
end

---The path without symbolic links, "." and "..".
---@param path string
---@return string? real
---@return string? message
function disk.real_path(path)
  return await(nil, "fs_realpath", path)
end

---Closes an open file, and does not wait for it.
---@param fd integer
function disk.close(fd)
  require("luv").fs_close(fd, function() end)
end

-- How a file is opened, for `mode` of disk.open: constants of luv. All but "read" are
-- for files that nobody else is to lead us away from.
local modes = {
  read = {},
  look = {},
  change = { "O_RDWR" },
  write = { "O_RDWR", "O_CREAT" },
}

local function flags_of(mode)
  local flags, constants = 0, require("luv").constants
  for _, name in ipairs(modes[mode]) do flags = flags + constants[name] end
  if mode ~= "read" then flags = flags + native.core().noFollow end
  return flags + (constants.O_NONBLOCK or 0)
end

---Opens a file, without waiting for the other end, as opening a named pipe otherwise does.
---@param path string
---@param mode "read"|"look"|"change"|"write"|nil "read" when not given; "look" is the same
---  but for symbolic links, which it and the others refuse with ELOOP; "change" is for a
---  file that is there, "write" makes one that only its owner may read
---@return integer? fd
---@return string? message
function disk.open(path, mode)
  return await(disk.close, "fs_open", path, flags_of(mode or "read"), tonumber("600", 8))
end

---@param fd integer
---@return table? stat of luv
---@return string? message
function disk.stat(fd)
  return await(nil, "fs_fstat", fd)
end

local function with_descriptor(fd, use)
  local stat, message = disk.stat(fd)
  if not stat then return nil, message end
  return use(fd, stat)
end

---Opens a file, calls use(fd, stat), which may wait, and closes the file, also when
---`use` raises.
---@param path string
---@param use fun(fd: integer, stat: table): any, any
---@param mode "read"|"look"|"change"|"write"|nil as of disk.open
---@return any? result what `use` returned; nil when there was a failure
---@return any message
function disk.with_file(path, use, mode)
  local fd, message = disk.open(path, mode)
  if not fd then return nil, message end
  local went_well, result, more = pcall(with_descriptor, fd, use)
  await(nil, "fs_close", fd)
  if not went_well then error(result, 0) end
  return result, more
end

---Reads a part of an open file, all of it.
---@param fd integer
---@param offset integer
---@param length integer
---@return string? bytes
---@return string? message also when the file ends before
function disk.read(fd, offset, length)
  local pieces, count = {}, 0
  while count < length do
    local piece, message = await(nil, "fs_read", fd, math.min(PIECE, length - count),
      offset + count)
    if not piece then return nil, message end
    if piece == "" then return nil, "it became shorter while it was read" end
    pieces[#pieces + 1], count = piece, count + #piece
  end
  return table.concat(pieces)
end

---Puts these bytes in the place of all that is in an open file.
---@param fd integer
---@param bytes string
---@return true? written
---@return string? message
function disk.replace(fd, bytes)
  local done = 0
  while done < #bytes do
    local count, message = await(nil, "fs_write", fd, done == 0 and bytes or bytes:sub(done + 1),
      done)
    if not count then return nil, message end
    done = done + count
  end
  return await(nil, "fs_ftruncate", fd, #bytes)
end

---@param path string
---@return true? removed
---@return string? message
function disk.remove(path)
  return await(nil, "fs_unlink", path)
end

return disk
