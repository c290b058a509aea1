-- output - where what is said and done goes: messages to stdout, everything about them
-- to stderr. At a terminal both have the time, and the line that is being written is
-- drawn anew below them.

local class = require "ratchet.class"
local shown = require "ratchet.command.connect.shown"

---@class ratchet.Output
---@field editor ratchet.Editor? whose line is kept below
---@field is_broken boolean? nobody reads stdout any more
local Output = class()

---@param uv table luv
---@param given table timestamps, json, plain
---@return ratchet.Output
function Output.new(uv, given)
  local is_terminal = uv.guess_handle(1) == "tty"
  return setmetatable({
    uv = uv,
    is_terminal = is_terminal,
    has_time = given.timestamps or is_terminal and not given.plain,
    has_json = given.json or is_terminal and not given.plain,
    is_plain = given.plain or not is_terminal,
  }, Output)
end

local function time(output)
  if not output.has_time then return "" end
  local seconds, micros = output.uv.gettimeofday()
  return ("%s.%03d "):format(os.date("%H:%M:%S", seconds), math.floor(micros / 1000))
end

local function columns(output)
  local tty = output.tty_width
  return tty and tty() or 80
end

---Draws the line that is being written.
function Output:draw()
  if not self.editor then return end
  io.stderr:write(self.editor:draw(columns(self)))
end

-- The line that is being written makes room and comes back.
local function write(output, file, text)
  if output.editor then io.stderr:write("\r\27[K") end
  local is_written = file:write(text)
  file:flush()
  if not is_written then output.is_broken = true end
  output:draw()
end

---Says something about the connection.
---@param text string
function Output:say(text)
  write(self, io.stderr, time(self) .. shown.safe(text) .. "\n")
end

-- As it came where a program reads it.
local function body(output, message, is_binary)
  if is_binary then return shown.hex(message) end
  local text = output.has_json and shown.json(message) or message
  return output.is_plain and text or shown.safe(text)
end

---Prints a message that came.
---@param message string
---@param is_binary boolean
function Output:message(message, is_binary)
  local mark = self.is_plain and "" or is_binary and ("< %d bytes "):format(#message) or "< "
  write(self, io.stdout, time(self) .. mark .. body(self, message, is_binary) .. "\n")
end

---Shows what was typed, which the terminal does not.
---@param text string
function Output:echo(text)
  if self.editor then write(self, io.stderr, time(self) .. "> " .. shown.safe(text) .. "\n") end
end

return Output
