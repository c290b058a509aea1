-- command - how `ratchet-lua NAME arguments` is run: as a task, which may wait, of the
-- program that otherwise serves an app. What a command does is a module of its own,
-- ratchet.command.NAME, which returns a function of the arguments. What that returns is
-- the exit status: 0 or nothing when it went well, 1 when it did not, 2 for wrong usage.

local native = require "ratchet.native"

local command = {}

local function describe(err)
  if type(err) ~= "string" then return "raised a " .. type(err) .. ": " .. tostring(err) end
  return debug.traceback(err, 2)
end

---Runs the command and returns its exit status. What it raises is logged: status 1.
---@param name string
---@param ... string
---@return integer status
function command.run(name, ...)
  local core = native.core()
  local ok, status = xpcall(function(...)
    return require("ratchet.command." .. name)(...)
  end, describe, ...)
  if ok then return status or 0 end
  core.log("error", ("ratchet-lua %s: %s"):format(name, status))
  return 1
end

---Has it run when the loop does, and the program end with its status.
---@param name string
---@param ... string
function command.start(name, ...)
  local core = native.core()
  core.spawn(function(...) core.finish(command.run(name, ...)) end, ...)
end

---Prints a line that helps, for wrong usage: `return command.usage("connect", "...")`.
---@param name string
---@param message string
---@return integer status 2
function command.usage(name, message)
  io.stderr:write(("ratchet-lua %s: %s (see ratchet-lua %s --help)\n"):format(name, message, name))
  return 2
end

return command
