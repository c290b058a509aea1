local Editor = require "ratchet.command.connect.editor"

describe("Editor", function()
  -- The lines that typing gives, and the line that is being written, with | for the cursor.
  local function typed(...)
    local editor, lines, is_over = Editor("> "), {}, false
    for _, bytes in ipairs({ ... }) do
      is_over = editor:type(bytes, function(line) lines[#lines + 1] = line end) or is_over
    end
    return lines, editor.before .. "|" .. editor.after, is_over
  end

  for keys, expected in pairs({
    ["abc"] = "abc|", ["abc\27[D\27[DX"] = "aX|bc", ["abc\2\2\6X"] = "abX|c",
    ["abc\127"] = "ab|", ["abc\8"] = "ab|", ["\127"] = "|", ["abc\1X"] = "X|abc",
    ["abc\1X\5Y"] = "XabcY|", ["abc\27[HX"] = "X|abc", ["abc\27OHX\27[FY"] = "XabcY|",
    ["abc\1\4"] = "|bc", ["abc\1\27[3~"] = "|bc", ["abc\1\6\11"] = "a|", ["abc\2\21"] = "|c",
    ["ab cd  \23"] = "ab |", ["é\127"] = "|", ["aé\27[Db"] = "ab|é", ["\27[Z\27[5~x"] = "x|",
    ["a\tb"] = "a\tb|", ["a\0b"] = "ab|",
  }) do
    it(("edits %q"):format(keys), function()
      assert.are.equal(expected, select(2, typed(keys)))
    end)
  end

  it("gives lines", function()
    assert.are.same({ "one", "two", "" }, (typed("one\rtwo\r\rthr")))
    assert.are.same({ "aXb" }, (typed("ab\2X\r")))
  end)

  it("puts together what comes in pieces", function()
    assert.are.equal("aX|b", select(2, typed("ab", "\27", "[", "D", "X")))
    assert.are.equal("é|", select(2, typed("\195", "\169")))
    assert.are.equal("😀|", select(2, typed("\240\159", "\152", "\128")))
  end)

  it("remembers lines", function()
    local up, down = "\27[A", "\27[B"
    assert.are.equal("two|", select(2, typed("one\rtwo\r" .. up)))
    assert.are.equal("one|", select(2, typed("one\rtwo\r" .. up .. up .. up)))
    assert.are.equal("dra|", select(2, typed("one\rdra" .. up .. down .. down)))
    assert.are.equal("one|", select(2, typed("one\rone\r\r\16\16")))
    assert.are.equal("|", select(2, typed("one\r\16\14")))
  end)

  it("ends", function()
    assert.is_true(select(3, typed("ab\3")))
    assert.is_true(select(3, typed("\4")))
    assert.is_false(select(3, typed("ab\4")))
  end)

  it("draws the line in one row", function()
    local editor = Editor("> ")
    editor:type("abc\27[D", function() end)
    assert.are.equal("\r\27[K> abc\27[1D", editor:draw(80))
    editor = Editor("> ")
    editor:type(("x"):rep(50) .. "end", function() end)
    assert.are.equal("\r\27[K> " .. ("x"):rep(14) .. "end", editor:draw(20))
  end)
end)
