-- Rooms: each path /room/{name} is one, and whoever is in it sees who else is.
-- Run `ratchet-lua apps/rooms/app.lua` and open http://localhost:8080/ in two tabs.
--
-- Messages are JSON. What a client says is { "text": "hello" }. What it hears is
--
--   { "type": "who", "people": ["ada", "bob"] }    who is there; first, and when it changes
--   { "type": "join", "name": "ada" }              also "leave"
--   { "type": "say", "name": "ada", "text": "hello" }

local json = require "cjson"
local ratchet = require "ratchet"

local LONGEST_NAME, LONGEST_TEXT = 30, 2000 -- bytes

-- By name of the room: the set of connections in it, as conn to true.
local Rooms = { people = {} }

-- The characters of UTF-8 beyond ASCII, by their number of bytes.
local CHARACTERS = {
  "[\194-\223][\128-\191]",
  "\224[\160-\191][\128-\191]", "\237[\128-\159][\128-\191]",
  "[\225-\236\238\239][\128-\191][\128-\191]",
  "\240[\144-\191][\128-\191][\128-\191]", "\244[\128-\143][\128-\191][\128-\191]",
  "[\241-\243][\128-\191][\128-\191][\128-\191]",
}

-- What is sent must be UTF-8. A name comes out of a query, and a message may be a
-- binary one: any byte can be in them.
local function is_utf8(text)
  for _, character in ipairs(CHARACTERS) do text = text:gsub(character, " ") end
  return not text:find("[\128-\255]")
end

local function is_label(text)
  return text ~= nil and #text <= LONGEST_NAME and text:find("%S") ~= nil
    and not text:find("%c") and is_utf8(text)
end

local function decode(message)
  local is_json, value = pcall(json.decode, message)
  return is_json and type(value) == "table" and value or {}
end

function Rooms:tell(room, message)
  ratchet.topic("room:" .. room):broadcast(json.encode(message))
end

function Rooms:tell_who_is_there(room)
  local names = {}
  for conn in pairs(self.people[room] or {}) do names[#names + 1] = conn.name end
  table.sort(names)
  self:tell(room, { type = "who", people = names })
end

-- Before the WebSocket is there: who has no fit name does not come in.
function Rooms:onUpgrade(request)
  if not is_label(request.params.name) then return 404, "There is no such room.\n" end
  if not is_label(request.query.name) then
    return 400, "Say who you are: ?name=ada, of at most 30 bytes.\n"
  end
end

function Rooms:onOpen(conn, request)
  conn.room, conn.name = request.params.name, request.query.name
  self:tell(conn.room, { type = "join", name = conn.name })
  ratchet.topic("room:" .. conn.room):add(conn)
  self.people[conn.room] = self.people[conn.room] or {}
  self.people[conn.room][conn] = true
  self:tell_who_is_there(conn.room)
end

function Rooms:onMessage(conn, message)
  local text = decode(message).text
  if type(text) ~= "string" or not text:find("%S") or not is_utf8(text) then return end
  if #text > LONGEST_TEXT then return conn:close(1009, "2000 bytes at most") end
  self:tell(conn.room, { type = "say", name = conn.name, text = text })
end

-- Of its topics the connection is out already.
function Rooms:onClose(conn)
  local people = self.people[conn.room]
  people[conn] = nil
  if next(people) == nil then self.people[conn.room] = nil end
  self:tell(conn.room, { type = "leave", name = conn.name })
  self:tell_who_is_there(conn.room)
end

function Rooms:onError(conn) conn:close(1011) end

local app = ratchet.App("localhost", 8080)
app:route("/room/{name}", Rooms, nil, nil, { maxMessageSize = 16384, deflate = true })

local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
app:get("/", function(_, response) return response:file(folder .. "page.html") end)

app:run()
