-- base64 - bytes as text (RFC 4648 4).

local base64 = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digit(number)
  return ALPHABET:sub(number + 1, number + 1)
end

---@param bytes string
---@return string text with = at its end where bytes are missing to three
function base64.encode(bytes)
  local out = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local number = a * 65536 + (b or 0) * 256 + (c or 0)
    out[#out + 1] = digit(math.floor(number / 262144))
      .. digit(math.floor(number / 4096) % 64)
      .. (b and digit(math.floor(number / 64) % 64) or "=")
      .. (c and digit(number % 64) or "=")
  end
  return table.concat(out)
end

return base64
