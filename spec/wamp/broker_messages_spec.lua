local router = require "support.wamp_router"

local last, say, welcomed, with = router.last, router.say, router.welcomed, router.with

describe("wamp.broker_messages", function()
  before_each(router.install)
  after_each(router.remove)

  it("subscribes, and tells the client when the component has been told", function()
    with({ "onSubscribe", "onUnSubscribe" })
    local conn = welcomed()
    function router.app:onSubscribe(_, topic)
      assert.are.equal(2, last(conn)[1])
      assert.are.equal(1, topic:count())
      self.topic = topic
    end
    assert.are.same({ 33, 7, 1 }, { say(conn, '[32,7,{},"news"]')[1], last(conn)[2],
      router.app.topic:count() })
    local id = last(conn)[3]
    assert.are.equal(router.app.topic.subscription, id)
    router.app.onSubscribe = nil
    assert.are.same({ 33, 8, id }, say(conn, '[32,8,{},"news"]'))
    assert.are.same({ 35, 9 }, say(conn, "[34,9," .. id .. "]"))
    assert.are.same({ { "onUnSubscribe", conn, router.app.topic } }, router.app.calls)
    assert.are.same({ 8, 34, 10, {}, "wamp.error.no_such_subscription" },
      say(conn, "[34,10," .. id .. "]"))
  end)

  it("tells the client of its subscription before an event of it", function()
    for how, speak in pairs({
      event = function(conn, topic) conn:event(topic, "hi") end,
      broadcast = function(_, topic) topic:broadcast("hi") end,
      publish = function(_, topic) topic:publish({ "hi" }) end,
      pattern = function() router.protocol.broker:getTopic("newspaper"):broadcast("hi") end,
    }) do
      with({ "onSubscribe" }, { patterns = true })
      function router.app.onSubscribe(_, conn, topic) speak(conn, topic) end
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
    function router.app.onPublish() error("oh dear") end
    function router.app.onError() end
    local conn = welcomed()
    pcall(say, conn, '[16,3,{"acknowledge":true},"news"]')
    router.protocol:onError(conn, "oh dear")
    assert.are.same({ 8, 16, 3, {}, "wamp.error.runtime_error" }, last(conn))
    pcall(say, conn, '[16,4,{},"news"]')
    router.protocol:onError(conn, "oh dear")
    assert.are.equal(2, #conn.sent)
  end)

  it("has the component decide what is published", function()
    with({ "onPublish" })
    local conn = welcomed()
    say(conn, '[16,2,{},"news",[1],{"a":1}]')
    local call = router.app.calls[1]
    assert.are.equal("news", call[3].id)
    assert.are.same({ 1, { conn.WAMP.sessionId }, {}, { 1 }, { a = 1 } }, { unpack(call, 4) })
    function router.app.onPublish() return false end
    assert.are.same({ 8, 16, 3, {}, "wamp.error.not_authorized" },
      say(conn, '[16,3,{"acknowledge":true},"news"]'))
    function router.app.onPublish() return false, "app.error.no" end
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
    assert.are.equal("wildcard", router.app.calls[1][3].match)
  end)

  it("refuses a subscription for the component, and when that fails", function()
    with({ "onSubscribe", "onError" })
    function router.app.onSubscribe(_, conn, topic) topic:remove(conn) end
    local conn = welcomed()
    assert.are.same({ 8, 32, 7, {}, "wamp.error.not_authorized" },
      say(conn, '[32,7,{},"news"]'))
    function router.app.onSubscribe() error("oh dear") end
    pcall(say, conn, '[32,8,{},"news"]')
    router.protocol:onError(conn, "oh dear")
    assert.are.same({ 8, 32, 8, {}, "wamp.error.runtime_error" }, last(conn))
    assert.are.equal(0, router.protocol.broker:getTopic("news"):count())
    assert.are.same({ "onError", conn, "oh dear" }, router.app.calls[1])
    router.protocol:onError(conn, "something else")
    assert.are.equal(3, #conn.sent)
  end)

  it("takes a subscription back from who understands that", function()
    local heard = '[1,"r",{"roles":{"subscriber":{"features":{"subscription_revocation":true}}}}]'
    local conn = welcomed(heard)
    say(conn, '[32,1,{},"news"]')
    router.protocol.broker:getTopic("news"):remove(conn)
    assert.are.same({ 35, 0 }, { unpack(last(conn), 1, 2) })
    for _, roles in ipairs({ "5", "[]", '{"subscriber":5}', '{"subscriber":{"features":5}}',
      '{"subscriber":{"features":{}}}' }) do
      conn = welcomed('[1,"r",{"roles":' .. roles .. "}]")
      say(conn, '[32,1,{},"news"]')
      router.protocol.broker:getTopic("news"):remove(conn)
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
end)
