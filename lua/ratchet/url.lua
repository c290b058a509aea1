-- url - taking apart the address of a server (RFC 3986, RFC 6455 section 3):
-- ws, wss, http and https, each with its default port. What a client cannot
-- use is refused with a reason, and nothing is repaired: an address that two
-- programs could read in two ways is none. Pure text; nothing is looked up.

local uri = require "ratchet.http.uri"

local url = {}

local default_ports = { ws = 80, http = 80, wss = 443, https = 443 }
local secure = { wss = true, https = true }
local websocket = { ws = true, wss = true }

---@class ratchet.Url
---@field scheme "ws"|"wss"|"http"|"https"
---@field host string in lower case; an IPv6 address without its brackets
---@field port integer
---@field path string starts with "/", still percent-encoded
---@field query string? what stands behind "?", still percent-encoded; nil without "?"
---@field target string path and query, as the request line has them
---@field authority string as the Host header has it: no port where it is the default
---@field user string? decoded user information: the name
---@field password string? and what stands behind its ":"
---@field secure boolean TLS?

-- What an address may hold at all (RFC 3986 section 2).
local function check_characters(text)
  if text == "" then return nil, "it is empty" end
  local at = text:find("[^%w%-._~:/?#%[%]@!$&'()*+,;=%%]")
  if not at then return true end
  local byte = text:byte(at)
  if byte >= 0x80 then
    return nil, ("byte %d is not ASCII; write a host in its xn-- form"
      .. " and the rest percent-encoded"):format(at)
  end
  return nil, ("byte %d (0x%02X) may not be in an address; percent-encode it"):format(at, byte)
end

local function check_encoding(text)
  if uri.is_well_encoded(text) then return true end
  return nil, '"%" is not followed by two hexadecimal digits'
end

local function parse_port(text, scheme)
  if text == "" then return default_ports[scheme] end
  local port = text:match("^%d%d?%d?%d?%d?$") and tonumber(text)
  if port and port >= 1 and port <= 65535 then return port end
  return nil, ("the port %q is no number from 1 to 65535"):format(text)
end

-- Of an IPv6 address only the alphabet is judged here: whether it is one is
-- found out by who connects.
local function parse_bracketed(text)
  local address, rest = text:match("^%[([%x:.]+)%](.*)$")
  if not address or not address:find(":.*:") then
    return nil, nil, "what stands in brackets is no IPv6 address"
  end
  return address, rest
end

local function is_name(text)
  if #text > 253 or text:find("..", 1, true) or text:sub(1, 1) == "." then return false end
  for label in text:gmatch("[^.]+") do
    if #label > 63 or not label:find("^[%w_]") or not label:find("^[%w_-]*$") then return false end
  end
  return true
end

local function parse_host_name(text)
  local name, rest = text:match("^([^:]*)(.*)$")
  if name == "" then return nil, nil, "the host is missing" end
  if name:find("%", 1, true) then
    return nil, nil, "the host is percent-encoded; write it in its xn-- form"
  end
  if not is_name(name) then return nil, nil, ("%q is no host name"):format(name) end
  return name, rest
end

-- "host:port"; the host in lower case.
local function parse_authority(text, scheme)
  local parse = text:sub(1, 1) == "[" and parse_bracketed or parse_host_name
  local host, rest, why = parse(text)
  if not host then return nil, nil, why end
  if rest ~= "" and rest:sub(1, 1) ~= ":" then
    return nil, nil, ("%q follows the host"):format(rest)
  end
  local port
  port, why = parse_port(rest:sub(2), scheme)
  return port and host:lower(), port, why
end

-- User information is up to the last "@" of the authority: it may hold none.
local function split_user(authority)
  local info, rest = authority:match("^([^@]*)@(.*)$")
  if not info then return authority end
  if rest:find("@", 1, true) then return nil, nil, nil, 'there are two "@" before the path' end
  local user, password = info:match("^([^:]*):?(.*)$")
  return rest, uri.decode(user), uri.decode(password)
end

local function write_authority(host, port, scheme)
  local written = host:find(":", 1, true) and "[" .. host .. "]" or host
  return port == default_ports[scheme] and written or written .. ":" .. port
end

local function split_scheme(text)
  local scheme, rest = text:match("^([%a][%w+.-]*):(.*)$")
  if not scheme or rest:sub(1, 2) ~= "//" then
    return nil, nil, "it does not begin with ws://, wss://, http:// or https://"
  end
  scheme = scheme:lower()
  if default_ports[scheme] then return scheme, rest:sub(3) end
  return nil, nil, ("%s:// is not spoken here; ws, wss, http and https are"):format(scheme)
end

local function parse(text)
  local is_good, why = check_characters(text)
  if not is_good then return nil, why end
  local scheme, rest
  scheme, rest, why = split_scheme(text)
  if not scheme then return nil, why end
  if websocket[scheme] and rest:find("#", 1, true) then
    return nil, 'a WebSocket address has no fragment; write "#" as %23'
  end
  is_good, why = check_encoding(rest)
  if not is_good then return nil, why end
  local info, path, mark, query = rest:match("^([^/?#]*)([^?#]*)(%??)([^#]*)")
  local authority, user, password
  authority, user, password, why = split_user(info)
  if not authority then return nil, why end
  local host, port
  host, port, why = parse_authority(authority, scheme)
  if not host then return nil, why end
  if path == "" then path = "/" end
  return {
    scheme = scheme, host = host, port = port, path = path,
    query = mark == "?" and query or nil,
    target = path .. mark .. query,
    authority = write_authority(host, port, scheme),
    user = user, password = password,
    secure = secure[scheme] or false,
  }
end

---Takes an address apart. A fragment of http and https is cut off, for it is
---never sent; ws and wss must have none (RFC 6455 section 3).
---@param text string
---@return ratchet.Url?
---@return string? err why it is none, with the address (but not its password)
function url.parse(text)
  local parsed, why = parse(text)
  if parsed then return parsed end
  local shown = text:sub(1, 200):gsub("//[^/@]*@", "//...@")
  return nil, ("%q is no address: %s"):format(shown, why)
end

---Percent-encodes what is to stand in a query or a path as plain text.
---@param text string
---@return string
function url.encode(text)
  return (text:gsub("[^%w%-._~]", function(char) return ("%%%02X"):format(char:byte()) end))
end

return url
