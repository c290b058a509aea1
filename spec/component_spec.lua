local component = require "ratchet.component"

local function userdata_with(fields)
  local value = newproxy(true)
  getmetatable(value).__index = fields
  return value
end

describe("component.has", function()
  it("asks tables and userdata", function()
    assert.is_true(component.has({ onOpen = print }, "onOpen"))
    assert.is_true(component.has(userdata_with({ onOpen = print }), "onOpen"))
    assert.is_false(component.has({}, "onOpen"))
  end)

  it("is safe for everything else", function()
    for _, value in ipairs({ 1, "text", print, true, newproxy(false) }) do
      assert.is_false(component.has(value, "onOpen"))
    end
    assert.is_false(component.has(nil, "onOpen"))
  end)

  it("follows metatables", function()
    assert.is_true(component.has(setmetatable({}, { __index = { handle = print } }), "handle"))
  end)
end)

describe("component.is_for_wamp", function()
  it("is what has one of WAMP's events, and reads no messages by itself", function()
    for _, event in ipairs(component.wamp_events) do
      assert.is_true(component.is_for_wamp({ [event] = print }))
      assert.is_false(component.is_for_wamp({ [event] = print, onMessage = print }))
    end
    assert.is_false(component.is_for_wamp({ onOpen = print }))
    assert.is_false(component.is_for_wamp(nil))
  end)
end)

describe("component.check", function()
  it("takes whatever has an event", function()
    for _, event in ipairs(component.events) do
      component.check({ [event] = print }, "f")
    end
  end)

  it("refuses what has none", function()
    assert.has_error(function() component.check({}, "f") end, "f: a component is a table with "
      .. "onOpen, onMessage, onClose or onError; this is a table with none of them")
    assert.has_error(function() component.check(nil, "f") end, "f: a component is a table with "
      .. "onOpen, onMessage, onClose or onError; this is a nil")
  end)

  it("names the event that was meant", function()
    assert.has_error(function() component.check({ onmessage = print }, "f") end,
      'f: the component has no event; did you mean "onMessage" by "onmessage"?')
  end)
end)

describe("component.check_handler", function()
  it("takes what has handle", function()
    component.check_handler({ handle = print }, "f")
  end)

  it("tells a component from a layer", function()
    assert.has_error(function() component.check_handler({ onOpen = print }, "f") end,
      "f: this must have a method handle(request); wrap the component in "
      .. "ratchet.websocket.WsServer")
  end)
end)
