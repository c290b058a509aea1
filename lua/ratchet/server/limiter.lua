-- Limiter - the layer that bounds what one connection, and all connections of one
-- address, may do: how many there are, how much they say, how long they stay. Around a
-- component it stands between it and its connections; around a layer with `handle` it
-- does so for every component behind that.
--
-- What may be said is counted by token buckets: each holds what is allowed in an interval,
-- is full at first, and fills evenly. A layer's state is a table for each connection and
-- one for each address; a message makes nothing new.

local class = require "ratchet.class"
local component = require "ratchet.component"
local native = require "ratchet.native"
local network = require "ratchet.network"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local refuse = require "ratchet.http.refuse"

---@class ratchet.server.Limiter
local Limiter = class()

Limiter.keepsState = true -- over a reload: its counts

local known_options = {
  maxConnections = "count", maxConnectionsPerAddress = "count", maxAddresses = "count",
  messages = "count", bytes = "count", messagesPerAddress = "count", bytesPerAddress = "count",
  interval = "some_seconds", maxDuration = "some_seconds", onLimit = "function",
  over = { "delay", "drop", "close" },
}

local MAX_ADDRESSES = 65536
local SUBNET_BITS = 64 -- of an IPv6 address: what one customer has

-- ---- buckets

-- The limits of a bucket, or false where there are none.
local function limits_of(messages, bytes)
  return (messages or bytes) and { messages = messages, bytes = bytes } or false
end

local function fill_up(bucket, limits, time)
  bucket.messages, bucket.bytes, bucket.stamp = limits.messages, limits.bytes, time
  return bucket
end

local function refill(bucket, limits, share, time)
  local passed = (time - bucket.stamp) * share
  bucket.stamp = time
  local messages, bytes = limits.messages, limits.bytes
  if messages then bucket.messages = math.min(messages, bucket.messages + passed * messages) end
  if bytes then bucket.bytes = math.min(bytes, bucket.bytes + passed * bytes) end
end

-- Is there enough for a message? One that is larger than the bucket waits for a full one.
local function has_room(bucket, limits, size)
  if limits.messages and bucket.messages < 1 then return false end
  local bytes = limits.bytes
  return not bytes or bucket.bytes >= size or bucket.bytes >= bytes
end

local function charge(bucket, limits, size)
  if limits.messages then bucket.messages = bucket.messages - 1 end
  if limits.bytes then bucket.bytes = bucket.bytes - size end
end

local function is_spent(bucket, limits)
  return limits.messages and bucket.messages < 1 or limits.bytes and bucket.bytes < 1
end

-- ---- what a connection may say: its own bucket, and that of its address

local function refill_both(limiter, state, time)
  local own, place = limiter.of_connection, state.place
  if own then refill(state, own, limiter.share, time) end
  if place and limiter.of_address then refill(place, limiter.of_address, limiter.share, time) end
end

local function both_have_room(limiter, state, size)
  local own, place = limiter.of_connection, state.place
  if own and not has_room(state, own, size) then return false end
  return not place or not limiter.of_address or has_room(place, limiter.of_address, size)
end

local function charge_both(limiter, state, size)
  local own, place = limiter.of_connection, state.place
  if own then charge(state, own, size) end
  if place and limiter.of_address then charge(place, limiter.of_address, size) end
end

local function one_is_spent(limiter, state)
  local own, place = limiter.of_connection, state.place
  if own and is_spent(state, own) then return true end
  return place and limiter.of_address and is_spent(place, limiter.of_address)
end

-- ---- addresses

local function address_key(address)
  local bytes = type(address) == "string" and network.address(address)
  if bytes and #bytes == 16 then bytes = network.mask(bytes, SUBNET_BITS) end
  return bytes or nil
end

local function is_full_again(limiter, place)
  local limits = limiter.of_address
  if not limits then return true end
  refill(place, limits, limiter.share, limiter.now())
  return (not limits.messages or place.messages >= limits.messages)
    and (not limits.bytes or place.bytes >= limits.bytes)
end

-- An address without connections is kept until its bucket is full again: who comes back
-- finds it as it was left. The oldest go first when there are too many.
local function forget_some(limiter)
  local left, most = limiter.left, limiter.max_addresses
  while left.first <= left.last do
    local place = left[left.first]
    if place.left_as == left.first then -- it has not come back since
      if left.last - left.first < most and not is_full_again(limiter, place) then return end
      limiter.addresses[place.key] = nil
    end
    left[left.first] = nil
    left.first = left.first + 1
  end
