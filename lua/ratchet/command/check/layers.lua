-- layers - looks into the layers of a route, from the outside in: who may pass, what
-- options hold, and which component or function is at the end of it.

local FunctionHandler = require "ratchet.http.function_handler"
local OriginCheck = require "ratchet.http.origin_check"
local Static = require "ratchet.http.static"
local WsServer = require "ratchet.websocket.ws_server"
local component = require "ratchet.component"

local layers = {}

---@class ratchet.Layers
---@field kind "component"|"function"|"folder"|"layer"
---@field value any the component, the function, the folder's path, or the layer that is
---  not seen through
---@field scheme "ws"|"http"
---@field origins string[]? who may connect; nil when everybody may
---@field options table those of the component
---@field layer table? the last layer of the app's own that is passed

-- What a layer passes requests on to: a field of its own, or a local that its `handle`
-- sees, with `handle` or events of its own. Of several, a layer goes first.
local function next_of(layer, seen)
  local plain
  local function try(value)
    if seen[value] or (type(value) ~= "table" and type(value) ~= "userdata") then return nil end
    if component.has(value, "handle") then return value end
    if not plain and component.is(value) then plain = value end
  end
  for _, value in pairs(layer) do
    local found = try(value)
    if found then return found end
  end
  local i = 1
  local name, value = debug.getupvalue(layer.handle, i)
  while name do
    local found = try(value)
    if found then return found end
    i = i + 1
    name, value = debug.getupvalue(layer.handle, i)
  end
  return plain
end

local function note_origins(found, check)
  if check.everyone then return end
  local origins = found.origins or {}
  for _, origin in ipairs(check.allowedOrigins) do origins[#origins + 1] = origin end
  if check.same_host then origins[#origins + 1] = "the host that is asked" end
  if check.allow_missing then origins[#origins + 1] = "none sent" end
  found.origins = origins
end

-- Each kind that is known: what to note, and what comes next (nil at the end).
local known = {
  [OriginCheck] = function(found, check)
    note_origins(found, check)
    return check.next
  end,
  [WsServer] = function(found, server)
    found.kind, found.value, found.scheme = "component", server.component, "ws"
    found.options = server.limits
  end,
  [FunctionHandler] = function(found, handler)
    found.kind, found.value = "function", handler.fn
  end,
  [Static] = function(found, static)
    found.kind, found.value = "folder", static.root
  end,
}

local function step(found, layer, seen)
  seen[layer] = true
  local note = known[getmetatable(layer)]
  if note then return note(found, layer) end
  found.kind, found.value, found.layer = "layer", layer, layer
  if type(layer) ~= "table" or type(layer.handle) ~= "function" then return nil end
  local next_layer = next_of(layer, seen)
  if next_layer and not component.has(next_layer, "handle") then
    found.kind, found.value = "component", next_layer
    return nil
  end
  return next_layer
end

---What that layer leads to.
---@param layer table
---@return ratchet.Layers
function layers.describe(layer)
  local found = { kind = "layer", value = layer, scheme = "http", options = {} }
  local seen = {}
  while layer do layer = step(found, layer, seen) end
  return found
end

return layers
