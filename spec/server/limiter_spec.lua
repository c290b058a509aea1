local Limiter = require "ratchet.server.limiter"
local fake_connection = require "support.fake_connection"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

describe("Limiter", function()
  local core, heard, app, timers
  before_each(function()
    core, heard, app, timers = fake_core.install(), {}, {}, {}
    for _, event in ipairs({ "onOpen", "onMessage", "onClose", "onPing" }) do
      app[event] = function(_, _, what) heard[#heard + 1] = { event, what } end
    end
    local function start(kind)
      return function(seconds, fn, ...)
        local timer = { kind = kind, seconds = seconds, fn = fn, arguments = { ... } }
        function timer:cancel() self.is_over = true end
        timers[#timers + 1] = timer
        return timer
      end
    end
    core.after, core.every = start("after"), start("every")
  end)
  after_each(fake_core.remove)

  local function from(address, id) return fake_connection(id, address) end
  local function opened(limiter, address)
    local conn = from(address or "10.0.0.1")
    limiter:onOpen(conn)
    return conn
  end
  local function fire(timer) timer.fn(unpack(timer.arguments)) end
  local function say(limiter, conn, ...)
    for _, message in ipairs({ ... }) do limiter:onMessage(conn, message, false) end
  end
  local function messages()
    local found = {}
    for _, event in ipairs(heard) do
      if event[1] == "onMessage" then found[#found + 1] = event[2] end
    end
    return table.concat(found, " ")
  end

  it("passes on what is within the limits", function()
    local limiter = Limiter(app, { messages = 3 })
    local conn = opened(limiter)
    say(limiter, conn, "a", "b")
    limiter:onPing(conn, "p")
    limiter:onClose(conn, 1000, "")
    assert.are.same({ { "onOpen" }, { "onMessage", "a" }, { "onMessage", "b" }, { "onPing", "p" },
      { "onClose", 1000 } }, heard)
    assert.are.equal(0, limiter:count())
  end)

  it("counts whom it finds open, as when a reload has brought it", function()
    local limiter = Limiter(app, { messages = 2, over = "drop" })
    local conn, quiet = from("10.0.0.1"), from("10.0.0.1")
    say(limiter, conn, "a", "b", "c")
    assert.are.equal("a b", messages())
    assert.are.equal(1, limiter:count())
    limiter:onClose(conn, 1000, "")
    limiter:onClose(quiet, 1001, "")
    assert.are.same({ "onClose", 1001 }, heard[#heard])
    assert.are.equal(0, limiter:count())
  end)

  it("drops what is over, and goes on when the bucket has filled", function()
    local limiter = Limiter(app, { messages = 2, interval = 4, over = "drop" })
    local conn = opened(limiter)
    say(limiter, conn, "a", "b", "c")
    core.time = core.time + 2
    say(limiter, conn, "d", "e")
    core.time = core.time + 100
    say(limiter, conn, "f", "g", "h")
    assert.are.equal("a b d f g", messages())
    assert.is_nil(conn.closed)
  end)

  it("closes with 1008", function()
    local limiter = Limiter(app, { bytes = 5, over = "close" })
    local conn = opened(limiter)
    say(limiter, conn, "abc", "de")
    assert.is_nil(conn.closed)
    say(limiter, conn, "f")
    assert.are.same({ 1008, "too many messages" }, conn.closed)
    assert.are.equal("abc de", messages())
  end)

  it("delays: nothing is lost, and it is not read until the bucket has something", function()
    local limiter = Limiter(app, { messages = 2, over = "delay" })
    local conn = opened(limiter)
    say(limiter, conn, "a")
    assert.is_nil(conn.is_paused)
    say(limiter, conn, "b", "c") -- c was read before
    assert.is_true(conn.is_paused)
    assert.are.equal("a b c", messages())
    assert.are.equal(1, #timers)
    core.time = core.time + 0.9
    fire(timers[1])
    assert.is_true(conn.is_paused) -- c is owed for
    core.time = core.time + 0.1
    fire(timers[1])
    assert.is_false(conn.is_paused)
    fire(timers[1])
    assert.is_true(timers[1].is_over)
    say(limiter, conn, "d")
    assert.are.equal(2, #timers)
  end)

  it("lets a message pass that is larger than the bucket, when that is full", function()
    local limiter = Limiter(app, { bytes = 4, over = "drop" })
    local conn = opened(limiter)
    say(limiter, conn, "123456", "x")
    core.time = core.time + 1
    say(limiter, conn, "y", "z")
    core.time = core.time + 0.75
    say(limiter, conn, "7890123")
    assert.are.equal("123456 y z", messages())
    core.time = core.time + 0.25
    say(limiter, conn, "7890123")
    assert.are.equal("123456 y z 7890123", messages())
  end)

  it("counts all connections of an address together, and of an IPv6 /64", function()
    local limiter = Limiter(app, { messagesPerAddress = 2, over = "drop" })
    local one, two, other = opened(limiter, "2001:db8::1"), opened(limiter, "2001:db8::2"),
      opened(limiter, "2001:db8:0:1::1")
    say(limiter, one, "a")
    say(limiter, two, "b", "c")
    say(limiter, other, "d")
    assert.are.equal("a b d", messages())
    for _, conn in ipairs({ one, two }) do limiter:onClose(conn) end
    say(limiter, opened(limiter, "2001:db8::3"), "e") -- it finds the bucket as it was left
    assert.are.equal("a b d", messages())
  end)

  it("forgets addresses: when the bucket is full, and the oldest of too many", function()
    local limiter = Limiter(app, { bytesPerAddress = 10, maxAddresses = 3 })
    local function known()
      local count = 0
      for _ in pairs(limiter.addresses) do count = count + 1 end
      return count
    end
    for i = 1, 50 do
      local conn = opened(limiter, "10.0.0." .. i)
      say(limiter, conn, "x")
      limiter:onClose(conn)
      assert.is_true(known() <= 3)
    end
    core.time = core.time + 60
    limiter:onClose(opened(limiter, "10.0.0.99"))
    assert.are.equal(0, known())
    assert.are.equal(limiter.left.last + 1, limiter.left.first)
    local plain = Limiter(app, { maxConnectionsPerAddress = 3 })
    plain:onClose(opened(plain))
    assert.is_nil(next(plain.addresses))
  end)

  it("keeps an address that comes back", function()
    local limiter = Limiter(app, { messagesPerAddress = 9 })
    for _ = 1, 20 do
      local conn = opened(limiter)
      say(limiter, conn, "x")
      limiter:onClose(conn)
    end
    local conn = opened(limiter)
    core.time = core.time + 60
    limiter:onClose(opened(limiter, "10.0.0.2"))
    assert.is_not_nil(limiter.addresses["\10\0\0\1"])
    limiter:onClose(conn)
    core.time = core.time + 60
    limiter:onClose(opened(limiter, "10.0.0.2"))
    assert.is_nil(next(limiter.addresses))
  end)

  it("has a number of connections, in all and of an address", function()
    local limiter = Limiter(app, { maxConnections = 3, maxConnectionsPerAddress = 2 })
    local first = opened(limiter)
    opened(limiter)
    local third = opened(limiter)
    assert.are.same({ 1008, "too many connections" }, third.closed)
    limiter:onClose(third, 1008, "")
    assert.are.equal(2, #heard) -- it was not told
    opened(limiter, "10.0.0.2")
    assert.is_not_nil(opened(limiter, "10.0.0.3").closed)
    limiter:onClose(first)
    assert.is_nil(opened(limiter).closed)
    assert.are.equal(3, limiter:count())
  end)

  it("refuses the handshake with 429, before onUpgrade of the component", function()
    function app.onUpgrade() return 200 end
    local limiter = Limiter(app, { maxConnections = 1, interval = 2.5 })
    assert.are.equal(200, (limiter:onUpgrade(layers.get("/"))))
    opened(limiter)
    local status, _, headers = limiter:onUpgrade(layers.get("/"))
    assert.are.equal(429, status)
    assert.are.equal("3", headers["Retry-After"])
  end)

  it("does not count who has no IP address among those of an address", function()
    local limiter = Limiter(app, { maxConnectionsPerAddress = 1, messagesPerAddress = 1,
      over = "close" })
    for _ = 1, 3 do say(limiter, opened(limiter, ""), "x", "y") end
    assert.are.equal(3, limiter:count())
    assert.are.equal("x y x y x y", messages())
  end)

  it("ends a connection when its time is over; the timer ends with it", function()
    local limiter = Limiter(app, { maxDuration = 60 })
    local conn = opened(limiter)
    assert.are.same({ "after", 60 }, { timers[1].kind, timers[1].seconds })
    fire(timers[1])
    assert.are.same({ 1008, "time is over" }, conn.closed)
    limiter:onClose(conn)
    assert.is_true(timers[1].is_over)
    assert.is_nil(limiter.onReceive) -- messages are not looked at
  end)

  it("tells onLimit who it was, and of what", function()
    local told = {}
    local limiter = Limiter(app, {
      messages = 1, over = "drop", maxConnections = 1, maxDuration = 9,
      onLimit = function(who, what) told[#told + 1] = { who, what } end,
    })
    local conn, request = opened(limiter), layers.get("/")
    say(limiter, conn, "a", "b")
    limiter:onUpgrade(request)
    local late = opened(limiter)
    fire(timers[1])
    local whats = {}
    for i, one in ipairs(told) do whats[i] = one[2] end
    assert.are.same({ "messages", "connections", "connections", "duration" }, whats)
    assert.is_true(told[1][1] == conn and told[2][1] == request and told[3][1] == late)
  end)

  it("counts what a handler receives", function()
    local limiter = Limiter({ run = print }, { messages = 1, over = "drop" })
    local conn = opened(limiter)
    assert.is_nil(limiter:onReceive(conn, "a", false))
    assert.is_false(limiter:onReceive(conn, "b", false))
  end)

  it("goes around what answers requests, and limits the components behind it", function()
    local endpoint = core.endpoint(app, {})
    local limiter = Limiter({ handle = function() return endpoint end },
      { messages = 1, maxConnections = 1, over = "drop" })
    local inner = limiter:handle(layers.get("/")).component
    local conn = from("10.0.0.1")
    inner:onOpen(conn)
    inner:onMessage(conn, "a")
    inner:onMessage(conn, "b")
    assert.are.equal("a", messages())
    assert.are.equal(429, (limiter:handle(layers.get("/"))))
    assert.are.equal(endpoint.limits, limiter:handle(layers.get("/", nil,
      { upgradeStatus = 426 })).limits) -- a page is no connection
  end)

  it("does not run with who was refused", function()
    local ran = 0
    local limiter = Limiter({ run = function() ran = ran + 1 end }, { maxConnections = 1 })
    for _ = 1, 2 do limiter:run(opened(limiter)) end
    assert.are.equal(1, ran)
  end)

  it("wants limits that make sense", function()
    assert.has_error(function() Limiter(app) end,
      "Limiter: there must be a limit, such as { messages = 20 }")
    assert.has_error(function() Limiter(app, { mesages = 1 }) end,
      'Limiter: unknown option "mesages"; did you mean "messages"?')
    assert.has_error(function() Limiter(app, { messages = 1, over = "ban" }) end)
    assert.has_error(function() Limiter({}, { messages = 1 }) end)
    assert.has_error(function() Limiter(app, { messages = 1, onLimit = 7 }) end,
      'Limiter: option "onLimit" must be a function; it is 7')
  end)
end)
