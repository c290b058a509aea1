local secret = require "ratchet.auth.secret"

describe("secret", function()
  it("is a string of 32 bytes or more", function()
    assert.are.equal(("k"):rep(32), secret.check(("k"):rep(32), "here"))
    assert.error_matches(function() secret.check(nil, "here") end,
      "here: the secret must be a string; it is a nil")
    assert.error_matches(function() secret.check(("k"):rep(31), "here") end,
      "the secret has 31 bytes; it needs 32 or more, such as `openssl rand %-hex 32` prints")
  end)

  it("is no key that everybody may have", function()
    assert.error_matches(function()
      secret.check("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", "here")
    end, "a key in PEM is no secret")
  end)
end)
