-- Static - the layer that serves the files of a folder, and nothing else that is on
-- the machine. "index.html" stands for its folder; a folder's address ends with "/",
-- so that relative links in the page are right.

local class = require "ratchet.class"
local disk = require "ratchet.http.disk"
local file = require "ratchet.http.file"
local folder = require "ratchet.http.folder"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local refuse = require "ratchet.http.refuse"
local uri = require "ratchet.http.uri"
local Response = require "ratchet.http.response"

---@class ratchet.http.Static
local Static = class()

Static.scheme = "http"

local known_options = { maxAge = "age" }

local function is_folder(path)
  local found = io.open(path .. "/.")
  if found then found:close() end
  return found ~= nil
end

local function check(prefix, root)
  if type(prefix) ~= "string" or prefix:sub(1, 1) ~= "/" then
    raise('static: the prefix is a path such as "/assets"; this is %s', tostring(prefix))
  end
  if prefix:find("[{}]") then
    raise('static: "%s": a prefix has no pieces in braces; serve the files by response:file '
      .. "with a root", prefix)
  end
  if type(root) ~= "string" or not is_folder(root) then
    raise("static: %s is no folder that can be read; paths are relative to the folder that the "
      .. "program was started in", type(root) == "string" and root or "a " .. type(root))
  end
end

---@param prefix string what the addresses begin with: "/assets", or "/" for all
---@param root string the folder, which must exist
---@param given { maxAge: number? }? seconds for which clients need not ask again
---@return ratchet.http.Static
function Static.new(prefix, root, given)
  check(prefix, root)
  return setmetatable({
    prefix = prefix:sub(-1) == "/" and prefix or prefix .. "/",
    root = root,
    options = options.check(given, known_options, "static"),
  }, Static)
end

-- The path below the prefix; nil when it is not below.
local function relative(static, path)
  if path .. "/" == static.prefix then return nil, true end
  if path:sub(1, #static.prefix) ~= static.prefix then return nil end
  return path:sub(#static.prefix + 1)
end

-- It is made of the path as it was understood, so that it begins with one slash and
-- leads to this very host.
local function redirect_to_slash(request)
  local _, query = uri.split(request.target)
  local address = uri.encode_path(request.path) .. "/"
  if query ~= "" then address = address .. "?" .. query end
  return Response():redirect(address, 301):unpack()
end

local function refuse_message(request, message)
  if disk.is_forbidden(message) then
    return refuse(request, 403, "the file there may not be read by the server")
  end
  local reason = message:match("^ENOENT: (a symbolic link .*)$") or "no file is there"
  return refuse(request, 404, reason)
end

local function serve(static, request, path)
  local is_folder_path = path == "" or path:sub(-1) == "/"
  local real, message = folder.find(static.root, is_folder_path and path .. "index.html" or path)
  local response, filled = Response(request), nil
  if real then
    filled, message = file.fill(response, request, real, static.options.maxAge)
  end
  if filled then return filled:unpack() end
  if message:find("^EISDIR") and not is_folder_path then return redirect_to_slash(request) end
  return refuse_message(request, message)
end

---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function Static:handle(request)
  if request.method ~= "GET" and request.method ~= "HEAD" then
    return refuse(request, 405, "files are answered to GET and HEAD only",
      { headers = { Allow = "GET, HEAD" } })
  end
  if not request.path then
    return refuse(request, 400, "the percent-encoding of the address is broken")
  end
  local path, is_prefix = relative(self, request.path)
  if is_prefix then return redirect_to_slash(request) end
  local objection = path and folder.objection(path)
  if not path or objection then
    return refuse(request, 404, ("no file has this path%s"):format(
      objection and ": " .. objection or ""))
  end
  return serve(self, request, path)
end

return Static
