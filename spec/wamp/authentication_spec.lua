local Authentication = require "ratchet.wamp.authentication"
local base64 = require "ratchet.base64"
local fake_wamp = require "support.fake_wamp"
local json = require "ratchet.wamp.json"

describe("wamp.authentication", function()
  before_each(fake_wamp.install)
  after_each(fake_wamp.remove)

  local function method(authentication, ...)
    return authentication:method({ authmethods = select("#", ...) > 0 and json.array({ ... })
      or nil })
  end

  local function claim(kind)
    return { conn = "conn", sessionId = 5, authid = "ada", method = kind }
  end

  it("is anonymous when nothing else was said", function()
    local open = Authentication()
    assert.is_true(open.allowsAnonymous)
    assert.are.equal("anonymous", method(open))
    assert.are.equal("anonymous", method(open, "wampcra", "anonymous"))
    assert.is_nil(method(open, "wampcra"))
    assert.is_nil(open:method({ authmethods = "anonymous" }))
    assert.is_nil(open:method({ authmethods = json.array() }))
  end)

  it("takes the first way of the client's that there is", function()
    local both = Authentication{ ticket = print, wampcra = print }
    assert.is_false(both.allowsAnonymous)
    assert.is_nil(method(both))
    assert.is_nil(method(both, "anonymous"))
    assert.are.equal("wampcra", method(both, "scram", "wampcra", "ticket"))
    assert.are.equal("ticket", method(both, "ticket", "wampcra"))
    local either = Authentication{ ticket = print, anonymous = true }
    assert.are.equal("anonymous", method(either))
    assert.are.equal("ticket", method(either, "ticket", "anonymous"))
    assert.is_nil(method(Authentication{ anonymous = false }))
  end)

  it("raises at options that are none", function()
    assert.error_matches(function() Authentication{ ticket = "secret" } end, "must be a function")
    assert.error_matches(function() Authentication{ wampcar = print } end, "unknown option")
    assert.error_matches(function() Authentication{ anonymous = 1 } end, "true or false")
  end)

  it("asks the app about a ticket", function()
    local asked
    local by_ticket = Authentication{ ticket = function(...)
      asked = { ... }
      return ({ good = "admin", plain = true })[asked[2]]
    end }
    assert.are.equal("{}", by_ticket:challenge(claim("ticket")))
    assert.are.same({ authid = "ada", authmethod = "ticket", authrole = "admin" },
      by_ticket:judge(claim("ticket"), "good"))
    assert.are.same({ "ada", "good", "conn" }, asked)
    assert.are.equal("user", by_ticket:judge(claim("ticket"), "plain").authrole)
    assert.is_nil(by_ticket:judge(claim("ticket"), "bad"))
  end)

  local function signed(secret, text)
    return base64.encode(secret .. ":" .. text) -- as the fake core's HMAC
  end

  it("has the client sign a text that is new each time", function()
    local cra = Authentication{ wampcra = function(authid, conn)
      assert.are.same({ "ada", "conn" }, { authid, conn })
      return "secret"
    end }
    local first, second = claim("wampcra"), claim("wampcra")
    local text = json.decode(cra:challenge(first)).challenge
    assert.are_not.equal(text, json.decode(cra:challenge(second)).challenge)
    local told = json.decode(text)
    assert.are.same({ "ada", "user", "wampcra", 5 },
      { told.authid, told.authrole, told.authmethod, told.session })
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", told.timestamp)
    assert.are.same({ authid = "ada", authmethod = "wampcra", authrole = "user" },
      cra:judge(first, signed("secret", text)))
    assert.is_nil(cra:judge(second, signed("secret", text)))
    assert.is_nil(cra:judge(first, signed("other", text)))
    assert.is_nil(cra:judge(first, ""))
  end)

  it("passes on how a password becomes the secret, and the role", function()
    local cra = Authentication{ wampcra = function()
      return { secret = "s", role = "admin", salt = "salt", iterations = 100, keylen = 16 }
    end }
    local one = claim("wampcra")
    local extra = json.decode(cra:challenge(one))
    assert.are.same({ "salt", 100, 16 }, { extra.salt, extra.iterations, extra.keylen })
    assert.are.equal("admin", cra:judge(one, signed("s", extra.challenge)).authrole)
  end)

  it("asks whom nobody knows, too, and lets him in by nothing", function()
    local cra = Authentication{ wampcra = function() end }
    local one = claim("wampcra")
    local text = json.decode(cra:challenge(one)).challenge
    assert.is_nil(cra:judge(one, signed("", text)))
  end)
end)
