local command = require "ratchet.redis.command"

describe("redis.command", function()
  it("is what a method is called by, in any case", function()
    assert.are.equal("GET", command.of("get"))
    assert.are.equal("JSON.SET", command.of("json.set"))
    for _, other in ipairs({ 1, "1st", "a b", "" }) do assert.is_nil(command.of(other)) end
  end)

  it("is refused when it changes the connection for all", function()
    assert.has_error(function() command.check("select", "1") end,
      "redis: no SELECT here: say db = in ratchet.redis.connect")
    assert.has_error(function() command.check("client", "reply") end,
      "redis: no CLIENT REPLY here: each command waits for its reply")
    assert.has_error(function() command.check(5) end,
      'redis: a command is a string, such as "GET"; it is a number')
    assert.has_no_error(function() command.check("multi", nil, { MULTI = 1 }) end)
    assert.has_no_error(function() command.check("client", "list") end)
  end)

  it("tells which argument is none", function()
    assert.has_error(function() command.raise_argument("SET", 3, "key", {}) end,
      "redis: argument 2 of SET must be a string or a number; it is a table")
    assert.has_error(function() command.raise_argument("GET", 2) end,
      "redis: argument 1 of GET must be a string or a number; it is nil")
  end)
end)
