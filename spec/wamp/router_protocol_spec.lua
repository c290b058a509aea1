local WampServer = require "ratchet.wamp.wamp_server"
local fake_wamp = require "support.fake_wamp"
local json = require "ratchet.wamp.json"
local sessions = require "ratchet.wamp.sessions"

local last = fake_wamp.last

local HELLO = '[1,"realm1",{"roles":{}}]'

describe("wamp.RouterProtocol", function()
  local app, protocol
  before_each(function()
    fake_wamp.install()
    app = fake_wamp.component()
    protocol = WampServer(app).v2
  end)
  after_each(fake_wamp.remove)

  -- A component's events, and what clients may do by themselves.
  local function with(events, options)
    app = fake_wamp.component(unpack(events))
    protocol = WampServer(app, options).v2
  end

  local function connect()
    local conn = fake_wamp.connection("wamp.2.json")
    conn.httpRequest = "request"
    protocol:onOpen(conn)
    return conn
  end

  local function say(conn, ...)
    for _, text in ipairs({ ... }) do protocol:onMessage(conn, text) end
    return last(conn)
  end

  local function welcomed(hello)
    local conn = connect()
    say(conn, hello or HELLO)
    assert.are.equal(2, conn.sent[1][1])
    return conn
  end

  local function aborted(conn, uri, code)
    assert.are.same({ 3, uri, code }, { last(conn)[1], last(conn)[3], conn.closed[1] })
  end

  it("speaks wamp.2.json", function()
    assert.are.same({ "wamp.2.json" }, protocol:getSubProtocols())
  end)

  it("begins a session by HELLO, and tells the component then", function()
    with({ "onOpen", "onClose" })
    local conn = connect()
    assert.are.equal(0, #app.calls)
    say(conn, HELLO)
    assert.are.same({ { "onOpen", conn, "request" } }, app.calls)
    local welcome = conn.sent[1]
    assert.are.same({ 2, conn.WAMP.sessionId }, { unpack(welcome, 1, 2) })
    assert.are.same({ "realm1", "anonymous", "anonymous", "anonymous" },
      { welcome[3].realm, welcome[3].authid, welcome[3].authrole, welcome[3].authmethod })
    assert.is_true(welcome[3].roles.broker.features.pattern_based_subscription)
    assert.is_true(conn.timer.is_cancelled)
    assert.are.equal(conn, sessions.find(conn.WAMP.sessionId))
    protocol:onClose(conn, 1001, "bye")
    assert.are.same({ "onClose", conn, 1001, "bye" }, app.calls[2])
    assert.is_nil(sessions.find(conn.WAMP.sessionId))
  end)

  it("tells the component nothing of who never said HELLO", function()
    with({ "onOpen", "onClose", "onError" })
    local conn = connect()
    protocol:onError(conn, "oh dear")
    aborted(conn, "wamp.error.runtime_error", 1011)
    protocol:onClose(conn, 1006, "")
    assert.are.equal(0, #app.calls)
  end)

  it("waits ten seconds for a session", function()
    local conn = connect()
    assert.are.equal(10, conn.timer.seconds)
    conn.timer.fn(conn)
    aborted(conn, "wamp.error.authentication_failed", 1000)
    conn = welcomed()
    conn.timer = nil
  end)

  it("knows its realm", function()
    with({}, { realm = "realm1" })
    welcomed()
    local conn = connect()
    say(conn, '[1,"other",{}]')
    aborted(conn, "wamp.error.no_such_realm", 1000)
  end)

  it("answers GOODBYE, and closes", function()
    local conn = welcomed()
    say(conn, '[6,{},"wamp.close.close_realm"]')
    assert.are.same({ 6, {}, "wamp.close.goodbye_and_out" }, last(conn))
    assert.are.same({ 1000, "" }, conn.closed)
  end)

  it("closes for a client that aborts", function()
    local conn = connect()
    say(conn, '[3,{},"why"]')
    assert.are.same({ 1000, "" }, conn.closed)
    assert.are.equal(0, #conn.sent)
  end)

  describe("with authentication", function()
    before_each(function()
      with({ "onOpen" }, { authentication = {
        ticket = function(_, ticket) return ticket == "good" and "admin" end,
      } })
    end)

    it("asks, and lets in who is right", function()
      local conn = connect()
      say(conn, '[1,"realm1",{"authmethods":["ticket"],"authid":"ada"}]')
      assert.are.same({ { 4, "ticket", {} } }, conn.sent)
      assert.are.equal(0, #app.calls)
      say(conn, '[5,"good",{}]')
      assert.are.equal("ada", last(conn)[3].authid)
      assert.are.same({ "ada", "admin", "ticket" },
        { conn.WAMP.authid, conn.WAMP.authrole, conn.WAMP.authmethod })
      assert.are.equal(1, #app.calls)
    end)

    it("lets nobody else in", function()
      local conn = connect()
      say(conn, '[1,"realm1",{"authmethods":["ticket"],"authid":"ada"}]', '[5,"bad",{}]')
      aborted(conn, "wamp.error.authentication_failed", 1000)
      for _, details in ipairs({ "{}", '{"authmethods":["ticket"]}', '{"authmethods":"ticket"}',
        '{"authmethods":["anonymous"]}', '{"authmethods":["ticket"],"authid":5}' }) do
        conn = connect()
        say(conn, '[1,"realm1",' .. details .. "]")
        aborted(conn, "wamp.error.no_matching_auth_method", 1000)
      end
      assert.are.equal(0, #app.calls)
    end)

    it("takes messages in their order only", function()
      local hello = '[1,"realm1",{"authmethods":["ticket"],"authid":"ada"}]'
      for _, texts in ipairs({ { '[5,"good",{}]' }, { hello, hello }, { hello, '[5,7,{}]' },
        { hello, "[5]" }, { hello, '[16,1,{},"topic"]' } }) do
        local conn = connect()
        say(conn, unpack(texts))
        aborted(conn, "wamp.error.protocol_violation", 1007)
      end
      assert.are.equal(0, #app.calls)
    end)
  end)

  it("ends a session by ABORT and 1007 for what is no message", function()
    local texts = {
      "", "hello", "[", "{}", "5", "[]", "[1]", HELLO, "[2]", "[17,1,1]", "[36]", '["32"]',
      "[32]", "[32,1]", "[32,1,{}]", '[32,"1",{},"t"]', '[32,-1,{},"t"]', '[32,1.5,{},"t"]',
      '[32,1e300,{},"t"]', '[32,1,[],"t"]', '[32,1,null,"t"]', "[32,1,{},5]",
      '[32,1,{"match":"other"},"t"]', '[32,1,{"match":5},"t"]',
      "[34,1]", '[34,1,"x"]', '[34,"x",1]',
      "[16,1,{}]", '[16,1,[],"t"]', '[16,1,{},"t",{}]', '[16,1,{},"t",5]',
      '[16,1,{},"t",[],[]]', '[16,1,{},"t",[],5]', '[16,"x",{},"t"]',
      '[16,1,{"exclude":5},"t"]', '[16,1,{"exclude":[true]},"t"]', '[16,1,{"eligible":{}},"t"]',
      '[16,1,{"eligible":[null]},"t"]',
      "[48]", "[48,1,{}]", '[48,1,{},"p",{}]', '[48,1,5,"p"]', '[48,null,{},"p"]',
      "[64]", "[64,1,{},5]", '[64,1,[],"p"]', "[66]", '[66,1,"x"]', "[70]", "[70,1]",
      "[70,1,[]]", "[70,1,{},5]", "[8]", '[8,48,1,{},"uri"]', '[8,68,"x",{},"uri"]',
      "[8,68,1,{},5]", '[8,68,1,{},"uri",5]', '[8,68,1,[],"uri"]', "[49,1,{}]", "[5]",
    }
    for _, text in ipairs(texts) do
      local conn = welcomed()
      say(conn, text)
      aborted(conn, "wamp.error.protocol_violation", 1007)
    end
    for _, text in ipairs({ "[1]", '[1,"r"]', '[1,"r",[]]', "[1,5,{}]", '[32,1,{},"t"]', "[6]" }) do
      local conn = connect()
      say(conn, text)
      aborted(conn, "wamp.error.protocol_violation", 1007)
    end
    local conn = welcomed()
    protocol:onMessage(conn, '[32,1,{},"t"]', true)
    aborted(conn, "wamp.error.protocol_violation", 1007)
  end)

  -- ---- broker

  it("subscribes, and tells the client when the component has been told", function()
    with({ "onSubscribe", "onUnSubscribe" })
    local conn = welcomed()
    function app:onSubscribe(_, topic)
      assert.are.equal(2, last(conn)[1])
      assert.are.equal(1, topic:count())
      self.topic = topic
    end
    assert.are.same({ 33, 7, 1 }, { say(conn, '[32,7,{},"news"]')[1], last(conn)[2],
      app.topic:count() })
    local id = last(conn)[3]
    assert.are.equal(app.topic.subscription, id)
    app.onSubscribe = nil
    assert.are.same({ 33, 8, id }, say(conn, '[32,8,{},"news"]'))
    assert.are.same({ 35, 9 }, say(conn, "[34,9," .. id .. "]"))
    assert.are.same({ { "onUnSubscribe", conn, app.topic } }, app.calls)
    assert.are.same({ 8, 34, 10, {}, "wamp.error.no_such_subscription" },
      say(conn, "[34,10," .. id .. "]"))
  end)

  it("tells the client of its subscription before an event of it", function()
    for how, speak in pairs({
      event = function(conn, topic) conn:event(topic, "hi") end,
      broadcast = function(_, topic) topic:broadcast("hi") end,
      publish = function(_, topic) topic:publish({ "hi" }) end,
      pattern = function() protocol.broker:getTopic("newspaper"):broadcast("hi") end,
    }) do
      with({ "onSubscribe" }, { patterns = true })
      function app.onSubscribe(_, conn, topic) speak(conn, topic) end
      local conn = welcomed()
      say(conn, how == "pattern" and '[32,7,{"match":"prefix"},"news"]' or '[32,7,{},"news"]')
      assert.are.same({ 2, 33, 36 }, { conn.sent[1][1], conn.sent[2][1], conn.sent[3][1] }, how)
      assert.are.equal(3, #conn.sent)
    end
  end)

  it("gives nobody the subscription of another one", function()
    local a, b = welcomed(), welcomed()
    local id = say(a, '[32,7,{},"news"]')[3]
    assert.are.same({ 8, 34, 1, {}, "wamp.error.no_such_subscription" },
      say(b, "[34,1," .. id .. "]"))
  end)

  it("publishes to the others; to oneself when that is wanted", function()
    local a, b = welcomed(), welcomed()
    for _, conn in ipairs({ a, b }) do say(conn, '[32,1,{},"news"]') end
    say(a, '[16,2,{},"news",[1,[]],{"k":{}}]')
    assert.are.equal(33, last(a)[1])
    assert.matches('^%[36,%d+,%d+,{},%[1,%[%]%],{"k":{}}%]$', b.texts[#b.texts])
    say(a, '[16,2,{"exclude_me":false},"news"]')
    assert.are.equal(36, last(a)[1])
  end)

  it("acknowledges when that is wanted", function()
    local conn = welcomed()
    assert.are.same({ 17, 2 }, { unpack(say(conn, '[16,2,{"acknowledge":true},"news"]'), 1, 2) })
    local count = #conn.sent
    say(conn, '[16,3,{},"news"]')
    assert.are.equal(count, #conn.sent)
  end)

  it("publishes to some, by exclude and eligible", function()
    local a, b, c = welcomed(), welcomed(), welcomed()
    for _, conn in ipairs({ a, b, c }) do say(conn, '[32,1,{},"news"]') end
    local function heard(options)
      say(a, '[16,2,' .. options .. ',"news",["' .. options:gsub('"', "'") .. '"]]')
      local list = {}
      for name, conn in pairs({ a = a, b = b, c = c }) do
        local args = last(conn)[5]
        if args and args[1] == options:gsub('"', "'") then list[#list + 1] = name end
      end
      table.sort(list)
      return table.concat(list)
    end
    local id_b, id_c = ("%.0f"):format(b.WAMP.sessionId), ("%.0f"):format(c.WAMP.sessionId)
    assert.are.equal("c", heard('{"exclude":[' .. id_b .. "]}"))
    assert.are.equal("b", heard('{"eligible":[' .. id_b .. "]}"))
    assert.are.equal("", heard('{"eligible":[]}'))
    assert.are.equal("ac", heard('{"exclude_me":false,"exclude":[' .. id_b .. "]}"))
    assert.are.equal("b", heard('{"exclude":[' .. id_c .. '],"eligible":[' .. id_b .. ","
      .. id_c .. "]}"))
  end)

  it("acknowledges by the id that subscribers get", function()
    local a, b = welcomed(), welcomed()
    say(b, '[32,1,{},"news"]')
    assert.are.equal(say(a, '[16,2,{"acknowledge":true},"news"]')[3], last(b)[3])
  end)

  it("says that a publication has failed", function()
    with({ "onPublish" })
    function app.onPublish() error("oh dear") end
    function app.onError() end
    local conn = welcomed()
    pcall(say, conn, '[16,3,{"acknowledge":true},"news"]')
    protocol:onError(conn, "oh dear")
    assert.are.same({ 8, 16, 3, {}, "wamp.error.runtime_error" }, last(conn))
    pcall(say, conn, '[16,4,{},"news"]')
    protocol:onError(conn, "oh dear")
    assert.are.equal(2, #conn.sent)
  end)

  it("has the component decide what is published", function()
    with({ "onPublish" })
    local conn = welcomed()
    say(conn, '[16,2,{},"news",[1],{"a":1}]')
    local call = app.calls[1]
    assert.are.equal("news", call[3].id)
    assert.are.same({ 1, { conn.WAMP.sessionId }, {}, { 1 }, { a = 1 } }, { unpack(call, 4) })
    function app.onPublish() return false end
    assert.are.same({ 8, 16, 3, {}, "wamp.error.not_authorized" },
      say(conn, '[16,3,{"acknowledge":true},"news"]'))
    function app.onPublish() return false, "app.error.no" end
    assert.are.same({ 8, 16, 4, {}, "app.error.no" },
      say(conn, '[16,4,{"acknowledge":true},"news"]'))
    say(conn, '[16,5,{},"news"]')
    assert.are.equal(4, last(conn)[3])
  end)

  it("says which names are none", function()
    local conn = welcomed()
    local long = ("x"):rep(1025)
    assert.are.equal("wamp.error.invalid_uri", say(conn, '[32,1,{},""]')[5])
    assert.are.equal("wamp.error.invalid_uri", say(conn, '[32,1,{},"' .. long .. '"]')[5])
    assert.are.equal("wamp.error.invalid_uri", say(conn, '[16,1,{"acknowledge":true},""]')[5])
    assert.are.equal("wamp.error.invalid_uri", say(conn, '[48,1,{},""]')[5])
    assert.are.equal("wamp.error.invalid_uri", say(conn, '[64,1,{},""]')[5])
    assert.are.equal("wamp.error.invalid_uri", say(conn,
      '[32,1,{"match":"wildcard"},"' .. ("."):rep(32) .. '"]')[5])
    assert.are.equal(33, say(conn, '[32,1,{"match":"wildcard"},"' .. ("."):rep(31) .. '"]')[1])
    assert.is_nil(conn.closed)
  end)

  it("takes patterns where no component wants to be asked, or an option says so", function()
    assert.are.equal(33, say(welcomed(), '[32,1,{"match":"prefix"},"com."]')[1])
    with({ "onSubscribe" })
    local conn = welcomed()
    assert.is_false(conn.sent[1][3].roles.broker.features.pattern_based_subscription)
    assert.are.equal("wamp.error.option_not_allowed",
      say(conn, '[32,1,{"match":"prefix"},"com."]')[5])
    with({ "onSubscribe" }, { patterns = true })
    assert.are.equal(33, say(welcomed(), '[32,1,{"match":"wildcard"},"com."]')[1])
    assert.are.equal("wildcard", app.calls[1][3].match)
  end)

  it("refuses a subscription for the component, and when that fails", function()
    with({ "onSubscribe", "onError" })
    function app.onSubscribe(_, conn, topic) topic:remove(conn) end
    local conn = welcomed()
    assert.are.same({ 8, 32, 7, {}, "wamp.error.not_authorized" },
      say(conn, '[32,7,{},"news"]'))
    function app.onSubscribe() error("oh dear") end
    pcall(say, conn, '[32,8,{},"news"]')
    protocol:onError(conn, "oh dear")
    assert.are.same({ 8, 32, 8, {}, "wamp.error.runtime_error" }, last(conn))
    assert.are.equal(0, protocol.broker:getTopic("news"):count())
    assert.are.same({ "onError", conn, "oh dear" }, app.calls[1])
    protocol:onError(conn, "something else")
    assert.are.equal(3, #conn.sent)
  end)

  it("takes a subscription back from who understands that", function()
    local heard = '[1,"r",{"roles":{"subscriber":{"features":{"subscription_revocation":true}}}}]'
    local conn = welcomed(heard)
    say(conn, '[32,1,{},"news"]')
    protocol.broker:getTopic("news"):remove(conn)
    assert.are.same({ 35, 0 }, { unpack(last(conn), 1, 2) })
    for _, roles in ipairs({ "5", "[]", '{"subscriber":5}', '{"subscriber":{"features":5}}',
      '{"subscriber":{"features":{}}}' }) do
      conn = welcomed('[1,"r",{"roles":' .. roles .. "}]")
      say(conn, '[32,1,{},"news"]')
      protocol.broker:getTopic("news"):remove(conn)
      assert.are.equal(33, last(conn)[1])
    end
  end)

  it("has limits", function()
    with({}, { maxSubscriptions = 1 })
    local conn = welcomed()
    say(conn, '[32,1,{},"a"]')
    assert.are.same({ 8, 32, 2, {}, "wamp.error.not_authorized", { "too many subscriptions" } },
      say(conn, '[32,2,{},"b"]'))
  end)

  -- ---- dealer

  it("has clients call each other", function()
    local callee, caller = welcomed(), welcomed()
    local id = say(callee, '[64,1,{},"add"]')[3]
    assert.are.same({ 65, 1, id }, last(callee))
    say(caller, '[48,7,{},"add",[1,2],{"a":1}]')
    assert.are.same({ 68, 1, id, {}, { 1, 2 }, { a = 1 } }, last(callee))
    say(callee, "[70,1,{},[3]]")
    assert.are.same({ 50, 7, {}, { 3 } }, last(caller))
    say(caller, '[48,8,{"receive_progress":true},"add"]')
    assert.are.same({ receive_progress = true }, last(callee)[4])
    say(callee, '[70,2,{"progress":true},[1]]')
    assert.are.same({ 50, 8, { progress = true }, { 1 } }, last(caller))
    say(callee, '[8,68,2,{},"oh.dear",[1]]')
    assert.are.same({ 8, 48, 8, {}, "oh.dear", { 1 } }, last(caller))
    assert.are.equal("wamp.error.procedure_already_exists", say(caller, '[64,9,{},"add"]')[5])
    assert.are.same({ 67, 2 }, say(callee, "[66,2," .. id .. "]"))
    assert.are.same({ 8, 66, 3, {}, "wamp.error.no_such_registration" },
      say(callee, "[66,3," .. id .. "]"))
    assert.are.equal("wamp.error.no_such_procedure", say(caller, '[48,9,{},"add"]')[5])
  end)

  it("takes registrations where no component answers calls, or an option says so", function()
    assert.are.equal("wamp.error.option_not_allowed",
      say(welcomed(), '[64,1,{"match":"prefix"},"add"]')[5])
    with({ "onCall" })
    assert.are.equal("wamp.error.not_authorized", say(welcomed(), '[64,1,{},"add"]')[5])
    with({ "onCall" }, { registrations = true })
    assert.are.equal(65, say(welcomed(), '[64,1,{},"add"]')[1])
  end)

  it("has the component answer the rest, with parameters as v1 has them", function()
    with({ "onCall" })
    local conn = welcomed()
    local function params(rest)
      say(conn, '[48,7,{},"add"' .. rest .. "]")
      local call = app.calls[#app.calls]
      assert.are.same({ conn, 7, "add" }, { call[2], call[3], call[4].id })
      return json.encode_list(call[5]), json.encode_list(call[6]), call[7] and json.encode(call[7])
    end
    assert.are.same({ "[]", "[]" }, { params("") })
    assert.are.same({ "[]", "[]" }, { params(",null,null") })
    assert.are.same({ "[1,2]", "[1,2]" }, { params(",[1,2]") })
    assert.are.same({ "[1,2]", "[[1,2]]" }, { params(",[[1,2]]") })
    assert.are.same({ "[5]", "[5]" }, { params(",[5]") })
    assert.are.same({ '{"a":1}', "[]", '{"a":1}' }, { params(',[],{"a":1}') })
    assert.are.same({ "[5]", "[5]", '{"a":1}' }, { params(',[5],{"a":1}') })
  end)
end)
