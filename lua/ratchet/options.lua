-- options - checks a table of options against the names and kinds that are
-- known, so that a slip of the pen is an error where it was written and not a
-- default that silently holds. It sets no defaults; those belong to who uses the
-- option.

local raise = require "ratchet.raise"
local nearest = require "ratchet.nearest"

local options = {}

local MOST_BYTES = 2 ^ 30
local MOST_COUNT = 2 ^ 30
local MOST_SECONDS = 86400

local function whole(low, high)
  return function(value)
    return type(value) == "number" and value % 1 == 0 and value >= low and value <= high
  end
end

local function is_list_of_strings(value)
  if type(value) ~= "table" then return false end
  local count = 0
  for key, entry in pairs(value) do
    if type(key) ~= "number" or type(entry) ~= "string" then return false end
    count = count + 1
  end
  return count == #value
end

-- Of `deflate`, when it is a table.
local deflate = {
  level = "level",
  memLevel = "level",
  windowBits = "window_bits",
  threshold = "count_or_none",
  serverContext = { "shared", "dedicated" },
  clientContext = { "shared", "dedicated" },
}

local function seconds(value)
  return type(value) == "number" and value >= 0 and value <= MOST_SECONDS
end

-- Each kind: how an error names it, what it accepts, and, where that may be a table of
-- options in turn, which ones.
local kinds = {
  string = { "a string", function(v) return type(v) == "string" end },
  boolean = { "true or false", function(v) return type(v) == "boolean" end },
  table = { "a table", function(v) return type(v) == "table" end },
  ["function"] = { "a function", function(v) return type(v) == "function" end },
  component = {
    "a component", function(v) return type(v) == "table" or type(v) == "userdata" end,
  },
  switch_or_table = {
    "true, false or a table",
    function(v) return type(v) == "boolean" or type(v) == "table" end,
  },
  bytes = { "a number of bytes from 1 to 1073741824", whole(1, MOST_BYTES) },
  head_bytes = { "a number of bytes from 256 to 1073741824", whole(256, MOST_BYTES) },
  seconds = { "a number of seconds from 0 to 86400", seconds },
  some_seconds = {
    "a number of seconds over 0, 86400 at most",
    function(v) return seconds(v) and v > 0 end,
  },
  age = { "a whole number of seconds, 0 or more", whole(0, 2 ^ 31) },
  life = { "a whole number of seconds", whole(-2 ^ 31, 2 ^ 31) },
  time = { "a time as os.time() tells it", whole(0, 253402300799) },
  strings = { 'a list of strings, such as { "127.0.0.1" }', is_list_of_strings },
  count = { "a whole number from 1 to 1073741824", whole(1, MOST_COUNT) },
  count_or_none = { "a whole number from 0 to 1073741824", whole(0, MOST_COUNT) },
  port = { "a whole number from 0 to 65535", whole(0, 65535) },
  port_or_none = {
    "a whole number from 0 to 65535, or false for none",
    function(v) return v == false or whole(0, 65535)(v) end,
  },
  path = {
    "the path of a file",
    function(v) return type(v) == "string" and v ~= "" and not v:find("\0", 1, true) end,
  },
  mode = {
    'a string of three octal digits, such as "0660"',
    function(v) return type(v) == "string" and v:find("^0?[0-7][0-7][0-7]$") ~= nil end,
  },
  tls = {
    'a table, such as { cert = "cert.pem", key = "key.pem" }, or false for none',
    function(v) return v == false or type(v) == "table" end,
  },
  body = {
    "a string, or a table to be sent as JSON",
    function(v) return type(v) == "string" or type(v) == "table" end,
  },
  key = {
    "a string, or a function that returns one",
    function(v) return type(v) == "string" or type(v) == "function" end,
  },
  descriptor = { "a whole number from 3 to 65535", whole(3, 65535) },
  level = { "a whole number from 1 to 9", whole(1, 9) },
  window_bits = { "a whole number from 9 to 15", whole(9, 15) },
  deflate = {
    "true, false or a table of options",
    function(v) return type(v) == "boolean" or type(v) == "table" end,
    deflate,
  },
}

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

