local Server = require "ratchet.testing.server"

describe("server", function()
  it("refuses what cannot be served", function()
    assert.has_error(function() Server.serve(7) end,
      "testing.serve takes an app, the path of an app file, or a component; this is a number")
    assert.has_error(function() Server.serve({}, { maxMesageSize = 1 }) end,
      'testing.serve: unknown option "maxMesageSize"; did you mean "maxMessageSize"?')
  end)

  it("refuses paths that are none", function()
    local server = setmetatable({ port = 1, host = "localhost" }, Server)
    assert.has_error(function() server:connect("chat") end,
      'server:connect: a path begins with "/"; this is "chat"')
    assert.has_error(function() server:get(nil) end,
      'server:request: a path begins with "/"; this is a nil')
  end)
end)
