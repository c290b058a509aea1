-- component - what makes a table (or userdata) a component: that it has some of
-- the events. There are no base classes; who needs to know asks for the method.
--
-- And what makes a layer of one: `wrap` gives a table all events of the next component
-- that it does not have itself, `tell` calls an event of the next, and `around` puts a
-- layer around the components behind a layer that answers requests.

local raise = require "ratchet.raise"
local nearest = require "ratchet.nearest"
local send_tap = require "ratchet.send_tap"

local component = {}

component.events = {
  "onOpen", "onMessage", "onClose", "onError", "onUpgrade", "onPing", "onPong", "onDrain",
  "run",
}

---The events of a component for a WampServer, beside onOpen, onClose and onError.
component.wamp_events = { "onCall", "onSubscribe", "onUnSubscribe", "onPublish" }

-- What a layer has from the next one. Events where none is as good as one that does
-- nothing have a function that can be called without asking first.
local plain_events = {
  "onOpen", "onMessage", "onClose", "onPing", "onPong", "onDrain", "onReceive",
}
local passed_on = { "onError", "onUpgrade", "run", "getSubProtocols", "handle" }

local function field(value, name)
  return value[name]
end

---Has `value` a method of that name? Safe for any value.
---@param value any
---@param name string
---@return boolean
function component.has(value, name)
  local kind = type(value)
  if kind ~= "table" and kind ~= "userdata" then return false end
  local found, method = pcall(field, value, name)
  return found and method ~= nil
end

---Has `value` at least one event?
---@param value any
---@return boolean
function component.is(value)
  for _, event in ipairs(component.events) do
    if component.has(value, event) then return true end
  end
  return false
end

---Is `value` a component for a WampServer, and not one that reads messages by itself?
---@param value any
---@return boolean
function component.is_for_wamp(value)
  if component.has(value, "onMessage") then return false end
  for _, event in ipairs(component.wamp_events) do
    if component.has(value, event) then return true end
  end
  return false
end

local function misspelt(value)
  if type(value) ~= "table" then return nil end
  for name in pairs(value) do
    local meant = type(name) == "string" and nearest(name, component.events)
    if meant then return name, meant end
  end
end

---Raises unless `value` is a component.
---@param value any
---@param where string what was called, for the message
function component.check(value, where)
  if component.is(value) then return end
  if component.has(value, "handle") then
    raise("%s: this is a layer, with a method handle; it goes around what is made here", where)
  end
  local name, meant = misspelt(value)
  if name then
    raise('%s: the component has no event; did you mean "%s" by "%s"?', where, meant, name)
  end
  raise("%s: a component is a table with onOpen, onMessage, onClose or onError; this is %s",
    where, type(value) == "table" and "a table with none of them" or "a " .. type(value))
end

---Raises unless `value` answers HTTP requests, that is, has a method `handle`.
---@param value any
---@param where string
function component.check_handler(value, where)
  if component.has(value, "handle") then return end
  local hint = component.is(value) and "; wrap the component in ratchet.websocket.WsServer" or ""
  raise("%s: this must have a method handle(request)%s", where, hint)
end

-- The next one's handler is looked up at each call, so that new code of it takes effect.
local function forwarder(event)
  return function(layer, a, b, c)
    local next_layer = layer.next
    local handler = next_layer[event]
    if handler then return handler(next_layer, a, b, c) end
  end
end

local forwarders = {}
for _, event in ipairs(plain_events) do forwarders[event] = forwarder(event) end
for _, event in ipairs(passed_on) do forwarders[event] = forwarder(event) end

-- Those of WAMP have more arguments, and come less often than messages.
for _, event in ipairs(component.wamp_events) do
  forwarders[event] = function(layer, ...)
    local next_layer = layer.next
    local handler = next_layer[event]
    if handler then return handler(next_layer, ...) end
  end
end

local function lookup(inherited, layer, name)
  if type(inherited) == "function" then return inherited(layer, name) end
  return inherited and inherited[name]
end

-- A layer with onSend looks on from onOpen to onClose.
local function look_on(layer)
  local on_open, on_close = layer.onOpen, layer.onClose
  function layer.onOpen(self, conn, request)
    send_tap.watch(conn, self)
    if on_open then return on_open(self, conn, request) end
  end
  function layer.onClose(self, conn, code, reason)
    send_tap.unwatch(conn, self)
    if on_close then return on_close(self, conn, code, reason) end
  end
end

-- Where it is found at once, a message costs one call more, and nothing else.
local function fill(layer, next_layer)
  for _, event in ipairs(plain_events) do
    if layer[event] == forwarders[event] then rawset(layer, event, forwarders[event]) end
  end
  if component.has(layer, "onSend") and not component.has(next_layer, "handle") then
    look_on(layer)
  end
end

local KIND = "__layer" -- in the metatable of a layer

---What kind of layer it is: the metatable that it had before `wrap`, such as a class;
---false when it had none; nil for what `wrap` has not made.
---@param value any
---@return table|false|nil
function component.kind(value)
  local metatable = type(value) == "table" and debug.getmetatable(value)
  if not metatable then return nil end
  return rawget(metatable, KIND)
end

---Makes a table a layer around a component, or around a layer with `handle`: what it
---does not have itself of the events, `getSubProtocols`, `handle` and `scheme` is the
---next one's, as long as that has it. The next one is its field `next`.
---@param next_layer table|userdata
---@param layer table? with the events that it changes; its metatable is kept
---@return table layer
function component.wrap(next_layer, layer)
  layer = layer or {}
  if type(layer) ~= "table" then
    raise("component.wrap: the layer must be a table; it is a %s", type(layer))
  end
  if not component.has(next_layer, "handle") and not component.is_for_wamp(next_layer) then
    component.check(next_layer, "component.wrap")
  end
  local before, metatable = getmetatable(layer), {}
  for name, value in pairs(before or {}) do metatable[name] = value end
  local inherited = metatable.__index
  metatable[KIND] = before or false
  -- The field, not what was given: a reload may put another one there.
  function metatable.__index(self, name)
    local own = lookup(inherited, self, name)
    if own ~= nil then return own end
    local following = rawget(self, "next")
    if name == "scheme" then return following.scheme end
    local forward = forwarders[name]
    if forward and following[name] ~= nil then return forward end
  end
  layer.next = next_layer
  setmetatable(layer, metatable)
  fill(layer, next_layer)
  return layer
end

---Calls an event of a component, if it has it. Without onError the connection is closed
---with 1011, as it would be without the layer.
---@param target table|userdata the next one
---@param event string such as "onMessage"
---@param conn ratchet.Connection|ratchet.http.Request
---@param ... any
---@return any ... what the event returns
function component.tell(target, event, conn, ...)
  local handler = target[event]
  if handler then return handler(target, conn, ...) end
  if event == "onError" then conn:close(1011, "internal error") end
end

---For a layer with `handle`: makes the function that what the next layer's `handle`
---returned goes through. Where that leads to a component, the layer of `make` is put
---around it, once for each component.
---@param make fun(inner: table|userdata): table
---@return fun(...: any): any ...
function component.around(make)
  local made = setmetatable({}, { __mode = "k" }) -- endpoint to the one in its place
  local function in_place_of(endpoint)
    local other = made[endpoint]
    if not other then
      other = endpoint:with(make(endpoint:getComponent()))
      made[endpoint] = other
    end
    return other
  end
  return function(first, second, ...)
    if first == "raw" then return first, in_place_of(second), ... end
    local kind = type(first)
    if kind == "userdata" or kind == "table" then return in_place_of(first), second, ... end
    return first, second, ...
  end
end

return component
