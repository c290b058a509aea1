local base64url = require "ratchet.base64url"
local crypto = require "support.crypto"
local fake_core = require "support.fake_core"
local jwt = require "ratchet.auth.jwt"

local SECRET = "a secret of 32 bytes and some more"
local PEM = "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n"

describe("jwt", function()
  local core, now, time
  before_each(function()
    core = fake_core.install()
    crypto.install(core)
    now, time = 1000000, os.time
    os.time = function() return now end -- luacheck: ignore
  end)
  after_each(function()
    os.time = time -- luacheck: ignore
    fake_core.remove()
  end)

  local function signed(header, claims, secret)
    local data = base64url.encode(header) .. "." .. base64url.encode(claims)
    return data .. "." .. base64url.encode(core.hmacSha256(secret or SECRET, data))
  end
  local function verify(token, more)
    local given = { algorithm = "HS256", key = SECRET }
    for name, value in pairs(more or {}) do given[name] = value end
    return jwt.verify(token, given)
  end
  local HEADER = '{"alg":"HS256"}'

  it("verifies the token of RFC 7515, appendix A.1", function()
    local key = base64url.decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
      .. "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
    local token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEz"
      .. "MDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
      .. "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    now = 1300819379
    assert.are.same({ iss = "joe", exp = 1300819380, ["http://example.com/is_root"] = true },
      (jwt.verify(token, { algorithm = "HS256", key = key, issuer = "joe" })))
    now = 1300819380
    assert.are.same({ nil, "its time is over" },
      { jwt.verify(token, { algorithm = "HS256", key = key }) })
  end)

  it("takes what it signed, with the times in it", function()
    local token = jwt.sign({ sub = "ada" }, { algorithm = "HS256", key = SECRET, expiresIn = 60 })
    assert.are.same({ sub = "ada", iat = 1000000, exp = 1000060 }, (verify(token)))
    now = 1000060
    assert.are.same({ nil, "its time is over" }, { verify(token) })
    assert.is_table(verify(token, { leeway = 1 }))
  end)

  it("takes no other algorithm than the caller's, whatever the token says", function()
    local good = '{"exp":2000000}'
    for _, header in ipairs({ '{"alg":"none"}', '{"alg":"None"}', '{"alg":"hs256"}', "{}",
      '{"alg":"RS256"}', '{"alg":["HS256"]}', '{"alg":null}' }) do
      assert.are.same({ nil, "it is not signed by HS256" }, { verify(signed(header, good)) })
    end
    local head, body = signed(HEADER, good):match("^(.-)%.(.-)%.")
    assert.are.same({ nil, "it is no token" }, { verify(head .. "." .. body .. ".") })
    assert.are.same({ nil, "it is no token" }, { verify(head .. "." .. body) })
  end)

  it("does not take a public key for a secret, nor a secret for a key", function()
    assert.error_matches(function() verify(signed(HEADER, "{}"), { key = PEM }) end,
      "a key in PEM is no secret")
    core.verify = function() return true end
    local token = signed('{"alg":"RS256"}', '{"exp":2000000}')
    assert.error_matches(function()
      jwt.verify(token, { algorithm = "RS256", key = SECRET })
    end, "must be a string in PEM")
    assert.is_table(jwt.verify(token, { algorithm = "RS256", key = PEM }))
    assert.are.same({ nil, "it is not signed by ES256" },
      { jwt.verify(token, { algorithm = "ES256", key = PEM }) })
  end)

  it("believes the core about RS256 and ES256, and raises for a key that is none", function()
    local token = signed('{"alg":"ES256"}', '{"exp":2000000}')
    core.verify = function() return false end
    assert.are.same({ nil, "the signature is wrong" },
      { jwt.verify(token, { algorithm = "ES256", key = PEM }) })
    core.verify = function() return nil, "this is no public key in PEM" end
    assert.error_matches(function() jwt.verify(token, { algorithm = "ES256", key = PEM }) end,
      "jwt.verify: this is no public key")
    core.sign = function() return nil, "this is no private key in PEM" end
    assert.error_matches(function() jwt.sign({}, { algorithm = "ES256", key = PEM }) end,
      "jwt.sign: this is no private key")
  end)

  it("notices every change", function()
    local token = signed(HEADER, '{"exp":2000000,"sub":"ada"}')
    assert.is_table(verify(token))
    for at = 1, #token do
      local letter = token:sub(at, at) == "A" and "B" or "A"
      local claims = verify(token:sub(1, at - 1) .. letter .. token:sub(at + 1))
      assert.is_nil(claims, "byte " .. at)
    end
    assert.are.same({ nil, "the signature is wrong" },
      { verify(signed(HEADER, '{"exp":2000000}', "another secret of 32 bytes, or more")) })
  end)

  it("is strict about times", function()
    local function with(claims, more) return select(2, verify(signed(HEADER, claims), more)) end
    assert.are.equal("it has no time of its end", with("{}"))
    assert.is_nil(with("{}", { requireExpiry = false }))
    assert.are.equal("exp is no time", with('{"exp":"2000000"}'))
    assert.are.equal("exp is no time", with('{"exp":1e999}'))
    assert.are.equal("exp is no time", with('{"exp":null}'))
    assert.are.equal("nbf is no time", with('{"exp":2000000,"nbf":true}'))
    assert.are.equal("its time has not come", with('{"exp":2000000,"nbf":1000001}'))
    assert.is_nil(with('{"exp":2000000,"nbf":1000001}', { leeway = 1 }))
    assert.are.equal("it was made in the future", with('{"exp":2000000,"iat":1000001}'))
    assert.are.equal("it does not say when it was made", with('{"exp":2000000}', { maxAge = 10 }))
    assert.are.equal("it is too old", with('{"exp":2000000,"iat":999990}', { maxAge = 10 }))
    assert.is_nil(with('{"exp":2000000,"iat":999991}', { maxAge = 10 }))
  end)

  it("asks whom it is from and for", function()
    local function with(claims, more) return select(2, verify(signed(HEADER, claims), more)) end
    local mine = { issuer = "site", audience = "chat" }
    assert.is_nil(with('{"exp":2000000,"iss":"site","aud":"chat"}', mine))
    assert.is_nil(with('{"exp":2000000,"iss":"site","aud":["mail","chat"]}', mine))
    assert.are.equal("it is from another issuer", with('{"exp":2000000,"aud":"chat"}', mine))
    assert.are.equal("it is from another issuer", with('{"exp":2000000,"iss":["site"]}', mine))
    assert.are.equal("it is for another audience", with('{"exp":2000000,"iss":"site"}', mine))
    assert.are.equal("it is for another audience",
      with('{"exp":2000000,"iss":"site","aud":["mail"]}', mine))
    assert.are.equal("it is for an audience, and none was asked for",
      with('{"exp":2000000,"aud":"mail"}'))
  end)

  it("refuses what it does not know, and what is no token", function()
    local crit = '{"alg":"HS256","crit":["exp"]}'
    assert.are.same({ nil, "it asks for something that is not known here (crit)" },
      { verify(signed(crit, '{"exp":2000000}')) })
    for _, token in ipairs({ "", ".", "..", "a.b.c", "a.b.c.d", " a.b.c", ("x"):rep(20000), 7 }) do
      assert.is_nil((verify(token)), tostring(token))
    end
    assert.are.same({ nil, "it is no token" }, { verify(nil) })
    assert.are.same({ nil, "the claims are no JSON" }, { verify(signed(HEADER, "[1]")) })
    assert.are.same({ nil, "the claims are no JSON" }, { verify(signed(HEADER, '{"a":')) })
    assert.are.same({ nil, "the header is no JSON" }, { verify(signed("no", "{}")) })
  end)

  it("asks a function for the key, by its id", function()
    local asked = {}
    local function key(id)
      asked[#asked + 1] = id or "none"
      return id == "one" and SECRET or nil
    end
    local token = jwt.sign({}, { algorithm = "HS256", key = SECRET, keyId = "one", expiresIn = 9 })
    assert.is_table(verify(token, { key = key }))
    assert.are.same({ nil, "there is no such key" },
      { verify(signed('{"alg":"HS256","kid":{}}', "{}"), { key = key }) })
    assert.are.same({ "one", "none" }, asked)
  end)

  it("raises for what no token can mend", function()
    assert.error_matches(function() jwt.verify("x", { key = SECRET }) end, "say which algorithm")
    assert.error_matches(function() jwt.verify("x", { algorithm = "none", key = SECRET }) end,
      'must be "HS256" or "RS256" or "ES256"')
    assert.error_matches(function() jwt.verify("x", { algorithm = "HS256" }) end, "no key")
    assert.error_matches(function() jwt.sign({ "x" }, { algorithm = "HS256", key = SECRET }) end,
      "the claims must have names")
    assert.error_matches(function()
      jwt.sign({ f = print }, { algorithm = "HS256", key = SECRET })
    end, "the claims cannot be JSON")
    assert.error_matches(function() jwt.sign({}, { algorithm = "HS256", key = "short" }) end,
      "5 bytes")
  end)
end)
