-- layers - what a layer around a component costs a message: one that only forwards, five
-- of them, one that is written as the documentation says, and a Limiter. Not a test: it
-- prints figures, of the compiler and of the interpreter. It needs the program, whose
-- clock the Limiter asks:
--
--   build/ratchet-lua tests/bench/layers.lua
--
-- A message is given to a component as the program does it, without anything to receive or
-- to send, so a figure is the layers' alone. All take turns; each figure is the best.

local jit = require "jit"
local ratchet = require "ratchet"

local MESSAGES, TURNS = 4e5, 6

local heard = 0
local App = {}
function App:onMessage(_, message) heard = heard + #message end

local wrap, tell = ratchet.component.wrap, ratchet.component.tell

local function five()
  local layer = App
  for _ = 1, 5 do layer = wrap(layer) end
  return layer
end

local function by_hand()
  return wrap(App, {
    onMessage = function(self, conn, message, is_binary)
      tell(self.next, "onMessage", conn, message, is_binary)
    end,
  })
end

local conn = { remoteAddress = "10.0.0.1" }
local function limited(options)
  local layer = ratchet.server.Limiter(App, options)
  layer:onOpen(conn)
  return layer
end

local cases = {
  { "the component itself", App },
  { "one layer that forwards", wrap(App) },
  { "five of them", five() },
  { "one with an onMessage of its own", by_hand() },
  { "a Limiter of messages", limited({ messages = 1e9 }) },
  { "a Limiter of all, with addresses", limited({
    messages = 1e9, bytes = 1e9, messagesPerAddress = 1e9, bytesPerAddress = 1e9 }) },
  best = {},
}

-- As in core/script/prelude.lua.
local function deliver(component, message, count)
  for _ = 1, count do
    local handler = component.onMessage
    if handler then handler(component, conn, message, false) end
  end
end

local function measure(component)
  collectgarbage()
  local before, begin = collectgarbage("count"), os.clock()
  deliver(component, "a message", MESSAGES)
  local seconds = os.clock() - begin
  return seconds / MESSAGES * 1e9, (collectgarbage("count") - before) * 1024 / MESSAGES
end

for _, is_compiled in ipairs({ true, false }) do
  if is_compiled then jit.on() else jit.off() end
  jit.flush()
  local best, bytes = {}, {}
  for _ = 1, TURNS do
    for i, case in ipairs(cases) do
      local ns, garbage = measure(case[2])
      best[i], bytes[i] = math.min(best[i] or ns, ns), garbage
    end
  end
  print(is_compiled and "compiled" or "interpreted")
  for i, case in ipairs(cases) do
    print(("  %-34s %6.1f ns  (+%.1f)  %.1f bytes of garbage"):format(
      case[1], best[i], best[i] - best[1], bytes[i]))
  end
end
os.exit(0)
