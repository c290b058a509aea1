local WsServer = require "ratchet.websocket.ws_server"
local raise = require "ratchet.raise"

local function here()
  return debug.getinfo(2, "l").currentline
end

describe("raise", function()
  it("formats its message", function()
    local raised, message = pcall(function() raise("%s is not %d", "x", 1) end)
    assert.is_false(raised)
    assert.matches("x is not 1$", message)
  end)

  it("points at the line that called into the library, however deep it was raised", function()
    local line
    local _, message = pcall(function()
      line = here() + 1
      WsServer({})
    end)
    assert.matches("^%S*raise_spec%.lua:" .. line .. ": WsServer: ", message)
  end)

  it("raises without a place when no app is below it", function()
    local thread = coroutine.create(raise)
    local _, message = coroutine.resume(thread, "nobody called")
    assert.are.equal("nobody called", message)
  end)
end)
