-- listen - opens addresses through the core, as the command line wants it, and
-- says in one line what is wrong and what helps when that fails. It knows nothing
-- of what is served there.
--
-- An address that is wanted is a table as core.listen takes it; `systemd`, a name,
-- stands for every socket that was handed over under that name.

local addresses = require "ratchet.server.addresses"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local tls = require "ratchet.server.tls"

local listen = {}

local cures = {
  EADDRINUSE = "stop the program that has this port, or choose another with --port",
  EACCES = "ports below 1024 need special rights: choose another with --port",
  EINVAL = "ipv6Only is for addresses of IPv6",
  EADDRNOTAVAIL = "this machine has no such address: use 127.0.0.1 for this machine only, "
    .. "0.0.0.0 for everyone",
}

local path_cures = {
  EADDRINUSE = "a program listens there: stop it, or choose another path",
  EACCES = "who runs the program must be allowed to make files there",
  EEXIST = "what is there is no socket: remove it, or choose another path",
  ENAMETOOLONG = "the path of a unix socket has 107 bytes at most",
  ENOENT = "its folder is not there",
}

local fd_cures = {
  EEXIST = "it is listened on already",
}

-- What says where, and what goes with each.
local places = {
  port = { address = true, ipv6Only = true, reusePort = true },
  unix = { mode = true },
  fd = {},
  systemd = {},
}

local known = {
  address = "string",
  port = "port",
  ipv6Only = "boolean",
  reusePort = "boolean",
  unix = "path",
  mode = "mode",
  fd = "descriptor",
  systemd = "string",
  proxyProtocol = "boolean", -- these go with each
  tls = "tls",
}

local function place_of(given, where)
  local place
  for name in pairs(places) do
    if given[name] ~= nil then
      if place then raise("%s: one of port, unix, fd and systemd, not two", where) end
      place = name
    end
  end
  return place or raise("%s: one of port, unix, fd and systemd must say where", where)
end

local function check_company(given, place, where)
  for name in pairs(given) do
    for other, company in pairs(places) do
      if company[name] and other ~= place then
        raise('%s: option "%s" goes with "%s", not with "%s"', where, name, other, place)
      end
    end
  end
end

local function without_brackets(address)
  return (address:gsub("[%[%]]", ""))
end

---What app:listen is given, as core.listen takes it.
---@param given table address, port, ipv6Only, reusePort; or unix, mode; or fd; or systemd;
---  with any, proxyProtocol and tls
---@param where string what was called, for the message
---@return table wanted
function listen.check(given, where)
  given = options.check(given, known, where)
  local place = place_of(given, where)
  check_company(given, place, where)
  local wanted = {
    proxyProtocol = given.proxyProtocol,
    tls = tls.check(given.tls, where),
  }
  if place == "unix" then
    wanted.path, wanted.mode = given.unix, given.mode and tonumber(given.mode, 8)
  elseif place == "port" then
    wanted.address = without_brackets(given.address or given.ipv6Only and "::1" or "127.0.0.1")
    wanted.port, wanted.ipv6Only = given.port, given.ipv6Only
    wanted.reusePort = given.reusePort
  else
    wanted.fd, wanted.systemd = given.fd, given.systemd
  end
  return wanted
end

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
  if address == "0.0.0.0" or address == "::" or address == "127.0.0.1" then return "localhost" end
  return listen.in_url(address)
end

local function is_address(text)
  return text:find(":", 1, true) ~= nil or text:find("^%d+%.%d+%.%d+%.%d+$") ~= nil
end

-- --host takes a name as well as an address. Only addresses can be listened on;
-- a name says under which host the app is reached (app.lua), not where it listens.
local function address_wanted(host)
  if host == "localhost" then return "127.0.0.1" end
  if host and is_address(host) then return without_brackets(host) end
end

-- ---- sockets that were handed over

local taken = setmetatable({}, { __mode = "k" }) -- entries of core.handed

local function is_there(socket, wanted, is_exact)
  if taken[socket] then return false end
  if wanted.path then return socket.path == wanted.path end
  return wanted.port ~= nil and wanted.port ~= 0 and socket.port == wanted.port
    and (not is_exact or socket.address == wanted.address)
end

-- The one that is bound to that place; to that port at least, for systemd binds
-- [::] where an app says 127.0.0.1.
local function handed_for(wanted)
  for _, is_exact in ipairs({ true, false }) do
    for _, socket in ipairs(native.core().handed) do
      if is_there(socket, wanted, is_exact) then return socket end
    end
  end
end

