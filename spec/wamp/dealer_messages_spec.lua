local json = require "ratchet.wamp.json"
local router = require "support.wamp_router"

local last, say, welcomed, with = router.last, router.say, router.welcomed, router.with

describe("wamp.dealer_messages", function()
  before_each(router.install)
  after_each(router.remove)

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
      local call = router.app.calls[#router.app.calls]
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
