local base64 = require "ratchet.base64"

describe("base64", function()
  it("is that of RFC 4648 10", function()
    local expected = {
      [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=",
      foobar = "Zm9vYmFy",
    }
    for bytes, text in pairs(expected) do assert.are.equal(text, base64.encode(bytes)) end
  end)

  it("takes any byte", function()
    assert.are.equal("AP/+gA==", base64.encode("\0\255\254\128"))
  end)
end)
