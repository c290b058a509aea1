-- log - one line in the server's log. Outside of ratchet-lua (in a spec, say)
-- the line goes to stderr.

local raise = require "ratchet.raise"
local native = require "ratchet.native"

local levels = { debug = true, info = true, warn = true, error = true }

---@param level "debug"|"info"|"warn"|"error"
---@param message string
local function log(level, message)
  if not levels[level] then
    raise('ratchet.log: the level must be "debug", "info", "warn" or "error"; it is "%s"',
      tostring(level))
  end
  local core = native.optional()
  if core then return core.log(level, message) end
  io.stderr:write(level, " ", message, "\n")
end

return log
