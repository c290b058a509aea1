-- Response - an answer being put together: a status, a body and headers, and
-- nothing that writes them. Every setter returns the response, so that they chain:
--
--   return response:status(201):header("X-Kind", "new"):json({ id = 7 })

local class = require "ratchet.class"
local cookie = require "ratchet.http.cookie"
local headers = require "ratchet.http.headers"
local options = require "ratchet.options"
local raise = require "ratchet.raise"

---@class ratchet.http.Response
local Response = class()

---@param request ratchet.http.Request? what is answered; file() looks at it
---@return ratchet.http.Response
function Response.new(request)
  return setmetatable({ headers = {}, request = request }, Response)
end

---@param value any
---@return boolean
function Response.is(value)
  return type(value) == "table" and getmetatable(value) == Response
end

---@param code integer 200 to 599; 200 when it is never set
---@return ratchet.http.Response
function Response:status(code)
  if type(code) ~= "number" or code % 1 ~= 0 or code < 200 or code > 599 then
    raise("response:status: a status is a whole number from 200 to 599; this is %s",
      tostring(code))
  end
  self.code = code
  return self
end

local function check_field(name, value)
  if type(value) ~= "string" and type(value) ~= "number" then
    raise('response:header: the value of "%s" must be a string or a list of strings', name)
  end
  if tostring(value):find("[%z\r\n]") then
    raise('response:header: the value of "%s" has a line break in it', name)
  end
  return tostring(value)
end

local function check_values(name, value)
  if type(value) ~= "table" then return check_field(name, value) end
  local values = {}
  for i, item in ipairs(value) do values[i] = check_field(name, item) end
  return values
end

local function known_spelling(fields, name)
  local lower = name:lower()
  for existing in pairs(fields) do
    if existing:lower() == lower then return existing end
  end
end

---Sets a header in place of one that has the name already.
---@param name string
---@param value string|number|string[] a list is sent as several lines
---@return ratchet.http.Response
function Response:header(name, value)
  if not headers.is_token(name) then
    raise("response:header: %s is no name of a header", tostring(name))
  end
  value = check_values(name, value)
  local existing = known_spelling(self.headers, name)
  if existing then self.headers[existing] = nil end
  self.headers[name] = value
  return self
end

---Sets a cookie, beside others that are set.
---@param name string
---@param value string|number
---@param given ratchet.http.CookieOptions?
---@return ratchet.http.Response
function Response:cookie(name, value, given)
  cookie.add(self.headers, name, value, given)
  return self
end

---Is a header of that name set, in whatever spelling?
---@param name string
---@return boolean
function Response:has(name)
  return known_spelling(self.headers, name) ~= nil
end

-- Sets the type of the body unless the app has set one.
local function set_type(response, content_type)
  if not response:has("Content-Type") then
    response.headers["Content-Type"] = content_type
  end
end

local function send_pieces(response, next_piece, over)
  if over ~= nil and type(over) ~= "function" then
    raise("response:send: what is called when the body is over must be a function; it is a %s",
      type(over))
  end
  response.body, response.over = next_piece, over
  set_type(response, "text/plain; charset=utf-8")
  return response
end

---Sets the body. Its type is text/html when it begins with "<", else text/plain,
---unless a Content-Type is set. A function makes the body piece by piece: it is called
---for the next one, a string, when the client has taken most of those before, and
---returns nil at the end. It may wait.
---@param body string|fun(): string?
---@param over fun()? beside a function: called once, when no more of it is wanted,
---  whether it was sent or not; must not wait
---@return ratchet.http.Response
function Response:send(body, over)
  if type(body) == "function" then return send_pieces(self, body, over) end
  if type(body) ~= "string" then
    raise("response:send: the body must be a string or a function; it is a %s%s", type(body),
      type(body) == "table" and " (response:json sends tables)" or "")
  end
  self.body, self.over = body, nil
  local kind = body:find("^%s*<") and "text/html" or "text/plain"
  set_type(self, kind .. "; charset=utf-8")
  return self
end

---Sets the body to `value` as JSON.
---@param value any what cjson can encode; raises at anything else
---@return ratchet.http.Response
function Response:json(value)
  local encoded, text = pcall(require("cjson").encode, value)
  if not encoded then raise("response:json: %s", text) end
  self.body, self.over = text, nil
  set_type(self, "application/json")
  return self
end

---Sends the client to another address.
---@param url string
---@param code integer? 302 when not given
---@return ratchet.http.Response
function Response:redirect(url, code)
  return self:status(code or 302):header("Location", url)
end

local file_options = { root = "string", maxAge = "age" }

-- Loaded late: what serves files refuses, and refusals are responses.
local function find_and_fill(response, request, path, given)
  local file, folder = require "ratchet.http.file", require "ratchet.http.folder"
  if given.root then
    local objection = folder.objection(path)
    if objection then return nil, "ENOENT: " .. objection end
    local real, message = folder.find(given.root, path)
    if not real then return nil, message end
    path = real
  end
  return file.fill(response, request, path, given.maxAge)
end

local function refuse_file(response, request, message)
  local refuse = require "ratchet.http.refuse"
  local is_forbidden = require("ratchet.http.disk").is_forbidden(message)
  local status, body = refuse(request, is_forbidden and 403 or 404,
    is_forbidden and "the file may not be read by the server" or "there is no such file")
  return response:status(status):header("Content-Type", "text/plain; charset=utf-8"):send(body)
end

---Makes a file the answer: 200, 206 for a part, 304 for who has it; 404 when it is not
---there. Waits for the disk. Only the response that the handler was given knows what
---the client has already and which part it wants.
---@param path string
---@param given { root: string?, maxAge: number? }? root: the folder that the file must
---  lie in, for paths that came from a client; maxAge: seconds for which the client
---  need not ask again
---@return ratchet.http.Response
function Response:file(path, given)
  if type(path) ~= "string" then
    raise("response:file: the path must be a string; it is a %s", type(path))
  end
  given = options.check(given, file_options, "response:file")
  local request = self.request or require("ratchet.http.request")()
  local filled, message = find_and_fill(self, request, path, given)
  return filled or refuse_file(self, request, message)
end

---The response as the core takes it. One that nothing was set on is a 204.
---@return integer status
---@return string|function|nil body
---@return table<string, string|string[]> headers
---@return function? over
function Response:unpack()
  local is_empty = not self.code and not self.body and not next(self.headers)
  return self.code or (is_empty and 204 or 200), self.body, self.headers, self.over
end

return Response
