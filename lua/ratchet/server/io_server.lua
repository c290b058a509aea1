-- IoServer - the bottom layer: binds one component to one address. A component
-- that handles requests (it has a method `handle`: HttpServer, Router, WsServer,
-- ...) is served over HTTP; any other gets the raw bytes of TCP, as they come.

local class = require "ratchet.class"
local component = require "ratchet.component"
local listen = require "ratchet.server.listen"
local native = require "ratchet.native"
local options = require "ratchet.options"

---@class ratchet.server.IoServer
---@field port integer
---@field address string
local IoServer = class()

---@param app table a component, or a layer with `handle`
---@param port integer? 80 when not given; 0 for any free one
---@param address string? "0.0.0.0" when not given
---@param given table? options.listener
---@return ratchet.server.IoServer
function IoServer.new(app, port, address, given)
  port, address = port or 80, address or "0.0.0.0"
  if not component.has(app, "handle") then component.check(app, "IoServer") end
  options.argument("port", port, "port", "IoServer")
  options.argument("address", address, "string", "IoServer")
  return setmetatable({
    app = app,
    port = port,
    address = address,
    options = options.check(given, options.listener, "IoServer"),
  }, IoServer)
end

---As in Ratchet: the usual way to make one.
---@param app table
---@param port integer?
---@param address string?
---@param given table?
---@return ratchet.server.IoServer
function IoServer.factory(app, port, address, given)
  return IoServer.new(app, port, address, given)
end

local function listener_for(server)
  local wanted = options.select(server.options, options.listener)
  wanted.address, wanted.port = server.address, server.port
  local app = server.app
  if component.has(app, "handle") then
    require "ratchet.http.request" -- gives the core the request's metatable
    wanted.handle = function(request) return app:handle(request) end
  else
    wanted.endpoint = native.core().endpoint(app)
  end
  return wanted
end

local function announce(server, bound)
  local is_http = component.has(server.app, "handle")
  local scheme = is_http and (server.app.scheme or "http") or "tcp"
  native.core().announce(("%s://%s:%d%s"):format(
    scheme, listen.reachable(bound.address), bound.port, is_http and "/" or ""))
end

---Starts to listen; raises when it cannot. The file goes on after it, and the
---server serves once the file has ended.
function IoServer:run()
  local bound = listen.open(listener_for(self))
  self.address, self.port = bound.address, bound.port
  announce(self, bound)
end

return IoServer
