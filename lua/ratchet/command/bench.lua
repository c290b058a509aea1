-- bench - `ratchet-lua bench URL`: how many messages a second a server sends back, and
-- how long each takes. The server has to echo.

local Load = require "ratchet.command.bench.load"
local arguments = require "ratchet.arguments"
local command = require "ratchet.command"
local target = require "ratchet.command.target"

local CONNECTIONS, SIZE, DEPTH, DURATION, WARMUP = 64, 20, 1, 10, 1
local AT_ONCE = 64 -- handshakes at a time
local BAR = 40 -- columns

local usage = {
  name = "bench",
  operands = { "URL" },
  options = {
    connections = "count", size = "count", depth = "count", rate = "number",
    duration = "number", warmup = "seconds", binary = "flag", quiet = "flag",
    format = { "text", "json" },
  },
  help = [[
usage: ratchet-lua bench [options] URL

Measures a WebSocket server that sends each message back: messages a second, and how
long one takes, there and back. The address is an echo's, such as
ws://localhost:8080/echo.

]] .. target.help .. [[
  --connections N         how many connections (64)
  --size BYTES            of each message (20)
  --depth N               messages on their way, on each connection (1)
  --rate N                messages a second, over all connections; without it each
                          connection sends the next when the last came back
  --duration SECONDS      how long to measure (10)
  --warmup SECONDS        how long to send before that (1)
  --binary                binary messages, not text
  --quiet                 no progress on stderr
  --format FORM           text (default) or json
  --help                  this text

With --rate, a message's time begins when it should have left, so that a server that
stalls does not look quick.

Exit status: 0 measured, 1 no connection, or some were lost, 2 wrong usage.
]],
}
for name, kind in pairs(target.options) do usage.options[name] = kind end

-- ---- what is shown

local function duration_shown(seconds)
  if not seconds then return "-" end
  if seconds < 0.001 then return ("%.0f us"):format(seconds * 1e6) end
  if seconds < 1 then return ("%.2f ms"):format(seconds * 1e3) end
  return ("%.2f s"):format(seconds)
end

local function count_shown(count)
  local text = ("%d"):format(count)
  repeat
    local more
    text, more = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until more == 0
  return text
end

local shares = { { "p50", 0.5 }, { "p75", 0.75 }, { "p90", 0.9 }, { "p99", 0.99 },
  { "p99.9", 0.999 } }

local function print_text(given, result, histogram)
  print(("%s: %d connections, %d bytes, %s"):format(given[1], result.connections, result.size,
    given.rate and ("%s messages a second wanted"):format(count_shown(given.rate))
      or ("%d on their way on each"):format(result.depth)))
  print(("%s messages in %.2f s: %s a second, %.2f MB/s each way"):format(
    count_shown(result.messages), result.seconds, count_shown(result.rate),
    result.rate * result.size / 1e6))
  if result.failures > 0 then
    print(("%d connections failed: %s"):format(result.failures, result.failure or "?"))
  end
  if histogram.count == 0 then return end
  local parts = { ("min %s"):format(duration_shown(histogram.least)) }
  for _, share in ipairs(shares) do
    parts[#parts + 1] = ("%s %s"):format(share[1], duration_shown(histogram:percentile(share[2])))
  end
  parts[#parts + 1] = ("max %s"):format(duration_shown(histogram.most))
  print("there and back: " .. table.concat(parts, ", "))
  local rows, most = histogram:rows(), 0
  for _, row in ipairs(rows) do most = math.max(most, row.count) end
  for _, row in ipairs(rows) do
    print(("  up to %9s %12s %s"):format(duration_shown(row.to), count_shown(row.count),
      ("#"):rep(math.ceil(row.count / most * BAR))))
  end
end

local function print_json(result, histogram)
  if histogram.count > 0 then
    result.latency = { min = histogram.least, max = histogram.most, mean = histogram:mean() }
    for _, share in ipairs(shares) do
      result.latency[share[1]] = histogram:percentile(share[2])
    end
    result.histogram = histogram:rows()
  end
  print(require("cjson").encode(result))
end

-- ---- the run

local function connect_all(ratchet, load, given, options)
  local begun = 0
  local function wanted() return given.connections - begun end
  while (wanted() > 0 or load.open + load.failures < begun) and load.failures == 0 do
    while wanted() > 0 and begun - load.open < AT_ONCE do
      begun = begun + 1
      local own = {}
      for name, value in pairs(options) do own[name] = value end
      own.events = load:member()
      ratchet.connect(given[1], own)
    end
    ratchet.sleep(0.002)
  end
  return load.failures == 0
end

-- Once a second on stderr, in one line at a terminal.
local function show_progress(ratchet, uv, load, given)
  if given.quiet then return nil end
  local is_terminal, last, began = uv.guess_handle(2) == "tty", load.answered, load.now()
  return ratchet.every(1, function()
    local text = ("%3.0f s  %s messages a second, %d connections"):format(load.now() - began,
      count_shown(load.answered - last), load.open)
    last = load.answered
    io.stderr:write(is_terminal and "\r\27[K" .. text or text .. "\n")
  end)
end

local function run(given, options)
  local ratchet, uv = require "ratchet", require "luv"
  local load = Load(given, function() return uv.hrtime() * 1e-9 end)
  if not connect_all(ratchet, load, given, options) then
    io.stderr:write(("ratchet-lua bench: %s\n"):format(load.failure or "no connection"))
    return 1
  end
  local progress = show_progress(ratchet, uv, load, given)
  load:start(ratchet.every)
  ratchet.sleep(given.warmup)
  load:measure()
  ratchet.sleep(given.duration)
  local seconds, count = load:stop()
  if progress then
    progress:cancel()
    if uv.guess_handle(2) == "tty" then io.stderr:write("\r\27[K") end
  end
  local result = {
    url = given[1], connections = given.connections, size = given.size, depth = given.depth,
    seconds = seconds, messages = count, rate = count / seconds, failures = load.failures,
    failure = load.failure, wanted = given.rate,
  }
  if given.format == "json" then
    print_json(result, load.histogram)
  else
    print_text(given, result, load.histogram)
  end
  return load.failures == 0 and count > 0 and 0 or 1
end

local function bench(given)
  local options, message = target.read(given)
  if not options then return command.usage("bench", message) end
  given.connections = given.connections or CONNECTIONS
  given.size, given.depth = given.size or SIZE, given.depth or DEPTH
  given.duration, given.warmup = given.duration or DURATION, given.warmup or WARMUP
  options.maxMessageSize, options.maxBufferedAmount = 2 ^ 30, 2 ^ 30
  return run(given, options)
end

---@param ... string what follows the command's name
---@return integer status
return function(...)
  return arguments.run({ ... }, usage, bench)
end
