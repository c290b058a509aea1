-- secret - what HMAC is keyed with: checked where it is given, so that a secret that is
-- none (nil, short, a key that everybody may have) is not found out by an attacker.

local raise = require "ratchet.raise"

local SHORTEST = 32 -- bytes, as many as the digest has (RFC 7518 3.2)

local secret = {}

---Raises unless it is a string of 32 bytes or more and no key in PEM.
---@param value any
---@param where string
---@return string value
function secret.check(value, where)
  if type(value) ~= "string" then
    raise("%s: the secret must be a string; it is a %s", where, type(value))
  end
  if value:find("-----BEGIN", 1, true) then
    raise("%s: a key in PEM is no secret: public keys are known to everybody", where)
  end
  if #value < SHORTEST then
    raise("%s: the secret has %d bytes; it needs 32 or more, such as "
      .. "`openssl rand -hex 32` prints", where, #value)
  end
  return value
end

return secret
