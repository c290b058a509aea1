-- file - makes a file the answer to a request: its type, its tag and date, 304 for
-- who has it already, 206 for who wants a part. A small one is sent whole, a larger
-- one piece by piece; HEAD reads nothing.

local condition = require "ratchet.http.condition"
local content_type = require "ratchet.http.content_type"
local date = require "ratchet.http.date"
local disk = require "ratchet.http.disk"
local pieces = require "ratchet.http.pieces"
local range = require "ratchet.http.range"

local file = {}

-- Up to so many bytes are read at once.
local SMALL = 65536

-- While a file is as young as this (in seconds), it may change again without its
-- date telling; its tag is a weak one until then.
local UNSETTLED = 2

---@param stat table of luv
---@return ratchet.http.Version
local function version_of(stat)
  local seconds = stat.mtime.sec
  local tag = ('"%x-%x-%x"'):format(stat.size, seconds, stat.mtime.nsec or 0)
  if os.time() - seconds < UNSETTLED then tag = "W/" .. tag end
  return { tag = tag, time = seconds }
end

-- The status, and the first byte and the length of what is sent with it. Only what
-- would be a 200 to GET or HEAD has conditions and parts.
local function choose(response, request, stat, version)
  local headers, method = request.headers, request.method
  if response.code and response.code ~= 200 or method ~= "GET" and method ~= "HEAD" then
    return response.code or 200, 0, stat.size
  end
  if condition.is_unchanged(headers, version) then return 304 end
  local wanted = method == "GET" and headers.range
  if not wanted or not condition.may_send_part(headers, version) then
    return 200, 0, stat.size
  end
  local part, is_outside = range.parse(wanted, stat.size)
  if is_outside then return 416 end
  if not part then return 200, 0, stat.size end
  return 206, part[1], part[2] - part[1] + 1
end

local function set_missing(response, name, value)
  if not response:has(name) then response:header(name, value) end
end

local function describe(response, path, version, max_age)
  response:header("ETag", version.tag)
  response:header("Last-Modified", date.format(version.time))
  response:header("Accept-Ranges", "bytes")
  set_missing(response, "Content-Type", content_type.of(path))
  set_missing(response, "X-Content-Type-Options", "nosniff")
  if max_age then set_missing(response, "Cache-Control", ("max-age=%d"):format(max_age)) end
end

local function send_small(response, fd, path, first, length)
  local bytes, message = disk.read(fd, first, length)
  if not bytes then error(("file: %s: %s"):format(path, message), 0) end
  return response:send(bytes)
end

local function send(response, request, fd, path, part)
  local is_head = request.method == "HEAD"
  if part.length <= SMALL and not is_head then
    return send_small(response, fd, path, part.first, part.length)
  end
  response:header("Content-Length", ("%.0f"):format(part.length))
  return response:send(pieces(path, part.stat, part.first, part.length))
end

local function fill(response, request, path, max_age, fd, stat)
  if stat.type == "directory" then return nil, "EISDIR: it is a folder" end
  if stat.type ~= "file" then return nil, "ENOENT: it is no plain file" end
  local version = version_of(stat)
  local status, first, length = choose(response, request, stat, version)
  response:status(status)
  if status == 416 then
    response:header("Content-Range", ("bytes */%.0f"):format(stat.size))
    return response:send("")
  end
  describe(response, path, version, max_age)
  if status == 206 then
    response:header("Content-Range",
      ("bytes %.0f-%.0f/%.0f"):format(first, first + length - 1, stat.size))
  end
  if not length then return response:send("") end
  return send(response, request, fd, path, { first = first, length = length, stat = stat })
end

---Fills the response with a file. Waits. Raises (which is a 500 with a line in the log)
---when the file is there, but reading it fails.
---@param response ratchet.http.Response
---@param request ratchet.http.Request
---@param path string
---@param max_age integer? seconds for which the client need not ask again
---@return ratchet.http.Response? response nil when there is no such file, or it may
---  not be read
---@return string? message what disk.is_missing and disk.is_forbidden understand
function file.fill(response, request, path, max_age)
  local filled, message = disk.with_file(path, function(fd, stat)
    return fill(response, request, path, max_age, fd, stat)
  end)
  if filled or disk.is_missing(message) or disk.is_forbidden(message)
    or message:find("^EISDIR") then
    return filled, message
  end
  error(("file: %s: %s"):format(path, message), 0)
end

return file