local function raise_unnamed(name)
  local names = {}
  for _, socket in ipairs(native.core().handed) do
    names[#names + 1] = ("%q"):format(socket.name)
  end
  raise('cannot listen on systemd:%s: %s', name, #names == 0
    and "no socket was handed over; start the program by its .socket unit"
    or "the sockets that were handed over are named " .. table.concat(names, ", "))
end

-- What was wanted of an address, of the socket that has that number.
local function by_descriptor(fd, wanted)
  return { fd = fd, proxyProtocol = wanted.proxyProtocol, tls = wanted.tls }
end

-- One wanted address for each socket of the name.
local function add_named(list, wanted)
  local count = #list
  for _, socket in ipairs(native.core().handed) do
    if socket.name == wanted.systemd then
      list[#list + 1] = by_descriptor(socket.fd, wanted)
    end
  end
  if #list == count then raise_unnamed(wanted.systemd) end
end

-- One that is asked for by its number is not for anybody else.
local function claim(fd)
  for _, socket in ipairs(native.core().handed) do
    if socket.fd == fd then taken[socket] = true end
  end
end

local function resolve(wanted)
  local socket = not wanted.fd and handed_for(wanted)
  if not socket then return wanted end
  taken[socket] = true
  return by_descriptor(socket.fd, wanted)
end

-- ---- opening

---Where that is, in a line of text.
---@param wanted table an address that is wanted, or one that is bound
---@return string such as "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock"
function listen.shown(wanted)
  if wanted.fd then return "descriptor " .. wanted.fd end
  if wanted.path then return "unix:" .. wanted.path end
  return ("%s:%d"):format(listen.in_url(wanted.address), wanted.port)
end

local function cure_for(wanted, code)
  if wanted.fd then return fd_cures[code] or "no listening socket has that number" end
  if wanted.path then return path_cures[code] end
  if code == "EINVAL" and not wanted.ipv6Only then return nil end
  return cures[code]
end

local function open_one(wanted, serving)
  local target = addresses.is_open(wanted) and wanted or resolve(wanted)
  local is_sensible, bound, message, code = pcall(addresses.open, target, serving, wanted)
  if not is_sensible then raise("%s", bound) end
  if bound then return bound end
  if code == "TLS" then raise("no TLS on %s: %s", listen.shown(target), message) end
  local rival = code == "EADDRINUSE" and addresses.rival(target)
  local cure = rival and ("this program listens on %s, and that cannot change without a restart")
    :format(listen.shown(rival)) or cure_for(target, code)
  raise("cannot listen on %s: %s%s",
    listen.shown(target), message or code, cure and "; " .. cure or "")
end

-- What is served at one of several addresses.
local function serving_at(wanted, serving)
  local given = {}
  for name, value in pairs(serving.options or {}) do given[name] = value end
  if wanted.proxyProtocol ~= nil then given.proxyProtocol = wanted.proxyProtocol end
  given.tls = tls.choose(wanted.tls, given.tls)
  return { server = serving.server, component = serving.component, endpoint = serving.endpoint,
    options = given }
end

-- --host and --port are for the first address that has a port.
local function obey_command_line(list)
  local given = native.options()
  for i, wanted in ipairs(list) do
    if wanted.port then
      list[i] = {
        address = address_wanted(given.host) or wanted.address,
        port = given.port or wanted.port,
        ipv6Only = wanted.ipv6Only,
        reusePort = wanted.reusePort,
        proxyProtocol = wanted.proxyProtocol,
        tls = wanted.tls,
      }
      return
    end
  end
  if given.port then native.core().log("warn", "--port is not used: the app asks for no port") end
end

---Listens on each of the addresses; --host and --port outrank the first that has a
---port. Raises one line, with a cure, when it cannot.
---@param wanted table[] addresses
---@param serving ratchet.Serving
---@return { address: string?, port: integer?, path: string?, secure: true? }[] bound
---  where it listens: a port 0 is now real; secure: over TLS
function listen.open(wanted, serving)
  local list, bound = {}, {}
  for _, one in ipairs(wanted) do
    if one.systemd then add_named(list, one) else list[#list + 1] = one end
  end
  obey_command_line(list)
  for _, one in ipairs(list) do claim(one.fd) end
  for i, one in ipairs(list) do
    bound[i] = open_one(one, serving_at(one, serving or {}))
  end
  return bound
end

---The first of several that has a port.
---@param bound table[]
---@return table?
function listen.first_port(bound)
  for _, one in ipairs(bound) do
    if one.port then return one end
  end
end

return listen
