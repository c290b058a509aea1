-- HttpServer - the layer between a listener and what answers requests. A next
-- layer with `handle` answers by itself. A plain component is handed the
-- connection as it is, with the request: onOpen(conn, request), and then raw
-- bytes; it writes its own answer (Ratchet's HttpServerInterface).

local class = require "ratchet.class"
local component = require "ratchet.component"
local native = require "ratchet.native"

---@class ratchet.http.HttpServer
local HttpServer = class()

---@param next_layer table a layer with `handle`, or a component
---@return ratchet.http.HttpServer
function HttpServer.new(next_layer)
  local is_handler = component.has(next_layer, "handle")
  if not is_handler then component.check(next_layer, "HttpServer") end
  return setmetatable({
    next = next_layer,
    is_handler = is_handler,
    scheme = is_handler and next_layer.scheme or "http",
  }, HttpServer)
end

---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function HttpServer:handle(request)
  if self.is_handler then return self.next:handle(request) end
  self.endpoint = self.endpoint or native.core().endpoint(self.next)
  return "raw", self.endpoint
end

return HttpServer
