-- component - what makes a table (or userdata) a component: that it has some of
-- the events. There are no base classes; who needs to know asks for the method.

local raise = require "ratchet.raise"
local nearest = require "ratchet.nearest"

local component = {}

component.events = {
  "onOpen", "onMessage", "onClose", "onError", "onUpgrade", "onPing", "onPong", "onDrain",
  "run",
}

---The events of a component for a WampServer, beside onOpen, onClose and onError.
component.wamp_events = { "onCall", "onSubscribe", "onUnSubscribe", "onPublish" }

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

return component
