local Dealer = require "ratchet.wamp.dealer"
local WampConnection = require "ratchet.wamp.wamp_connection"
local fake_wamp = require "support.fake_wamp"
local session = require "ratchet.wamp.session"

local last = fake_wamp.last

local next_id = 2000
local function v2()
  local conn = fake_wamp.connection("wamp.2.json")
  next_id = next_id + 1
  conn.WAMP = { version = 2, sessionId = next_id, subscriptions = {}, subscriptionCount = 0 }
  session.begin(conn)
  return conn
end

describe("wamp.dealer", function()
  local app, dealer, callee, caller, id
  before_each(function()
    fake_wamp.install()
    app = fake_wamp.component("onOpen", "onCall", "onSubscribe", "onUnSubscribe", "onPublish",
      "onClose", "onError")
    dealer, callee, caller = Dealer(app), v2(), v2()
    id = dealer:register(callee, "add")
  end)
  after_each(fake_wamp.remove)

  local function call(conn, request, args, kwargs)
    dealer:onCall(conn, request, "add", args, args, kwargs)
    return last(callee)[2]
  end

  it("passes everything else on", function()
    for _, event in ipairs({ "onOpen", "onSubscribe", "onUnSubscribe", "onPublish", "onError",
      "onClose" }) do
      dealer[event](dealer, caller, 1, 2)
      assert.are.same({ event, caller, 1, 2 }, app.calls[#app.calls])
    end
    dealer:onCall(caller, 7, "other", { 1 }, { 2 }, { a = 3 })
    assert.are.same({ "onCall", caller, 7, "other", { 1 }, { 2 }, { a = 3 } },
      app.calls[#app.calls])
  end)

  it("has one callee for a procedure", function()
    assert.are.same({ nil, "wamp.error.procedure_already_exists" },
      { dealer:register(caller, "add") })
    assert.is_false(dealer:unregister(caller, id))
    assert.is_true(dealer:unregister(callee, id))
    assert.is_false(dealer:unregister(callee, id))
    assert.is_number(dealer:register(caller, "add"))
  end)

  it("asks the callee, and answers the caller", function()
    local invocation = call(caller, 7, { 1, 2 }, { a = {} })
    assert.are.equal(('[68,%d,%d,{},[1,2],{"a":{}}]'):format(invocation, id),
      callee.texts[#callee.texts])
    dealer:onYield(callee, invocation, { 3 }, { b = 1 }, false)
    assert.are.equal('[50,7,{},[3],{"b":1}]', caller.texts[1])
    dealer:onYield(callee, invocation, { 4 }, nil, false)
    assert.are.equal(1, #caller.sent)
    assert.are.equal(0, caller.WAMP.dealings.callCount)
  end)

  it("passes errors on", function()
    dealer:onCallError(callee, call(caller, 7, {}), "oh.dear", { 1 }, { a = 1 })
    assert.are.equal('[8,48,7,{},"oh.dear",[1],{"a":1}]', caller.texts[1])
    dealer:onCallError(callee, 99, "oh.dear")
    assert.are.equal(1, #caller.sent)
  end)

  it("answers v1 callers as v1 does", function()
    local one = WampConnection(fake_wamp.connection())
    local function answered(...)
      dealer:onYield(callee, call(one, "id", { 1 }), ...)
      return one.texts[#one.texts]
    end
    assert.are.equal('[3,"id",3]', answered({ 3 }, nil, false))
    assert.are.equal('[3,"id",[3,4]]', answered({ 3, 4 }, nil, false))
    assert.are.equal('[3,"id",{"a":1}]', answered(nil, { a = 1 }, false))
    assert.are.equal('[3,"id",[]]', answered(nil, nil, false))
    local function failed(...)
      dealer:onCallError(callee, call(one, "id", {}), "oh.dear", ...)
      return one.texts[#one.texts]
    end
    assert.are.equal('[4,"id","oh.dear","why"]', failed({ "why" }))
    assert.are.equal('[4,"id","oh.dear",""]', failed())
    assert.are.equal('[4,"id","oh.dear","why",["why",2]]', failed({ "why", 2 }))
    assert.are.equal('[4,"id","oh.dear","",[1]]', failed({ 1 }))
    assert.are.equal('[4,"id","oh.dear","",{"a":1}]', failed(nil, { a = 1 }))
  end)

  it("passes on results in pieces to who wants them", function()
    dealer:onYield(callee, call(caller, 7, {}), { 1 }, nil, true)
    assert.are.equal(0, #caller.sent)
    caller.WAMP.wantsProgress = true
    local invocation = call(caller, 8, {})
    assert.are.same({ receive_progress = true }, last(callee)[4])
    dealer:onYield(callee, invocation, { 1 }, nil, true)
    dealer:onYield(callee, invocation, { 2 }, nil, false)
    assert.are.same({ { 50, 8, { progress = true }, { 1 } }, { 50, 8, {}, { 2 } } }, caller.sent)
  end)

  it("knows nothing of invocations to who never registered", function()
    dealer:onYield(caller, 1, {}, nil, false)
    dealer:onCallError(caller, 1, "uri")
    assert.are.equal(0, #callee.sent)
  end)

  it("forgets who leaves: as a caller", function()
    local invocation = call(caller, 7, {})
    dealer:onClose(caller, 1000, "")
    dealer:onYield(callee, invocation, { 3 }, nil, false)
    assert.are.equal(0, #caller.sent)
    assert.is_nil(next(callee.WAMP.dealings.invocations))
  end)

  it("forgets who leaves: as a callee, whose callers are answered", function()
    call(caller, 7, {})
    local one = WampConnection(fake_wamp.connection())
    call(one, "id", {})
    dealer:onClose(callee, 1000, "")
    assert.are.same({ 8, 48, 7, {}, "wamp.error.canceled", { "who was to answer has left" } },
      last(caller))
    assert.are.same({ 4, "id", "wamp.error.canceled", "who was to answer has left" }, last(one))
    assert.is_nil(next(dealer.procedures))
    assert.is_nil(next(caller.WAMP.dealings.calls))
    assert.is_number(dealer:register(caller, "add"))
  end)

  it("forgets who leaves while it waits for itself", function()
    call(callee, 7, {})
    dealer:onClose(callee, 1000, "")
    assert.are.equal(1, #callee.sent)
  end)

  it("has limits", function()
    dealer = Dealer(app, { maxRegistrations = 1, maxCalls = 2 })
    callee.WAMP.dealings = nil
    dealer:register(callee, "add")
    assert.are.same({ nil, "wamp.error.not_authorized" }, { dealer:register(callee, "more") })
    call(caller, 7, {})
    call(caller, 8, {})
    assert.are.equal(0, #caller.sent)
    dealer:onCall(caller, 9, "add", {}, {})
    assert.are.same({ 8, 48, 9, {}, "wamp.error.not_authorized",
      { "too many calls wait for an answer" } }, last(caller))
  end)
end)
