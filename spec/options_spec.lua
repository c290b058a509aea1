local options = require "ratchet.options"

local known = {
  size = "bytes", wait = "seconds", port = "port", name = "string", loud = "boolean",
  more = "table", overflow = { "close", "drop" },
}

local function refused(given, message)
  assert.has_error(function() options.check(given, known, "f") end, message)
end

describe("options.listener", function()
  local function refused_listener(given, message)
    assert.has_error(function() options.check(given, options.listener, "f") end, message)
  end

  it("takes proxies as a list of strings", function()
    local given = { trustedProxies = { "127.0.0.1", "fd00::/8" }, proxyProtocol = true }
    assert.are.equal(given, options.check(given, options.listener, "f"))
    assert.has_no_error(function()
      options.check({ trustedProxies = {} }, options.listener, "f")
    end)
    local expected = 'f: option "trustedProxies" must be a list of strings, '
      .. 'such as { "127.0.0.1" }; it is '
    refused_listener({ trustedProxies = "127.0.0.1" }, expected .. '"127.0.0.1"')
    refused_listener({ trustedProxies = { 1 } }, expected .. "a table")
    refused_listener({ trustedProxies = { ["127.0.0.1"] = true } }, expected .. "a table")
    refused_listener({ trustedProxies = { "a", [3] = "b" } }, expected .. "a table")
  end)

  it("counts connections", function()
    local given = { maxConnections = 1, maxConnectionsPerAddress = 0 }
    assert.are.equal(given, options.check(given, options.listener, "f"))
    refused_listener({ maxConnections = 0 },
      'f: option "maxConnections" must be a whole number from 1 to 1073741824; it is 0')
    refused_listener({ maxConnectionsPerAddress = -1 }, 'f: option "maxConnectionsPerAddress" '
      .. "must be a whole number from 0 to 1073741824; it is -1")
  end)
end)

describe("options.limits", function()
  local function refused_limits(given, message)
    assert.has_error(function() options.check(given, options.limits, "f") end, message)
  end

  it("takes deflate as a switch or as a table", function()
    for _, deflate in ipairs({ true, {}, {
      level = 9, memLevel = 1, windowBits = 9, threshold = 0, serverContext = "dedicated",
      clientContext = "shared",
    } }) do
      local given = { deflate = deflate }
      assert.are.equal(given, options.check(given, options.limits, "f"))
    end
    assert.has_no_error(function() options.check({ deflate = false }, options.limits, "f") end)
    refused_limits({ deflate = "yes" },
      'f: option "deflate" must be true, false or a table of options; it is "yes"')
  end)

  it("looks into the table of deflate", function()
    refused_limits({ deflate = { levle = 1 } },
      'f: option "deflate": unknown option "levle"; did you mean "level"?')
    refused_limits({ deflate = { level = 10 } },
      'f: option "deflate": option "level" must be a whole number from 1 to 9; it is 10')
    refused_limits({ deflate = { level = 0 } },
      'f: option "deflate": option "level" must be a whole number from 1 to 9; it is 0')
    refused_limits({ deflate = { windowBits = 8 } },
      'f: option "deflate": option "windowBits" must be a whole number from 9 to 15; it is 8')
    refused_limits({ deflate = { serverContext = "own" } },
      'f: option "deflate": option "serverContext" must be "shared" or "dedicated"; it is "own"')
    refused_limits({ deflate = { threshold = -1 } }, 'f: option "deflate": option "threshold" '
      .. "must be a whole number from 0 to 1073741824; it is -1")
  end)
end)

describe("options.check", function()
  it("returns what it was given", function()
    local given = {
      size = 1, wait = 0.5, port = 0, name = "", loud = false, more = {}, overflow = "drop",
    }
    assert.are.equal(given, options.check(given, known, "f"))
  end)

  it("takes nothing for no options", function()
    assert.are.same({}, options.check(nil, known, "f"))
  end)

  it("names the nearest of an unknown option", function()
    refused({ siez = 1 }, 'f: unknown option "siez"; did you mean "size"?')
  end)

  it("lists all when none is near", function()
    refused({ compression = true }, 'f: unknown option "compression"; the options are '
      .. "loud, more, name, overflow, port, size, wait")
  end)

  it("says what was expected and what came", function()
    refused({ size = "1" },
      'f: option "size" must be a number of bytes from 1 to 1073741824; it is "1"')
    refused({ size = 0 },
      'f: option "size" must be a number of bytes from 1 to 1073741824; it is 0')
    refused({ size = 1.5 },
      'f: option "size" must be a number of bytes from 1 to 1073741824; it is 1.5')
    refused({ wait = -1 }, 'f: option "wait" must be a number of seconds from 0 to 86400; it is -1')
    refused({ port = 65536 },
      'f: option "port" must be a whole number from 0 to 65535; it is 65536')
    refused({ name = {} }, 'f: option "name" must be a string; it is a table')
    refused({ loud = 1 }, 'f: option "loud" must be true or false; it is 1')
    refused({ overflow = "burst" }, 'f: option "overflow" must be "close" or "drop"; it is "burst"')
  end)

  it("knows ages, lives and times", function()
    local kinds = { age = "age", life = "life", time = "time" }
    for _, given in ipairs({ { age = 31536000 }, { life = -1 }, { time = 4e9 } }) do
      assert.are.equal(given, options.check(given, kinds, "f"))
    end
    for _, given in ipairs({ { age = -1 }, { age = 1.5 }, { life = "1" }, { time = -1 } }) do
      assert.has_error(function() options.check(given, kinds, "f") end)
    end
  end)

  it("knows what a head and its time must have", function()
    local head = { size = "head_bytes", wait = "some_seconds" }
    options.check({ size = 256, wait = 0.1 }, head, "f")
    assert.has_error(function() options.check({ size = 255 }, head, "f") end)
    assert.has_error(function() options.check({ wait = 0 }, head, "f") end)
    assert.has_error(function() options.check({ wait = 86401 }, head, "f") end)
  end)

  it("refuses numbers that are none and infinite ones", function()
    assert.has_error(function() options.check({ wait = 0 / 0 }, known, "f") end)
    assert.has_error(function() options.check({ wait = math.huge }, known, "f") end)
    assert.has_error(function() options.check({ size = math.huge }, known, "f") end)
    assert.has_error(function() options.check({ size = 0 / 0 }, known, "f") end)
  end)

  it("wants a table", function()
    refused("loud", 'f: options must be a table; they are "loud"')
  end)
end)

describe("a key", function()
  it("is a string, or a function that returns one", function()
    options.check({ key = "k" }, { key = "key" }, "f")
    options.check({ key = print }, { key = "key" }, "f")
    assert.has_error(function() options.check({ key = 5 }, { key = "key" }, "f") end,
      'f: option "key" must be a string, or a function that returns one; it is 5')
  end)
end)

describe("options.argument", function()
  it("checks a value that is not in a table", function()
    options.argument("port", 80, "port", "f")
    assert.has_error(function() options.argument("port", "80", "port", "f") end,
      'f: port must be a whole number from 0 to 65535; it is "80"')
  end)
end)

describe("options.select and options.join", function()
  it("take tables apart and together", function()
    assert.are.same({ size = 1 }, options.select({ size = 1, other = 2 }, known))
    assert.are.same({ a = "string", b = "bytes" }, options.join({ a = "string" }, { b = "bytes" }))
  end)
end)