end

local function enter_address(limiter, address)
  local key = address_key(address)
  if not key then return false end
  local place = limiter.addresses[key]
  if not place then
    place = { key = key, connections = 0, left_as = false }
    if limiter.of_address then fill_up(place, limiter.of_address, limiter.now()) end
    limiter.addresses[key] = place
  end
  place.connections, place.left_as = place.connections + 1, false
  return place
end

local function leave_address(limiter, place)
  place.connections = place.connections - 1
  if place.connections > 0 then return end
  local left = limiter.left
  left.last = left.last + 1
  left[left.last] = place
  place.left_as = left.last
  forget_some(limiter)
end

-- ---- what is over

local function note_limit(limiter, who, what)
  if limiter.on_limit then limiter.on_limit(who, what) end
end

local function is_full(limiter, address)
  if limiter.max_connections and limiter.connections >= limiter.max_connections then return true end
  local most = limiter.max_per_address
  local key = most and address_key(address)
  local place = key and limiter.addresses[key]
  return place and place.connections >= most or false
end

-- Those that have to wait are looked at together, some times in an interval.
local function resume_some(limiter)
  if next(limiter.delayed) == nil then
    limiter.ticker:cancel()
    limiter.ticker = false
    return
  end
  local time = limiter.now()
  for conn, state in pairs(limiter.delayed) do
    refill_both(limiter, state, time)
    if not one_is_spent(limiter, state) then
      limiter.delayed[conn] = nil
      conn:resume()
    end
  end
end

local function delay(limiter, conn, state)
  if limiter.delayed[conn] then return end
  limiter.delayed[conn] = state
  conn:pause()
  limiter.ticker = limiter.ticker
    or native.core().every(limiter.tick, resume_some, limiter)
  note_limit(limiter, conn, "messages")
end

local function enter(limiter, conn)
  limiter.now = limiter.now or native.core().now -- there is a core by now
  local state = { place = enter_address(limiter, conn.remoteAddress) }
  if limiter.of_connection then fill_up(state, limiter.of_connection, limiter.now()) end
  limiter.states[conn] = state
  limiter.connections = limiter.connections + 1
  return state
end

-- Does the message go on to the next layer?
local function takes(limiter, conn, size)
  local state = limiter.states[conn]
  if not state then
    if limiter.refused[conn] then return false end
    state = enter(limiter, conn) -- it was open before a reload brought this layer
  end
  refill_both(limiter, state, limiter.now())
  local over = limiter.over
  if over ~= "delay" and not both_have_room(limiter, state, size) then
    if over == "close" then conn:close(1008, "too many messages") end
    note_limit(limiter, conn, "messages")
    return false
  end
  charge_both(limiter, state, size)
  if over == "delay" and one_is_spent(limiter, state) then delay(limiter, conn, state) end
  return true
end

-- ---- the layer around a component

local function on_open(limiter, layer, conn, request)
  if is_full(limiter, conn.remoteAddress) then
    limiter.refused[conn] = true
    conn:close(1008, "too many connections")
    return note_limit(limiter, conn, "connections")
  end
  local state = enter(limiter, conn)
  if limiter.max_duration then
    state.timer = native.core().after(limiter.max_duration, function()
      conn:close(1008, "time is over")
      note_limit(limiter, conn, "duration")
    end)
  end
  return component.tell(layer.next, "onOpen", conn, request)
end

local function forget(limiter, conn)
  local state = limiter.states[conn]
  if not state then return end
  limiter.states[conn], limiter.delayed[conn] = nil, nil
  limiter.connections = limiter.connections - 1
  if state.timer then state.timer:cancel() end
  if state.place then leave_address(limiter, state.place) end
end

local function on_close(limiter, layer, conn, code, reason)
  if limiter.refused[conn] then
    limiter.refused[conn] = nil
    return
  end
  forget(limiter, conn)
  return component.tell(layer.next, "onClose", conn, code, reason)
end

