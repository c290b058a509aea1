local host = require "ratchet.http.host"

describe("host.name", function()
  for given, name in pairs({
    ["Example.ORG"] = "example.org",
    ["example.org:8080"] = "example.org",
    ["127.0.0.1:80"] = "127.0.0.1",
    ["[::1]:8080"] = "[::1]",
    ["[2001:DB8::1]"] = "[2001:db8::1]",
    ["::1"] = "[::1]",
    [""] = "",
  }) do
    it(("makes %q of %q"):format(name, given), function()
      assert.are.equal(name, host.name(given))
    end)
  end
end)

describe("host.key", function()
  it("takes the loopback names as one", function()
    for _, name in ipairs({ "localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8080", "::1" }) do
      assert.are.equal("localhost", host.key(name))
      assert.is_true(host.is_loopback(name))
    end
  end)

  it("takes no other name for one of them", function()
    for _, name in ipairs({ "localhost.example.org", "127.0.0.2", "sub.localhost", "", "[::2]" }) do
      assert.is_false(host.is_loopback(name))
    end
  end)
end)
