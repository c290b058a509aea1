-- cookie - writes the value of a Set-Cookie header (RFC 6265 4.1). Nothing is encoded
-- and nothing is guessed: what a browser would drop or misread is an error.

local date = require "ratchet.http.date"
local header_lines = require "ratchet.http.headers"
local options = require "ratchet.options"
local raise = require "ratchet.raise"

local cookie = {}

---@class ratchet.http.CookieOptions
---@field path string? such as "/"; the folder of the request's path when not given
---@field domain string? also for hosts below it; this very host when not given
---@field maxAge integer? seconds to keep it, 0 to delete it; until the browser ends when
---  neither this nor `expires` is given
---@field expires integer? the time, as of os.time(), until which to keep it
---@field secure boolean? over TLS only (and to localhost)
---@field httpOnly boolean? not for scripts of the page
---@field sameSite "Strict"|"Lax"|"None"|nil with requests that other sites cause?

local known_options = {
  path = "string",
  domain = "string",
  maxAge = "life",
  expires = "time",
  secure = "boolean",
  httpOnly = "boolean",
  sameSite = { "Strict", "Lax", "None" },
}

local function check_name(name)
  if not header_lines.is_token(name) then
    raise("cookie: %s is no name of a cookie; letters, digits, - and _ are fine",
      type(name) == "string" and ("%q"):format(name) or "a " .. type(name))
  end
end

local function check_value(name, value)
  if type(value) == "number" then value = tostring(value) end
  if type(value) ~= "string" then
    raise('cookie: the value of "%s" must be a string; it is a %s', name, type(value))
  end
  if value:find("[^]-~!#-+--:<-[]") then
    raise('cookie: the value of "%s" has a space, a quote, a comma, a semicolon, a backslash or '
      .. "a byte outside of ASCII; encode it, as base64 or by percents", name)
  end
  return value
end

local function check_path(path)
  if path and (path:sub(1, 1) ~= "/" or path:find("[;%c\128-\255]")) then
    raise('cookie: a path begins with "/", is ASCII and has no semicolon; this is %q', path)
  end
end

local function check_domain(domain)
  if domain and not (domain:find("^[%w.-]+$") and domain:find("^%w") and domain:find("%w$"))
    or domain and domain:find("..", 1, true) then
    raise('cookie: a domain is a name such as "example.org"; this is %q', domain)
  end
end

-- What browsers refuse silently (RFC 6265bis 4.1.3).
local function check_promises(name, given)
  if given.sameSite == "None" and not given.secure then
    raise('cookie: sameSite = "None" needs secure = true, or browsers drop "%s"', name)
  end
  local lower = name:lower()
  local is_host = lower:find("^__host%-") ~= nil
  if (is_host or lower:find("^__secure%-")) and not given.secure then
    raise('cookie: "%s" needs secure = true, or browsers drop it', name)
  end
  if is_host and (given.path ~= "/" or given.domain) then
    raise('cookie: "%s" needs path = "/" and no domain, or browsers drop it', name)
  end
end

---@param name string
---@param value string|number
---@param given ratchet.http.CookieOptions?
---@return string line such as "id=7; Path=/; HttpOnly"
function cookie.format(name, value, given)
  check_name(name)
  value = check_value(name, value)
  given = options.check(given, known_options, "cookie")
  check_path(given.path)
  check_domain(given.domain)
  check_promises(name, given)
  local parts = { name .. "=" .. value }
  local function add(format, setting)
    if setting then parts[#parts + 1] = format:format(setting) end
  end
  add("Path=%s", given.path)
  add("Domain=%s", given.domain)
  add("Max-Age=%d", given.maxAge)
  add("Expires=%s", given.expires and date.format(given.expires))
  add("Secure", given.secure)
  add("HttpOnly", given.httpOnly)
  add("SameSite=%s", given.sameSite)
  return table.concat(parts, "; ")
end

-- The name under which cookies are set already, in whatever spelling.
local function spelling(headers)
  for name in pairs(headers) do
    if type(name) == "string" and name:lower() == "set-cookie" then return name end
  end
  return "Set-Cookie"
end

---Adds a cookie to headers, beside those that are there.
---@param headers table<string, string|string[]>
---@param name string
---@param value string|number
---@param given ratchet.http.CookieOptions?
function cookie.add(headers, name, value, given)
  local line, key = cookie.format(name, value, given), spelling(headers)
  local before = headers[key]
  local lines = type(before) == "table" and { unpack(before) } or { before }
  lines[#lines + 1] = line
  headers[key] = lines
end

return cookie
