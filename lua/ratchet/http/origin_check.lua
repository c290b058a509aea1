-- OriginCheck - lets only pages of certain sites pass. Browsers send the site that
-- a page came from with every WebSocket handshake, and with it nobody's cookies can
-- be used by a stranger's page. It is no defence against programs, which can send
-- any origin.
--
-- What a list may hold:
--   "example.org"               that host, any scheme and port
--   "https://example.org:8443"  exactly that origin
--   "*.example.org"             every host below example.org, not itself
--   "*"                         everyone, also who sends no origin

local class = require "ratchet.class"
local component = require "ratchet.component"
local host = require "ratchet.http.host"
local raise = require "ratchet.raise"
local options = require "ratchet.options"
local refuse = require "ratchet.http.refuse"
local text = require "ratchet.http.text"

---@class ratchet.http.OriginCheck
---@field allowedOrigins string[] for reading; add to it by allow()
local OriginCheck = class()

local known_options = { allowMissing = "boolean", sameHost = "boolean" }

-- What the log says behind the sentence.
local FOREIGN = "RFC 6455 10.2: if its pages may connect, add that host to the allowed origins"
local NAMELESS = "RFC 6455 10.2: browsers send one; allowMissingOrigin lets other programs in"

local default_ports = { http = "80", https = "443", ws = "80", wss = "443" }

-- Host and port, and nothing else: no user before an "@", no rest after a "]".
local function parse_authority(authority)
  local name, port = authority:match("^(%[[%x:.]+%]):?(%d*)$")
  if not name then name, port = authority:match("^([^%[%]:@%s]+):?(%d*)$") end
  return name, port
end

-- scheme, host key and port of an origin; nil when it is none, such as "null".
local function parse_origin(origin)
  local scheme, authority = origin:match("^(%a[%w+.-]*)://([^/?#]+)/?$")
  local name, port = parse_authority(authority or "")
  if not name then return nil end
  scheme = scheme:lower()
  return scheme, host.key(name), port ~= "" and port or default_ports[scheme] or ""
end

local function origin_key(scheme, host_key, port)
  return scheme .. "://" .. host_key .. ":" .. port
end

---@param next_layer table a layer with `handle`
---@param allowed string[]? none is nobody, unless sameHost is set
---@param given { allowMissing: boolean?, sameHost: boolean? }? allowMissing: clients
---  that send no Origin pass; sameHost: so do pages of the host that was asked
---@return ratchet.http.OriginCheck
function OriginCheck.new(next_layer, allowed, given)
  component.check_handler(next_layer, "OriginCheck")
  if allowed ~= nil and type(allowed) ~= "table" then
    raise('OriginCheck: the origins must be a list, such as { "*" }; they are a %s', type(allowed))
  end
  given = options.check(given, known_options, "OriginCheck")
  local check = setmetatable({
    next = next_layer,
    scheme = next_layer.scheme,
    allow_missing = given.allowMissing or false,
    same_host = given.sameHost or false,
    allowedOrigins = {},
    everyone = false,
    hosts = {}, -- host key to true
    origins = {}, -- scheme://host:port to true
    suffixes = {}, -- list of ".example.org"
  }, OriginCheck)
  for _, entry in ipairs(allowed or {}) do check:allow(entry) end
  return check
end

local function check_host_entry(entry)
  if entry:find("^[^:]*:%d+$") or entry:find("^%[.*%]:%d+$") then
    raise('OriginCheck: "%s" is neither a host nor an origin; write "http://%s"', entry, entry)
  end
  if entry:find("[*/%s]") or entry == "" then
    raise('OriginCheck: "%s" is none of "host", "scheme://host:port", "*.host" and "*"', entry)
  end
end

---Lets one more origin pass.
---@param entry string
---@return ratchet.http.OriginCheck self
function OriginCheck:allow(entry)
  if type(entry) ~= "string" then
    raise("OriginCheck: an origin must be a string; this is a %s", type(entry))
  end
  local scheme, host_key, port = parse_origin(entry)
  local suffix = entry:match("^%*(%.[^*/%s:]+)$")
  if entry == "*" then
    self.everyone = true
  elseif scheme and not entry:find("*", 1, true) then
    self.origins[origin_key(scheme, host_key, port)] = true
  elseif suffix then
    self.suffixes[#self.suffixes + 1] = suffix:lower()
  else
    check_host_entry(entry)
    self.hosts[host.key(entry)] = true
  end
  self.allowedOrigins[#self.allowedOrigins + 1] = entry
  return self
end

local function ends_with_one(name, suffixes)
  for _, suffix in ipairs(suffixes) do
    if #name > #suffix and name:sub(-#suffix) == suffix then return true end
  end
  return false
end

---Does a request with this origin pass?
---@param origin string? the Origin header
---@param request_host string? the host that was asked, for sameHost
---@return boolean
function OriginCheck:allows(origin, request_host)
  if self.everyone then return true end
  if not origin then return self.allow_missing end
  local scheme, host_key, port = parse_origin(origin)
  if scheme and self.origins[origin_key(scheme, host_key, port)] then return true end
  local name = host_key or (parse_authority(origin) and host.key(origin))
  if not name then return false end
  if self.hosts[name] or ends_with_one(name, self.suffixes) then return true end
  return self.same_host and request_host ~= nil and name == host.key(request_host)
end

local function sentence(check, request)
  local allowed = {}
  for i, entry in ipairs(check.allowedOrigins) do allowed[i] = entry end
  if check.same_host then allowed[#allowed + 1] = request.host end
  local list = text.list(allowed)
  if request.origin then
    return ("Origin %s is not among %s"):format(text.quote(request.origin), list)
  end
  return ("no Origin was sent, and it must be among %s"):format(list)
end

---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function OriginCheck:handle(request)
  if self:allows(request.origin, request.host) then return self.next:handle(request) end
  return refuse(request, 403, sentence(self, request), { lesson = request.origin and FOREIGN
    or NAMELESS })
end

return OriginCheck
