local fake_core = require "support.fake_core"
local fake_connection = require "support.fake_connection"

describe("leave", function()
  local core, leave, killed

  before_each(function()
    core = fake_core.install()
    function core.random() return 0.5 end
    killed = nil
    package.loaded.luv = {
      os_getpid = function() return 7 end,
      kill = function(pid, name) killed = { pid, name } end,
    }
    package.loaded["ratchet.server.leave"] = nil
    leave = require "ratchet.server.leave"
  end)
  after_each(function()
    package.loaded.luv, package.loaded["ratchet.server.leave"] = nil, nil
    fake_core.remove()
  end)

  -- The connections, and the function that the timer calls.
  local function begin(count, seconds)
    local list, timer = {}, { cancel = function(self) self.is_cancelled = true end }
    for i = 1, count do list[i] = fake_connection(i) end
    function core.connections() return { unpack(list) } end
    function core.every(_, fn)
      timer.fn = fn
      return timer
    end
    assert.are.equal(count, leave.begin(seconds, {}))
    return list, timer
  end

  local function closed(list)
    local count = 0
    for _, conn in ipairs(list) do
      if conn.closed then count = count + 1 end
    end
    return count
  end

  it("asks a few at a time to come again, then ends the program", function()
    local list, timer = begin(10, 0.4)
    local counts = {}
    for i = 1, 3 do
      timer.fn()
      counts[i] = closed(list)
    end
    assert.are.same({ 3, 5, 8 }, counts)
    assert.is_nil(killed)
    timer.fn()
    assert.are.equal(10, closed(list))
    assert.are.same({ 1012, "service restart" }, list[1].closed)
    assert.is_true(timer.is_cancelled)
    assert.are.same({ 7, "sigterm" }, killed)
    assert.is_true(leave.is_under_way)
  end)

  it("lets those alone who are not meant", function()
    local list, timer = begin(1, 0.1)
    timer.fn()
    assert.are.same({ 1012, "service restart" }, list[1].closed)
    list[1].closed = nil
    assert.are.equal(0, leave.begin(0.1, { [list[1]] = true }))
    assert.is_nil(list[1].closed)
  end)

  it("ends at once where nobody is connected", function()
    local _, timer = begin(0, 10)
    timer.fn()
    assert.are.same({ 7, "sigterm" }, killed)
  end)
end)
