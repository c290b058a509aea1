local Session = require "ratchet.command.connect.session"

describe("Session", function()
  local said, printed, sent, session, status, now

  local function connection()
    local conn = { protocol = "chat", extensions = "", bufferedAmount = 0 }
    function conn:send(message, is_binary)
      if message == "bad" then error("text must be UTF-8", 0) end
      sent[#sent + 1] = { message, is_binary }
      self.bufferedAmount = self.bufferedAmount + #message
    end
    function conn.ping(_, data) sent[#sent + 1] = { "ping", data } end
    function conn.close(_, code, reason)
      if code == 7 then error("no such code", 0) end
      sent[#sent + 1] = { "close", code, reason }
    end
    function conn.every(_, seconds) sent[#sent + 1] = { "every", seconds } end
    return conn
  end

  local function begin(given)
    said, printed, sent, now, status = {}, {}, {}, 0, nil
    local output = {
      say = function(_, text) said[#said + 1] = text end,
      message = function(_, ...) printed[#printed + 1] = { ... } end,
      echo = function() end,
    }
    session = Session(output, given or {}, {
      now = function() return now end,
      sleep = function(seconds) now = now + seconds end,
      spawn = function(fn) fn() end,
    })
    session.finish = function(code) status = code end
    session.on_open = function() end
    session.input = { stop = function(i) i.is_stopped = true end,
      start = function(i) i.is_stopped = false end }
    session:onOpen(connection())
    return session
  end

  it("sends lines", function()
    begin():line("hello")
    assert.are.same({ { "hello" } }, sent)
    begin{ hex = true }:line("00 ff")
    assert.are.same({ { "\0\255", true } }, sent)
  end)

  it("says what cannot be sent, and remembers it", function()
    begin():line("bad")
    assert.are.equal("not sent: text must be UTF-8", said[2])
    assert.is_true(session.failed)
    begin{ hex = true }:line("0")
    assert.matches("not sent: a byte has two", said[2])
  end)

  it("does what a line at a terminal says", function()
    begin()
    for _, line in ipairs({ "hi", "//x", "/ping a", "/binary 41", "/close 4000 bye now", "" }) do
      session:command(line)
    end
    assert.are.same({ { "hi" }, { "/x" }, { "ping", "a" }, { "A", true },
      { "close", 4000, "bye now" } }, sent)
    session:command("/nope")
    session:command("/close soon")
    session:command("/close 7")
    session:command("/help")
    assert.matches("there is no /nope", said[2])
    assert.matches("takes a number", said[3])
    assert.are.equal("no such code", said[4])
    assert.matches("/ping %[TEXT%]", said[5])
  end)

  it("reads no more input than the server takes", function()
    begin():line(("x"):rep(70000))
    assert.is_true(session.input.is_stopped)
    session:onDrain()
    assert.is_false(session.input.is_stopped)
  end)

  it("prints what comes, and ends after so many", function()
    begin{ count = 2 }
    session:onMessage(session.conn, "a", false)
    assert.are.same({}, sent)
    session:onMessage(session.conn, "b", true)
    assert.are.same({ { "a", false }, { "b", true } }, printed)
    assert.are.same({ { "close" } }, sent)
  end)

  it("says how it ended", function()
    for code, expected in pairs({ [1000] = 0, [1001] = 0, [1006] = 1, [1011] = 1, [4000] = 1 }) do
      begin():onClose(nil, code, "why")
      assert.are.equal(expected, status)
      assert.matches(("closed: %d why %%("):format(code), said[2])
    end
    begin():command("/close 4000")
    session:onClose(nil, 4000, "")
    assert.are.equal(0, status)
  end)

  it("says why there is no connection", function()
    begin():onError(nil, "cannot connect", { body = "no\n" })
    assert.are.same({ "connected, sub-protocol chat", "cannot connect", "no" }, said)
    assert.are.equal(1, status)
  end)

  it("says what a server may have missed", function()
    begin():onError(nil, "cannot connect", { status = 403, body = "" })
    assert.matches("%-%-origin http://HOST", said[3])
    begin{ origin = "http://a.example" }:onError(nil, "cannot connect", { status = 403, body = "" })
    assert.is_nil(said[3])
  end)

  it("pings, and says how long it took", function()
    begin{ ping = 2 }
    assert.are.same({ { "every", 2 } }, sent)
    session:ping("x")
    now = 0.0125
    session:onPong(nil, "x")
    assert.are.equal("pong x after 12.5 ms", said[2])
    session:onPong(nil, "")
    assert.are.equal("pong", said[3])
    session:ping(("x"):rep(126))
    assert.matches("125 bytes", said[4])
  end)

  it("stays for a while after the input's end", function()
    begin{ wait = 3 }
    local close = session.conn.close
    function session.conn.close(...)
      session.conn = nil
      return close(...)
    end
    session:input_ended()
    assert.are.equal(3, now)
    assert.are.same({ { "close" } }, sent)
    begin{ count = 1 }:input_ended()
    assert.are.same({}, sent)
  end)
end)
