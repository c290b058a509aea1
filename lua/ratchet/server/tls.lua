-- tls - checks what a listener is told of TLS, and makes of it what core.listen
-- takes. The files themselves are read by the core, when it listens.

local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"

local tls = {}

local pair = { cert = "path", key = "path", passphrase = "string" }

local known = options.join(pair, {
  profile = { "intermediate", "modern" },
  minVersion = { "1.2", "1.3" },
  sni = "table",
  clientCa = "path",
  requireClientCert = "boolean",
})

local function check_pair(given, allowed, where)
  given = options.check(given, allowed, where)
  if not given.cert then
    raise('%s: option "cert" is missing: the file of the certificate, in PEM', where)
  end
  return given
end

local function check_sni(list, where)
  for key in pairs(list) do
    if type(key) ~= "number" or list[key] == nil or key > #list then
      raise('%s: option "sni" must be a list, such as { { cert = "b.pem", key = "b.key" } }', where)
    end
  end
  for i, entry in ipairs(list) do
    local here = ("%s.sni[%d]"):format(where, i)
    if type(entry) ~= "table" then raise("%s must be a table with cert and key", here) end
    check_pair(entry, pair, here)
  end
end

---Checks the option `tls`; raises at what is unknown or wrong in it.
---@param given table|false|nil cert, key, passphrase, profile, minVersion, sni, clientCa,
---  requireClientCert; false: no TLS here, whatever the app says
---@param where string what was called, for the message
---@return table|false|nil
function tls.check(given, where)
  if not given then return given end
  where = where .. ": tls"
  check_pair(given, known, where)
  if given.sni then check_sni(given.sni, where) end
  if given.requireClientCert and not given.clientCa then
    raise('%s: option "requireClientCert" needs "clientCa": whose certificates are good', where)
  end
  return given
end

---What holds for an address: its own, or what holds for all; --dev-tls outranks both.
---@param own table|false|nil
---@param common table|false|nil
---@return table|nil tls for core.listen
function tls.choose(own, common)
  if own == false then return nil end
  if native.options().devTls then return { selfSigned = true } end
  return own or common or nil
end

return tls
