-- crypto - gives a fake core the digests of the real one, by the same library.

local ffi = require "ffi"

ffi.cdef [[
const void *mbedtls_md_info_from_string(const char *name);
int mbedtls_md(const void *info, const char *input, size_t length, unsigned char *output);
int mbedtls_md_hmac(const void *info, const char *key, size_t key_length, const char *input,
                    size_t length, unsigned char *output);
]]

local crypto = {}

local library = ffi.load("mbedcrypto")
local sha256 = library.mbedtls_md_info_from_string("SHA256")

local function digest(fill)
  local bytes = ffi.new("unsigned char[32]")
  assert(fill(bytes) == 0)
  return ffi.string(bytes, 32)
end

---@param core table of fake_core
function crypto.install(core)
  local count = 0
  function core.sha256(data)
    return digest(function(to) return library.mbedtls_md(sha256, data, #data, to) end)
  end
  function core.hmacSha256(key, data)
    return digest(function(to)
      return library.mbedtls_md_hmac(sha256, key, #key, data, #data, to)
    end)
  end
  function core.constantTimeEquals(a, b) return a == b end
  function core.randomBytes(length) -- others each time
    count = count + 1
    return string.char(count):rep(length)
  end
end

return crypto
