local cjson = require "cjson"
local testing = require "ratchet.testing"

describe("@NAME@", function()
  local server
  before_each(function() server = testing.serve("app.lua") end)

  local function send(client, ...) client:send(cjson.encode({ ... })) end

  local function receive(client)
    local message = client:receive()
    return message and cjson.decode(message)
  end

  -- A client that is welcome: HELLO, WELCOME.
  local function join()
    local client = server:connect("/wamp", { protocols = { "wamp.2.json" } })
    local roles = { subscriber = { x = 1 }, publisher = { x = 1 }, caller = { x = 1 } }
    send(client, 1, "realm1", { roles = roles })
    assert.are.equal(2, receive(client)[1])
    return client
  end

  it("tells subscribers what is published", function()
    local ann, bob = join(), join()
    send(ann, 32, 1, { match = "exact" }, "news") -- SUBSCRIBE
    assert.are.equal(33, receive(ann)[1])
    send(bob, 16, 2, { acknowledge = false }, "news", { "hello" }) -- PUBLISH
    local event = receive(ann)
    assert.are.equal(36, event[1])
    assert.are.same({ "hello" }, event[5])
  end)

  it("counts them", function()
    local ann = join()
    send(ann, 32, 1, { match = "exact" }, "news")
    receive(ann)
    send(ann, 48, 2, { timeout = 0 }, "count", { "news" }) -- CALL
    local result = receive(ann)
    assert.are.equal(50, result[1])
    assert.are.same({ 1 }, result[4])
  end)

  it("knows no other procedure", function()
    local ann = join()
    send(ann, 48, 2, { timeout = 0 }, "none", { "x" })
    assert.are.equal(8, receive(ann)[1])
  end)
end)
