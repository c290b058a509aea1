-- The server of the history checker. It does what the letter at the beginning of a message
-- says, and writes down each event: checker.js compares that with what its clients saw.
-- Lines, in the order in which things happened; `id` is the connection's resourceId and
-- `token` a message (messages.js):
--
--   o id name route version      onOpen            m id version token   onMessage begins
--   s id token                   was sent          d id version         ... which waited, ends
--   b id token count except      was broadcast     e id                 onError
--   x id                         closes: what would be sent from now on is not
--   k id code                    was closed by us  p id                 onPing
--   j id   l id                  has joined, has left the lobby
--   c id code                    onClose           r version            the code was changed

local ratchet = require "ratchet"
local edition = require "edition" -- is edited between reloads

local MOST_BUFFERED = 128 * 1024 -- of the route /drop

local folder = os.getenv "HISTORY_FOLDER"
local files, blocks = {}, {} -- what is in them outlives a reload
local members = {}
local count = { opened = 0, closed = 0, reloads = 0 }
local lobby = ratchet.topic "lobby"

local function record(line)
  if not files.history then
    files.history = assert(io.open(folder .. "/server.history", "a"))
    files.history:setvbuf("full", 65536)
  end
  files.history:write(line, "\n")
end

local function block_of(is_binary)
  local name = is_binary and "binary" or "text"
  if not blocks[name] then
    local file = assert(io.open(folder .. "/" .. name .. ".block", "rb"))
    blocks[name] = file:read "*a"
    file:close()
  end
  return blocks[name]
end

-- As in messages.js.
local function token_of(message, is_binary)
  local kind = is_binary and "B:" or "T:"
  if #message < 8 then return kind .. #message .. ":" .. message end
  local head, slot, number, length = message:match "^(%l%.k(%d+)s%d+%.(%d+)%.(%d+);)"
  if not head then return "!" .. kind .. "no_head" end
  if tonumber(length) ~= #message then return "!" .. kind .. head .. #message .. "_bytes" end
  local size = #message - #head
  local whole = size - size % 4
  local start = (number * 7919 + slot * 104729) % 262144 * 4
  if message:sub(#head + 1, #head + whole) ~= block_of(is_binary):sub(start + 1, start + whole)
    or message:sub(#head + whole + 1) ~= ("..."):sub(1, size % 4) then
    return "!" .. kind .. head .. "other_bytes"
  end
  return kind .. head
end

local function has_ended(conn)
  members[conn] = nil
  if conn.ended then return end
  conn.ended = true
  record("x " .. conn.resourceId)
end

local function say(conn, message, is_binary, token)
  local is_dropped = conn.drops and conn.bufferedAmount > MOST_BUFFERED
  conn:send(message, is_binary)
  if conn.readyState ~= 1 then
    has_ended(conn)
  elseif not is_dropped then
    record("s " .. conn.resourceId .. " " .. token)
  end
end

local function broadcast(conn, message, is_binary, token, except)
  local queued = lobby:broadcast(message, { binary = is_binary, exclude = except })
  for member in pairs(members) do
    if member.readyState ~= 1 then has_ended(member) end
  end
  record(("b %d %s %d %s"):format(conn.resourceId, token, queued,
    except and conn.resourceId or "-"))
end

-- By the letter of the head.
local deeds = {}

deeds.e = say

function deeds.s() end -- is only heard

deeds.b = broadcast

function deeds.x(conn, message, is_binary, token)
  broadcast(conn, message, is_binary, token, conn)
end

function deeds.w(conn, message, is_binary, token)
  ratchet.sleep(#message % 20 / 1000)
  record("d " .. conn.resourceId .. " " .. conn.version)
  say(conn, message, is_binary, token)
end

function deeds.r() error("on purpose") end

function deeds.p(conn, message, is_binary, token)
  conn:pause()
  ratchet.after(0.02, conn.resume, conn)
  say(conn, message, is_binary, token)
end

function deeds.f(conn, message, is_binary, token)
  for _ = 1, 30 do say(conn, message, is_binary, token) end
end

function deeds.c(conn, message, is_binary, token)
  for _ = 1, 10 do say(conn, message, is_binary, token) end
  record("k " .. conn.resourceId .. " 4000")
  conn:close(4000, "as you said")
  has_ended(conn)
end

function deeds.t(conn)
  record("k " .. conn.resourceId .. " 1006")
  conn:terminate()
  has_ended(conn)
end

local function hear(conn, message, is_binary, version)
  local token = token_of(message, is_binary)
  record("m " .. conn.resourceId .. " " .. version .. " " .. token)
  deeds[token:match "^%u:(%l)" or "e"](conn, message, is_binary, token)
end

-- The events that all routes have.
local function component(route)
  local C = {}
  function C:onOpen(conn, request)
    count.opened = count.opened + 1
    conn.drops = route == "drop"
    record(("o %d %s %s %s"):format(conn.resourceId, request.query.name, route, conn.version))
    if not request.query.join then return end
    members[conn] = true
    lobby:add(conn)
    record("j " .. conn.resourceId)
  end
  function C:onClose(conn, code)
    count.closed = count.closed + 1
    members[conn] = nil
    record("c " .. conn.resourceId .. " " .. code)
  end
  function C:onError(conn, err)
    record("e " .. conn.resourceId)
    if not tostring(err):find "on purpose" then record("! " .. tostring(err):gsub("\n.*", "")) end
  end
  function C:onPing(conn) record("p " .. conn.resourceId) end
  return C
end

local function with_messages(C)
  function C:onMessage(conn, message, is_binary)
    hear(conn, message, is_binary, conn.version)
  end
  return C
end

local Chat, Brisk = with_messages(component "chat"), with_messages(component "brisk")
local Drop, Line = with_messages(component "drop"), component "line"

-- Goes on in the code that it began in, so no version is written down.
function Line:run(conn)
  for message, is_binary in conn:messages() do hear(conn, message, is_binary, "-") end
end

function lobby:onLeave(conn) record("l " .. conn.resourceId) end

ratchet.onReload(function(version)
  count.reloads = count.reloads + 1
  record("r " .. version)
end)

-- No limit of time is meant to be met by those who are slow only because all are.
local app = ratchet.App("", 8080, "127.0.0.1", { headerTimeout = 60 })
local patient = { deflate = true, closeTimeout = 60, maxBufferedAmount = 256 * 1024 }
app:route("/chat", Chat, { "*" }, nil, patient)
app:route("/line", Line, { "*" }, nil, patient)
app:route("/brisk", Brisk, { "*" }, nil, { deflate = true, keepAlive = 0.4 })
app:route("/drop", Drop, { "*" }, nil,
  { closeTimeout = 60, maxBufferedAmount = MOST_BUFFERED, overflow = "drop" })
app:get("/report", function()
  if files.history then files.history = files.history:close() and nil end
  return { opened = count.opened, closed = count.closed, reloads = count.reloads,
    edition = edition.number, members = lobby:count() }
end)
app:listen{ port = 0, tls = {
  cert = os.getenv "HISTORY_CERTIFICATE", key = os.getenv "HISTORY_KEY" } }
app:run()
