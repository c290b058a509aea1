-- session - one conversation with a server: the component of its connection, and what
-- is done with each line that is typed.

local class = require "ratchet.class"
local close_code = require "ratchet.websocket.close_code"
local shown = require "ratchet.command.connect.shown"

---@class ratchet.Session
local Session = class()

local FULL = 65536 -- bytes in the queue, with which the input waits

local HELP = [==[
/ping [TEXT]            pings the server
/binary HEX             sends bytes
/close [CODE [REASON]]  says goodbye, 1000 when no code is given
//TEXT                  sends a text that begins with /
/help                   this text]==]

---@param output ratchet.Output
---@param given table hex (lines are bytes), ping, count, wait
---@param tools { now: function, every: function, sleep: function, spawn: function }
---@return ratchet.Session
function Session.new(output, given, tools)
  return setmetatable({ output = output, given = given, tools = tools, received = 0 }, Session)
end

-- ---- what the server does

---@param conn ratchet.Connection
function Session:onOpen(conn)
  self.conn = conn
  local protocol = conn.protocol ~= "" and (", sub-protocol " .. conn.protocol) or ""
  local extensions = conn.extensions ~= "" and (", extensions " .. conn.extensions) or ""
  self.output:say("connected" .. protocol .. extensions)
  if self.given.ping and self.given.ping > 0 then
    conn:every(self.given.ping, function() self:ping("") end)
  end
  self:on_open()
end

---@param conn ratchet.Connection
---@param message string
---@param is_binary boolean
function Session:onMessage(conn, message, is_binary)
  self.received, self.last = self.received + 1, self.tools.now()
  self.output:message(message, is_binary)
  if self.output.is_broken or self.received == self.given.count then conn:close() end
end

function Session:onPong(_, data)
  local took = self.pinged_at and (self.tools.now() - self.pinged_at) * 1000
  self.pinged_at = nil
  self.output:say(("pong%s%s"):format(data ~= "" and " " .. data or "",
    took and (" after %.1f ms"):format(took) or ""))
end

function Session:onDrain()
  self.input:start()
end

---@param code integer
---@param reason string
function Session:onClose(_, code, reason)
  self.conn = nil
  self.output:say(("closed: %d%s (%s)"):format(code, reason ~= "" and " " .. reason or "",
    close_code.meaning(code)))
  self.finish((close_code.is_good(code) or code == self.asked_code) and 0 or 1)
end

function Session:onError(conn, err, answer)
  self.output:say(tostring(err))
  if conn then
    self.failed = true
    return conn:close()
  end
  if answer and answer.body ~= "" then self.output:say((answer.body:gsub("%s+$", ""))) end
  if answer and answer.status == 403 and not self.given.origin then
    self.output:say("no Origin was sent, as browsers do: --origin http://HOST sends one")
  end
  self.finish(1)
end

-- ---- what is typed

function Session:ping(text)
  if #text > 125 then return self.output:say("a ping has 125 bytes at most (RFC 6455 5.5)") end
  self.pinged_at = self.tools.now()
  self.conn:ping(text)
end

function Session:send(message, is_binary)
  local is_sent, err = pcall(self.conn.send, self.conn, message, is_binary)
  if not is_sent then
    self.failed = true
    return self.output:say("not sent: " .. tostring(err))
  end
  self.last = self.tools.now()
  if self.conn and self.conn.bufferedAmount > FULL then self.input:stop() end
end

function Session:send_hex(text)
  local bytes, message = shown.unhex(text)
  if bytes then return self:send(bytes, true) end
  self.failed = true
  self.output:say("not sent: " .. message)
end

---Says goodbye.
---@param code integer?
---@param reason string?
function Session:close(code, reason)
  if not self.conn then return end
  local is_good, err = pcall(self.conn.close, self.conn, code, reason)
  if not is_good then return self.output:say(tostring(err)) end
  self.asked_code = code
end

local commands = {
  ping = function(session, rest) session:ping(rest) end,
  binary = function(session, rest) session:send_hex(rest) end,
  close = function(session, rest)
    local code, reason = rest:match("^(%d+)%s*(.*)$")
    if not code and rest ~= "" then
      return session.output:say("/close takes a number: /close 1000 reason")
    end
    session:close(tonumber(code), reason ~= "" and reason or nil)
  end,
  help = function(session) session.output:say(HELP) end,
}
commands.quit = commands.close

---Does what a line at a terminal says.
---@param line string
function Session:command(line)
  if not self.conn then return end
  self.output:echo(line)
  local word, rest = line:match("^/(%a+)%s*(.*)$")
  if word and commands[word] then return commands[word](self, rest) end
  if word then
    return self.output:say(("there is no /%s; /help lists what there is"):format(word))
  end
  if line ~= "" then self:line(line:find("^//") and line:sub(2) or line) end
end

---Sends a line.
---@param line string
function Session:line(line)
  if not self.conn then return end
  if self.given.hex then return self:send_hex(line) end
  self:send(line)
end

---The input has ended: the connection stays for as long as something comes.
function Session:input_ended()
  if not self.conn or self.given.count then return end
  self.last = self.last or self.tools.now()
  self.tools.spawn(function()
    local wait = self.given.wait or 1
    while self.conn do
      local left = self.last + wait - self.tools.now()
      if left <= 0 then return self:close() end
      self.tools.sleep(left)
    end
  end)
end

return Session
