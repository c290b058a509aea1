-- App - the facade that most people use: one address, one router, and for each
-- route the layers that it needs (OriginCheck, WsServer). Everything it does can
-- be stacked by hand from ratchet.server, ratchet.http and ratchet.websocket.

local FunctionHandler = require "ratchet.http.function_handler"
local OriginCheck = require "ratchet.http.origin_check"
local Router = require "ratchet.http.router"
local Static = require "ratchet.http.static"
local WampServer = require "ratchet.wamp.wamp_server"
local WsServer = require "ratchet.websocket.ws_server"
local class = require "ratchet.class"
local component = require "ratchet.component"
local host = require "ratchet.http.host"
local listen = require "ratchet.server.listen"
local raise = require "ratchet.raise"
local native = require "ratchet.native"
local options = require "ratchet.options"
local page = require "ratchet.reload.page"
local pattern = require "ratchet.http.pattern"
local record = require "ratchet.reload.record"
local tls = require "ratchet.server.tls"

---@class ratchet.App
---@field httpHost string
---@field port integer|false the real one once run() has listened
---@field address string
---@field listeners table[] where run() listens: { address=, port= } or { path= }
---@field routes ratchet.http.Router
local App = class()

local app_options = options.join(options.limits, options.listener, options.watchdog,
  { development = "boolean" })
local table_options = options.join(app_options,
  { host = "string", port = "port_or_none", address = "string" })
local route_options = options.join(options.limits, { allowMissingOrigin = "boolean" })

-- ratchet.App{ host=, port=, address=, ... } as the four arguments.
local function from_table(given)
  options.check(given, table_options, "ratchet.App")
  return given.host, given.port, given.address, options.select(given, app_options)
end

-- The hosts that routes answer to when they name none: the app's, and the one of
-- the command line's --host, so that what one typed there can be typed in a browser.
local function default_hosts(http_host)
  local hosts = { http_host }
  local wanted = native.options().host
  if wanted and wanted ~= "0.0.0.0" and wanted ~= "::" and
    host.key(wanted) ~= host.key(http_host) and http_host ~= "" then
    hosts[2] = host.name(wanted)
  end
  return hosts
end

---@param http_host string|table? the host that clients write in the address,
---  "localhost" when not given, "" for any; or one table with host, port, address
---  and the options
---@param port integer|false? 8080 when not given; 0 for any free one; false for none:
---  only what app:listen says
---@param address string? where to listen: "127.0.0.1" (this machine only) when not
---  given, "0.0.0.0" for everyone
---@param given table? limits for all routes (options.limits), what holds for the
---  listener (options.listener) and for all handlers (options.watchdog), and
---  development = true: refusals explain themselves in their bodies, as with
---  --development
---@return ratchet.App
function App.new(http_host, port, address, given)
  if type(http_host) == "table" then http_host, port, address, given = from_table(http_host) end
  http_host, address = http_host or "localhost", address or "127.0.0.1"
  if port == nil then port = 8080 end
  options.argument("the host", http_host, "string", "ratchet.App")
  options.argument("the port", port, "port_or_none", "ratchet.App")
  options.argument("the address", address, "string", "ratchet.App")
  given = options.check(given, app_options, "ratchet.App")
  tls.check(given.tls, "ratchet.App")
  return setmetatable({
    httpHost = http_host,
    port = port,
    address = address,
    options = given,
    routes = Router(),
    hosts = default_hosts(http_host),
    announced = {}, -- list of { scheme, host, path }
    wanted = port and { { address = address, port = port } } or {}, -- for listen.open
  }, App)
end

-- What answers on a route: a layer as it is, a component in a WsServer, one with WAMP's
-- events in a WampServer in that.
local function layer_for(app, target, given)
  local limits = options.select(given, options.limits)
  if component.has(target, "handle") then
    local name = next(limits)
    if name then
      raise('app:route: option "%s" goes to the component; give it to the WsServer', name)
    end
    return target
  end
  if component.is_for_wamp(target) then target = WampServer(target) end
  component.check(target, "app:route")
  local all = options.select(app.options, options.limits)
  for name, value in pairs(limits) do all[name] = value end
  return WsServer(target, all)
end