local function shown(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  return "a " .. type(value)
end

local function check_one_of(name, value, choices, where)
  for _, choice in ipairs(choices) do
    if value == choice then return end
  end
  raise('%s: option "%s" must be "%s"; it is %s',
    where, name, table.concat(choices, '" or "'), shown(value))
end

local function check_value(name, value, kind, where)
  if type(kind) == "table" then return check_one_of(name, value, kind, where) end
  local expected, accepts, inner = unpack(kinds[kind])
  if not accepts(value) then
    raise('%s: option "%s" must be %s; it is %s', where, name, expected, shown(value))
  end
  if inner and type(value) == "table" then
    options.check(value, inner, ('%s: option "%s"'):format(where, name))
  end
end

local function raise_unknown(name, known, where)
  local names = sorted_keys(known)
  local meant = nearest(tostring(name), names)
  if meant then
    raise('%s: unknown option "%s"; did you mean "%s"?', where, tostring(name), meant)
  end
  raise('%s: unknown option "%s"; the options are %s',
    where, tostring(name), table.concat(names, ", "))
end

---Checks every entry of `given`; raises at the first that is unknown or of the
---wrong kind.
---@param given table? the options; nil is none
---@param known table<string, string|string[]> option name to its kind ("string",
---  "boolean", "table", "function", "strings", "bytes", "head_bytes", "seconds", "some_seconds",
---  "age", "life", "time", "count", "count_or_none", "port", "port_or_none", "path",
---  "mode", "descriptor", "body", "key", "component", "switch_or_table", "level",
---  "window_bits", "deflate") or to a list of its values
---@param where string what was called, for the message
---@return table options `given`, or an empty table
function options.check(given, known, where)
  if given == nil then return {} end
  if type(given) ~= "table" then
    raise("%s: options must be a table; they are %s", where, shown(given))
  end
  for name, value in pairs(given) do
    local kind = known[name]
    if not kind then raise_unknown(name, known, where) end
    check_value(name, value, kind, where)
  end
  return given
end

---Checks one value that is an argument and not an option.
---@param name string
---@param value any
---@param kind string|string[]
---@param where string
function options.argument(name, value, kind, where)
  local expected, accepts = unpack(kinds[kind])
  if not accepts(value) then
    raise("%s: %s must be %s; it is %s", where, name, expected, shown(value))
  end
end

---What holds for the connections of one component; the core knows the defaults.
options.limits = {
  maxMessageSize = "bytes",
  maxBufferedAmount = "bytes",
  overflow = { "close", "drop" },
  keepAlive = "seconds",
  closeTimeout = "seconds",
  maxQueuedMessages = "count",
  maxQueuedAmount = "bytes",
  deflate = "deflate",
}

---What holds for a listener; the core knows the defaults.
options.listener = {
  headerTimeout = "some_seconds",
  maxHeaderSize = "head_bytes",
  maxBodySize = "bytes",
  trustedProxies = "strings",
  proxyProtocol = "boolean",
  maxConnections = "count",
  maxConnectionsPerAddress = "count_or_none",
  tls = "tls",
}

---What holds for all handlers of the program; the core knows the defaults.
options.watchdog = {
  slowHandler = "seconds",
  handlerBudget = "seconds",
}

---The part of `given` whose names are in `known`.
---@param given table
---@param known table
---@return table
function options.select(given, known)
  local part = {}
  for name in pairs(known) do part[name] = given[name] end
  return part
end

---Several tables of known options as one.
---@param ... table
---@return table
function options.join(...)
  local all = {}
  for _, known in ipairs({ ... }) do
    for name, kind in pairs(known) do all[name] = kind end
  end
  return all
end

return options
