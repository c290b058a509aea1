local FlashPolicy = require "ratchet.server.flash_policy"
local fake_connection = require "support.fake_connection"

describe("FlashPolicy", function()
  it("renders what was added, escaped (Ratchet: testPolicyRender)", function()
    local policy = FlashPolicy():setSiteControl("all")
      :addAllowedAccess("example.com", "*"):addAllowedAccess("dev.example.com", "80,90-99", true)
    assert.are.equal('<?xml version="1.0"?>\n<!DOCTYPE cross-domain-policy SYSTEM '
      .. '"http://www.adobe.com/xml/dtds/cross-domain-policy.dtd">\n<cross-domain-policy>\n'
      .. '<site-control permitted-cross-domain-policies="all"/>\n'
      .. '<allow-access-from domain="example.com" to-ports="*" secure="false"/>\n'
      .. '<allow-access-from domain="dev.example.com" to-ports="80,90-99" secure="true"/>\n'
      .. "</cross-domain-policy>\n", policy:renderPolicy())
    policy.accesses[1].domain = 'a"<&>'
    assert.is_truthy(policy:renderPolicy():find('domain="a&quot;&lt;&amp;&gt;"', 1, true))
  end)

  it("renders nothing without a domain (Ratchet: testInvalidPolicyReader)", function()
    assert.has_error(function() FlashPolicy():renderPolicy() end,
      "FlashPolicy: there must be a domain; call addAllowedAccess first")
    local policy = FlashPolicy():addAllowedAccess("*"):clearAllowedAccess()
    assert.has_error(function() policy:renderPolicy() end)
  end)

  it("refuses what is no domain (Ratchet: testInvalidDomainPolicyReader)", function()
    assert.has_error(function() FlashPolicy():addAllowedAccess("dev.example.*", "*") end,
      'FlashPolicy: "dev.example.*" is no domain; such as "example.org", "*.example.org" '
        .. 'and "*" are')
  end)

  local function check_all(method, cases)
    for value, wanted in pairs(cases) do
      assert.are.equal(wanted, FlashPolicy()[method](nil, value), value)
    end
  end

  it("knows site controls (Ratchet: testSiteControlValidation)", function()
    check_all("validateSiteControl", {
      all = true, none = true, ["master-only"] = true,
      ["by-content-type"] = false, ["by-ftp-filename"] = false, [""] = false, ["all "] = false,
      asdf = false, ["@893830"] = false, ["*"] = false,
    })
  end)

  it("knows domains (Ratchet: testDomainValidation)", function()
    check_all("validateDomain", {
      ["*"] = true, ["example.com"] = true, ["exam-ple.com"] = true, ["*.example.com"] = true,
      ["www.example.com"] = true, ["dev.dev.example.com"] = true, ["http://example.com"] = true,
      ["https://example.com"] = true, ["http://*.example.com"] = true, ["127.0.255.1"] = true,
      localhost = true,
      ["exam*ple.com"] = false, ["www.example.*"] = false, ["www.exa*le.com"] = false,
      ["www.example.*com"] = false, ["*.example.*"] = false, ["gasldf*$#a0sdf0a8sdf"] = false,
    })
    assert.is_false(FlashPolicy():validateDomain(7))
  end)

  it("knows ports (Ratchet: testPortValidation)", function()
    check_all("validatePorts", {
      ["*"] = true, ["80"] = true, ["80,443"] = true, ["507,516-523"] = true,
      ["507,516-523,333"] = true, ["507,516-523,507,516-523"] = true, ["516-523,11"] = true,
      ["516-"] = false, ["516,-523,11"] = false, example = false, ["asdf,123"] = false,
      ["--"] = false, [",,,"] = false, ["838*"] = false,
    })
    assert.is_true(FlashPolicy():validatePorts(8080))
  end)

  it("refuses what is no port (Ratchet: testAddAllowedAccessOnlyAcceptsValidPorts)", function()
    assert.has_error(function() FlashPolicy():addAllowedAccess("*", "nope") end)
  end)

  it("refuses what is no site control (Ratchet: testSetSiteControlThrowsException)", function()
    assert.has_error(function() FlashPolicy():setSiteControl("nope") end,
      'FlashPolicy: the site control is "all", "none" or "master-only"; it is "nope"')
  end)

  it("closes after an error (Ratchet: testErrorClosesConnection)", function()
    local conn = fake_connection()
    FlashPolicy():onError(conn, "err")
    assert.is_not_nil(conn.closed)
  end)

  it("answers any bytes with the policy and a NUL, and closes "
    .. "(Ratchet: testOnMessageSendsString)", function()
    local policy, conn = FlashPolicy():addAllowedAccess("*", "*"), fake_connection()
    policy:onMessage(conn, " ")
    assert.are.equal(policy:renderPolicy() .. "\0", conn.sent[1][1])
    assert.is_not_nil(conn.closed)
    policy:addAllowedAccess("example.com")
    policy:onMessage(conn, " ")
    assert.is_truthy(conn.sent[2][1]:find("example.com", 1, true))
  end)
end)
