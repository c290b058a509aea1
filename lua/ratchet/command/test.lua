-- test - `ratchet-lua test`: busted inside the program, with the loop and ratchet.core
-- at hand. Arguments, output, configuration and exit codes are busted's own; wrong usage
-- is 2, as with every command.
--
-- All of it runs in one task, so whatever is in an `it` may wait.

local scope = require "ratchet.testing.scope"
local native = require "ratchet.native"

local NAME = "ratchet-lua test"

-- What busted's exit raises here, through all of its pcalls.
local Exit = {}

local function say(text)
  io.stderr:write(NAME, ": ", text, "\n")
end

-- Takes --live away, which busted does not know.
local function take_own_options(arguments)
  local rest = {}
  for _, argument in ipairs(arguments) do
    if argument == "--live" then
      scope.isLive = true
    else
      rest[#rest + 1] = argument
    end
  end
  return rest
end

local own_usage = [[
OPTIONS of ratchet-lua test:
  --live                            testing.serve through TCP in place of memory
]]

-- Wrong usage ends busted with 1, as a failed test does. So it is asked beforehand.
local function check_usage(arguments)
  local cli = require("busted.modules.cli")({ output = "plainTerminal" })
  cli:set_name(NAME)
  local parsed, err = cli:parse(arguments)
  if parsed then return nil end
  local usage = err:match("Usage: .*")
  if usage then
    usage = usage:gsub("; re%-run with %-%-help for usage%.%s*$", "")
    io.stdout:write(usage, "\n", own_usage)
    return 0
  end
  io.stderr:write(err, "\n")
  return 2
end

-- ---- scopes: where busted runs a block

-- busted forgets after each file what it has required. The library itself stays, as it
-- has told the core of its functions.
local function keep_library()
  for name, module in pairs(package.loaded) do
    if (name == "ratchet" or name:find("^ratchet%.")) and not package.preload[name] then
      package.preload[name] = function() return module end
    end
  end
end

local blocks = { file = true, describe = true, it = true }

-- busted.safe runs an `it` twice: with all that belongs to it, and inside of that by
-- itself. The outer one is the scope.
local function guard(busted)
  local safe, entered = busted.safe, {}
  function busted.safe(descriptor, run, element)
    if not blocks[descriptor] or entered[element] then return safe(descriptor, run, element) end
    entered[element] = true
    return safe(descriptor, function()
      scope.enter(descriptor)
      local ok, err = pcall(run)
      local message = scope.leave()
      keep_library()
      entered[element] = nil
      if not ok then error(err, 0) end
      if message then error(message, 0) end
    end, element)
  end
  return busted
end

local function guard_busted()
  local make = require "busted.core"
  package.loaded["busted.core"] = function(...) return guard(make(...)) end
end

-- ---- running it

local function take_over_exit()
  require("busted.compatibility").exit = function(code)
    error(setmetatable({ status = code == 0 and 0 or 1 }, Exit), 0)
  end
end

-- The name of this chunk is how busted calls itself.
local function run_busted()
  local chunk = assert(loadstring([[
    local run = ...
    local done = run({ standalone = false })
    return done
  ]], "@" .. NAME))
  local ok, err = xpcall(chunk, function(err)
    return getmetatable(err) == Exit and err or debug.traceback(tostring(err), 2)
  end, require("busted.runner"))
  if ok then return 0 end
  if getmetatable(err) == Exit then return err.status end
  say(err)
  return 1
end

---@param ... string the arguments of the command line
---@return integer status
return function(...)
  if not pcall(require, "busted.compatibility") then
    say("busted is not installed: apt install lua-busted, or luarocks install busted")
    return 1
  end
  local arguments = take_own_options({ ... })
  local busted_arguments = { [0] = NAME, unpack(arguments) }
  table.insert(busted_arguments, 1, "--ignore-lua") -- this is the one that runs them
  local status = check_usage(busted_arguments)
  if status then return status end
  rawset(_G, "arg", busted_arguments)
  native.core()
  scope.watch()
  require "ratchet.testing"
  guard_busted()
  take_over_exit()
  return run_busted()
end
