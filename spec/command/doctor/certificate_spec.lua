local certificate = require "ratchet.command.doctor.certificate"

describe("certificate", function()
  it("reads the time that openssl writes", function()
    assert.are.equal(0, certificate.time("notAfter=Jan  1 00:00:00 1970 GMT\n"))
    assert.are.equal(1826958939, certificate.time("notAfter=Nov 23 08:35:39 2027 GMT\n"))
    assert.is_nil(certificate.time(""))
    assert.is_nil(certificate.time("notAfter=Foo 23 08:35:39 2027 GMT"))
  end)

  it("judges it", function()
    local day = 86400
    local function judged(now)
      return certificate.judge("a", "notAfter=Jan 31 00:00:00 1970 GMT", now)
    end
    assert.are.equal("ok", judged(0).level)
    assert.are.equal("a: the certificate ends on 1970-01-31, in 30 days", judged(0).what)
    assert.are.equal("warning", judged(20 * day).level)
    assert.matches("in 10 days", judged(20 * day).what)
    assert.matches("has ended on 1970%-01%-31", judged(31 * day).what)
    assert.is_string(judged(31 * day).cure)
    assert.are.equal("note", certificate.judge("a", "", 0).level)
  end)

  it("knows nothing of what is no certificate", function()
    assert.are.equal("note", certificate.of_file("README.md").level)
    assert.are.equal("note", certificate.of_server("127.0.0.1", 1).level)
  end)
end)
