local Load = require "ratchet.command.bench.load"

describe("Load", function()
  local now, load, member, conn, tick

  local function begin(plan)
    now = 0
    plan.size, plan.connections = 5, 1
    plan.depth = plan.depth or 1
    load = Load(plan, function() return now end)
    member = load:member()
    conn = { count = 0 }
    function conn:send(message, is_binary)
      self.count, self.last, self.is_binary = self.count + 1, message, is_binary
    end
    function conn:close() self.is_closed = true end
    function conn:terminate() self.is_closed = true end
    member:onOpen(conn)
    load:start(function(_, fn)
      tick = fn
      return { cancel = function() tick = nil end }
    end)
  end

  it("sends the next when the last came back", function()
    begin{ binary = true }
    load:measure()
    assert.are.equal("xxxxx", conn.last)
    assert.is_true(conn.is_binary)
    now = 0.25
    member:onMessage(conn)
    now = 0.5
    member:onMessage(conn)
    assert.are.equal(3, conn.count)
    now = 1
    local seconds, count = load:stop()
    assert.are.same({ 1, 2 }, { seconds, count })
    assert.are.equal(0.25, load.histogram.most)
    assert.is_true(conn.is_closed)
    member:onClose(conn, 1000, "")
    assert.are.equal(0, load.failures)
  end)

  it("keeps several on their way, in order", function()
    begin{ depth = 3 }
    assert.are.equal(3, conn.count)
    load:measure()
    now = 1
    member:onMessage(conn)
    now = 3
    member:onMessage(conn)
    assert.are.equal(3, load.histogram.most)
    member:onMessage(conn)
    member:onMessage(conn)
    assert.are.equal(7, conn.count)
  end)

  it("keeps a rate, and counts from when one should have left", function()
    begin{ rate = 10 }
    load:measure()
    assert.are.equal(0, conn.count)
    now = 0.5
    tick()
    assert.are.equal(5, conn.count)
    member:onMessage(conn)
    assert.is_true(math.abs(load.histogram.most - 0.4) < 1e-9)
    assert.are.equal(5, conn.count)
    load:stop()
    assert.is_nil(tick)
  end)

  it("counts what is lost", function()
    begin{}
    member:onClose(conn, 1006, "")
    assert.are.same({ 1, 0, 1 }, { load.failures, load.open, load.lost })
    assert.matches("1006", load.failure)
    load:member():onError(nil, "cannot connect")
    assert.are.equal(2, load.failures)
  end)

  it("does not count what nobody asked for", function()
    begin{ rate = 1 }
    load:measure()
    member:onMessage(conn)
    assert.are.equal(0, load.answered)
  end)
end)
