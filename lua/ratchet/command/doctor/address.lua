-- address - what a client meets at an address: does the handshake pass all that lies
-- between, how long does it take, and how long may a connection be silent?

local close_code = require "ratchet.websocket.close_code"

local address = {}

local SLOW = 1 -- seconds

-- What an answer that is not 101 says of what is in front of the server.
local cures = {
  [400] = "a proxy may change the handshake: it has to pass Upgrade, Connection and Host on, by "
    .. "HTTP/1.1",
  [403] = "the Origin is not allowed: say --origin, or add it to the allowed origins of the route",
  [404] = "no route has this path or host: `ratchet-lua check` lists them; a proxy has to pass "
    .. "Host on, and not to cut the path",
  [426] = "a proxy does not pass Upgrade and Connection on (RFC 6455 4.1), or --protocol is "
    .. "missing",
  [502] = "the proxy does not reach the server behind it: is that running, on that port?",
  [503] = "the server is full, or stops: see its log",
  [504] = "the server behind the proxy does not answer in time",
}

local function finding(level, what, cure)
  return { level = level, what = what, cure = cure }
end

local function failed(err, answer)
  local cure = answer and cures[answer.status]
  if not cure and err:find("refused", 1, true) then
    cure = "nobody listens there: is the server running, and is its address not 127.0.0.1 only?"
  end
  return finding("warning", err, cure or "see the log of the server, and of what is in front of it")
end

-- Silent from our side; the server's pings, if any, are answered by the core.
local function watch_silence(conn, seconds, now)
  local began = now()
  local why, code
  repeat
    local _
    _, why, code = conn:receive(math.max(began + seconds - now(), 0.001))
  until why == "closed" or now() - began >= seconds
  local lasted = now() - began
  if why ~= "closed" then
    return finding("ok", ("a connection that sends nothing is there after %.0f s"):format(lasted))
  end
  return finding("warning", ("the connection ended after %.1f s in which it sent nothing: %d (%s)")
    :format(lasted, code, close_code.meaning(code)),
    ("something in front may end silent connections: raise its time (proxy_read_timeout in nginx, "
      .. "timeout client, server and tunnel in HAProxy), or set keepAlive below %d"):format(
      math.max(1, math.floor(lasted))))
end

---Looks at an address. Waits.
---@param connect fun(url: string, options: table): any, any, any ratchet.connect
---@param url string
---@param options table for it
---@param seconds number how long to be silent
---@param now fun(): number seconds
---@return ratchet.Finding[]
function address.look(connect, url, options, seconds, now)
  local began = now()
  options.keepAlive = 0 -- our pings would keep it alive
  local conn, err, answer = connect(url, options)
  if not conn then return { failed(err, answer) } end
  local took = now() - began
  local is_slow = took > SLOW
  local list = {
    finding(is_slow and "warning" or "ok", ("%s: handshake in %.0f ms"):format(url, took * 1000),
      is_slow and "is a name server slow, or the network, or the server busy?" or nil),
    watch_silence(conn, seconds, now),
  }
  conn:close()
  return list
end

return address
