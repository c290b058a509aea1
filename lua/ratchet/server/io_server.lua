-- IoServer - the bottom layer: binds one component to an address, or several. A component
-- that handles requests (it has a method `handle`: HttpServer, Router, WsServer,
-- ...) is served over HTTP; any other gets the raw bytes of TCP, as they come.

local class = require "ratchet.class"
local component = require "ratchet.component"
local listen = require "ratchet.server.listen"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local record = require "ratchet.reload.record"
local tls = require "ratchet.server.tls"

---@class ratchet.server.IoServer
---@field port integer|false
---@field address string
---@field listeners table[] where run() listens: { address=, port= } or { path= }
local IoServer = class()

local io_options = options.join(options.listener, options.watchdog)

---@param app table a component, or a layer with `handle`
---@param port integer|false? 80 when not given; 0 for any free one; false for none: only
---  what server:listen says
---@param address string? "0.0.0.0" when not given
---@param given table? options.listener, options.watchdog
---@return ratchet.server.IoServer
function IoServer.new(app, port, address, given)
  address = address or "0.0.0.0"
  if port == nil then port = 80 end
  if not component.has(app, "handle") then component.check(app, "IoServer") end
  options.argument("port", port, "port_or_none", "IoServer")
  options.argument("address", address, "string", "IoServer")
  given = options.check(given, io_options, "IoServer")
  tls.check(given.tls, "IoServer")
  return setmetatable({
    app = app,
    port = port,
    address = address,
    options = given,
    wanted = port and { { address = address, port = port } } or {}, -- for listen.open
  }, IoServer)
end

---As in Ratchet: the usual way to make one.
---@param app table
---@param port integer|false?
---@param address string?
---@param given table?
---@return ratchet.server.IoServer
function IoServer.factory(app, port, address, given)
  return IoServer.new(app, port, address, given)
end

---Listens at one more address, as app:listen does.
---@param given table { address=, port=, ipv6Only=, reusePort= }, { unix=, mode= }, { fd= }, or
---  { systemd= }
---@return ratchet.server.IoServer self
function IoServer:listen(given)
  if self.listeners then raise("server:listen: server:run() has listened already") end
  self.wanted[#self.wanted + 1] = listen.check(given, "server:listen")
  return self
end

local function serving(server)
  local is_http = component.has(server.app, "handle")
  if is_http then require "ratchet.http.request" end -- gives the core the request's metatable
  return {
    server = server,
    component = not is_http and server.app or nil,
    endpoint = not is_http and native.core().endpoint(server.app) or nil,
    options = options.select(server.options, options.listener),
  }
end

---Answers one request by the layer above.
---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function IoServer:handle(request)
  return self.app:handle(request)
end

local function announce(app, bound)
  if bound.path then return native.core().announce(listen.shown(bound)) end
  local is_http = component.has(app, "handle")
  local scheme = is_http and (app.scheme or "http") or bound.secure and "tls" or "tcp"
  if is_http and bound.secure then scheme = scheme .. "s" end
  native.core().announce(("%s://%s:%d%s"):format(
    scheme, listen.reachable(bound.address), bound.port, is_http and "/" or ""))
end

---Starts to listen; raises when it cannot. The file goes on after it, and the
---server serves once the file has ended.
function IoServer:run()
  if #self.wanted == 0 then raise("server:run: there is no port, and no server:listen{...}") end
  self.listeners = listen.open(self.wanted, serving(self))
  local bound = listen.first_port(self.listeners)
  if bound then self.address, self.port = bound.address, bound.port end
  record.later(function()
    native.core().watchdog(options.select(self.options, options.watchdog))
  end)
  for _, one in ipairs(self.listeners) do announce(self.app, one) end
  record.server(self)
end

return IoServer
