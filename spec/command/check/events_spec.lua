local events = require "ratchet.command.check.events"

local function nothing() end

local function messages_of(value)
  local list = {}
  for i, finding in ipairs(events.check(value)) do list[i] = finding.message end
  return list
end

describe("events", function()
  for given, meant in pairs({
    onMesage = "onMessage", onmessage = "onMessage", on_message = "onMessage",
    OnOpen = "onOpen", onOpne = "onOpen", onPnig = "onPing", getSubprotocols = "getSubProtocols",
    onClosed = "onClose",
  }) do
    it(("takes %s for %s"):format(given, meant), function()
      assert.are.same({ ("%s is no event: did you mean %s?"):format(given, meant) },
        messages_of{ [given] = nothing })
    end)
  end

  it("leaves alone what means something else", function()
    assert.are.same({}, messages_of{ onLine = nothing, open = nothing, onJoin = nothing,
      onReload = nothing, getName = nothing, onmessage = "a text", close = nothing,
      onOpen = nothing, online = nothing })
  end)

  it("looks at the class, too", function()
    local Class = { onMesage = nothing }
    Class.__index = Class
    assert.are.equal(1, #messages_of(setmetatable({}, Class)))
  end)

  it("says where", function()
    local finding = events.check{ onMesage = function() end }[1]
    assert.matches("events_spec.lua$", finding.file)
    assert.is_number(finding.line)
  end)

  it("wants functions, and one way to hear messages", function()
    assert.are.same({ "onOpen must be a function; it is a string" }, messages_of{ onOpen = "x" })
    assert.are.same({ "onMessage is never called, for there is run" },
      messages_of{ run = nothing, onMessage = nothing })
  end)

  it("lists them", function()
    assert.are.same({ "onOpen", "onClose" }, events.of{ onClose = nothing, onOpen = nothing })
  end)
end)
