-- ratchet - what `require "ratchet"` returns: the public names, each loaded on
-- first use. A name that does not exist raises, with the nearest one that does.

local raise = require "ratchet.raise"
local native = require "ratchet.native"
local nearest = require "ratchet.nearest"

-- "module", or "module:field" of what it returns.
local function load_named(t, name, source)
  local module, field = source:match("^(.-):(.*)$")
  local value = require(module or source)
  if field then value = value[field] end
  rawset(t, name, value)
  return value
end

local function raise_unknown(prefix, name, modules)
  local known = {}
  for candidate in pairs(modules) do known[#known + 1] = candidate end
  table.sort(known)
  local meant = nearest(tostring(name), known)
  raise("%s has no %s%s", prefix, tostring(name),
    meant and ("; did you mean %s.%s?"):format(prefix, meant)
      or "; it has " .. table.concat(known, ", "))
end

-- A table whose fields are modules (or, from a function, what it returns).
local function namespace(prefix, modules)
  return setmetatable({}, {
    __index = function(t, name)
      local source = modules[name]
      if type(source) == "string" then return load_named(t, name, source) end
      if type(source) == "function" then return source() end
      if source ~= nil then return source end
      raise_unknown(prefix, name, modules)
    end,
  })
end

---@class ratchet.server
---@field EchoServer ratchet.server.EchoServer
---@field FlashPolicy ratchet.server.FlashPolicy
---@field IpBlackList ratchet.server.IpBlackList
---@field Limiter ratchet.server.Limiter
---@field IoServer ratchet.server.IoServer

---@class ratchet.http
---@field HttpServer ratchet.http.HttpServer
---@field Router ratchet.http.Router
---@field OriginCheck ratchet.http.OriginCheck
---@field Request ratchet.http.Request
---@field Response ratchet.http.Response
---@field Static ratchet.http.Static

---@class ratchet.session
---@field SessionProvider ratchet.session.SessionProvider
---@field FileStore ratchet.session.FileStore
---@field MemoryStore ratchet.session.MemoryStore
---@field RedisStore ratchet.session.RedisStore
---@field cookie table ratchet.session.cookie
---@field php ratchet.session.php

---@class ratchet.auth
---@field jwt table ratchet.auth.jwt

---@class ratchet.websocket
---@field WsServer ratchet.websocket.WsServer

---@class ratchet.wamp
---@field WampServer ratchet.wamp.WampServer
---@field ServerProtocol ratchet.wamp.ServerProtocol
---@field Topic ratchet.wamp.Topic
---@field TopicManager ratchet.wamp.TopicManager
---@field WampConnection table ratchet.wamp.wamp_connection
---@field json table ratchet.wamp.json

---@class ratchet
---@field App ratchet.App
---@field component { wrap: function, tell: function, around: function }
---@field connect fun(address: string, options: ratchet.ConnectOptions?): any ...
---@field fetch fun(address: string, options: ratchet.FetchOptions?): ratchet.fetch.Answer?, string?
---@field topic fun(name: string): ratchet.Topic
---@field redis { connect: fun(options: table?): ratchet.redis.Client?, string? }
---@field log fun(level: "debug"|"info"|"warn"|"error", message: string)
---@field sleep fun(seconds: number)
---@field await fun(start: fun(resume: fun(...: any): boolean)): any ...
---@field after fun(seconds: number, fn: function, ...: any): ratchet.Timer
---@field every fun(seconds: number, fn: function, ...: any): ratchet.Timer
---@field spawn fun(fn: function, ...: any): ratchet.Task
---@field all fun(...: function): any ...
---@field timeout fun(seconds: number, fn: function, ...: any): any ...
---@field onReload fun(fn: fun(version: string, before: string))
---@field reload fun()
---@field text table ratchet.text
---@field testing table ratchet.testing
---@field server ratchet.server
---@field http ratchet.http
---@field session ratchet.session
---@field auth ratchet.auth
---@field websocket ratchet.websocket
---@field wamp ratchet.wamp
---@field version string
return namespace("ratchet", {
  App = "ratchet.app",
  component = "ratchet.component",
  connect = "ratchet.connect",
  fetch = "ratchet.fetch",
  topic = "ratchet.topic",
  redis = "ratchet.redis",
  log = "ratchet.log",
  sleep = "ratchet.wait:sleep",
  await = "ratchet.wait:await",
  after = "ratchet.timer:after",
  every = "ratchet.timer:every",
  spawn = "ratchet.task:spawn",
  all = "ratchet.task:all",
  timeout = "ratchet.task:timeout",
  onReload = "ratchet.reload.record:hook",
  reload = "ratchet.reload:ask",
  text = "ratchet.text",
  testing = "ratchet.testing",
  version = function() return native.core().version end,
  server = namespace("ratchet.server", {
    EchoServer = "ratchet.server.echo_server",
    FlashPolicy = "ratchet.server.flash_policy",
    IpBlackList = "ratchet.server.ip_black_list",
    Limiter = "ratchet.server.limiter",
    IoServer = "ratchet.server.io_server",
  }),
  http = namespace("ratchet.http", {
    HttpServer = "ratchet.http.http_server",
    Router = "ratchet.http.router",
    OriginCheck = "ratchet.http.origin_check",
    Request = "ratchet.http.request",
    Response = "ratchet.http.response",
    Static = "ratchet.http.static",
  }),
  session = namespace("ratchet.session", {
    SessionProvider = "ratchet.session.session_provider",
    FileStore = "ratchet.session.file_store",
    MemoryStore = "ratchet.session.memory_store",
    RedisStore = "ratchet.session.redis_store",
    cookie = "ratchet.session.cookie",
    php = "ratchet.session.php",
  }),
  auth = namespace("ratchet.auth", {
    jwt = "ratchet.auth.jwt",
  }),
  wamp = namespace("ratchet.wamp", {
    WampServer = "ratchet.wamp.wamp_server",
    ServerProtocol = "ratchet.wamp.server_protocol",
    Topic = "ratchet.wamp.topic",
    TopicManager = "ratchet.wamp.topic_manager",
    WampConnection = "ratchet.wamp.wamp_connection",
    json = "ratchet.wamp.json",
  }),
  websocket = namespace("ratchet.websocket", {
    WsServer = "ratchet.websocket.ws_server",
  }),
})
