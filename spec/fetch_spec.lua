local fake_core = require "support.fake_core"
local fetch

-- A core whose servers do what `script` says, one entry for each thing asked of it:
-- { dial = true } or { dial = { message, code } }; { answer = {...} } or
-- { lost = { message, code, is_untouched }, unsent = true }. `log` has what it was asked.
local function scripted(script, log)
  local core = fake_core.install()
  local step = 0
  local function next_step(kind)
    step = step + 1
    local entry = script[step]
    assert(entry and entry[kind] ~= nil, ("step %d is no %s"):format(step, kind))
    return entry
  end
  core.time = 0
  function core.now() return core.time end
  function core.ticket() return {} end
  function core.wait(ticket)
    if core.cannot_wait then error(core.cannot_wait, 0) end
    return unpack(ticket.outcome, 1, 4)
  end
  function core.caller(target, ticket, timeout)
    local entry = next_step("dial")
    log[#log + 1] = ("dial %s %ss"):format(target.path or target.host .. ":" .. target.port,
      timeout)
    local caller = { open = entry.dial == true, seconds = nil }
    if entry.dial == true then
      ticket.outcome = { true }
    else
      ticket.outcome = { nil, entry.dial[1], entry.dial[2] }
    end
    function caller:isOpen() return self.open end
    function caller:rest(seconds) self.seconds = seconds end
    function caller:close()
      if self.open then log[#log + 1] = "close" end
      self.open = false
    end
    function caller:ask(asked, bytes, left, most, is_head)
      local found = next_step("does")
      log[#log + 1] = ("%s %ss"):format(bytes:match("^(%S+ %S+)"), left)
      assert.are.equal(bytes:sub(1, 5) == "HEAD ", is_head)
      self.last, self.most = bytes, most
      if found.does == "unsent" then
        self.open = false
        return nil, "lost", "EPIPE"
      end
      self.open = found.kept ~= false and type(found.does) == "number"
      asked.outcome = type(found.does) == "number"
        and { { status = found.does, body = found.body or "", rawHeaders = found.headers or {} } }
        or { nil, found.does[1], found.does[2], found.does[3] }
      return true
    end
    core.last_caller = caller
    return caller
  end
  return core
end

local LOST = { "lost", "ECONNRESET", true }
local TORN = { "lost in the middle", "ECONNRESET", false }

describe("fetch", function()
  local log, core
  local function start(script)
    log = {}
    core = scripted(script, log)
    for _, name in ipairs({ "ratchet.fetch", "ratchet.fetch.pool" }) do
      package.loaded[name] = nil
    end
    fetch = require "ratchet.fetch"
  end
  after_each(fake_core.remove)

  it("dials, asks and keeps the connection", function()
    start({ { dial = true }, { does = 200, body = "hi" }, { does = 404 } })
    local answer = assert(fetch("http://a.example/x?y=1"))
    assert.are.equal(200, answer.status)
    assert.are.equal("hi", answer.body)
    assert.are.equal("http://a.example/x?y=1", answer.url)
    assert.are.equal(404, fetch("http://A.example:80/").status)
    assert.are.same({ "dial a.example:80 10s", "GET /x?y=1 10s", "GET / 10s" }, log)
    assert.are.equal(4, core.last_caller.seconds)
  end)

  it("keeps apart what goes elsewhere", function()
    start({ { dial = true }, { does = 200 }, { dial = true }, { does = 200 },
      { dial = true }, { does = 200 } })
    fetch("http://a.example/")
    fetch("http://a.example:81/")
    fetch("http://a.example/", { unix = "/run/x" })
    assert.are.equal("dial /run/x 10s", log[5])
  end)

  it("passes on what it was given", function()
    start({ { dial = true }, { does = 200 } })
    fetch("http://a.example/", {
      method = "post", headers = { ["X-A"] = "1" }, body = { a = 1 }, timeout = 2.5,
      maxBodySize = 99,
    })
    assert.are.same({ "dial a.example:80 2.5s", "POST / 2.5s" }, log)
    assert.are.equal(99, core.last_caller.most)
    assert.matches('X%-A: 1\r\n.*\r\n\r\n{"a":1}$', core.last_caller.last)
  end)

  it("says why there is no answer", function()
    local function failing(...)
      start({ ... })
      return select(2, fetch("http://a.example/x?secret", { timeout = 3, maxBodySize = 9 }))
    end
    assert.are.equal("http://a.example/x: a.example port 80: connection refused",
      failing({ dial = { "a.example port 80: connection refused", "ECONNREFUSED" } }))
    assert.are.equal("http://a.example/x: no answer within 3 seconds",
      failing({ dial = true }, { does = { "no answer in time", "ETIMEDOUT", true } }))
    assert.are.equal("http://a.example/x: the body is larger than maxBodySize, 9 bytes",
      failing({ dial = true }, { does = { "x", "EMSGSIZE" } }))
    assert.are.equal("http://a.example/x: malformed answer: x",
      failing({ dial = true }, { does = { "x", "EPROTO" } }))
    assert.are.equal("http://a.example/x: lost", failing({ dial = true }, { does = LOST }))
  end)

  it("returns the code too", function()
    start({ { dial = { "refused", "ECONNREFUSED" } } })
    local answer, _, code = fetch("http://a.example/")
    assert.is_nil(answer)
    assert.are.equal("ECONNREFUSED", code)
  end)

  describe("on a connection that was kept", function()
    local function after_one(method, ...)
      start({ { dial = true }, { does = 200 }, ... })
      fetch("http://a.example/")
      log[1], log[2] = nil, nil
      local answer, err = fetch("http://a.example/", { method = method })
      table.remove(log, 1)
      table.remove(log, 1)
      return answer and answer.status or err
    end

    it("tries again when it was dead, what may be sent twice", function()
      for _, method in ipairs({ "GET", "HEAD", "PUT", "DELETE", "OPTIONS" }) do
        assert.are.equal(201,
          after_one(method, { does = LOST }, { dial = true }, { does = 201 }))
      end
    end)

    it("tries again only once", function()
      assert.are.equal("http://a.example/: lost",
        after_one("GET", { does = LOST }, { dial = true }, { does = LOST }))
    end)

    it("does not send twice what must not be", function()
      for _, method in ipairs({ "POST", "PATCH", "PURGE" }) do
        assert.are.equal("http://a.example/: lost", after_one(method, { does = LOST }))
      end
    end)

    it("sends what has not gone out at all", function()
      assert.are.equal(201,
        after_one("POST", { does = "unsent" }, { dial = true }, { does = 201 }))
    end)

    it("does not try again in the middle of an answer, or when it is late", function()
      assert.are.equal("http://a.example/: lost in the middle", after_one("GET", { does = TORN }))
      assert.are.equal("http://a.example/: no answer within 10 seconds",
        after_one("GET", { does = { "no answer in time", "ETIMEDOUT", true } }))
    end)
  end)

  it("has one time for everything", function()
    start({ { dial = true }, { does = 200 }, { does = LOST }, { dial = true }, { does = 200 } })
    local ticket_of = core.ticket
    fetch("http://a.example/")
    core.ticket = function()
      core.time = core.time + 3
      return ticket_of()
    end
    local ask = fetch("http://a.example/")
    assert.are.equal(200, ask.status)
    assert.are.same({ "GET / 10s", "dial a.example:80 7s", "GET / 4s" },
      { log[3], log[4], log[5] })
  end)

  it("closes the connection when the time is over before it asks", function()
    start({ { dial = true } })
    core.wait = function()
      core.time = 11
      return true
    end
    local _, err = fetch("http://a.example/")
    assert.are.equal("http://a.example/: no answer within 10 seconds", err)
    assert.are.same({ "dial a.example:80 10s", "close" }, log)
  end)

  describe("at a redirect", function()
    local function to(location, status)
      return { does = status or 302, headers = { "Location", location } }
    end

    it("answers with it", function()
      start({ { dial = true }, to("/y") })
      local answer = fetch("http://a.example/x")
      assert.are.equal(302, answer.status)
      assert.are.equal("/y", answer.headers.location)
    end)

    it("goes there when told to", function()
      start({ { dial = true }, to("y"), to("http://b.example/z"), { dial = true }, { does = 200 } })
      local answer = fetch("http://a.example/x", { redirect = "follow" })
      assert.are.equal("http://b.example/z", answer.url)
      assert.are.same({ "dial a.example:80 10s", "GET /x 10s", "GET /y 10s",
        "dial b.example:80 10s", "GET /z 10s" }, log)
    end)

    it("goes five times", function()
      start({ { dial = true }, to("/1"), to("/2"), to("/3"), to("/4"), to("/5"), { does = 200 } })
      assert.are.equal("http://a.example/5",
        fetch("http://a.example/", { redirect = "follow" }).url)
      start({ { dial = true }, to("/1"), to("/2"), to("/3"), to("/4"), to("/5"), to("/6") })
      local _, err, code = fetch("http://a.example/", { redirect = "follow" })
      assert.are.equal("http://a.example/: more than 5 redirects", err)
      assert.are.equal("ELOOP", code)
    end)

    it("goes nowhere that it cannot", function()
      local function led(location, more)
        start({ { dial = true }, to(location) })
        local given = { redirect = "follow", unix = more }
        return select(2, fetch("http://a.example/", given))
      end
      assert.matches("the redirect leads nowhere: ", led("ftp://a/"))
      assert.matches("ws:// is not asked but connected to", led("ws://a.example/"))
      assert.matches("leads away from the unix socket", led("http://b.example/", "/run/x"))
      assert.matches("a user in the address is not sent", led("http://me:x@a.example/"))
    end)
  end)

  it("refuses addresses, with a reason", function()
    start({})
    local function refused(address) return select(2, fetch(address)) end
    assert.matches("is no address", refused("a.example"))
    assert.matches("is no address", refused("http://a b/"))
    assert.matches("is no address", refused("http://a/\r\nX: y"))
    assert.matches("ws:// is not asked but connected to", refused("ws://a/"))
    assert.matches("a user in the address is not sent", refused("http://me@a/"))
  end)

  it("raises at what it cannot take", function()
    start({})
    assert.error_matches(function() fetch() end, "the address must be a string; it is a nil")
    assert.error_matches(function() fetch("http://a/", { methd = "GET" }) end,
      'unknown option "methd"; did you mean "method"?')
    assert.error_matches(function() fetch("http://a/", { timeout = 0 }) end, "over 0")
    assert.error_matches(function() fetch("http://a/", { redirect = true }) end, '"manual" or')
    assert.error_matches(function() fetch("http://a/", { body = 5 }) end, "to be sent as JSON")
    assert.error_matches(function() fetch("http://a/", { headers = { A = "\n" } }) end,
      "line break")
  end)

  it("says where it can be called, before anything is begun", function()
    start({})
    function core.checkWait() error("x/fetch.lua:9: nothing can wait", 0) end
    assert.error_matches(function() fetch("http://a/") end, "ratchet.fetch: nothing can wait$")
    function core.checkWait() error("x/fetch.lua:9: cancelled", 0) end
    assert.has_error(function() fetch("http://a/") end, "cancelled")
  end)

  it("passes on what ends its wait, and leaves nothing open", function()
    start({ { dial = true } })
    core.cannot_wait = "cancelled"
    assert.has_error(function() fetch("http://a/") end, "cancelled")
    assert.are.same({ "dial a:80 10s", "close" }, log)
  end)

  it("needs the server around it", function()
    start({})
    fake_core.remove()
    assert.error_matches(function() fetch("http://a/") end, "needs the server around it")
  end)
end)
