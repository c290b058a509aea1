-- server - an app that is served for a test.

local Client = require "ratchet.testing.client"
local HttpServer = require "ratchet.http.http_server"
local IoServer = require "ratchet.server.io_server"
local WsServer = require "ratchet.websocket.ws_server"
local class = require "ratchet.class"
local component = require "ratchet.component"
local fetch = require "ratchet.fetch"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local scope = require "ratchet.testing.scope"

---@class ratchet.testing.ServeOptions: ratchet.Limits for a component
---@field arguments string[]? of an app file, which finds them in `...` and `arg`
---@field development boolean? refusals explain themselves, as with --development
---@field tls boolean? over TLS, with a certificate of the moment, as with --dev-tls

---@class ratchet.testing.Server
---@field port integer
---@field host string that clients write in the address
---@field secure boolean over TLS, whose certificate is not verified
---@field url string "http://localhost:49153"
local Server = class()

local WHERE = "testing.serve"

local known = options.join(options.limits,
  { arguments = "strings", development = "boolean", tls = "boolean" })

-- ---- what is served

-- Modules of the app are loaded anew by the next test that serves it.
local function forget_modules_of(folder)
  local before = {}
  for name in pairs(package.loaded) do before[name] = true end
  local path = package.path
  package.path = folder .. "?.lua;" .. folder .. "?/init.lua;" .. path
  scope.onLeave(function()
    local own = folder .. "?.lua;" .. folder .. "?/init.lua"
    for name in pairs(package.loaded) do
      if not before[name] and package.searchpath(name, own) then package.loaded[name] = nil end
    end
    package.path = path
  end)
end

-- In a coroutine of its own: an app file cannot wait, here as anywhere.
local function run_file(path, arguments)
  local chunk, err = loadfile(path)
  if not chunk then error(err, 0) end
  forget_modules_of(path:match("^(.*/)") or "./")
  local before = rawget(_G, "arg")
  rawset(_G, "arg", { [0] = path, unpack(arguments) })
  local co = coroutine.create(chunk)
  local is_well, message = coroutine.resume(co, unpack(arguments))
  rawset(_G, "arg", before)
  if not is_well then
    error(type(message) == "string" and debug.traceback(co, message) or message, 0)
  end
  if coroutine.status(co) ~= "dead" then
    error(path .. ": an app file cannot yield while it is loaded", 0)
  end
end

local function is_app(target)
  return component.has(target, "run") and component.has(target, "listen")
end

local function run(target, given)
  if type(target) == "string" then return run_file(target, given.arguments or {}) end
  if is_app(target) then return target:run() end
  if not component.has(target, "handle") then
    component.check(target, WHERE)
    target = WsServer(target, options.select(given, options.limits))
  end
  IoServer(HttpServer(target), 0, "127.0.0.1"):run()
end

-- Runs it with the core's functions replaced that say where it listens.
local function run_and_watch(target, given)
  local core = native.core()
  local listen, announce = core.listen, core.announce
  local bound, urls = {}, {}
  function core.announce(url) urls[#urls + 1] = url end
  function core.listen(asked)
    local one, message, code = listen(asked)
    if one then
      bound[#bound + 1] = {
        address = one.address, port = one.port, path = one.path, secure = asked.tls and true or nil,
      }
    end
    return one, message, code
  end
  local is_well, err = scope.apart(run, target, given)
  core.listen, core.announce = listen, announce
  if not is_well then error(err, 0) end
  return bound, urls
end

local function first_port(bound)
  for _, one in ipairs(bound) do
    if one.port then return one end
  end
  raise("%s: the app listens on no port: its last line should be app:run()", WHERE)
end

-- The first that is announced; a component answers to any.
local function host_of(urls)
  for _, url in ipairs(urls) do
    local host = url:match("^%a+://(%[.-%])") or url:match("^%a+://([^:/]+)")
    if host then return host end
  end
  return "localhost"
end

local function check_target(target)
  if type(target) == "string" or type(target) == "table" or type(target) == "userdata" then
    return
  end
  raise("%s takes an app, the path of an app file, or a component; this is a %s", WHERE,
    type(target))
end

---@param target string|table
---@param given ratchet.testing.ServeOptions?
---@return ratchet.testing.Server
function Server.serve(target, given)
  check_target(target)
  given = options.check(given, known, WHERE)
  if not native.optional() then
    raise("%s needs the server around it: run the specs with `ratchet-lua test`", WHERE)
  end
  scope.open()
  local command_line = native.core().options
  command_line.development, command_line.devTls = given.development or false, given.tls or false
  local bound, urls = run_and_watch(target, given)
  local first, host = first_port(bound), host_of(urls)
  local scheme = first.secure and "https" or "http"
  return setmetatable({
    port = first.port, host = host, secure = first.secure or false, listeners = bound,
    url = ("%s://%s:%d"):format(scheme, host, first.port),
  }, Server)
end

-- ---- who uses it

local function check_path(path, what)
  if type(path) == "string" and path:sub(1, 1) == "/" then return end
  raise('server:%s: a path begins with "/"; this is %s', what,
    type(path) == "string" and ("%q"):format(path) or "a " .. type(path))
end

---Connects a WebSocket, and waits until it is open.
---@param path string with its query: "/chat?name=ann"
---@param given ratchet.testing.ConnectOptions?
---@return ratchet.testing.Client? client
---@return string? err why there is none
---@return ratchet.fetch.Answer? answer when the server answered, but not with 101
function Server:connect(path, given)
  check_path(path, "connect")
  local url = self.url:gsub("^http", "ws") .. path
  local page = self.url:gsub(self.secure and ":443$" or ":80$", "")
  local is_well, client, err, answer = scope.apart(Client.open, url, page, path, given)
  if not is_well then error(client, 0) end
  return client, err, answer
end

---Asks for a page, and waits for the answer.
---@param method string
---@param path string
---@param given ratchet.FetchOptions?
---@return ratchet.fetch.Answer? answer status, headers, body
---@return string? err
function Server:request(method, path, given)
  check_path(path, "request")
  local asked = {}
  for name, value in pairs(given or {}) do asked[name] = value end
  asked.method = method
  asked.insecure = self.secure or nil
  return fetch(self.url .. path, asked)
end

---@param path string
---@param given ratchet.FetchOptions?
---@return ratchet.fetch.Answer? answer
---@return string? err
function Server:get(path, given) return self:request("GET", path, given) end

---@param path string
---@param body string|table|nil a table is sent as JSON
---@param given ratchet.FetchOptions?
---@return ratchet.fetch.Answer? answer
---@return string? err
function Server:post(path, body, given)
  local asked = { body = body }
  for name, value in pairs(given or {}) do asked[name] = value end
  return self:request("POST", path, asked)
end

-- ---- time

---Lets so much time pass: timers fire, keep-alive pings, deadlines are over. Between two
---of them all that they cause is done.
---@param seconds number
---@return ratchet.testing.Server self
function Server:advance(seconds)
  local core = native.core()
  core.testbed.settle()
  core.sleep(seconds)
  core.testbed.settle()
  return self
end

---Waits until nothing moves any more, without letting time pass.
---@return ratchet.testing.Server self
function Server:settle()
  native.core().testbed.settle()
  return self
end

---Ends as SIGTERM ends the program: nobody is accepted any more, everybody gets 1001,
---and when all have gone, or after 10 seconds, it returns.
function Server.stop()
  native.core().testbed.drain()
end

return Server
