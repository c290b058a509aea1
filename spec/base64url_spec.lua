local base64url = require "ratchet.base64url"

describe("base64url", function()
  it("is that of RFC 4648, without padding", function()
    local vectors = {
      [""] = "", f = "Zg", fo = "Zm8", foo = "Zm9v", foob = "Zm9vYg", fooba = "Zm9vYmE",
      foobar = "Zm9vYmFy", ["\255\239\191"] = "_--_", ["\3\236\255\224\193"] = "A-z_4ME",
    }
    for bytes, text in pairs(vectors) do
      assert.are.equal(text, base64url.encode(bytes))
      assert.are.equal(bytes, base64url.decode(text))
    end
  end)

  it("goes there and back for every byte and length", function()
    local all = {}
    for i = 0, 255 do all[i + 1] = string.char(i) end
    local bytes = table.concat(all)
    for length = 0, 256 do
      local part = bytes:sub(257 - length)
      assert.are.equal(part, base64url.decode(base64url.encode(part)))
    end
  end)

  it("reads nothing that it would not write", function()
    for _, text in ipairs({ "Z", "Zg==", "Zm8=", "Zm9v ", "Zm9v\n", "+m9v", "/m9v", "Zh", "Zm9",
      "Zm9vZh", "Zm\0v", "Zm9vY" }) do
      assert.is_nil(base64url.decode(text), text)
    end
  end)
end)
