-- jwt - JSON web tokens (RFC 7519) in their compact form (RFC 7515), signed by HS256,
-- RS256 or ES256 (RFC 7518).
--
-- Who verifies says which algorithm it is; what the token says of itself is compared with
-- that and decides nothing (RFC 8725 3.1). A token is believed only as a whole: signature
-- first, then its times, then whom it is from and for.

local base64url = require "ratchet.base64url"
local cjson = require "cjson"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local secrets = require "ratchet.auth.secret"

local jwt = {}

local LONGEST = 16384 -- bytes of a token
local json = cjson.new()
json.decode_max_depth(20)

local algorithms = { "HS256", "RS256", "ES256" }

local function hmac(key, data) return native.core().hmacSha256(key, data) end

-- The same two functions for each algorithm. What a key is not for raises: it is the
-- app's, and no token can mend it.
local schemes = {
  HS256 = {
    check = function(key, where) secrets.check(key, where) end,
    sign = hmac,
    verify = function(key, data, signature)
      return native.core().constantTimeEquals(hmac(key, data), signature)
    end,
  },
}

local function check_pem(key, where)
  if type(key) ~= "string" or not key:find("-----BEGIN", 1, true) then
    raise("%s: the key must be a string in PEM, that begins with -----BEGIN", where)
  end
end

for _, algorithm in ipairs({ "RS256", "ES256" }) do
  schemes[algorithm] = {
    check = check_pem,
    sign = function(key, data)
      local signature, reason = native.core().sign(algorithm, key, data)
      return signature or raise("jwt.sign: %s", reason)
    end,
    verify = function(key, data, signature)
      local is_right, reason = native.core().verify(algorithm, key, data, signature)
      if is_right == nil then raise("jwt.verify: %s", reason) end
      return is_right
    end,
  }
end

local function check_options(given, known, where)
  given = options.check(given, known, where)
  if not given.algorithm then
    raise('%s: say which algorithm = "HS256", "RS256" or "ES256" it is', where)
  end
  return given
end

-- ---- making one

local sign_options = {
  algorithm = algorithms, key = "string", expiresIn = "some_seconds", keyId = "string",
}

local function encode_part(value, what)
  local encoded, text = pcall(json.encode, value)
  if not encoded then raise("jwt.sign: the %s cannot be JSON: %s", what, text) end
  return base64url.encode(text)
end

local function with_times(claims, given)
  local all = {}
  for name, value in pairs(claims) do
    if type(name) ~= "string" then raise("jwt.sign: the claims must have names") end
    all[name] = value
  end
  if all.iat == nil then all.iat = os.time() end
  if given.expiresIn then all.exp = os.time() + math.ceil(given.expiresIn) end
  return all
end

---@class ratchet.auth.SignOptions
---@field algorithm "HS256"|"RS256"|"ES256"
---@field key string the secret, of 32 bytes or more; or the private key, in PEM
---@field expiresIn number? seconds, for the claim `exp`
---@field keyId string? for the header `kid`

---A token with these claims, and `iat`, the time now, unless they have it.
---@param claims table<string, any>
---@param given ratchet.auth.SignOptions
---@return string token
function jwt.sign(claims, given)
  options.argument("the claims", claims, "table", "jwt.sign")
  given = check_options(given, sign_options, "jwt.sign")
  local scheme = schemes[given.algorithm]
  scheme.check(given.key, "jwt.sign")
  local header = { alg = given.algorithm, typ = "JWT", kid = given.keyId }
  local data = encode_part(header, "header") .. "."
    .. encode_part(with_times(claims, given), "claims")
  return data .. "." .. base64url.encode(scheme.sign(given.key, data))
end

-- ---- believing one

local verify_options = {
  algorithm = algorithms, key = "key", issuer = "string", audience = "string",
  leeway = "seconds", maxAge = "some_seconds", requireExpiry = "boolean",
}

