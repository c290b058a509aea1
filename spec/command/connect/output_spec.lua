local Output = require "ratchet.command.connect.output"
local captured = require "support.captured"

local function output(kind, given)
  return Output({
    guess_handle = function() return kind end,
    gettimeofday = function() return 0, 123456 end,
  }, given or {})
end

local function said(made, fn)
  local _, out, err = captured(fn, made)
  return out, err
end

describe("Output", function()
  it("gives a program messages as they came", function()
    local out, err = said(output("pipe"), function(o)
      o:message("a\27b", false)
      o:message('{"a":1}', false)
      o:message("\1\2", true)
      o:say("connected")
    end)
    assert.are.equal('a\27b\n{"a":1}\n0102\n', out)
    assert.are.equal("connected\n", err)
  end)

  it("gives a person the time, and nothing that a terminal obeys", function()
    local out = said(output("tty"), function(o)
      o:message("a\27b", false)
      o:message('{"a":1}', false)
      o:message("\1\2", true)
    end)
    local time = "%d%d:%d%d:%d%d%.123 "
    assert.matches("^" .. time .. "< a\\x1bb\n" .. time .. '< {\n  "a": 1\n}\n' .. time
      .. "< 2 bytes 0102\n$", out)
  end)

  it("does as it is told", function()
    assert.are.equal('{\n  "a": 1\n}\n', (said(output("pipe", { json = true }),
      function(o) o:message('{"a":1}', false) end)))
    assert.are.equal("a\27b\n", (said(output("tty", { plain = true }),
      function(o) o:message("a\27b", false) end)))
    assert.matches("^%d%d:.* a\n$", (said(output("pipe", { timestamps = true }),
      function(o) o:message("a", false) end)))
  end)

  it("draws the line that is being written anew", function()
    local made = output("tty", { plain = true })
    made.editor = { draw = function() return "<line>" end }
    local _, err = said(made, function(o)
      o:say("x")
      o:echo("typed")
    end)
    assert.are.equal("\r\27[Kx\n<line>\r\27[K> typed\n<line>", err)
  end)
end)
