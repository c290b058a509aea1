-- A chat over raw TCP: no HTTP and no WebSocket, only IoServer and a component. TCP
-- delivers bytes and not lines, so the component puts the lines together itself.
-- Run `ratchet-lua apps/telnet_chat/app.lua`, then `telnet localhost 8080` (or
-- `nc localhost 8080`) in two terminals.

local ratchet = require "ratchet"

local LONGEST_LINE = 1000

local Chat = { clients = {} }

function Chat:tell_others(from, line)
  for client in pairs(self.clients) do
    if client ~= from then client:send(line .. "\r\n") end
  end
end

function Chat:onOpen(conn)
  conn.name = "guest " .. conn.resourceId
  conn.rest = ""
  self.clients[conn] = true
  conn:send("You are " .. conn.name .. ". Type a line, or /name ada, or /quit.\r\n")
  self:tell_others(conn, "* " .. conn.name .. " came in")
end

-- What a line says; everything but text is taken out, so that nobody can play with
-- the others' terminals.
function Chat:onLine(conn, line)
  line = line:gsub("%c", "")
  local name = line:match("^/name%s+(%S.*)$")
  if line == "/quit" then
    conn:close()
  elseif name then
    self:tell_others(conn, ("* %s is now %s"):format(conn.name, name))
    conn.name = name
  elseif line ~= "" then
    self:tell_others(conn, conn.name .. ": " .. line)
  end
end

-- `bytes` may hold half a line or several; what has no end yet waits in conn.rest.
function Chat:onMessage(conn, bytes)
  local text = conn.rest .. bytes
  local done = 1
  for line, after in text:gmatch("([^\n]*)\n()") do
    self:onLine(conn, line)
    done = after
  end
  conn.rest = text:sub(done)
  if #conn.rest > LONGEST_LINE then conn:send("That line is too long.\r\n"):close() end
end

function Chat:onClose(conn)
  self.clients[conn] = nil
  self:tell_others(conn, "* " .. conn.name .. " left")
end

function Chat:onError(conn)
  conn:close()
end

ratchet.server.IoServer.factory(Chat, 8080, "127.0.0.1"):run()