-- Same origin is the default: pages of the hosts that the route answers to. Where
-- those are not known beforehand, it is the host that the request asked for.
local function guarded(layer, origins, hosts, allow_missing)
  if origins ~= nil and type(origins) ~= "table" then
    raise('app:route: the allowed origins must be a list, such as { "*" }; they are a %s',
      type(origins))
  end
  for _, origin in ipairs(origins or {}) do
    if origin == "*" then return layer end
  end
  if origins and #origins > 0 then
    return OriginCheck(layer, origins, { allowMissing = allow_missing })
  end
  local is_open = hosts[1] == "" or pattern.has_pieces(hosts[1])
  return OriginCheck(layer, is_open and {} or hosts,
    { allowMissing = allow_missing, sameHost = is_open })
end

local function hosts_for(app, http_host)
  if http_host == nil then return app.hosts end
  if type(http_host) ~= "string" then
    raise('app: the host of a route must be a string ("" is any); it is a %s', type(http_host))
  end
  return { http_host }
end

local function announce_later(app, scheme, http_host, path)
  app.announced[#app.announced + 1] = { scheme = scheme, host = http_host, path = path }
end

---Serves a component at a path.
---@param path string such as "/chat", "/room/{name}", "/item/{id:%d+}"
---@param target table|userdata a component, which gets WebSockets, or WAMP when it has
---  one of onCall, onSubscribe, onUnSubscribe, onPublish and no onMessage; or a layer with
---  `handle` (WsServer, HttpServer, one of your own), which is asked as it is
---@param allowed_origins string[]? pages of these may connect (see OriginCheck);
---  { "*" } is everyone; none is the route's own host
---@param http_host string? the host to answer to; the app's when not given, "" for any
---@param given table? limits for this route, and allowMissingOrigin (true: clients
---  that send no Origin, which browsers always do, pass too)
---@return table|userdata target
function App:route(path, target, allowed_origins, http_host, given)
  given = options.check(given, route_options, "app:route")
  local hosts = hosts_for(self, http_host)
  local layer = layer_for(self, target, given)
  local scheme = layer.scheme or "http"
  layer = guarded(layer, allowed_origins, hosts, given.allowMissingOrigin)
  for _, name in ipairs(hosts) do self.routes:add("GET", path, layer, name) end
  announce_later(self, scheme, hosts[#hosts], path)
  return target
end

-- Pages are for whoever asks this machine by any of its loopback names too, so
-- that a health check from the inside needs no Host header of the outside.
local function hosts_for_http(app, http_host)
  local hosts = { unpack(hosts_for(app, http_host)) }
  if http_host ~= nil then return hosts end
  for _, name in ipairs(hosts) do
    if name == "" or host.is_loopback(name) then return hosts end
  end
  hosts[#hosts + 1] = "localhost"
  return hosts
end

local function add_function(app, method, path, fn, http_host)
  local handler = FunctionHandler(fn, ("%s %s"):format(method, tostring(path)))
  local hosts = hosts_for_http(app, http_host)
  for _, name in ipairs(hosts) do app.routes:add(method, path, handler, name) end
  if method == "GET" then
    announce_later(app, "http", http_host or app.hosts[#app.hosts], path)
  end
  return app
end

---Answers GET (and HEAD) requests for a path by a function.
---@param path string
---@param fn fun(request: ratchet.http.Request, response: ratchet.http.Response): any
---@param http_host string?
---@return ratchet.App self
function App:get(path, fn, http_host)
  return add_function(self, "GET", path, fn, http_host)
end

---As get, for POST.
---@param path string
---@param fn fun(request: ratchet.http.Request, response: ratchet.http.Response): any
---@param http_host string?
---@return ratchet.App self
function App:post(path, fn, http_host)
  return add_function(self, "POST", path, fn, http_host)
end

---As get, for PUT.
---@param path string
---@param fn fun(request: ratchet.http.Request, response: ratchet.http.Response): any
---@param http_host string?
---@return ratchet.App self
function App:put(path, fn, http_host)
  return add_function(self, "PUT", path, fn, http_host)
end

---As get, for PATCH.
---@param path string
---@param fn fun(request: ratchet.http.Request, response: ratchet.http.Response): any
---@param http_host string?
---@return ratchet.App self
function App:patch(path, fn, http_host)
  return add_function(self, "PATCH", path, fn, http_host)
end

---As get, for DELETE.
---@param path string
---@param fn fun(request: ratchet.http.Request, response: ratchet.http.Response): any
---@param http_host string?
---@return ratchet.App self
function App:delete(path, fn, http_host)
  return add_function(self, "DELETE", path, fn, http_host)
end

local function has_index(folder)
  local index = io.open(folder .. "/index.html")
  if index then index:close() end
  return index ~= nil
end

---Serves the files of a folder: prefix "/assets" answers "/assets/css/a.css" by
---"css/a.css" in it. Routes that are added before, and literal ones, come first.
---@param prefix string "/" for all paths
---@param folder string
---@param http_host string?
---@param given { maxAge: number? }? seconds for which clients need not ask again
---@return ratchet.App self
function App:static(prefix, folder, http_host, given)
  local files = Static(prefix, folder, given)
  for _, name in ipairs(hosts_for_http(self, http_host)) do
    self.routes:add("GET", files.prefix .. "{path:.*}", files, name)
    if files.prefix ~= "/" then self.routes:add("GET", files.prefix:sub(1, -2), files, name) end
  end
  if has_index(folder) then
    announce_later(self, "http", http_host or self.hosts[#self.hosts], files.prefix)
  end
  return self
end

---Answers one request; what IoServer and HttpServer need to take an App as a layer.
---@param request ratchet.http.Request
---@return any ...
function App:handle(request)
  if self.options.development then rawset(request, "development", true) end
  if self.has_pages then return page.handle(self.routes, request) end
  return self.routes:handle(request)
end

---Who is here: the connections that conn:identify has given a user's id, those of all
---apps of the program.
---@return ratchet.Users
function App:users()
  return native.core().users
end

---Listens at one more address, beside the one that the app was made with.
---@param given table { address=, port=, ipv6Only=, reusePort= }, { unix=, mode= }, { fd= }, or
---  { systemd= }; with any of them, proxyProtocol= and tls= (false: none, though the
---  app has it)
---@return ratchet.App self
function App:listen(given)
  if self.listeners then raise("app:listen: app:run() has listened already") end
  self.wanted[#self.wanted + 1] = listen.check(given, "app:listen")
  return self
end

-- "localhost" need not lead to ::1.
local function name_in_url(route, bound)
  local is_six = bound.address == "::1" and host.is_loopback(route.host)
  if route.host == "" or is_six then return listen.reachable(bound.address) end
  return listen.in_url(route.host)
end

local function url_of(route, bound)
  local usual = bound.secure and 443 or 80
  local port = bound.port == usual and "" or ":" .. bound.port
  local scheme = bound.secure and route.scheme .. "s" or route.scheme
  return ("%s://%s%s%s"):format(scheme, name_in_url(route, bound), port, route.path)
end

-- Each once: pages first, for they are what one opens, then unix sockets last.
local function announce(app, listeners)
  local lists, seen = { page = {}, other = {}, unix = {} }, {}
  local function add(list, text)
    if not seen[text] then list[#list + 1] = text end
    seen[text] = true
  end
  for _, bound in ipairs(listeners) do
    if bound.path then add(lists.unix, listen.shown(bound)) end
    for _, route in ipairs(bound.port and app.announced or {}) do
      add(route.scheme == "http" and lists.page or lists.other, url_of(route, bound))
    end
  end
  for _, name in ipairs({ "page", "other", "unix" }) do
    for _, text in ipairs(lists[name]) do native.core().announce(text) end
  end
end

---Starts to listen and prints the URLs that work; raises one line with a cure
---when it cannot. The file goes on after it; the server serves once the file has
---ended.
function App:run()
  require "ratchet.http.request" -- gives the core the request's metatable
  if #self.wanted == 0 then raise("app:run: there is no port, and no app:listen{...}") end
  self.listeners = listen.open(self.wanted,
    { server = self, options = options.select(self.options, options.listener) })
  record.server(self)
  self.has_pages = page.is_on() -- that show what is wrong with the code
  local bound = listen.first_port(self.listeners)
  if bound then self.address, self.port = bound.address, bound.port end
  record.later(function()
    native.core().watchdog(options.select(self.options, options.watchdog))
  end)
  announce(self, self.listeners)
end

return App
