-- condition - has the client what it asks for already (RFC 9110 13)? Compares the
-- tag and the date of a file with what a request says it has.

local date = require "ratchet.http.date"

local condition = {}

---What a client can recognize this state of a file by.
---@class ratchet.http.Version
---@field tag string an ETag, with its quotes
---@field time number of the last change, seconds since 1970

local function without_weakness(tag)
  return (tag:gsub("^W/", ""))
end

local function is_among(header, tag)
  if header:match("^%s*%*%s*$") then return true end
  local wanted = without_weakness(tag)
  for quoted in header:gmatch('"[^"]*"') do
    if quoted == wanted then return true end
  end
  return false
end

---Is 304 the answer? If-None-Match outranks If-Modified-Since.
---@param headers table<string, string> of the request
---@param version ratchet.http.Version
---@return boolean
function condition.is_unchanged(headers, version)
  local tags = headers["if-none-match"]
  if tags then return is_among(tags, version.tag) end
  local since = headers["if-modified-since"]
  local time = since and date.parse(since)
  return time ~= nil and math.floor(version.time) <= time
end

---May a part be sent, or has the client, by its If-Range, a part of something else?
---Only strong tags say that the bytes are the same, and only exact dates.
---@param headers table<string, string> of the request
---@param version ratchet.http.Version
---@return boolean
function condition.may_send_part(headers, version)
  local wanted = headers["if-range"]
  if not wanted then return true end
  if wanted:find('"', 1, true) then
    return wanted == version.tag and wanted:sub(1, 2) ~= "W/"
  end
  local is_strong = version.tag:sub(1, 2) ~= "W/"
  return is_strong and date.parse(wanted) == math.floor(version.time)
end

return condition
