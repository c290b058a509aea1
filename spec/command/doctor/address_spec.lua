local address = require "ratchet.command.doctor.address"

describe("address", function()
  local now
  before_each(function() now = 0 end)

  -- Looks at an address that answers so.
  local function look(connect)
    return address.look(connect, "ws://a/", {}, 65, function() return now end)
  end

  -- A connection that ends after so many seconds, or not.
  local function lasting(seconds)
    return function(_, options)
      assert.are.equal(0, options.keepAlive)
      return {
        receive = function(_, wait)
          if seconds and now + wait >= seconds then
            now = seconds
            return nil, "closed", 1006, ""
          end
          now = now + wait
          return nil, "timeout"
        end,
        close = function() end,
      }
    end
  end

  it("is well when a silent connection lasts", function()
    local list = look(lasting(nil))
    assert.are.same({ "ok", "ok" }, { list[1].level, list[2].level })
    assert.are.equal("ws://a/: handshake in 0 ms", list[1].what)
    assert.matches("there after 65 s", list[2].what)
  end)

  it("finds the time-out of a proxy", function()
    local finding = look(lasting(60))[2]
    assert.are.equal("warning", finding.level)
    assert.matches("ended after 60.0 s in which it sent nothing: 1006", finding.what)
    assert.matches("keepAlive below 60", finding.cure)
  end)

  it("finds a slow handshake", function()
    local finding = look(function(...)
      now = 2
      return lasting(nil)(...)
    end)[1]
    assert.are.equal("warning", finding.level)
    assert.is_string(finding.cure)
  end)

  for status, pattern in pairs({ [400] = "Upgrade", [403] = "%-%-origin", [404] = "check",
    [426] = "RFC 6455", [502] = "proxy", [503] = "full", [504] = "in time", [500] = "log" }) do
    it("has a cure for " .. status, function()
      local list = look(function() return nil, "the server answered", { status = status } end)
      assert.are.equal(1, #list)
      assert.are.equal("warning", list[1].level)
      assert.matches(pattern, list[1].cure)
    end)
  end

  it("has a cure when nobody listens", function()
    local list = look(function() return nil, "connection refused" end)
    assert.matches("nobody listens", list[1].cure)
  end)
end)
