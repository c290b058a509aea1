-- connect - `ratchet-lua connect URL`: talks to a WebSocket server. A person types at a
-- terminal; a script has lines on stdin, and reads messages from stdout.

local Editor = require "ratchet.command.connect.editor"
local Input = require "ratchet.command.connect.input"
local Output = require "ratchet.command.connect.output"
local Session = require "ratchet.command.connect.session"
local arguments = require "ratchet.arguments"
local command = require "ratchet.command"
local target = require "ratchet.command.target"

local usage = {
  name = "connect",
  operands = { "URL" },
  options = {
    binary = { "hex" }, ping = "seconds", wait = "seconds", count = "count",
    timestamps = "flag", json = "flag", plain = "flag",
  },
  help = [==[
usage: ratchet-lua connect [options] URL

Talks to a WebSocket server, such as ws://localhost:8080/chat. What is typed is sent,
a message a line; what comes is printed, binary messages in hexadecimal. Where the
input is no terminal its lines are sent, and after its end the connection stays until
nothing has come for a while.

]==] .. target.help .. [==[
  --binary hex            lines are bytes in hexadecimal, sent as binary messages
  --ping SECONDS          pings so often, and says how long the answer took
  --wait SECONDS          how long to stay when the input has ended and is no
                          terminal: since the last message (1)
  --count N               close after N messages, and not before
  --timestamps            the time before each line, also where no terminal is
  --json                  JSON over several lines, also where no terminal is
  --plain                 at a terminal, too, messages as they are
  --help                  this text

At a terminal the keys are those of a shell, Ctrl+D ends, and
  /ping [TEXT]  /binary HEX  /close [CODE [REASON]]  /help
are not sent; a line that begins with // is, with one / less.

Exit status: 0 closed well, 1 no connection, or it ended badly, 2 wrong usage.
]==],
}
for name, kind in pairs(target.options) do usage.options[name] = kind end

-- Lines of a script, however they are cut into pieces.
local function line_cutter(on_line)
  local kept = {}
  local cutter = {}
  function cutter.feed(bytes)
    local at = 1
    while true do
      local stop = bytes:find("\n", at, true)
      if not stop then break end
      kept[#kept + 1] = bytes:sub(at, stop - 1)
      local line = table.concat(kept):gsub("\r$", "")
      kept, at = {}, stop + 1
      on_line(line)
    end
    if at <= #bytes then kept[#kept + 1] = bytes:sub(at) end
  end
  function cutter.finish()
    if #kept > 0 then on_line((table.concat(kept))) end
    kept = {}
  end
  return cutter
end

local function open_script_input(session, uv)
  local cutter = line_cutter(function(line) session:line(line) end)
  return Input(uv, cutter.feed, function()
    cutter.finish()
    session:input_ended()
  end)
end

local function open_terminal_input(session, output, uv)
  local editor = Editor("> ")
  local input = Input(uv, function(bytes)
    local is_over = editor:type(bytes, function(line) session:command(line) end)
    if is_over then return session:leave() end
    output:draw()
  end, function() session:leave() end)
  output.tty_width = function() return (input.stream:get_winsize()) end
  output.editor = editor
  return input
end

-- Whoever ends the program gets the terminal back as it was.
local function watch_signals(session, uv)
  for _, name in ipairs({ "sigterm", "sighup", "sigint" }) do
    local signal = uv.new_signal()
    signal:start(name, function() session:leave() end)
    signal:unref()
  end
end

local function talk(given, options)
  local ratchet = require "ratchet"
  local uv = require "luv"
  local output = Output(uv, given)
  given.hex = given.binary == "hex"
  local session = Session(output, given, {
    now = function() return uv.hrtime() / 1e9 end, sleep = ratchet.sleep, spawn = ratchet.spawn,
  })
  local client, err
  local status = ratchet.await(function(resume)
    session.finish = resume
    local left = 0
    function session:leave()
      left = left + 1
      if left > 1 or not self.conn then return resume(self.conn and 1 or 0) end
      self:close()
    end
    function session:on_open()
      local is_terminal = uv.guess_handle(0) == "tty"
      self.input = is_terminal and open_terminal_input(self, output, uv)
        or open_script_input(self, uv)
      self.input:start()
      output:draw()
    end
    watch_signals(session, uv)
    options.events, options.maxMessageSize, options.maxBufferedAmount = session, 2 ^ 30, 2 ^ 30
    client, err = ratchet.connect(given[1], options)
    if not client then
      output:say(err)
      resume(1)
    end
  end)
  if output.editor then
    output.editor = nil
    io.stderr:write("\r\27[K")
  end
  if session.input then session.input:close() end
  return session.failed and 1 or status
end

local function connect(given)
  local options, message = target.read(given)
  if not options then return command.usage("connect", message) end
  return talk(given, options)
end

---@param ... string what follows the command's name
---@return integer status
return function(...)
  return arguments.run({ ... }, usage, connect)
end
