local Input = require "ratchet.command.connect.input"

describe("Input", function()
  -- A luv whose stdin is of that kind, and gives the pieces.
  local function luv(kind, pieces)
    local uv = { calls = {} }
    local function note(name) uv.calls[#uv.calls + 1] = name end
    local stream = {
      set_mode = function() note("raw") end,
      open = function() note("open") end,
      read_start = function(_, fn)
        note("start")
        uv.give = fn
      end,
      read_stop = function() note("stop") end,
      is_closing = function() return false end,
      close = function() note("close") end,
    }
    function uv.guess_handle() return kind end
    function uv.new_tty() return stream end
    function uv.new_pipe() return stream end
    function uv.tty_reset_mode() note("reset") end
    function uv.fs_read(_, _, _, fn)
      uv.later = function() fn(nil, table.remove(pieces, 1) or "") end
    end
    return uv
  end

  local function open(kind, pieces)
    local got = { ends = 0 }
    local uv = luv(kind, pieces or {})
    local input = Input(uv, function(bytes) got[#got + 1] = bytes end,
      function() got.ends = got.ends + 1 end)
    return input, uv, got
  end

  it("reads a pipe, and stops meanwhile", function()
    local input, uv, got = open("pipe")
    input:start()
    uv.give(nil, "abc")
    input:stop()
    input:stop()
    input:start()
    uv.give(nil, nil)
    uv.give(nil, nil)
    input:close()
    assert.are.same({ "abc", ends = 1 }, got)
    assert.are.same({ "open", "start", "stop", "start", "close" }, uv.calls)
  end)

  it("takes a terminal's keys as they come, and gives it back", function()
    local input, uv = open("tty")
    assert.is_true(input.is_terminal)
    input:close()
    assert.are.same({ "raw", "reset", "close" }, uv.calls)
  end)

  it("reads a file piece by piece", function()
    local input, uv, got = open("file", { "a", "b" })
    input:start()
    uv.later()
    input:stop()
    uv.later()
    assert.are.same({ "a", "b", ends = 0 }, got)
    input:start()
    uv.later()
    assert.are.same({ "a", "b", ends = 1 }, got)
    input:close()
  end)
end)
