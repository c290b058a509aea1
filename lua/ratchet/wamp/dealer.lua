-- dealer - calls that clients answer: who has registered which procedure (v2), and which
-- calls are with whom. A call of anything else goes on to the next layer, the
-- component's onCall. A caller may speak v1 or v2; it need not know who answers.

local arguments = require "ratchet.wamp.arguments"
local class = require "ratchet.class"
local session = require "ratchet.wamp.session"

---@class ratchet.wamp.Dealer
local Dealer = class()

local CALL, INVOCATION = 48, 68

local MOST_REGISTRATIONS, MOST_CALLS = 1000, 1000

---@class ratchet.wamp.Registration
---@field id integer
---@field name string
---@field callee ratchet.Connection

---@class ratchet.wamp.Invocation a call that a client has not answered yet
---@field id integer as the callee knows it
---@field callee ratchet.Connection
---@field request string|integer as the caller knows it
---@field caller ratchet.Connection
---@field wantsProgress boolean?

---@param next_layer table what hears of everything else
---@param given { maxRegistrations: integer?, maxCalls: integer? }?
---@return ratchet.wamp.Dealer
function Dealer.new(next_layer, given)
  given = given or {}
  return setmetatable({
    next = next_layer,
    procedures = {}, -- name to registration
    lastRegistration = 0,
    most = given.maxRegistrations or MOST_REGISTRATIONS,
    mostCalls = given.maxCalls or MOST_CALLS,
  }, Dealer)
end

for _, event in ipairs({ "onOpen", "onSubscribe", "onUnSubscribe", "onPublish", "onError" }) do
  Dealer[event] = function(self, ...)
    return self.next[event](self.next, ...)
  end
end

-- ---- procedures

-- What a connection has registered, is asked for, and asks for; made when it is needed.
local function dealings_of(conn)
  local wamp = conn.WAMP
  if not wamp.dealings then
    wamp.dealings = {
      registrations = {}, registrationCount = 0, -- by id
      invocations = {}, lastInvocation = 0, -- by id
      calls = {}, callCount = 0, -- set of invocations
    }
  end
  return wamp.dealings
end

---@param conn ratchet.Connection
---@param name string
---@return integer? id
---@return string? uri of the error
function Dealer:register(conn, name)
  local dealings = dealings_of(conn)
  if self.procedures[name] then return nil, "wamp.error.procedure_already_exists" end
  if dealings.registrationCount == self.most then return nil, "wamp.error.not_authorized" end
  self.lastRegistration = self.lastRegistration + 1
  local registration = { id = self.lastRegistration, name = name, callee = conn }
  self.procedures[name] = registration
  dealings.registrations[registration.id] = registration
  dealings.registrationCount = dealings.registrationCount + 1
  return registration.id
end

---@param conn ratchet.Connection
---@param id integer
---@return boolean was_registered
function Dealer:unregister(conn, id)
  local dealings = dealings_of(conn)
  local registration = dealings.registrations[id]
  if not registration then return false end
  dealings.registrations[id] = nil
  dealings.registrationCount = dealings.registrationCount - 1
  self.procedures[registration.name] = nil
  return true
end

-- ---- calls

local function forget(invocation)
  invocation.callee.WAMP.dealings.invocations[invocation.id] = nil
  local caller = invocation.caller.WAMP.dealings
  caller.calls[invocation] = nil
  caller.callCount = caller.callCount - 1
end

local function invoke(registration, conn, request, content)
  local callee, caller = registration.callee.WAMP.dealings, dealings_of(conn)
  callee.lastInvocation = callee.lastInvocation + 1
  local invocation = {
    id = callee.lastInvocation, callee = registration.callee,
    request = request, caller = conn, wantsProgress = conn.WAMP.wantsProgress,
  }
  callee.invocations[invocation.id] = invocation
  caller.calls[invocation] = true
  caller.callCount = caller.callCount + 1
  registration.callee:send(("[%d,%d,%d,%s,%s]"):format(INVOCATION, invocation.id,
    registration.id, invocation.wantsProgress and '{"receive_progress":true}' or "{}", content))
end

---@param conn ratchet.Connection
---@param id string|number
---@param name string
---@param params table
---@param args table
---@param kwargs table?
function Dealer:onCall(conn, id, name, params, args, kwargs)
  local registration = self.procedures[name]
  if not registration then return self.next:onCall(conn, id, name, params, args, kwargs) end
  if dealings_of(conn).callCount == self.mostCalls then
    return conn:callError(id, "wamp.error.not_authorized", "too many calls wait for an answer")
  end
  invoke(registration, conn, id, arguments.text(args, kwargs))
end

local function waiting(conn, id)
  local dealings = conn.WAMP.dealings
  return dealings and dealings.invocations[id]
end

---A callee has a result. One that nobody waits for any more is passed over.
---@param conn ratchet.Connection
---@param id integer
---@param args table?
---@param kwargs table?
---@param is_progress boolean
function Dealer:onYield(conn, id, args, kwargs, is_progress)
  local invocation = waiting(conn, id)
  if not invocation or is_progress and not invocation.wantsProgress then return end
  local caller = invocation.caller
  if caller.WAMP.version == 2 then
    session.send_result(caller, invocation.request, arguments.text(args, kwargs), is_progress)
  elseif not is_progress then
    caller:callResult(invocation.request, arguments.single(args, kwargs))
  end
  if not is_progress then forget(invocation) end
end

-- A v1 error has a description, which is text, and details.
local function v1_error(args, kwargs)
  local first = args and args[1]
  local details = first ~= nil and args or kwargs
  if type(first) ~= "string" then return "", details end
  return first, (args[2] ~= nil or kwargs) and details or nil
end

local function fail(invocation, error_uri, args, kwargs)
  local caller = invocation.caller
  if caller.WAMP.version == 2 then
    session.send_error(caller, CALL, invocation.request, error_uri, arguments.text(args, kwargs))
  else
    caller:callError(invocation.request, error_uri, v1_error(args, kwargs))
  end
end

---A callee has failed.
---@param conn ratchet.Connection
---@param id integer
---@param error_uri string
---@param args table?
---@param kwargs table?
function Dealer:onCallError(conn, id, error_uri, args, kwargs)
  local invocation = waiting(conn, id)
  if not invocation then return end
  fail(invocation, error_uri, args, kwargs)
  forget(invocation)
end

---Nobody waits for the calls of who leaves, and nobody answers those that it was asked.
---@param conn ratchet.Connection
---@param code integer
---@param reason string
function Dealer:onClose(conn, code, reason)
  local dealings = conn.WAMP.dealings
  if dealings then
    for id in pairs(dealings.registrations) do self:unregister(conn, id) end
    for invocation in pairs(dealings.calls) do forget(invocation) end
    for _, invocation in pairs(dealings.invocations) do
      fail(invocation, "wamp.error.canceled", { "who was to answer has left" })
      forget(invocation)
    end
  end
  return self.next:onClose(conn, code, reason)
end

return Dealer
