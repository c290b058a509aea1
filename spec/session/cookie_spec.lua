local cookie = require "ratchet.session.cookie"
local crypto = require "support.crypto"
local fake_core = require "support.fake_core"
local set_cookie = require "ratchet.http.cookie"

local SECRET, OTHER = ("k"):rep(32), ("o"):rep(32)

describe("a signed cookie", function()
  local now, time
  before_each(function()
    crypto.install(fake_core.install())
    now, time = 1000000, os.time
    os.time = function() return now end -- luacheck: ignore
  end)
  after_each(function()
    os.time = time -- luacheck: ignore
    fake_core.remove()
  end)

  it("comes back as it was, and may be sent as it is", function()
    for _, value in ipairs({ "", "ada", "a b;c=\"\255\0", ("x"):rep(2000) }) do
      local text = cookie.sign("user", value, SECRET)
      assert.are.equal(value, cookie.verify("user", text, SECRET))
      assert.has_no_error(function() set_cookie.format("user", text) end)
    end
  end)

  it("notices every change", function()
    local text = cookie.sign("user", "ada", SECRET, { maxAge = 60 })
    for at = 1, #text do
      local letter = text:sub(at, at) == "1" and "2" or "1"
      local changed = text:sub(1, at - 1) .. letter .. text:sub(at + 1)
      assert.is_nil(cookie.verify("user", changed, SECRET))
      assert.is_nil(cookie.verify("user", text:sub(1, at - 1), SECRET))
    end
    assert.is_nil(cookie.verify("user", text .. "A", SECRET))
  end)

  it("is for its name and its secret only", function()
    local text = cookie.sign("user", "ada", SECRET)
    assert.are.same({ nil, "the signature is wrong" }, { cookie.verify("admin", text, SECRET) })
    assert.are.same({ nil, "the signature is wrong" }, { cookie.verify("user", text, OTHER) })
    assert.are.equal("ada", cookie.verify("user", text, { OTHER, SECRET }))
  end)

  it("ends", function()
    local text = cookie.sign("user", "ada", SECRET, { maxAge = 60 })
    now = 1000059
    assert.are.equal("ada", cookie.verify("user", text, SECRET))
    now = 1000060
    assert.are.same({ nil, "its time is over" }, { cookie.verify("user", text, SECRET) })
  end)

  it("is told from what is none", function()
    assert.are.same({ nil, "there is none" }, { cookie.verify("user", nil, SECRET) })
    for _, text in ipairs({ "", "ada", "..", "a..b", "a.b.c", ("a"):rep(5000) .. "..AAAA" }) do
      local value, reason = cookie.verify("user", text, SECRET)
      assert.is_nil(value)
      assert.is_string(reason)
    end
  end)

  it("needs a secret, and room", function()
    assert.error_matches(function() cookie.sign("user", "ada", "short") end, "5 bytes")
    assert.error_matches(function() cookie.verify("user", "YQ..AAAA", {}) end, "is empty")
    assert.error_matches(function() cookie.sign("user", ("x"):rep(4000), SECRET) end,
      "more than browsers keep")
    assert.error_matches(function() cookie.sign("user", 7, SECRET) end,
      "the value must be a string")
  end)
end)
