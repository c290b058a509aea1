-- WsServer - the layer that turns a request into a WebSocket: it refuses what is
-- no good handshake, chooses the sub-protocol, asks the component's onUpgrade, and
-- then names the component that the connection goes to. Frames are the core's.
--
-- After the 101 the core calls the component directly; nothing here runs per
-- message.

local class = require "ratchet.class"
local component = require "ratchet.component"
local raise = require "ratchet.raise"
local native = require "ratchet.native"
local options = require "ratchet.options"
local refuse = require "ratchet.http.refuse"
local text = require "ratchet.http.text"

---@class ratchet.websocket.WsServer
local WsServer = class()

WsServer.scheme = "ws"

---@class ratchet.Limits what holds for the connections of a component
---@field maxMessageSize integer? bytes
---@field maxBufferedAmount integer? bytes
---@field overflow "close"|"drop"|nil what happens above maxBufferedAmount
---@field keepAlive number? seconds, 0 is never
---@field closeTimeout number? seconds
---@field maxQueuedMessages integer? events behind a handler that waits; with more of
---  them the peer is not read
---@field maxQueuedAmount integer? bytes of them
---@field deflate boolean|ratchet.Deflate|nil messages are compressed if the client can

---@class ratchet.Deflate how messages are compressed (permessage-deflate, RFC 7692)
---@field level integer? 1 fast to 9 small
---@field threshold integer? bytes; shorter messages go as they are
---@field serverContext "shared"|"dedicated"|nil what our messages may refer to
---@field clientContext "shared"|"dedicated"|nil what the client's may refer to
---@field windowBits integer? 9 to 15
---@field memLevel integer? 1 to 9

---@param app table|userdata the component
---@param limits ratchet.Limits?
---@return ratchet.websocket.WsServer
function WsServer.new(app, limits)
  component.check(app, "WsServer")
  return setmetatable({
    component = app,
    limits = options.check(limits, options.limits, "WsServer"),
    strict = true,
  }, WsServer)
end

---Is a client refused that offers none of the component's sub-protocols? It is,
---unless this is turned off. A component that names none speaks to everyone.
---@param strict boolean
function WsServer:setStrictSubProtocolCheck(strict)
  self.strict = strict and true or false
end

local function spoken_by(app)
  if not component.has(app, "getSubProtocols") then return {} end
  local names = app:getSubProtocols()
  if type(names) ~= "table" then
    raise("getSubProtocols must return a list of names; it returned a %s", type(names))
  end
  return names
end

-- The first of the client's list that the component speaks (RFC 6455 4.2.2, /subprotocol/).
local function first_common(offered, spoken)
  local known = {}
  for _, name in ipairs(spoken) do known[name] = true end
  for _, name in ipairs(offered) do
    if known[name] then return name end
  end
end

local upgrade_headers = {
  ["Upgrade"] = "websocket",
  ["Connection"] = "Upgrade",
  ["Sec-WebSocket-Version"] = "13",
}

local function refuse_handshake(request, status, reason, lesson)
  local headers
  if status == 426 then headers = upgrade_headers end
  if status == 405 then headers = { Allow = "GET" } end
  return refuse(request, status, reason, { headers = headers, lesson = lesson })
end

local function refuse_protocols(request, spoken)
  local offered = request.protocols
  local what = #offered == 0 and "a sub-protocol must be asked for"
    or ("none of %s is spoken here"):format(text.list(offered))
  local headers = { ["Sec-WebSocket-Protocol"] = table.concat(spoken, ", ") }
  for name, value in pairs(upgrade_headers) do headers[name] = value end
  local sentence = ("%s; spoken: %s"):format(what, text.list(spoken))
  return refuse(request, 426, sentence, { headers = headers,
    lesson = "RFC 6455 4.2.2: let the client offer one of these, or getSubProtocols name its; "
      .. "setStrictSubProtocolCheck(false) lets it in without" })
end

-- What onUpgrade returned, when it did not accept: only a status refuses, so that
-- neither `true` nor `false` is taken for the opposite of what was meant.
local function refuse_by_component(request, status, body, headers)
  if type(status) ~= "number" then
    raise("onUpgrade must return nothing, to accept, or a status; it returned a %s",
      type(status))
  end
  return refuse(request, status, "onUpgrade refused", { headers = headers, body = body })
end

-- What onUpgrade left in request.protocol. A client that did not offer it would end the
-- connection, each time anew (RFC 6455 4.1).
local function chosen_protocol(request)
  local protocol = rawget(request, "protocol")
  if protocol == nil or protocol == "" then return nil end
  for _, offered in ipairs(request.protocols) do
    if offered == protocol then return protocol end
  end
  raise("onUpgrade: request.protocol must be one of those that the client offers, %s, or \"\" "
    .. "for none; it is %s", text.list(request.protocols),
    type(protocol) == "string" and text.quote(protocol) or "a " .. type(protocol))
end

-- Asks the component, which may refuse, wait, and set what goes into the 101.
local function ask(app, request)
  local status, body, headers = app:onUpgrade(request)
  if status ~= nil then return refuse_by_component(request, status, body, headers) end
end

local function endpoint_of(server)
  server.endpoint = server.endpoint or native.core().endpoint(server.component, server.limits)
  return server.endpoint
end

---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function WsServer:handle(request)
  if request.upgradeStatus then
    return refuse_handshake(request, request.upgradeStatus, request.upgradeReason,
      request.upgradeLesson)
  end
  local app = self.component
  local spoken = spoken_by(app)
  local protocol = first_common(request.protocols, spoken)
  if not protocol and self.strict and #spoken > 0 then return refuse_protocols(request, spoken) end
  if component.has(app, "onUpgrade") then
    request.protocol = protocol
    local status, body, headers = ask(app, request)
    if status then return status, body, headers end
    protocol = chosen_protocol(request)
  end
  return endpoint_of(self), protocol, rawget(request, "responseHeaders")
end

return WsServer
