-- IpBlackList - the layer that keeps certain addresses out. Around a component it stands
-- between it and its connections; around a layer with `handle` (WsServer, Router, a whole
-- App) it answers their requests with 403. Either way what is looked at is the client's
-- address: behind a trusted proxy the one that the proxy tells.

local class = require "ratchet.class"
local component = require "ratchet.component"
local native = require "ratchet.native"
local network = require "ratchet.network"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local refuse = require "ratchet.http.refuse"

---@class ratchet.server.IpBlackList
local IpBlackList = class()

IpBlackList.keepsState = true -- over a reload: who was blocked meanwhile is

local known_options = { kick = "boolean", blocked = "strings" }

local SWEEP_AT_LEAST = 256 -- entries

local function now()
  local core = native.optional()
  return core and core.now() or os.time()
end

local function is_refused(list, request)
  return list:isBlocked(request.remoteAddress)
end

local function refuse_request(request)
  return refuse(request, 403, "the address is blocked", { level = "info" })
end

-- ---- around a component

-- Who is blocked between the handshake and here, and on raw TCP everyone who is blocked,
-- is not told to the next layer, neither now nor at the end.
local function on_open(list, layer, conn, request)
  if list:isBlocked(conn.remoteAddress) then
    list.refused[conn] = true
    conn:close(1008, "blocked")
    return
  end
  if list.kick then list.open[conn] = true end
  return component.tell(layer.next, "onOpen", conn, request)
end

local function on_close(list, layer, conn, code, reason)
  list.open[conn] = nil
  if list.refused[conn] then
    list.refused[conn] = nil
    return
  end
  return component.tell(layer.next, "onClose", conn, code, reason)
end

-- Without it, `run` would begin with who was refused.
local function run(list, layer, conn)
  if not list.refused[conn] then return layer.next:run(conn) end
end

local function watch(list, layer, next_layer)
  function layer.onOpen(self, conn, request) return on_open(list, self, conn, request) end
  function layer.onClose(self, conn, code, reason)
    return on_close(list, self, conn, code, reason)
  end
  if component.has(next_layer, "run") then
    function layer.run(self, conn) return run(list, self, conn) end
  end
  return component.wrap(next_layer, layer)
end

local function on_upgrade(list, request)
  if is_refused(list, request) then return refuse_request(request) end
  return component.tell(list.next, "onUpgrade", request)
end

-- ---- around what answers requests

local function handle(list, request)
  if is_refused(list, request) then return refuse_request(request) end
  return list.pass(list.next:handle(request))
end

local function around_handler(list, next_layer)
  list.handle = handle
  list.pass = function(...) return ... end
  if list.kick then
    list.pass = component.around(function(inner) return watch(list, {}, inner) end)
  end
  return component.wrap(next_layer, list)
end

---@param next_layer table|userdata a component, or a layer with `handle`
---@param given { kick: boolean?, blocked: string[]? }? kick: who is blocked while connected
---  is closed with 1008; blocked: addresses and networks to begin with
---@return ratchet.server.IpBlackList
function IpBlackList.new(next_layer, given)
  given = options.check(given, known_options, "IpBlackList")
  local list = setmetatable({
    kick = given.kick or false,
    entries = {}, -- length of a prefix (key_of) to a table of bytes to until when
    count = 0,
    sweep_at = SWEEP_AT_LEAST,
    open = {},    -- connections, with kick
    refused = {}, -- connections that the next layer does not know
  }, IpBlackList)
  for _, address in ipairs(given.blocked or {}) do list:blockAddress(address) end
  if component.has(next_layer, "handle") then return around_handler(list, next_layer) end
  component.check(next_layer, "IpBlackList")
  list.onUpgrade = on_upgrade
  return watch(list, list, next_layer)
end

-- ---- who is blocked

-- Of IPv4 and of IPv6: 4032 for an IPv4 address, 16064 for a /64.
local function key_of(bytes, bits)
  return #bytes * 1000 + bits
end

local function parse(address, where)
  if type(address) ~= "string" then
    raise("%s: an address is a string; this is a %s", where, type(address))
  end
  local bytes, bits = network.parse(address)
  if not bytes then
    raise('%s: "%s" is neither an IP address nor a network such as "10.0.0.0/8"',
      where, address)
  end
  return bytes, bits
end

-- What holds no more is forgotten before the table doubles.
local function sweep(list)
  local time = now()
  for key, places in pairs(list.entries) do
    for bytes, until_when in pairs(places) do
      if until_when <= time then
        places[bytes] = nil
        list.count = list.count - 1
      end
    end
    if next(places) == nil then list.entries[key] = nil end
  end
  list.sweep_at = math.max(SWEEP_AT_LEAST, 2 * list.count)
end

local function kick_blocked(list)
  for conn in pairs(list.open) do
    if list:isBlocked(conn.remoteAddress) then conn:close(1008, "blocked") end
  end
end

---Keeps an address out, or a network. A port is left off.
---@param address string "192.0.2.1", "192.0.2.1:80", "10.0.0.0/8", "fd00::/8"
---@param seconds number? for how long; for ever when not given
---@return ratchet.server.IpBlackList self
function IpBlackList:blockAddress(address, seconds)
  local bytes, bits = parse(address, "blockAddress")
  if seconds ~= nil and not (type(seconds) == "number" and seconds >= 0) then
    raise("blockAddress: the time is a number of seconds, 0 or more; it is %s", tostring(seconds))
  end
  if self.count >= self.sweep_at then sweep(self) end
  local key = key_of(bytes, bits)
  local places = self.entries[key] or {}
  self.entries[key] = places
  if not places[bytes] then self.count = self.count + 1 end
  places[bytes] = seconds and now() + seconds or math.huge
  if self.kick then kick_blocked(self) end
  return self
end

---Lets it in again. One that was not blocked is no error. A network has to be named as
---it was blocked; addresses within it are not let in by themselves.
---@param address string
---@return ratchet.server.IpBlackList self
function IpBlackList:unblockAddress(address)
  local bytes, bits = parse(address, "unblockAddress")
  local key = key_of(bytes, bits)
  local places = self.entries[key]
  if places and places[bytes] then
    places[bytes] = nil
    self.count = self.count - 1
    if next(places) == nil then self.entries[key] = nil end
  end
  return self
end

---@param address string? what is no address (of a unix socket, say) is not blocked
---@return boolean
function IpBlackList:isBlocked(address)
  local bytes = type(address) == "string" and network.address(address)
  if not bytes or self.count == 0 then return false end
  local time
  for key, places in pairs(self.entries) do
    local bits = key % 1000
    if key - bits == #bytes * 1000 then
      local until_when = places[network.mask(bytes, bits)]
      time = time or now()
      if until_when and until_when > time then return true end
    end
  end
  return false
end

---@return string[] addresses and networks that are blocked now, in one form, sorted
function IpBlackList:getBlockedAddresses()
  local found = {}
  sweep(self)
  for key, places in pairs(self.entries) do
    for bytes in pairs(places) do found[#found + 1] = network.text(bytes, key % 1000) end
  end
  table.sort(found)
  return found
end

return IpBlackList
