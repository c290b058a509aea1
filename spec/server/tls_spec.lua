local fake_core = require "support.fake_core"
local tls = require "ratchet.server.tls"

describe("tls.check", function()
  local function check(given) return tls.check(given, "app:listen") end

  it("takes files, and false for none", function()
    local given = {
      cert = "a.pem", key = "a.key", passphrase = "x", profile = "modern", minVersion = "1.3",
      sni = { { cert = "b.pem" } }, clientCa = "ca.pem", requireClientCert = true,
    }
    assert.are.equal(given, check(given))
    assert.is_false(check(false))
    assert.is_nil(check(nil))
  end)

  it("refuses what makes no sense", function()
    local cases = {
      [{}] = 'app:listen: tls: option "cert" is missing: the file of the certificate, in PEM',
      [{ cert = "a", kye = "b" }] = 'app:listen: tls: unknown option "kye"; did you mean "key"?',
      [{ cert = "" }] = 'app:listen: tls: option "cert" must be the path of a file; it is ""',
      [{ cert = "a", minVersion = "1.1" }] =
        'app:listen: tls: option "minVersion" must be "1.2" or "1.3"; it is "1.1"',
      [{ cert = "a", profile = "old" }] = 'app:listen: tls: option "profile" must be '
        .. '"intermediate" or "modern"; it is "old"',
      [{ cert = "a", requireClientCert = true }] = 'app:listen: tls: option "requireClientCert" '
        .. 'needs "clientCa": whose certificates are good',
      [{ cert = "a", sni = { x = {} } }] = 'app:listen: tls: option "sni" must be a list, '
        .. 'such as { { cert = "b.pem", key = "b.key" } }',
      [{ cert = "a", sni = { "b" } }] =
        "app:listen: tls.sni[1] must be a table with cert and key",
      [{ cert = "a", sni = { { key = "b" } } }] = 'app:listen: tls.sni[1]: option "cert" is '
        .. "missing: the file of the certificate, in PEM",
      [{ cert = "a", sni = { { cert = "b", sni = {} } } }] =
        'app:listen: tls.sni[1]: unknown option "sni"; the options are cert, key, passphrase',
    }
    for given, message in pairs(cases) do
      assert.has_error(function() check(given) end, message)
    end
  end)
end)

describe("tls.choose", function()
  after_each(fake_core.remove)

  it("takes an address's own before the app's", function()
    fake_core.install()
    assert.are.equal("own", tls.choose("own", "common"))
    assert.are.equal("common", tls.choose(nil, "common"))
    assert.is_nil(tls.choose(false, "common"))
    assert.is_nil(tls.choose(nil, nil))
    assert.is_nil(tls.choose(nil, false))
  end)

  it("obeys --dev-tls, but for an address that has none", function()
    fake_core.install({ devTls = true })
    assert.are.same({ selfSigned = true }, tls.choose({ cert = "x" }, nil))
    assert.are.same({ selfSigned = true }, tls.choose(nil, nil))
    assert.is_nil(tls.choose(false, { cert = "x" }))
  end)
end)
