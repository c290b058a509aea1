-- uri - taking apart the target of a request (RFC 3986, RFC 9112 3.2): path,
-- query, percent-encoding. Pure text; it builds no URLs and resolves nothing.

local uri = {}

---Is every "%" followed by two hexadecimal digits?
---@param text string
---@return boolean
function uri.is_well_encoded(text)
  if not text:find("%", 1, true) then return true end
  return not (text:find("%%%X") or text:find("%%%x%X") or text:find("%%%x?$"))
end

local function byte_of(hex)
  return string.char(tonumber(hex, 16))
end

---The text with its percent-encoding undone, or nil when that is broken.
---@param text string
---@return string?
function uri.decode(text)
  if not text:find("%", 1, true) then return text end
  if not uri.is_well_encoded(text) then return nil end
  return (text:gsub("%%(%x%x)", byte_of))
end

local function escape_byte(char)
  return ("%%%02X"):format(char:byte())
end

---A decoded path as it is written in an address.
---@param path string
---@return string
function uri.encode_path(path)
  return (path:gsub("[^%w%-._~!$&'()*+,;=:@/]", escape_byte))
end

---The target as its parts, still encoded. A fragment, which no client may send,
---is cut off. The authority is there only in the absolute form, "http://host/".
---@param target string
---@return string path
---@return string query "" when there is none
---@return string? authority
function uri.split(target)
  local authority, rest = target:match("^%a[%w+.-]*://([^/?#]*)(.*)$")
  local path, query = (rest or target):match("^([^?#]*)%??([^#]*)")
  if rest and path == "" then path = "/" end
  return path, query, authority
end

-- In a query "+" is a space, as forms and URLSearchParams write it. A piece with
-- broken encoding stays as it came (the router refuses such requests anyway).
local function decode_piece(text)
  text = text:gsub("+", " ")
  return uri.decode(text) or text
end

---Calls visit(name, value) for each pair of a query; "flag" is a pair with "".
---@param query string
---@param visit fun(name: string, value: string)
function uri.each_pair(query, visit)
  for piece in query:gmatch("[^&]+") do
    local name, value = piece:match("^([^=]*)=?(.*)$")
    visit(decode_piece(name), decode_piece(value))
  end
end

return uri
