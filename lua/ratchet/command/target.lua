-- target - the server that a command talks to: its URL and the options that go with it,
-- which connect, bench and doctor have in common.

local is_token = require("ratchet.http.headers").is_token
local url = require "ratchet.url"

local target = {}

---What these commands take, for their usage.
target.options = {
  header = "list", protocol = "list", origin = "text", unix = "text", timeout = "number",
  ca = "text", insecure = "flag",
}

---How --help tells of it.
target.help = [[
  --header 'NAME: VALUE'  one more line of the request; as often as needed
  --protocol NAME         a sub-protocol to offer; as often as needed
  --origin ORIGIN         the Origin header, which only browsers must send
  --unix PATH             a unix socket to connect to, in place of the host
  --timeout SECONDS       for the connection and the handshake each (10)
  --ca FILE               wss: certificates in PEM to trust, in place of the system's
  --insecure              wss: trusts any certificate
]]

-- What the handshake sets by itself (RFC 6455 4.1).
local function is_own(name)
  name = name:lower()
  return name == "host" or name == "upgrade" or name == "connection"
    or name == "content-length" or name == "transfer-encoding"
    or name:find("^sec%-websocket%-") ~= nil
end

local function read_headers(lines)
  local headers = {}
  for _, line in ipairs(lines or {}) do
    local name, value = line:match("^([%w!#$%%&'*+%-.^_`|~]+):[ \t]*(.-)[ \t]*$")
    if not name or value:find("[%z\1-\8\10-\31\127]") then
      return nil, ("--header takes 'NAME: VALUE', not %q"):format(line)
    end
    if is_own(name) then
      return nil, ("--header: %s is the handshake's own and cannot be set%s"):format(name,
        name:lower() == "sec-websocket-protocol" and "; use --protocol" or "")
    end
    headers[name] = headers[name] or {}
    table.insert(headers[name], value)
  end
  return headers
end

---The options of ratchet.connect for what the command line says.
---@param given table what arguments.parse returned; the URL is at 1
---@return table? options nil when the command line is wrong
---@return string? message
function target.read(given)
  local parsed, err = url.parse(given[1])
  if not parsed then return nil, err end
  if parsed.scheme ~= "ws" and parsed.scheme ~= "wss" then
    return nil, ("%s: a WebSocket's address begins with ws:// or wss://"):format(given[1])
  end
  local headers, message = read_headers(given.header)
  if not headers then return nil, message end
  for _, name in ipairs(given.protocol or {}) do
    if not is_token(name) then
      return nil, ("--protocol takes a token, not %q; one --protocol for each"):format(name)
    end
  end
  return {
    headers = headers, protocols = given.protocol, origin = given.origin, unix = given.unix,
    connectTimeout = given.timeout, handshakeTimeout = given.timeout,
    ca = given.ca, insecure = given.insecure,
  }
end

return target