local function count_messages(limiter, layer)
  function layer.onMessage(self, conn, message, is_binary)
    if takes(limiter, conn, #message) then
      local next_layer = self.next
      local handler = next_layer.onMessage
      if handler then return handler(next_layer, conn, message, is_binary) end
    end
  end
  -- What a handler receives has not been told to onMessage.
  function layer.onReceive(self, conn, message, is_binary)
    if not takes(limiter, conn, #message) then return false end
    return component.tell(self.next, "onReceive", conn, message, is_binary)
  end
  for _, event in ipairs({ "onPing", "onPong" }) do
    layer[event] = function(self, conn, data)
      if takes(limiter, conn, #data) then return component.tell(self.next, event, conn, data) end
    end
  end
end

local function limit(limiter, layer, next_layer)
  function layer.onOpen(self, conn, request) return on_open(limiter, self, conn, request) end
  function layer.onClose(self, conn, code, reason)
    return on_close(limiter, self, conn, code, reason)
  end
  if component.has(next_layer, "run") then
    function layer.run(self, conn) -- not for who was refused
      if limiter.states[conn] then return self.next:run(conn) end
    end
  end
  if limiter.of_connection or limiter.of_address then
    count_messages(limiter, layer)
  end
  return component.wrap(next_layer, layer)
end

local function refuse_request(limiter, request)
  note_limit(limiter, request, "connections")
  return refuse(request, 429, "there are too many connections", {
    headers = { ["Retry-After"] = ("%d"):format(math.ceil(limiter.interval)) },
  })
end

local function on_upgrade(limiter, request)
  if is_full(limiter, request.remoteAddress) then return refuse_request(limiter, request) end
  return component.tell(limiter.next, "onUpgrade", request)
end

local function handle(limiter, request)
  local is_handshake = request.upgradeStatus == nil
  if is_handshake and is_full(limiter, request.remoteAddress) then
    return refuse_request(limiter, request)
  end
  return limiter.around(limiter.next:handle(request))
end

---@class ratchet.LimiterOptions each is without a limit when it is not given
---@field maxConnections integer? through this layer
---@field maxConnectionsPerAddress integer? an IPv4 address, or the /64 of an IPv6 address
---@field messages integer? of a connection in an interval; pings and pongs count
---@field bytes integer? of them
---@field messagesPerAddress integer? of all connections of an address in an interval
---@field bytesPerAddress integer?
---@field interval number? seconds, 1 when not given
---@field over "delay"|"drop"|"close"|nil who says more is not read until it may go on,
---  which is the default; or what is more is left out; or the connection is closed, 1008
---@field maxDuration number? seconds after which a connection is closed, 1008
---@field maxAddresses integer? how many are remembered when they have no connection any
---  more, 65536 when not given
---@field onLimit nil|fun(who: ratchet.Connection|ratchet.http.Request, what: string) is
---  told who was over "connections" (a request, where there is no connection yet),
---  "messages" or "duration"

---@param next_layer table|userdata a component, or a layer with `handle`
---@param given ratchet.LimiterOptions
---@return ratchet.server.Limiter
function Limiter.new(next_layer, given)
  given = options.check(given, known_options, "Limiter")
  if next(given) == nil then
    raise("Limiter: there must be a limit, such as { messages = 20 }")
  end
  local interval = given.interval or 1
  -- What is not there is false: a field that is nil would be looked for in the next layer.
  local limiter = setmetatable({
    max_connections = given.maxConnections or false,
    max_per_address = given.maxConnectionsPerAddress or false,
    max_addresses = given.maxAddresses or MAX_ADDRESSES,
    of_connection = limits_of(given.messages, given.bytes),
    of_address = limits_of(given.messagesPerAddress, given.bytesPerAddress),
    interval = interval, share = 1 / interval, tick = math.max(0.01, math.min(0.1, interval / 10)),
    over = given.over or "delay", max_duration = given.maxDuration or false,
    on_limit = given.onLimit or false,
    now = false, -- the clock of the core
    ticker = false, -- a timer, while there are delayed ones
    connections = 0,
    refused = {},   -- connections that the next layer does not know
    states = {},    -- conn to its bucket, its address and its timer
    delayed = {},   -- conn to the same, of those that are not read
    addresses = {}, -- bytes to the bucket of the address and its number of connections
    left = { first = 1, last = 0 }, -- queue of addresses without connections
  }, Limiter)
  if component.has(next_layer, "handle") then
    limiter.handle = handle
    limiter.around = component.around(function(inner) return limit(limiter, {}, inner) end)
    return component.wrap(next_layer, limiter)
  end
  component.check(next_layer, "Limiter")
  limiter.onUpgrade = on_upgrade
  return limit(limiter, limiter, next_layer)
end

---@return integer connections that are open through this layer
function Limiter:count()
  return self.connections
end

return Limiter
