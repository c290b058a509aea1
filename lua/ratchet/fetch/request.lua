-- request - the bytes of a request that goes out (RFC 9112 3). Whatever an app puts
-- into a method or a header may come from a client of its own, so nothing passes that
-- could end a line: not one byte of a second request is ever written by mistake.

local header_lines = require "ratchet.http.headers"
local raise = require "ratchet.raise"

local request = {}

-- What says where the message ends, who is meant and how the connection goes on is
-- written here and nowhere else.
local own = {
  host = "it is the address's",
  ["content-length"] = "it is counted",
  ["transfer-encoding"] = "a body is sent by its length",
  connection = "the pool decides about it",
  ["keep-alive"] = "the pool decides about it",
  ["proxy-connection"] = "the pool decides about it",
  upgrade = "an answer is an answer here; ratchet.connect speaks WebSocket",
  te = "trailers are passed over",
  trailer = "there are none",
  expect = "a body is sent without being asked for",
  ["accept-encoding"] = "bodies are not unpacked",
}

local without_body = { GET = true, HEAD = true }
local with_body = { POST = true, PUT = true, PATCH = true }

---The method in capitals; raises when it is none, or one of a proxy's.
---@param method string? GET when not given
---@return string
function request.method(method)
  local name = (method or "GET"):upper()
  if not header_lines.is_token(name) then
    raise("ratchet.fetch: %q is no method", method)
  end
  if name == "CONNECT" or name == "TRACE" then
    raise("ratchet.fetch: the method %s cannot be sent", name)
  end
  return name
end

local function check_name(name)
  if not header_lines.is_token(name) then
    raise("ratchet.fetch: %s is no name of a header",
      type(name) == "string" and ("%q"):format(name) or tostring(name))
  end
  local why = own[name:lower()]
  if why then raise('ratchet.fetch: the header "%s" cannot be set: %s', name, why) end
end

local function check_value(name, value)
  if type(value) ~= "string" and type(value) ~= "number" then
    raise('ratchet.fetch: the value of "%s" must be a string or a list of strings; it is a %s',
      name, type(value))
  end
  local text = tostring(value)
  if text:find("[%z\1-\8\10-\31\127]") then
    raise('ratchet.fetch: the value of "%s" has a line break or a control character in it', name)
  end
  return text
end

local function add(lines, name, value)
  lines[#lines + 1] = name .. ": " .. value .. "\r\n"
end

local function sorted(names)
  local list = {}
  for name in pairs(names) do
    check_name(name)
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

-- Writes the app's headers; returns which there are, in lower case.
local function add_given(lines, given)
  local set = {}
  for _, name in ipairs(sorted(given)) do
    local lower = name:lower()
    if set[lower] then raise('ratchet.fetch: the header "%s" is given twice', name) end
    set[lower] = true
    local values = given[name]
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      add(lines, name, check_value(name, value))
    end
  end
  return set
end

local function encode(body)
  local encoded, text = pcall(require("cjson").encode, body)
  if not encoded then raise("ratchet.fetch: the body cannot be sent as JSON: %s", text) end
  return text
end

local function add_body(lines, method, body, set)
  if body == nil then
    if with_body[method] then add(lines, "Content-Length", "0") end
    return ""
  end
  if without_body[method] then raise("ratchet.fetch: a %s request has no body", method) end
  local is_json = type(body) == "table"
  local text = is_json and encode(body) or body
  if not set["content-type"] then
    add(lines, "Content-Type", is_json and "application/json" or "text/plain; charset=utf-8")
  end
  add(lines, "Content-Length", tostring(#text))
  return text
end

---A whole request.
---@param method string as request.method returns it
---@param url ratchet.Url
---@param headers table<string, string|number|string[]>?
---@param body string|table|nil a table is sent as JSON
---@return string
function request.write(method, url, headers, body)
  local lines = { ("%s %s HTTP/1.1\r\n"):format(method, url.target) }
  add(lines, "Host", url.authority)
  add(lines, "Accept-Encoding", "identity")
  local set = add_given(lines, headers or {})
  local content = add_body(lines, method, body, set)
  return table.concat(lines) .. "\r\n" .. content
end

return request
