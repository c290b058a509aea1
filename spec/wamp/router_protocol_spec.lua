local router = require "support.wamp_router"

local aborted, connect, last, say, welcomed, HELLO =
  router.aborted, router.connect, router.last, router.say, router.welcomed, router.HELLO

describe("wamp.RouterProtocol", function()
  before_each(router.install)
  after_each(router.remove)

  it("speaks wamp.2.json", function()
    assert.are.same({ "wamp.2.json" }, router.protocol:getSubProtocols())
  end)

  it("answers GOODBYE, and closes", function()
    local conn = welcomed()
    say(conn, '[6,{},"wamp.close.close_realm"]')
    assert.are.same({ 6, {}, "wamp.close.goodbye_and_out" }, last(conn))
    assert.are.same({ 1000, "" }, conn.closed)
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
    router.protocol:onMessage(conn, '[32,1,{},"t"]', true)
    aborted(conn, "wamp.error.protocol_violation", 1007)
  end)
end)
