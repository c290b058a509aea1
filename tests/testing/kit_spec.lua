-- The test kit, tested by itself: each of these has the same result in virtual time and
-- with --live, through real TCP (tests/integration/testing_test.js runs both).

local ratchet = require "ratchet"
local testing = require "ratchet.testing"

-- Tells everybody what anybody says.
local function Room()
  local room = { clients = {}, closes = {} }
  function room:onOpen(conn, request)
    conn.name = request.query.name or "?"
    self.clients[conn] = true
  end
  function room:onMessage(from, message)
    for client in pairs(self.clients) do
      if client ~= from then client:send(from.name .. ": " .. message) end
    end
  end
  function room:onClose(conn, code, reason)
    self.clients[conn] = nil
    self.closes[#self.closes + 1] = { code, reason }
  end
  return room
end

-- A component of these events, which also notes how connections end.
local function noting(events)
  events.closes = {}
  function events:onClose(_, code) self.closes[#self.closes + 1] = code end
  return events
end

describe("a component", function()
  local room, server, ann, bob
  before_each(function()
    room = Room()
    server = testing.serve(room)
    ann = assert(server:connect("/chat?name=ann"))
    bob = assert(server:connect("/chat?name=bob"))
  end)

  it("gets what a client sends", function()
    ann:send("hi")
    assert.received(bob, "ann: hi")
    assert.silent(ann)
  end)

  it("is told of many messages in their order", function()
    for i = 1, 100 do ann:send(tostring(i)) end
    for i = 1, 100 do assert.received(bob, "ann: " .. i) end
    assert.silent(bob)
  end)

  it("hears of a close, with its code and reason", function()
    ann:close(4001, "bye")
    assert.closed(ann, 4001, "bye")
    assert.are.same({ { 4001, "bye" } }, room.closes)
    assert.is_not.closed(bob)
  end)

  it("hears of a connection that is lost", function()
    ann:cut()
    server:settle()
    assert.are.equal(1006, room.closes[1][1])
    assert.closed(ann, 1006)
  end)

  it("gets a message that comes in pieces", function()
    ann:split({ 1, 3, 5 })
    ann:send("a message of more than nine bytes")
    assert.received(bob, "ann: a message of more than nine bytes")
  end)

  it("gets what is sent when the pieces are over", function()
    ann:split({ 1 }):send("slow"):split({}):send("quick")
    assert.received(bob, "ann: slow")
    assert.received(bob, "ann: quick")
  end)

  it("gets a long message", function()
    local text = ("x"):rep(300000)
    ann:send(text)
    assert.received(bob, "ann: " .. text)
  end)

  it("waits for a slow client", function()
    ann:bandwidth(100)
    ann:send(("x"):rep(500))
    assert.silent(bob)
    server:advance(2)
    assert.silent(bob)
    server:advance(5)
    assert.received(bob, "ann: " .. ("x"):rep(500))
  end)

  it("can take its time to send to a slow client", function()
    bob:bandwidth(1000)
    ann:send(("x"):rep(3000))
    server:advance(1)
    assert.silent(bob)
    server:advance(3)
    assert.received(bob, "ann: " .. ("x"):rep(3000))
  end)

  it("says goodbye to everybody when the server stops", function()
    server:stop()
    assert.closed(ann, 1001)
    assert.closed(bob, 1001, "the server goes away")
  end)

  it("answers pings", function()
    ann:ping("are you there")
    server:settle()
    assert.are.same({ "are you there" }, ann.pongs)
  end)

  it("gets what was sent right before the end", function()
    ann:send("last words"):close()
    assert.received(bob, "ann: last words")
    assert.closed(ann, 1000)
  end)
end)

describe("time", function()
  it("stands still while nobody waits", function()
    local server = testing.serve(noting({
      onMessage = function(_, conn) conn:after(0.001, function() conn:send("late") end) end,
    }))
    local ann = assert(server:connect("/"))
    ann:send("go")
    assert.silent(ann)
    server:advance(0.001)
    assert.received(ann, "late")
  end)

  it("moves timers", function()
    local server = testing.serve(noting({
      onOpen = function(_, conn) conn:every(10, function() conn:send("tick") end) end,
    }))
    local ann = assert(server:connect("/"))
    server:advance(35)
    for _ = 1, 3 do assert.received(ann, "tick") end
    assert.silent(ann)
  end)

  it("moves handlers that sleep", function()
    local server = testing.serve({
      onMessage = function(_, conn, message)
        ratchet.sleep(5)
        conn:send(message)
      end,
    })
    local ann = assert(server:connect("/"))
    ann:send("a"):send("b")
    server:advance(6)
    assert.received(ann, "a")
    assert.silent(ann)
    server:advance(5)
    assert.received(ann, "b")
  end)

  it("moves what a test waits for", function()
    local before = os.time()
    local server = testing.serve({
      onMessage = function(_, conn) conn:after(600, function() conn:send("late") end) end,
    })
    local ann = assert(server:connect("/"))
    ann:send("go")
    assert.are.equal("late", (ann:receive(700)))
    ratchet.sleep(600)
    assert.is_true(os.time() - before < 300)
  end)

  it("passes, whoever does not let it", function()
    local turns = 0
    local server = testing.serve({
      onOpen = function()
        while true do
          turns = turns + 1
          ratchet.sleep(0)
        end
      end,
    })
    assert(server:connect("/"))
    server:advance(0.05)
    assert.is_true(turns > 10)
  end)

  it("ends the wait for what does not come", function()
    local server = testing.serve(ratchet.server.EchoServer())
    local ann = assert(server:connect("/"))
    assert.is_nil(ann:receive())
    assert.is_nil(ann:receive(10))
  end)

  it("brings keep-alive pings, which are answered", function()
    local app = noting({})
    local server = testing.serve(app)
    local ann = assert(server:connect("/"))
    server:advance(125)
    assert.are.equal(4, #ann.pings)
    assert.are.same({}, app.closes)
  end)

  it("loses a client that does not read", function()
    local app = noting({})
    local server = testing.serve(app)
    local ann = assert(server:connect("/"))
    ann:stall()
    server:advance(70)
    assert.are.same({ 1006 }, app.closes)
    assert.are.same({}, ann.pings)
  end)

  it("drops a client that does not answer a close", function()
    local app = noting({ onMessage = function(_, conn) conn:close() end })
    local server = testing.serve(app)
    local ann = assert(server:connect("/"))
    ann:send("close me"):stall()
    server:advance(4)
    assert.are.same({}, app.closes)
    server:advance(2)
    assert.are.same({ 1006 }, app.closes)
  end)
end)

describe("limits", function()
  it("hold for the size of messages", function()
    local app = noting({})
    local server = testing.serve(app, { maxMessageSize = 10 })
    local ann = assert(server:connect("/"))
    ann:send("12345678901")
    assert.closed(ann, 1009)
    assert.are.same({ 1009 }, app.closes)
  end)

  it("hold for what is queued for a client that does not read", function()
    local app = noting({
      onMessage = function(_, conn)
        for _ = 1, 400 do conn:send(("x"):rep(100000)) end
      end,
    })
    local server = testing.serve(app)
    local ann = assert(server:connect("/"))
    ann:stall():send("go")
    server:advance(6)
    assert.are.same({ 1013 }, app.closes)
  end)

  it("end a client that breaks the protocol", function()
    local server = testing.serve(ratchet.server.EchoServer())
    local ann = assert(server:connect("/"))
    assert.has_error(function() ann:send("\255") end)
    ann:sendBinary("\255")
    assert.received(ann, "\255", true)
  end)
end)

describe("an app", function()
  local app
  before_each(function()
    app = ratchet.App("chat.example", 8080)
    app:route("/echo", ratchet.server.EchoServer())
    app:route("/sub", { getSubProtocols = function() return { "one", "two" } end,
      onMessage = function(_, conn, message) conn:send(message) end }, { "*" })
    app:get("/hello", function(request) return "hello " .. (request.query.name or "") end)
    app:post("/sum", function(request) return tostring(#request.body) end)
  end)

  it("is served as it is, with its host", function()
    local server = testing.serve(app)
    local ann = assert(server:connect("/echo"))
    ann:send("x")
    assert.received(ann, "x")
    assert.are.equal("chat.example", server.host)
  end)

  it("refuses pages of other sites", function()
    local server = testing.serve(app)
    local ann, err, answer = server:connect("/echo", { origin = "http://evil.example" })
    assert.is_nil(ann)
    assert.matches("the server answered 403 Forbidden", err)
    assert.are.equal(403, answer.status)
    local _, _, missing = server:connect("/echo", { origin = false })
    assert.are.equal(403, missing.status)
  end)

  it("refuses paths that it does not have", function()
    local server = testing.serve(app)
    local _, _, answer = server:connect("/ecco")
    assert.are.equal(404, answer.status)
  end)

  it("agrees on a sub-protocol", function()
    local server = testing.serve(app)
    local ann = assert(server:connect("/sub", { protocols = { "three", "two" } }))
    assert.are.equal("two", ann.protocol)
    local _, _, answer = server:connect("/sub", { protocols = { "three" } })
    assert.are.equal(426, answer.status)
  end)

  it("answers over HTTP", function()
    local server = testing.serve(app)
    local answer = assert(server:get("/hello?name=ann"))
    assert.are.equal(200, answer.status)
    assert.are.equal("hello ann", answer.body)
    assert.are.equal("5", server:post("/sum", "12345").body)
    assert.are.equal(404, server:get("/none").status)
  end)

  it("is served again and again, and beside another", function()
    local one, other = testing.serve(app), testing.serve(ratchet.server.EchoServer())
    local ann, bob = assert(one:connect("/echo")), assert(other:connect("/any"))
    ann:send("1")
    bob:send("2")
    assert.received(ann, "1")
    assert.received(bob, "2")
  end)

  it("can compress", function()
    local server = testing.serve({
      onMessage = function(_, conn, message) conn:send(message) end,
    }, { deflate = true })
    local ann = assert(server:connect("/", { deflate = true }))
    assert.matches("permessage%-deflate", ann.conn.extensions)
    ann:split({ 1, 2, 3 }):send(("compressed "):rep(1000))
    assert.received(ann, ("compressed "):rep(1000))
  end)

  it("is served over TLS, with a certificate of the moment", function()
    local server = testing.serve(app, { tls = true })
    assert.matches("^https://chat.example:", server.url)
    local ann = assert(server:connect("/echo"))
    ann:send(("x"):rep(100000))
    assert.received(ann, ("x"):rep(100000))
    assert.are.equal("hello bob", server:get("/hello?name=bob").body)
    assert.error_matches(function() ann:split({ 1 }) end, "client:split: not over TLS")
    server:stop()
    assert.closed(ann, 1001)
  end)

  it("explains refusals in development", function()
    local server = testing.serve(app, { development = true })
    local _, _, answer = server:connect("/ecco")
    assert.matches("no route has this path", answer.body)
  end)
end)

describe("an app file", function()
  it("is loaded anew for each test", function()
    for _ = 1, 2 do
      local server = testing.serve("tests/testing/counter.lua", { arguments = { "of things" } })
      local ann = assert(server:connect("/count"))
      ann:send("?")
      assert.received(ann, { count = 1, what = "of things" })
      ann:send("?")
      assert.received(ann, { count = 2, what = "of things" })
      server:stop()
    end
  end)

  it("has timers and tasks of its own", function()
    local server = testing.serve("tests/testing/counter.lua", { arguments = { "x" } })
    local ann = assert(server:connect("/count"))
    server:advance(100)
    ann:send("?")
    assert.received(ann, { count = 11, what = "x" })
  end)

  it("may have an error", function()
    local is_well, err = pcall(testing.serve, "tests/testing/broken.lua")
    assert.is_false(is_well)
    assert.matches("broken.lua:2: broken here", err)
  end)

  it("has to listen", function()
    assert.error_matches(function() testing.serve("tests/testing/deaf.lua") end,
      "the app listens on no port: its last line should be app:run%(%)")
  end)
end)
