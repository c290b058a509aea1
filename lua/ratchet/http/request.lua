-- Request - what a client asked for. The core makes a plain table of what it
-- parsed (method, target, version, rawHeaders, remoteAddress, remotePort, secure,
-- and upgradeStatus with upgradeReason and upgradeLesson when the request is no good handshake);
-- everything else is worked out here when it is first asked for, because most
-- requests are never asked for most of it.
--
-- A request that got a field of its own is marked `kept`: the core then keeps
-- this very table as conn.httpRequest. An unmarked one it may make anew from the
-- bytes, which is the same to the app and costs an idle connection nothing.

local class = require "ratchet.class"
local cookie = require "ratchet.http.cookie"
local headers = require "ratchet.http.headers"
local host = require "ratchet.http.host"
local raise = require "ratchet.raise"
local native = require "ratchet.native"
local uri = require "ratchet.http.uri"

---@class ratchet.http.Request
---@field method string
---@field target string as the client sent it
---@field version string "1.1" or "1.0"
---@field rawHeaders string[] name, value, name, value, ...
---@field remoteAddress string
---@field peerAddress string
---@field remotePort integer
---@field secure boolean did the client speak TLS?
---@field tls ratchet.core.Tls? when it did so to this server
---@field path string? decoded; nil when its percent-encoding is broken
---@field query table<string, string> of a repeated name the last value
---@field params table<string, string> from the route's pattern
---@field headers table<string, string> looked up without case; repeated ones joined
---@field cookies table<string, string> of a repeated name the first value
---@field host string? without port, in lower case
---@field origin string?
---@field protocols string[] the sub-protocols that the client offers
---@field body string
---@field responseHeaders table<string, string|string[]> to go out with the 101
---@field connectionFields table<string, any> fields that the connection has from onOpen
---  on: a layer gives them to it
---@field development boolean? true: a refusal explains itself in its body
---@field protocol string? in onUpgrade: the sub-protocol that will be agreed on, to be
---  replaced by another one of `protocols`, or by ""
local Request = class()

local function each_cookie(request, visit)
  for pair in (request.headers.cookie or ""):gmatch("[^;]+") do
    local name, value = pair:match("^%s*([^=%s]+)%s*=%s*(.-)%s*$")
    if name then visit(name, value:match('^"(.*)"$') or value) end
  end
end

-- The browser sends the cookie with the longest path first (RFC 6265 5.4), so
-- the first is the one that was meant for this very path.
local function parse_cookies(request)
  local cookies = {}
  each_cookie(request, function(name, value)
    if cookies[name] == nil then cookies[name] = value end
  end)
  return cookies
end

local function parse_query(request)
  local query = {}
  local _, text = uri.split(request.target)
  uri.each_pair(text, function(name, value) query[name] = value end)
  return query
end

-- The absolute form of the target outranks the Host header (RFC 9112 3.2.2).
local function parse_host(request)
  local _, _, authority = uri.split(request.target)
  local text = authority or request.headers.host
  return text and host.name(text)
end

local function parse_protocols(request)
  local protocols = {}
  for name in (request.headers["sec-websocket-protocol"] or ""):gmatch("[^,%s]+") do
    protocols[#protocols + 1] = name
  end
  return protocols
end

local lazy = {
  path = function(request) return uri.decode((uri.split(request.target))) end,
  query = parse_query,
  params = function() return {} end,
  headers = function(request) return headers.parse(request.rawHeaders) end,
  cookies = parse_cookies,
  host = parse_host,
  origin = function(request) return request.headers.origin end,
  protocols = parse_protocols,
  body = function() return "" end,
  responseHeaders = function() return {} end,
  connectionFields = function() return {} end,
}

function Request.__index(request, name)
  local method = rawget(Request, name)
  if method ~= nil then return method end
  local make = lazy[name]
  if not make then return nil end
  local value = make(request)
  rawset(request, name, value)
  return value
end

-- After the 101 nobody asks for these.
local for_the_101 = { responseHeaders = true, protocol = true }

function Request.__newindex(request, name, value)
  rawset(request, name, value)
  if not for_the_101[name] then rawset(request, "kept", true) end
end

---Makes a request out of a plain table, for tests and for layers that make up
---requests of their own. Missing are: method "GET", target "/", version "1.1".
---@param fields table? `headers` here is a plain table, name to value or list
---@return ratchet.http.Request
function Request.new(fields)
  local request = {}
  for name, value in pairs(fields or {}) do request[name] = value end
  request.method = request.method or "GET"
  request.target = request.target or "/"
  request.version = request.version or "1.1"
  if request.secure == nil then request.secure = false end
  request.rawHeaders = request.rawHeaders or Request.flatten(request.headers or {})
  request.headers = nil
  return setmetatable(request, Request)
end

---Headers given as a table in the order and form of `rawHeaders`.
---@param given table<string, string|string[]>
---@return string[]
function Request.flatten(given)
  if type(given) ~= "table" then raise("Request: headers must be a table") end
  local names, raw = {}, {}
  for name in pairs(given) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local values = given[name]
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      raw[#raw + 1] = name
      raw[#raw + 1] = tostring(value)
    end
  end
  return raw
end

---Every value of a header, in order; an empty list when there is none.
---@param name string
---@return string[]
function Request:headerAll(name)
  return headers.all(self.rawHeaders, name)
end

---Every value of a name in the query, in order.
---@param name string
---@return string[]
function Request:queryAll(name)
  local values = {}
  local _, text = uri.split(self.target)
  uri.each_pair(text, function(key, value)
    if key == name then values[#values + 1] = value end
  end)
  return values
end

---Every value of a cookie, in order.
---@param name string
---@return string[]
function Request:cookieAll(name)
  local values = {}
  each_cookie(self, function(key, value)
    if key == name then values[#values + 1] = value end
  end)
  return values
end

---Lets the 101 set a cookie, beside others that it sets. For onUpgrade.
---@param name string
---@param value string|number
---@param given ratchet.http.CookieOptions?
---@return ratchet.http.Request
function Request:setCookie(name, value, given)
  cookie.add(self.responseHeaders, name, value, given)
  return self
end

local core = native.optional()
if core then core.requestMetatable(Request) end

return Request
