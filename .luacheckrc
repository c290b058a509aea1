-- Settings of luacheck: `luacheck core lua spec apps`.

std = "luajit"
max_line_length = 100
self = false -- an event has its `self` whether it needs it or not

files["lua/ratchet/reload/files.lua"] = { globals = { "dofile", "loadfile" } }
files["spec"] = { std = "+busted" }
files["lua/ratchet/meta"] = { ignore = { "212", "241" } } -- stubs, with no body
files["core"] = { globals = { "coroutine.resume", "coroutine.wrap", "string.gsub" } }
files["tests/unit/dispatch.lua"] = { globals = { "dispatch" } } -- what its test in C asks
files["tests/unit/mayhem.lua"] = { globals = { "mayhem" } }
files["apps"] = { ignore = { "212/err" } } -- an example may name what it does not use
