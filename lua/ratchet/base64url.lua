-- base64url - bytes as letters that need no encoding in an address or a cookie (RFC 4648
-- section 5), without padding. Reading is strict: no two texts are the same bytes.

local base64url = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

local letters, values = {}, {} -- 0 to 63 to a letter, and the byte of a letter back
for i = 0, 63 do
  letters[i] = ALPHABET:sub(i + 1, i + 1)
  values[ALPHABET:byte(i + 1)] = i
end

---@param bytes string
---@return string text
function base64url.encode(bytes)
  local out = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    out[#out + 1] = letters[math.floor(bits / 262144)]
    out[#out + 1] = letters[math.floor(bits / 4096) % 64]
    out[#out + 1] = b and letters[math.floor(bits / 64) % 64]
    out[#out + 1] = c and letters[bits % 64]
  end
  return table.concat(out)
end

-- Up to four letters as bytes; nil when bits are left over that are not 0.
local function decode_group(a, b, c, d)
  local bits = a * 262144 + b * 4096 + (c or 0) * 64 + (d or 0)
  local first, second, third = math.floor(bits / 65536), math.floor(bits / 256) % 256, bits % 256
  if d then return string.char(first, second, third) end
  if c then return third == 0 and string.char(first, second) or nil end
  return second == 0 and third == 0 and string.char(first) or nil
end

---@param text string
---@return string? bytes nil when it is not what encode returns
function base64url.decode(text)
  if #text % 4 == 1 or text:find("[^%w_-]") then return nil end
  local out = {}
  for at = 1, #text, 4 do
    local a, b, c, d = text:byte(at, at + 3)
    local bytes = decode_group(values[a], values[b], values[c], values[d])
    if not bytes then return nil end
    out[#out + 1] = bytes
  end
  return table.concat(out)
end

return base64url
