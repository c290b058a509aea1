-- redirect - where an answer sends its reader (RFC 9110 15.4), and with which request.

local url = require "ratchet.url"

local redirect = {}

local statuses = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- RFC 3986 5.2.4.
local function without_dots(path)
  local kept, last = {}, nil
  for segment in path:gmatch("/([^/]*)") do
    if segment == ".." then
      kept[#kept] = nil
    elseif segment ~= "." then
      kept[#kept + 1] = segment
    end
    last = segment
  end
  if last == "." or last == ".." then kept[#kept + 1] = "" end
  return "/" .. table.concat(kept, "/")
end

local function resolve_target(base, location)
  local path, query = location:match("^([^?#]*)(%??[^#]*)")
  if path == "" then
    return base.path .. (query ~= "" and query or base.target:sub(#base.path + 1))
  end
  if path:sub(1, 1) ~= "/" then path = base.path:match("^(.*/)") .. path end
  return without_dots(path) .. query
end

---The address that `location` means, seen from `base` (RFC 3986 5.2).
---@param base ratchet.Url
---@param location string
---@return ratchet.Url?
---@return string? err
function redirect.resolve(base, location)
  if location:find("^%a[%w+.-]*:") then return url.parse(location) end
  if location:sub(1, 2) == "//" then return url.parse(base.scheme .. ":" .. location) end
  return url.parse(base.scheme .. "://" .. base.authority .. resolve_target(base, location))
end

---Where the answer leads to; nil when nowhere.
---@param answer ratchet.fetch.Answer
---@return string?
function redirect.location(answer)
  return statuses[answer.status] and answer.headers.location or nil
end

-- What was said to one server in confidence is not said to another.
local secret = { authorization = true, cookie = true, ["proxy-authorization"] = true }

local function select_headers(headers, is_left_out)
  local kept = {}
  for name, value in pairs(headers or {}) do
    if type(name) ~= "string" or not is_left_out(name:lower()) then kept[name] = value end
  end
  return kept
end

local function becomes_get(status, method)
  if status == 303 then return method ~= "HEAD" end
  return (status == 301 or status == 302) and method == "POST"
end

---The request that follows, as browsers make it: 303 asks by GET, and so do 301 and
---302 after POST; to another server no Authorization and no Cookie is sent.
---@param asked { method: string, url: ratchet.Url, headers: table?, body: any }
---@param answer ratchet.fetch.Answer
---@param to ratchet.Url
---@return { method: string, url: ratchet.Url, headers: table?, body: any }
function redirect.request(asked, answer, to)
  local following = { method = asked.method, url = to, headers = asked.headers, body = asked.body }
  if becomes_get(answer.status, asked.method) then
    following.method, following.body = "GET", nil
    following.headers = select_headers(following.headers, function(name)
      return name:find("^content%-") ~= nil
    end)
  end
  if to.scheme ~= asked.url.scheme or to.host ~= asked.url.host or to.port ~= asked.url.port then
    following.headers = select_headers(following.headers, function(name) return secret[name] end)
  end
  return following
end

return redirect
