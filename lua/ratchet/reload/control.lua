-- control - hears the commands of `ratchet-lua reload`, `rollback` and `drain` on a unix
-- socket that only this user can reach; and SIGHUP, which asks for a reload.
--
-- A command is a line. The answer begins with the line "ok" or "error"; then the
-- connection is closed.

local leave = require "ratchet.server.leave"
local native = require "ratchet.native"

local control = {}

local LONGEST = 100 -- bytes of a command
local MODE = tonumber("600", 8)

local Control = {}

-- Those who are connected to it: whoever drains does not mean them.
local clients = setmetatable({}, { __mode = "k" })

local function answer(conn, is_good, text)
  conn:send(("%s\n%s\n"):format(is_good and "ok" or "error", text))
  conn:close()
end

local commands = {}

function commands.status(conn, reload)
  local uv = require "luv"
  answer(conn, true, ("%s\n%s"):format(uv.fs_realpath(reload.app()) or reload.app(),
    reload.version()))
end

local function ask(kind)
  return function(conn, reload)
    reload.ask(kind, function(is_good, text) answer(conn, is_good, text) end)
  end
end

commands.reload, commands.rollback = ask("reload"), ask("rollback")

function commands.drain(conn, _, argument)
  local seconds = tonumber(argument)
  if not seconds or seconds > 86400 then
    return answer(conn, false, "drain takes a number of seconds, 86400 at most")
  end
  if leave.is_under_way then return answer(conn, false, "it is going away already") end
  local count = leave.begin(seconds, clients)
  answer(conn, true, ("%d connections are asked to come again within %g s"):format(count, seconds))
end

function Control:onOpen(conn)
  clients[conn] = true
end

-- A connection has one command; what comes behind it is not looked at.
function Control:onMessage(conn, bytes)
  if conn.hasCommand then return end
  conn.line = (conn.line or "") .. bytes
  local word, argument = conn.line:match("^(%a+) ?([%d.]*)\r?\n")
  local command = word and commands[word]
  if command then
    conn.hasCommand = true
    return command(conn, self.reload, argument)
  end
  if conn.line:find("\n", 1, true) or #conn.line > LONGEST then
    answer(conn, false, "there is no such command: status, reload, rollback, drain SECONDS")
  end
end

local function hear_signal(reload)
  local uv = require "luv"
  local signal = native.core().ownHandle(uv.new_signal())
  signal:start("sighup", function() reload.ask("reload") end)
  signal:unref()
end

---Begins to listen.
---@param reload table
function control.listen(reload)
  hear_signal(reload)
  local path = native.options().control
  if not path then return end
  local core = native.core()
  local endpoint = core.endpoint(setmetatable({ reload = reload }, { __index = Control }))
  local bound, message = core.listen({ path = path, mode = MODE, endpoint = endpoint })
  if not bound then
    core.log("warn", ("`ratchet-lua reload` cannot reach this server: %s: %s"):format(
      path, message))
  end
end

return control
