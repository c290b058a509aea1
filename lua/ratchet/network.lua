-- network - IP addresses as bytes, and runs of them such as 10.0.0.0/8, for the layers
-- that look at who connects.
--
-- An address is a string of 4 or 16 bytes. An IPv4 address that is written as IPv6
-- (::ffff:192.0.2.1) is the IPv4 address.

local network = {}

local MAPPED = ("\0"):rep(10) .. "\255\255"

local function byte_of(digits)
  if not digits:find("^%d%d?%d?$") or digits:find("^0%d") then return nil end
  local value = tonumber(digits)
  return value <= 255 and string.char(value) or nil
end

local function parse_four(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then return nil end
  a, b, c, d = byte_of(a), byte_of(b), byte_of(c), byte_of(d)
  return a and b and c and d and a .. b .. c .. d
end

-- The groups of one side of "::" as bytes; nil for what is none. The last group of all
-- may be an IPv4 address.
local function parse_groups(text, is_last)
  local bytes, rest = "", text
  while rest ~= "" do
    local group, after = rest:match("^([^:]+)(.*)$")
    if not group then return nil end
    local four = is_last and after == "" and parse_four(group)
    if not four and not group:find("^%x%x?%x?%x?$") then return nil end
    local value = not four and tonumber(group, 16)
    bytes = bytes .. (four or string.char(math.floor(value / 256), value % 256))
    if after == ":" then return nil end
    rest = after:sub(2)
  end
  return bytes
end

local function parse_six(text)
  local before, after = text:match("^(.-)::(.*)$")
  if not before then
    local bytes = parse_groups(text, true)
    return bytes and #bytes == 16 and bytes or nil
  end
  if after:find("::", 1, true) then return nil end
  local head, tail = parse_groups(before, false), parse_groups(after, true)
  if not head or not tail or #head + #tail > 14 then return nil end
  return head .. ("\0"):rep(16 - #head - #tail) .. tail
end

-- Without a port, brackets and the zone of a link-local address.
local function bare(text)
  local inside = text:match("^%[([^%]]*)%]:?%d*$")
  if inside then text = inside end
  if text:find("^[%d.]+:%d+$") then text = text:match("^[^:]+") end
  return (text:gsub("%%[%w_.-]+$", ""))
end

local function parse_address(text)
  if not text:find(":", 1, true) then return parse_four(text) end
  local bytes = parse_six(text)
  if bytes and bytes:sub(1, 12) == MAPPED then return bytes:sub(13), true end
  return bytes
end

---An address, as it stands in conn.remoteAddress or somebody has written it: with a
---port, in brackets, with a zone.
---@param text string
---@return string? bytes 4 or 16; nil when it is none
function network.address(text)
  return (parse_address(bare(text)))
end

---An address, or the run of addresses with the same leading bits.
---@param text string such as "192.0.2.1", "192.0.2.1:80", "10.0.0.0/8", "fd00::/8"
---@return string? bytes those behind the leading bits are 0; nil when it is neither
---@return integer? bits how many lead
function network.parse(text)
  local address, digits = text:match("^(.-)/(%d%d?%d?)$")
  local bytes, was_mapped = parse_address(bare(address or text))
  if not bytes then return nil end
  local bits = digits and tonumber(digits) or #bytes * 8
  if digits and was_mapped then bits = bits - 96 end
  if bits < 0 or bits > #bytes * 8 then return nil end
  return network.mask(bytes, bits), bits
end

---The address with all but its leading bits 0.
---@param bytes string
---@param bits integer
---@return string bytes
function network.mask(bytes, bits)
  local whole, left = math.floor(bits / 8), bits % 8
  if whole == #bytes then return bytes end
  local last = ""
  if left > 0 then
    local unit = 2 ^ (8 - left)
    local value = bytes:byte(whole + 1)
    last = string.char(value - value % unit)
  end
  local kept = bytes:sub(1, whole) .. last
  return kept .. ("\0"):rep(#bytes - #kept)
end

local function text_of_four(bytes)
  return table.concat({ bytes:byte(1, 4) }, ".")
end

-- The longest run of at least two groups of zeros: its first and last, or nil.
local function longest_zeros(groups)
  local first, last, start
  for i = 1, 9 do
    if groups[i] == 0 then
      start = start or i
    else
      if start and i - start > math.max(1, first and last - first + 1 or 0) then
        first, last = start, i - 1
      end
      start = nil
    end
  end
  return first, last
end

local function text_of_six(bytes)
  local groups = {}
  for i = 1, 8 do groups[i] = bytes:byte(2 * i - 1) * 256 + bytes:byte(2 * i) end
  local function join(from, to)
    local words = {}
    for i = from, to do words[#words + 1] = ("%x"):format(groups[i]) end
    return table.concat(words, ":")
  end
  local first, last = longest_zeros(groups)
  if not first then return join(1, 8) end
  return join(1, first - 1) .. "::" .. join(last + 1, 8)
end

---How it is written (RFC 5952): what parse makes of an address in one form.
---@param bytes string
---@param bits integer? with them, and fewer than all, "/8" is added
---@return string
function network.text(bytes, bits)
  local text = #bytes == 4 and text_of_four(bytes) or text_of_six(bytes)
  if bits and bits < #bytes * 8 then return ("%s/%d"):format(text, bits) end
  return text
end

return network
