-- cookie - values that a client keeps for us and cannot change: signed by HMAC-SHA256,
-- for a time. They are not secret: the client can read them.
--
--   response:cookie("user", cookie.sign("user", "ada", secret, { maxAge = 86400 }), ...)
--   local user = cookie.verify("user", request.cookies.user, secret)
--
-- On the wire: the value in base64url, ".", the time of its end (or nothing), ".", the
-- signature in base64url. The name is signed too, so that one cookie is not taken for
-- another.

local base64url = require "ratchet.base64url"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local secrets = require "ratchet.auth.secret"

local cookie = {}

local LONGEST = 4096 -- bytes: what browsers keep (RFC 6265 6.1)

local function check_name(name, where)
  if type(name) ~= "string" then raise("%s: the name must be a string", where) end
end

local function signature(name, text, secret)
  return native.core().hmacSha256(secret, ("ratchet cookie %d:%s=%s"):format(#name, name, text))
end

---@param name string of the cookie
---@param value string
---@param secret string 32 bytes or more
---@param given { maxAge: number? }? seconds for which it is believed; for ever without
---@return string text for response:cookie
function cookie.sign(name, value, secret, given)
  check_name(name, "cookie.sign")
  options.argument("the value", value, "string", "cookie.sign")
  secrets.check(secret, "cookie.sign")
  given = options.check(given, { maxAge = "age" }, "cookie.sign")
  local ends = given.maxAge and ("%d"):format(os.time() + given.maxAge) or ""
  local text = base64url.encode(value) .. "." .. ends
  text = text .. "." .. base64url.encode(signature(name, text, secret))
  if #name + #text > LONGEST then
    raise("cookie.sign: %d bytes are more than browsers keep, 4096", #name + #text)
  end
  return text
end

local function is_signed(name, text, given, secret_or_list)
  local list = type(secret_or_list) == "table" and secret_or_list or { secret_or_list }
  if #list == 0 then raise("cookie.verify: the list of secrets is empty") end
  local found = false
  for _, secret in ipairs(list) do
    secrets.check(secret, "cookie.verify")
    if native.core().constantTimeEquals(signature(name, text, secret), given) then found = true end
  end
  return found
end

---@param name string of the cookie
---@param text string? what the client sent: request.cookies[name]
---@param secret string|string[] several while a new one takes the place of an old one
---@return string? value
---@return string? reason
function cookie.verify(name, text, secret)
  check_name(name, "cookie.verify")
  if text == nil then return nil, "there is none" end
  options.argument("the cookie", text, "string", "cookie.verify")
  local body, encoded, ends, given = text:match("^(([%w_-]*)%.(%d*))%.([%w_-]+)$")
  given = given and #text <= LONGEST and base64url.decode(given)
  if not given then return nil, "it is not signed" end
  if not is_signed(name, body, given, secret) then return nil, "the signature is wrong" end
  if ends ~= "" and tonumber(ends) <= os.time() then return nil, "its time is over" end
  return base64url.decode(encoded)
end

return cookie
