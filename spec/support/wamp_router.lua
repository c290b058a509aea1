-- wamp_router - what the specs of WAMP v2 need beside fake_wamp: a RouterProtocol around a
-- component, and clients that say something to it.

local WampServer = require "ratchet.wamp.wamp_server"
local assert = require "luassert"
local fake_wamp = require "support.fake_wamp"

local last = fake_wamp.last

local router = { last = last, remove = fake_wamp.remove, HELLO = '[1,"realm1",{"roles":{}}]' }

---Makes router.app, a component that notes what it is told, and router.protocol.
function router.install()
  fake_wamp.install()
  router.with({})
end

---The same with these events of the component, and what clients may do by themselves.
---@param events string[]
---@param options table?
function router.with(events, options)
  router.app = fake_wamp.component(unpack(events))
  router.protocol = WampServer(router.app, options).v2
end

---@return table conn that has said nothing yet
function router.connect()
  local conn = fake_wamp.connection("wamp.2.json")
  conn.httpRequest = "request"
  router.protocol:onOpen(conn)
  return conn
end

---@param conn table
---@param ... string messages
---@return any[] answer the last
function router.say(conn, ...)
  for _, text in ipairs({ ... }) do router.protocol:onMessage(conn, text) end
  return last(conn)
end

---@param hello string?
---@return table conn that has a session
function router.welcomed(hello)
  local conn = router.connect()
  router.say(conn, hello or router.HELLO)
  assert.are.equal(2, conn.sent[1][1])
  return conn
end

---Asserts that the session was ended.
---@param conn table
---@param uri string
---@param code integer
function router.aborted(conn, uri, code)
  assert.are.same({ 3, uri, code }, { last(conn)[1], last(conn)[3], conn.closed[1] })
end

return router
