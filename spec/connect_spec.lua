local connect = require "ratchet.connect"
local fake_core = require "support.fake_core"

-- A connection that can be closed from both sides.
local function new_conn()
  local conn = { timers = {} }
  function conn:close(code, reason)
    self.closed = { code, reason }
    return self
  end
  function conn:after(seconds, fn) self.timers[#self.timers + 1] = { seconds, fn } end
  return conn
end

describe("connect", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  -- Calls connect in a task; what it returned is there when it has.
  local function connecting(...)
    local results
    local arguments = { n = select("#", ...), ... }
    local task = core.spawn(function()
      results = { pcall(connect, unpack(arguments, 1, arguments.n)) }
    end)
    core.run()
    return function()
      if results then return unpack(results, 2, 5) end
    end, task
  end

  local function last() return core.attempts[#core.attempts] end

  local function component() return last().job.endpoint.component end

  local function open(conn)
    component():onOpen(conn)
    core.run()
    return conn
  end

  local function fail(reason, answer)
    core.wake(last().ticket, nil, reason, answer)
    core.run()
  end

  describe("what is asked for", function()
    it("is in the address", function()
      connecting("ws://Example.org:81/chat?a=b")
      local job = last().job
      assert.are.equal("example.org", job.host)
      assert.are.equal(81, job.port)
      assert.are.equal("/chat?a=b", job.target)
      assert.are.equal("example.org:81", job.authority)
      assert.is_false(job.secure)
      assert.are.equal("", job.protocols)
      assert.are.same({}, job.headers)
    end)

    it("is in the options", function()
      connecting("wss://h", {
        protocols = { "a", "b" }, origin = "http://o", headers = { ["X-A"] = { "1", "2" } },
        connectTimeout = 1, handshakeTimeout = 2, unix = "/run/s", maxMessageSize = 9,
        ca = "/ca.pem", serverName = "b", insecure = true,
      })
      local job = last().job
      assert.are.equal("a, b", job.protocols)
      assert.are.same({ "X-A", "1", "X-A", "2", "Origin", "http://o" }, job.headers)
      assert.are.equal(1, job.connectTimeout)
      assert.are.equal(2, job.handshakeTimeout)
      assert.are.equal("/run/s", job.path)
      assert.is_true(job.secure)
      assert.are.equal("/ca.pem", job.ca)
      assert.are.equal("b", job.serverName)
      assert.is_true(job.insecure)
      assert.are.same({ maxMessageSize = 9 }, job.endpoint.limits)
    end)

    for address, why in pairs({
      ["http://h/x?y"] = "http://h/x is no address of a WebSocket",
      ["ws://ada:secret@h"] = "a user in the address is not sent",
      ["nonsense"] = "is no address",
    }) do
      it(("is refused at %q"):format(address), function()
        local conn, err = connect(address)
        assert.is_nil(conn)
        assert.is_truthy(err:find(why, 1, true), err)
        assert.is_nil(err:find("secret", 1, true))
      end)
    end

    for why, given in pairs({
      ['unknown option "protocol"; did you mean "protocols"?'] = { protocol = "a" },
      ['the sub-protocol "a b" is no token'] = { protocols = { "a b" } },
      ['the sub-protocol "a" is there twice'] = { protocols = { "a", "a" } },
      ['the header "sec-websocket-key" is the handshake\'s own'] = {
        headers = { ["sec-websocket-key"] = "x" },
      },
      ['the header "A b" has characters'] = { headers = { ["A b"] = "x" } },
      ['the header "X" has characters'] = { headers = { X = "a\r\nb" } },
      ["reconnect is for the style with events"] = { reconnect = true },
      ["a component is a table with"] = { events = {} },
      ['option "min" must be'] = { events = { onOpen = print }, reconnect = { min = -1 } },
    }) do
      it("raises: " .. why, function()
        local ok, err = pcall(connect, "ws://h", given)
        assert.is_false(ok)
        assert.is_truthy(err:find(why, 1, true), err)
        assert.is_nil(err:find("lua/ratchet/", 1, true), err)
      end)
    end

    it("raises at an address that is no string", function()
      assert.has_error(function() connect(5) end)
    end)
  end)

  describe("as a line", function()
    it("returns the connection, to be received from", function()
      local results = connecting("ws://h")
      local conn = open(new_conn())
      assert.are.equal(conn, results())
      assert.is_true(conn.is_line)
    end)

    it("says why there is none", function()
      local results = connecting("ws://h/x?secret")
      fail("h port 80: connection refused")
      local conn, err, answer = results()
      assert.is_nil(conn)
      assert.are.equal("cannot connect to ws://h/x: h port 80: connection refused", err)
      assert.is_nil(answer)
    end)

    it("returns what else the server answered", function()
      local results = connecting("ws://h/x")
      fail("x", { status = 401, reason = "Unauthorized", body = "shoo" })
      local _, err, answer = results()
      assert.are.equal("cannot connect to ws://h/x: the server answered 401 Unauthorized", err)
      assert.are.equal("shoo", answer.body)
      assert.are.equal("ws://h/x", answer.url)
    end)

    it("says that the server goes away", function()
      core.is_ending = true
      local results = connecting("ws://h")
      assert.is_truthy(select(2, results()):find("the server goes away", 1, true))
    end)

    it("cancels the attempt when whoever waits is cancelled", function()
      local _, task = connecting("ws://h")
      assert.is_nil(last().is_cancelled)
      task:cancel()
      core.run()
      assert.is_true(last().is_cancelled)
    end)

    it("closes a connection that nobody waits for", function()
      local _, task = connecting("ws://h")
      task:cancel()
      core.run()
      core.wake(last().ticket)
      assert.is_not_nil(open(new_conn()).closed)
    end)

    it("does not begin where nothing can wait", function()
      core.checkWait = function() error("nothing can wait here", 0) end
      assert.has_error(function() connect("ws://h") end, "nothing can wait here")
      assert.are.equal(0, #core.attempts)
    end)
  end)

  describe("as events", function()
    local heard, app

    before_each(function()
      heard = {}
      app = {}
      for _, name in ipairs({ "onOpen", "onMessage", "onClose", "onPing" }) do
        app[name] = function(self, conn, ...)
          assert.are.equal(app, self)
          heard[#heard + 1] = { name, conn, ... }
        end
      end
    end)

    local function names()
      local list = {}
      for i, entry in ipairs(heard) do list[i] = entry[1] end
      return table.concat(list, " ")
    end

    local function start(reconnect)
      local client = connect("ws://h", { events = app, reconnect = reconnect })
      core.run()
      return client
    end

    it("returns at once and tells the component", function()
      local client = start()
      assert.is_nil(client.conn)
      local conn = open(new_conn())
      assert.are.equal(conn, client.conn)
      component():onMessage(conn, "hi", false)
      component():onPing(conn, "p")
      component():onPong(conn, "nobody asks")
      component():onClose(conn, 1000, "bye")
      core.run()
      assert.are.equal("onOpen onMessage onPing onClose", names())
      assert.are.same({ "onMessage", conn, "hi", false }, heard[2])
      assert.are.same({ "onClose", conn, 1000, "bye" }, heard[4])
      assert.is_nil(client.conn)
      core.run(100)
      assert.are.equal(1, #core.attempts)
    end)

    it("tells of a failure by onError, without a connection", function()
      local told
      app.onError = function(_, ...) told = { n = select("#", ...), ... } end
      start()
      fail("refused")
      assert.is_nil(told[1])
      assert.are.equal("cannot connect to ws://h/: refused", told[2])
    end)

    it("logs a failure when there is no onError, and one that raises", function()
      start()
      fail("refused")
      assert.are.equal("warn cannot connect to ws://h/: refused", fake_core.last_log(core))
      app.onError = function() error("broken") end
      start()
      fail("refused")
      assert.is_truthy(fake_core.last_log(core):find("refused; and onError raised", 1, true))
    end)

    it("closes with 1011 when a handler fails and there is no onError", function()
      start()
      local conn = open(new_conn())
      component():onError(conn, "broken")
      assert.are.equal(1011, conn.closed[1])
    end)

    it("hands errors of handlers to onError", function()
      local told
      app.onError = function(_, conn, err) told = { conn, err } end
      start()
      local conn = open(new_conn())
      component():onError(conn, "broken")
      assert.are.same({ conn, "broken" }, told)
      assert.is_nil(conn.closed)
    end)

    it("has run when the component has", function()
      app.run = function(self, conn) heard[#heard + 1] = { "run", self, conn } end
      start()
      component():run("conn")
      assert.are.same({ "run", app, "conn" }, heard[1])
    end)

    it("connects anew, later each time, up to the most", function()
      start({ min = 1, max = 5 })
      local delays = {}
      for i = 1, 5 do
        fail("refused")
        local waited = 0
        while #core.attempts == i do
          core.run(0.25)
          waited = waited + 0.25
        end
        delays[i] = waited
      end
      -- fake_core's random is 0.5: three quarters of 1, 2, 4, 5, 5.
      assert.are.same({ 0.75, 1.5, 3, 3.75, 3.75 }, delays)
    end)

    it("connects anew when the connection is lost, and onOpen is told again", function()
      start(true)
      for _ = 1, 3 do
        local conn = open(new_conn())
        conn.timers[1][2]() -- it has lasted
        component():onClose(conn, 1006, "")
        core.run(0.75)
      end
      assert.are.equal(4, #core.attempts)
      assert.are.equal("onOpen onClose onOpen onClose onOpen onClose", names())
    end)

    it("gives up after as many attempts as it has", function()
      start({ min = 0.1, attempts = 2 })
      for _ = 1, 3 do
        fail("refused")
        core.run(100)
      end
      assert.are.equal(3, #core.attempts)
    end)

    it("does not connect anew when it was closed", function()
      local client = start(true)
      local conn = open(new_conn())
      client:close(4000, "enough")
      assert.are.same({ 4000, "enough" }, conn.closed)
      component():onClose(conn, 4000, "enough")
      core.run(100)
      assert.are.equal(1, #core.attempts)
    end)

    it("does not connect anew when it was closed between two attempts", function()
      local client = start(true)
      fail("refused")
      client:close()
      core.run(100)
      assert.are.equal(1, #core.attempts)
    end)

    it("ends an attempt when it is closed", function()
      local client = start(true)
      client:close()
      core.run(100)
      assert.is_true(last().is_cancelled)
      assert.are.equal(1, #core.attempts)
    end)

    it("stops when the server ends", function()
      start(true)
      fail("refused")
      core.is_ending = true
      core.run(100)
      assert.are.equal(1, #core.attempts)
      assert.are.equal(1, #core.logged)
    end)
  end)
end)
