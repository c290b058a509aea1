-- SessionProvider - the layer that lets an app see the session that the visitor has on the
-- web site: it finds the cookie, and everything behind it finds conn.Session and
-- request.Session. Nothing is read before somebody asks (session.lua), and nothing here
-- runs per message.

local class = require "ratchet.class"
local component = require "ratchet.component"
local cookie = require "ratchet.http.cookie"
local ids = require "ratchet.session.id"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local serializers = require "ratchet.session.serializer"
local Session = require "ratchet.session.session"
local WsServer = require "ratchet.websocket.ws_server"

---@class ratchet.session.SessionProvider
local SessionProvider = class()

local known = {
  name = "string", serializer = { "php", "php_binary", "php_serialize", "json" },
  autoLoad = "boolean", cookie = "table",
}

---@class ratchet.session.Options
---@field name string? of the cookie: "PHPSESSID", as PHP's session.name
---@field serializer "php"|"php_binary"|"php_serialize"|"json"|nil "php", as PHP's
---  session.serialize_handler
---@field autoLoad boolean? is it read before anybody asks? Then it can be asked where
---  nothing can wait
---@field cookie ratchet.http.CookieOptions? of cookies that are sent for new sessions:
---  path = "/", httpOnly = true, sameSite = "Lax", and secure when the request was

local function check_store(store)
  for _, method in ipairs({ "read", "write", "destroy" }) do
    if not component.has(store, method) then
      raise("SessionProvider: a store has the methods read, write and destroy; this %s has no %s",
        type(store) == "table" and "one" or type(store), method)
    end
  end
end

-- A component gets WebSockets.
local function layer_for(next_layer)
  if component.has(next_layer, "handle") then return next_layer end
  component.check(next_layer, "SessionProvider")
  return WsServer(next_layer)
end

local function cookie_options(given)
  local all = { path = "/", httpOnly = true, sameSite = "Lax" }
  for name, value in pairs(given or {}) do all[name] = value end
  return all
end

---@param next_layer table|userdata a layer with `handle`, or a component
---@param store table a MemoryStore, FileStore, RedisStore, or any table with read(id),
---  write(id, bytes) and destroy(id)
---@param given ratchet.session.Options?
---@return ratchet.session.SessionProvider
function SessionProvider.new(next_layer, store, given)
  local layer = layer_for(next_layer)
  check_store(store)
  given = options.check(given, known, "SessionProvider")
  local provider = setmetatable({
    next = layer,
    scheme = layer.scheme,
    store = store,
    name = given.name or "PHPSESSID",
    serializer = serializers[given.serializer or "php"],
    auto_load = given.autoLoad or false,
    cookie = cookie_options(given.cookie),
  }, SessionProvider)
  cookie.format(provider.name, "x", provider.cookie) -- raises when it makes no sense
  return provider
end

local function begin(provider, request)
  local id = request.cookies[provider.name]
  local session = Session(provider.store, provider.serializer, ids.isValid(id) and id or nil)
  rawset(request, "Session", session)
  request.connectionFields.Session = session
  if provider.auto_load then session:load() end
end

-- The options of a cookie that is sent now; with `ends`, of one that the client forgets.
-- What came over TLS goes back over TLS only, unless something else was said.
local function options_for(provider, request, ends)
  local all = { secure = request.secure or nil }
  for name, value in pairs(provider.cookie) do all[name] = value end
  if ends then all.maxAge, all.expires = 0, nil end
  return all
end

-- A raw connection has no answer, and so no place for a cookie.
local function with_cookie(provider, request, first, second, headers, ...)
  local session = request.Session
  session.may_answer = false
  local id = session.cookie
  if not id or first == "raw" then return first, second, headers, ... end
  local all = {}
  for name, value in pairs(headers or {}) do all[name] = value end
  cookie.add(all, provider.name, id, options_for(provider, request, id == ""))
  return first, second, all, ...
end

---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function SessionProvider:handle(request)
  begin(self, request)
  return with_cookie(self, request, self.next:handle(request))
end

return SessionProvider
