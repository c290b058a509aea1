local network = require "ratchet.network"

-- What parse makes of it, as text.
local function normal(text)
  local bytes, bits = network.parse(text)
  return bytes and network.text(bytes, bits)
end

describe("network.parse", function()
  it("takes addresses, with what may stand around them "
    .. "(Ratchet: testFilterAddress, changed: names are none)", function()
    local cases = {
      ["127.0.0.1"] = "127.0.0.1", ["127.0.0.1:6392"] = "127.0.0.1",
      ["fe80::1%lo0"] = "fe80::1", ["[::1]:80"] = "::1", ["[::1]"] = "::1",
      ["::ffff:1.2.3.4"] = "1.2.3.4", ["::FFFF:0102:0304"] = "1.2.3.4",
      ["::"] = "::", ["1::"] = "1::", ["::1.2.3.4"] = "::102:304",
      ["2001:DB8:0:0:1:0:0:1"] = "2001:db8::1:0:0:1", ["1:2:3:4:5:6:7:8"] = "1:2:3:4:5:6:7:8",
      ["1:0:3:4:5:6:7:8"] = "1:0:3:4:5:6:7:8", ["0.0.0.0"] = "0.0.0.0",
    }
    for text, wanted in pairs(cases) do assert.are.equal(wanted, normal(text), text) end
  end)

  it("takes networks, without the bits behind them", function()
    local cases = {
      ["10.1.2.3/8"] = "10.0.0.0/8", ["10.1.2.3/32"] = "10.1.2.3", ["10.255.0.0/12"] =
      "10.240.0.0/12", ["0.0.0.0/0"] = "0.0.0.0/0", ["fd00:1::/8"] = "fd00::/8",
      ["::/0"] = "::/0", ["2001:db8:ffff::/33"] = "2001:db8:8000::/33",
      ["::ffff:10.0.0.0/104"] = "10.0.0.0/8",
    }
    for text, wanted in pairs(cases) do assert.are.equal(wanted, normal(text), text) end
  end)

  it("refuses the rest", function()
    for _, text in ipairs({
      "", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4/33", "1.2.3.4/",
      "::/129", "1::2::3", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8",
      "g::", "12345::", "1:", ":1", "::1.2.3", "1.2.3.4::", "::ffff:1.2.3.4/90", "/8", "1.2.3.4/-1",
      "[::1", "::1]", "[1.2.3.4", "%eth0",
    }) do
      assert.is_nil(network.parse(text), text)
    end
  end)
end)

describe("network.mask", function()
  it("keeps the leading bits", function()
    local bytes = network.address("255.255.255.255")
    assert.are.equal("255.255.255.254", network.text(network.mask(bytes, 31)))
    assert.are.equal("255.224.0.0", network.text(network.mask(bytes, 11)))
    assert.are.equal("0.0.0.0", network.text(network.mask(bytes, 0)))
  end)
end)

describe("network.address", function()
  it("is nil for a network, and for what is no address", function()
    assert.is_nil(network.address("10.0.0.0/8"))
    assert.is_nil(network.address(""))
    assert.are.equal("\127\0\0\1", network.address("127.0.0.1"))
  end)
end)
