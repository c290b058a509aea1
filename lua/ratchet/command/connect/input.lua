-- input - what comes in on stdin, whatever it is: a terminal, a pipe, a file. It can be
-- stopped while nobody has room for more.

local class = require "ratchet.class"

---@class ratchet.Input
---@field is_terminal boolean
local Input = class()

local PIECE = 65536

---@param uv table luv
---@param on_bytes fun(bytes: string)
---@param on_end fun()
---@return ratchet.Input
function Input.new(uv, on_bytes, on_end)
  local input = setmetatable({
    uv = uv, on_bytes = on_bytes, on_end = on_end, kind = uv.guess_handle(0), is_stopped = true,
  }, Input)
  input.is_terminal = input.kind == "tty"
  if input.kind == "tty" then
    input.stream = uv.new_tty(0, true)
    input.stream:set_mode(1) -- keys as they are pressed
  elseif input.kind == "pipe" then
    input.stream = uv.new_pipe(false)
    input.stream:open(0)
  end
  return input
end

function Input:finish()
  if self.is_over then return end
  self.is_over = true
  self.on_end()
end

-- Files have no stream: a piece is read when the one before was taken.
function Input:read_file()
  if self.is_stopped or self.is_reading or self.is_over then return end
  self.is_reading = true
  self.uv.fs_read(0, PIECE, -1, function(err, bytes)
    self.is_reading = false
    if self.is_closed then return end
    if err or bytes == "" then return self:finish() end
    self.on_bytes(bytes)
    self:read_file()
  end)
end

---Begins to read, or goes on.
function Input:start()
  if not self.is_stopped or self.is_over then return end
  self.is_stopped = false
  if not self.stream then return self:read_file() end
  self.stream:read_start(function(err, bytes)
    if err or not bytes then return self:finish() end
    self.on_bytes(bytes)
  end)
end

---Reads no more until start is called.
function Input:stop()
  if self.is_stopped then return end
  self.is_stopped = true
  if self.stream and not self.is_over then self.stream:read_stop() end
end

---Gives everything back; a terminal is as it was.
function Input:close()
  self.is_closed, self.is_over = true, true
  if self.is_terminal then self.uv.tty_reset_mode() end
  if self.stream and not self.stream:is_closing() then self.stream:close() end
end

return Input
