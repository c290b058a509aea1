-- listen - opens an address through the core, as the command line wants it, and
-- says in one line what is wrong and what helps when that fails. It knows nothing
-- of what is served there.

local native = require "ratchet.native"
local raise = require "ratchet.raise"

local listen = {}

local cures = {
  EADDRINUSE = "stop the program that has this port, or choose another with --port",
  EACCES = "ports below 1024 need special rights: choose another with --port",
  EADDRNOTAVAIL = "this machine has no such address: use 127.0.0.1 for this machine only, "
    .. "0.0.0.0 for everyone",
}

---An IPv6 address in brackets, anything else as it is: how a URL shows it.
---@param address string
---@return string
function listen.in_url(address)
  if address:find(":", 1, true) and address:sub(1, 1) ~= "[" then return "[" .. address .. "]" end
  return address
end

---The host that a client on this machine writes to reach that address.
---@param address string
---@return string
function listen.reachable(address)
  if address == "0.0.0.0" or address == "::" or address == "127.0.0.1" or address == "::1" then
    return "localhost"
  end
  return listen.in_url(address)
end

local function is_address(text)
  return text:find(":", 1, true) ~= nil or text:find("^%d+%.%d+%.%d+%.%d+$") ~= nil
end

-- --host takes a name as well as an address. Only addresses can be listened on;
-- a name says under which host the app is reached (app.lua), not where it listens.
local function address_wanted(host)
  if host == "localhost" then return "127.0.0.1" end
  if host and is_address(host) then return (host:gsub("[%[%]]", "")) end
end

---Listens on what `wanted` says, unless --host and --port say otherwise. Raises
---one line, with a cure, when it cannot.
---@param wanted table as core.listen takes it
---@return { address: string, port: integer } where it listens: a port 0 is now real
function listen.open(wanted)
  local core = native.core()
  local options = native.options()
  wanted.address = address_wanted(options.host) or wanted.address
  wanted.port = options.port or wanted.port
  local is_sensible, bound, message, code = pcall(core.listen, wanted)
  if not is_sensible then raise("%s", bound) end
  if bound then return bound end
  local cure = cures[code] and "; " .. cures[code] or ""
  raise("cannot listen on %s:%d: %s%s",
    listen.in_url(wanted.address), wanted.port, message or code, cure)
end

return listen