local function decode_object(text)
  local bytes = base64url.decode(text)
  if not bytes or not bytes:find("^%s*{") then return nil end
  local decoded, value = pcall(json.decode, bytes)
  return decoded and value or nil
end

-- A key may be a function, for sites that have several.
local function key_for(given, header)
  if type(given.key) ~= "function" then return given.key end
  local id = header.kid
  return given.key(type(id) == "string" and id or nil)
end

local function check_header(header, algorithm)
  if not header then return "the header is no JSON" end
  if header.alg ~= algorithm then return "it is not signed by " .. algorithm end
  if header.crit ~= nil then return "it asks for something that is not known here (crit)" end
end

local function is_time(value)
  return type(value) == "number" and value == value and math.abs(value) < 2 ^ 53
end

local function check_times(claims, given)
  local now, leeway = os.time(), given.leeway or 0
  for _, name in ipairs({ "exp", "nbf", "iat" }) do
    if claims[name] ~= nil and not is_time(claims[name]) then return name .. " is no time" end
  end
  if not claims.exp and given.requireExpiry ~= false then return "it has no time of its end" end
  if claims.exp and now >= claims.exp + leeway then return "its time is over" end
  if claims.nbf and now < claims.nbf - leeway then return "its time has not come" end
  if claims.iat and now < claims.iat - leeway then return "it was made in the future" end
  if not given.maxAge then return nil end
  if not claims.iat then return "it does not say when it was made" end
  if now >= claims.iat + given.maxAge + leeway then return "it is too old" end
end

local function is_for(audience, wanted)
  if type(audience) ~= "table" then return audience == wanted end
  for _, each in ipairs(audience) do
    if each == wanted then return true end
  end
  return false
end

-- A token for somebody else must not be taken (RFC 7519 4.1.3).
local function check_parties(claims, given)
  if given.issuer and claims.iss ~= given.issuer then return "it is from another issuer" end
  if given.audience and not is_for(claims.aud, given.audience) then
    return "it is for another audience"
  end
  if not given.audience and claims.aud ~= nil then
    return "it is for an audience, and none was asked for"
  end
end

local function check_signature(given, header, data, signature)
  local key = key_for(given, header)
  if key == nil then return "there is no such key" end
  local scheme = schemes[given.algorithm]
  scheme.check(key, "jwt.verify")
  if not scheme.verify(key, data, signature) then return "the signature is wrong" end
end

local function split(token)
  if type(token) ~= "string" or #token > LONGEST then return nil end
  local data, header, claims, signature = token:match("^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$")
  signature = signature and base64url.decode(signature)
  return signature and data, header, claims, signature
end

---@class ratchet.auth.VerifyOptions
---@field algorithm "HS256"|"RS256"|"ES256" the only one that is taken
---@field key string|fun(keyId: string?): string? the secret, or the public key, in PEM
---@field issuer string? what `iss` has to be
---@field audience string? what `aud` has to be, or to have; a token with `aud` needs it
---@field leeway number? seconds that clocks may differ by, 0 when not given
---@field maxAge number? seconds since `iat`
---@field requireExpiry boolean? true when not given: a token without `exp` is not taken

---The claims of a token, if all is well with it.
---@param token string?
---@param given ratchet.auth.VerifyOptions
---@return table<string, any>? claims
---@return string? reason
function jwt.verify(token, given)
  given = check_options(given, verify_options, "jwt.verify")
  if given.key == nil then raise("jwt.verify: there is no key") end
  local data, header_text, claims_text, signature = split(token)
  if not data then return nil, "it is no token" end
  local header = decode_object(header_text)
  local reason = check_header(header, given.algorithm)
    or check_signature(given, header, data, signature)
  if reason then return nil, reason end
  local claims = decode_object(claims_text)
  if not claims then return nil, "the claims are no JSON" end
  reason = check_times(claims, given) or check_parties(claims, given)
  if reason then return nil, reason end
  return claims
end

return jwt
