-- pieces - a part of a file as the body of an answer: read piece by piece, as the
-- client takes it, so that neither a large file nor a slow client costs memory.
--
-- The file is opened when the first piece is wanted and closed when no more is: an
-- answer that is never sent holds nothing.

local disk = require "ratchet.http.disk"

local PIECE = 65536

local function close(reader)
  if reader.fd then disk.close(reader.fd) end
  reader.fd = nil
end

-- The head that has gone out speaks of the file that was there then.
local function open(reader)
  local fd, message = disk.open(reader.path)
  if not fd then return nil, message end
  reader.fd = fd
  local stat
  stat, message = disk.stat(fd)
  if not stat then return nil, message end
  if stat.ino ~= reader.stat.ino or stat.dev ~= reader.stat.dev then
    return nil, "another file took its place while it was sent"
  end
  return true
end

local function read(reader)
  if not reader.fd then
    local is_open, message = open(reader)
    if not is_open then return nil, message end
  end
  if reader.is_over then return "" end -- nobody gets it
  return disk.read(reader.fd, reader.at, math.min(PIECE, reader.left))
end

-- While a thread reads the file, its descriptor must not be given to another.
local function read_and_close(reader)
  reader.is_busy = true
  local piece, message = read(reader)
  reader.is_busy = false
  if reader.is_over or not piece then close(reader) end
  return piece, message
end

local function next_piece(reader)
  if reader.left == 0 then return nil end
  local piece, message = read_and_close(reader)
  if not piece then error(("file: %s: %s"):format(reader.path, message), 0) end
  reader.at, reader.left = reader.at + #piece, reader.left - #piece
  return piece
end

---@param path string
---@param stat table of luv, what the file was when it was described to the client
---@param first integer byte, from 0
---@param length integer
---@return fun(): string? next the next piece; waits, and raises when it cannot be read
---@return fun() over closes the file; does not wait
local function pieces(path, stat, first, length)
  local reader = { path = path, stat = stat, at = first, left = length }
  return function() return next_piece(reader) end, function()
    reader.is_over = true
    if not reader.is_busy then close(reader) end
  end
end

return pieces
