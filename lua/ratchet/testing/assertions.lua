-- assertions - what luassert can say of a client, or of a double. Each waits until
-- nothing moves any more before it judges, and says what was there instead.
--
--   assert.received(ann, "hi")                    the next message that came
--   assert.received(ann, { type = "joined" })     the same as JSON
--   assert.silent(ann)                            there is no message left
--   assert.closed(ann, 1001)                      and how it ended

local assertions = {}

local MOST_SHOWN = 5

-- ---- how things are shown

local function quote(text)
  if #text > 200 then text = text:sub(1, 200) .. "..." end
  return (("%q"):format(text):gsub("\\\n", "\\n"))
end

local function shown_message(message)
  return (message.isBinary and "binary " or "") .. quote(message.text)
end

local function shown_close(closed)
  if not closed then return "it is open" end
  return ("it was closed with %d%s"):format(closed.code,
    closed.reason ~= "" and " " .. quote(closed.reason) or "")
end

local function shown_inbox(client)
  local lines = {}
  for i, message in ipairs(client.inbox) do
    if i > MOST_SHOWN then
      lines[i] = ("  and %d more"):format(#client.inbox - MOST_SHOWN)
      break
    end
    lines[i] = "  " .. shown_message(message)
  end
  if #lines > 0 then return "what came:\n" .. table.concat(lines, "\n") end
  return "nothing came; " .. shown_close(client.closed)
end

local function shown_expected(expected)
  if type(expected) == "string" then return quote(expected) end
  local is_there, cjson = pcall(require, "cjson")
  local is_json, text = pcall(is_there and cjson.encode or error, expected)
  return is_json and "JSON " .. text or tostring(expected)
end

-- ---- how a message is compared

local function is_same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not is_same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function is_expected(expected, text)
  if type(expected) == "string" then return expected == text end
  local is_json, value = pcall(require("cjson").decode, text)
  return is_json and is_same(expected, value)
end

-- ---- the assertions

-- `level` is luassert's: of the line that asserts, as seen from the assertion.
local function check(client, name, level)
  if type(client) == "table" and client.awaitUntil then return client end
  error(("assert.%s takes a client of testing.serve or a testing.connection first; this is a %s")
    :format(name, type(client)), level + 2)
end

-- What is denied is not waited for longer than until nothing moves.
local function await(state, client, is_there)
  if state.mod then return client:awaitUntil(is_there) end
  client:settle()
  return is_there()
end

local function conclude(state, arguments, is_so, positive, negative)
  arguments.nofmt = { true, true, true }
  state.failure_message = state.mod and positive or negative
  return is_so
end

local function received(state, arguments, level)
  local client, expected = check(arguments[1], "received", level), arguments[2]
  local is_binary = arguments[3]
  if type(expected) ~= "string" and type(expected) ~= "table" then
    error("assert.received: the message is a string, or a table for JSON; this is a "
      .. type(expected), level + 1)
  end
  local message = await(state, client, function() return client.inbox[1] end)
  local is_so = message ~= nil and is_expected(expected, message.text)
    and (is_binary == nil or is_binary == message.isBinary)
  local text = (is_binary and "binary " or "") .. shown_expected(expected)
  local failure = ("expected %s to receive %s next; %s")
    :format(client:describe(), text, shown_inbox(client))
  if is_so and state.mod then table.remove(client.inbox, 1) end
  return conclude(state, arguments, is_so, failure,
    ("expected %s not to receive %s next"):format(client:describe(), text))
end

local function silent(state, arguments, level)
  local client = check(arguments[1], "silent", level)
  client:settle()
  local is_so = client.inbox[1] == nil
  return conclude(state, arguments, is_so,
    ("expected %s to receive nothing; %s"):format(client:describe(), shown_inbox(client)),
    ("expected %s to receive something; %s"):format(client:describe(), shown_inbox(client)))
end

local function closed(state, arguments, level)
  local client = check(arguments[1], "closed", level)
  local code, reason = arguments[2], arguments[3]
  local how = await(state, client, function() return client.closed end)
  local is_so = how ~= nil and (code == nil or how.code == code)
    and (reason == nil or how.reason == reason)
  local text = "closed" .. (code and " with " .. code or "")
    .. (reason and " " .. quote(reason) or "")
  return conclude(state, arguments, is_so,
    ("expected %s to be %s; %s"):format(client:describe(), text, shown_close(how)),
    ("expected %s not to be %s; %s"):format(client:describe(), text, shown_close(how)))
end

---Makes them known to luassert, where that is installed.
function assertions.register()
  local is_there, assert = pcall(require, "luassert")
  if not is_there then return end
  -- No message of luassert's: each sets its own.
  assert:register("assertion", "received", received, "ratchet.none", "ratchet.none")
  assert:register("assertion", "silent", silent, "ratchet.none", "ratchet.none")
  assert:register("assertion", "closed", closed, "ratchet.none", "ratchet.none")
end

return assertions
