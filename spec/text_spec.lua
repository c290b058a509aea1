local text = require "ratchet.text"

local MEGABYTE = 2 ^ 20

-- A few milliseconds; a pattern takes minutes. CPU time, so that a busy machine is
-- not to blame.
local function quickly(work)
  local start = os.clock()
  local result = work()
  assert.is_true(os.clock() - start < 1)
  return result
end

describe("text", function()
  it("trims white space, and only at the ends", function()
    for given, trimmed in pairs({
      ["  a b  "] = "a b", ["\t\n\v\f\ra\r\n"] = "a", [""] = "", ["   "] = "", [" "] = "",
      a = "a", ["\0 a \0"] = "\0 a \0", ["\194\160a"] = "\194\160a",
    }) do
      assert.are.equal(trimmed, text.trim(given))
    end
  end)

  it("trims as the pattern does, on random texts", function()
    math.randomseed(1)
    local letters = { " ", "\t", "\n", "a", "b", "\0" }
    for _ = 1, 2000 do
      local t = {}
      for i = 1, math.random(0, 8) do t[i] = letters[math.random(#letters)] end
      local given = table.concat(t)
      assert.are.equal(given:match("^%s*(.-)%s*$"), text.trim(given))
    end
  end)

  it("splits at plain text", function()
    assert.are.same({ "a", "", "b" }, text.split("a,,b", ","))
    assert.are.same({ "" }, text.split("", ","))
    assert.are.same({ "", "" }, text.split(",", ","))
    assert.are.same({ "a", "b" }, text.split("a%sb", "%s"))
    assert.are.same({ "a", "b", "c.d" }, text.split("a.b.c.d", ".", 3))
    assert.are.same({ "a.b" }, text.split("a.b", ".", 1))
    assert.are.same({ "a", "b" }, text.split("a.b", ".", 5))
    assert.are.same({ "", "a" }, text.split("aaa", "aa"))
  end)

  it("refuses what it cannot split at", function()
    assert.has_error(function() text.split("a", "") end, "text.split: the separator is empty")
    assert.has_error(function() text.split("a", ",", 0) end)
    assert.has_error(function() text.split(nil, ",") end,
      "text.split: a string is expected, not a nil")
    assert.has_error(function() text.split("a") end)
  end)

  it("takes lines apart", function()
    assert.are.same({}, text.lines(""))
    assert.are.same({ "a" }, text.lines("a\n"))
    assert.are.same({ "a", "b" }, text.lines("a\r\nb"))
    assert.are.same({ "", "", "a\rb", "c\r" }, text.lines("\n\r\na\rb\nc\r"))
  end)

  it("knows beginnings and endings", function()
    assert.is_true(text.startsWith("/join x", "/join"))
    assert.is_true(text.startsWith("a", ""))
    assert.is_false(text.startsWith("a", "ab"))
    assert.is_true(text.endsWith("a.png", ".png"))
    assert.is_true(text.endsWith("a", ""))
    assert.is_true(text.endsWith("", ""))
    assert.is_false(text.endsWith("b", "ab"))
    assert.has_error(function() text.startsWith("a", 1) end)
    assert.has_error(function() text.endsWith({}, "a") end)
  end)

  it("escapes for HTML", function()
    assert.are.equal("&lt;a b=&quot;&#39;&amp;&quot;&gt;", text.escapeHtml([[<a b="'&">]]))
    assert.are.equal("a\0b", text.escapeHtml("a\0b"))
  end)

  it("takes time in proportion to what a hostile client sends", function()
    local blanks = (" "):rep(MEGABYTE)
    assert.are.equal("", quickly(function() return text.trim(blanks) end))
    assert.are.equal(3 + MEGABYTE,
      #quickly(function() return text.trim(blanks .. "a" .. blanks .. "a" .. blanks) end) + 1)
    assert.are.equal(MEGABYTE + 1, #quickly(function() return text.split(blanks, " ") end))
    assert.are.equal(1, #quickly(function() return text.split(("a"):rep(MEGABYTE), "aab") end))
    assert.are.equal(MEGABYTE, #quickly(function() return text.lines(("\n"):rep(MEGABYTE)) end))
    assert.are.equal(4 * MEGABYTE,
      #quickly(function() return text.escapeHtml(("<"):rep(MEGABYTE)) end))
  end)
end)
