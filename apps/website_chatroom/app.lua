-- A chat for a web site: one connection for a visitor, any number of rooms, who is in
-- them, who is online, and words for one person only.
-- Run `ratchet-lua apps/website_chatroom/app.lua` and open http://localhost:8080/ in two
-- tabs.
--
-- Messages are JSON. What a client says, in any order behind the first:
--
--   { "type": "hello", "name": "ada" }                      who one is
--   { "type": "join", "room": "lobby" }                     also "leave"
--   { "type": "say", "room": "lobby", "text": "hello" }     to a room one is in
--   { "type": "whisper", "to": "bob", "text": "psst" }      to one person
--
-- What it hears: "welcome" with its name; "online" with `people`, and "rooms" with `rooms`
-- (name to number of people), each when it changes; "who" with `room` and `people`;
-- "join" and "leave" with `room` and `name`; "say" and "whisper" with `name` (and `to`);
-- "error" with `text`.

local json = require "cjson"
local ratchet = require "ratchet"

local LONGEST_NAME, LONGEST_TEXT, MOST_ROOMS = 30, 2000, 20 -- bytes, of one visitor

local app = ratchet.App("localhost", 8080)
local users = app:users()
local everybody = ratchet.topic("everybody")

local Chatroom = { open = {} } -- open: name of a room to its topic, while somebody is in

local function tell(target, message)
  local text = json.encode(message)
  if type(target) == "string" then return users:toUser(target, text) end
  return (target.broadcast or target.send)(target, text)
end

local function is_label(text)
  return type(text) == "string" and #text <= LONGEST_NAME and text:find("%S") ~= nil
    and not text:find("%c")
end

local function is_text(text)
  return type(text) == "string" and #text <= LONGEST_TEXT and text:find("%S") ~= nil
end

-- ---- who is where

function users:onOnline() tell(everybody, { type = "online", people = users:online() }) end
users.onOffline = users.onOnline

function Chatroom:tell_rooms(target)
  local rooms = {}
  for name, topic in pairs(self.open) do rooms[name] = topic:count() end
  tell(target, { type = "rooms", rooms = rooms })
end

function Chatroom:tell_who(topic, room)
  local people = {}
  for _, name in pairs(topic:members()) do people[#people + 1] = name end
  table.sort(people)
  tell(topic, { type = "who", room = room, people = people })
  self:tell_rooms(everybody)
end

-- A room begins with the first who comes, and ends with the last who goes. What a member
-- was added with is the name.
function Chatroom:room(room)
  local topic = self.open[room]
  if topic then return topic end
  topic = ratchet.topic("room:" .. room)

  function topic.onJoin(_, _, name)
    tell(topic, { type = "join", room = room, name = name })
    self:tell_who(topic, room)
  end

  function topic.onLeave(_, conn, name)
    conn.rooms = conn.rooms - 1
    if topic:count() == 0 then
      topic.onJoin, topic.onLeave, self.open[room] = nil, nil, nil
      return self:tell_rooms(everybody)
    end
    tell(topic, { type = "leave", room = room, name = name })
    self:tell_who(topic, room)
  end

  self.open[room] = topic
  return topic
end

-- ---- what a client says

local says = {}

function says:hello(conn, message)
  if conn.userId then return "you have a name already" end
  if not is_label(message.name) then return "a name has 1 to 30 bytes" end
  if users:count(message.name) > 0 then return "somebody has that name" end
  tell(conn, { type = "welcome", name = message.name })
  everybody:add(conn)
  conn:identify(message.name)
  self:tell_rooms(conn)
end

function says:join(conn, message)
  if not is_label(message.room) then return "a room's name has 1 to 30 bytes" end
  local topic = self.open[message.room]
  if topic and topic:has(conn) then return end
  if conn.rooms >= MOST_ROOMS then return "20 rooms at most" end
  conn.rooms = conn.rooms + 1
  self:room(message.room):add(conn, conn.userId)
end

function says:leave(conn, message)
  local topic = self.open[message.room]
  if not topic or not topic:has(conn) then return "you are not in that room" end
  topic:remove(conn)
end

function says:say(conn, message)
  local topic = self.open[message.room]
  if not topic or not topic:has(conn) then return "you are not in that room" end
  if not is_text(message.text) then return "a text has 1 to 2000 bytes" end
  tell(topic, { type = "say", room = message.room, name = conn.userId, text = message.text })
end

function says:whisper(conn, message)
  if not is_text(message.text) then return "a text has 1 to 2000 bytes" end
  if not is_label(message.to) or users:count(message.to) == 0 then
    return "nobody has that name"
  end
  local whisper = { type = "whisper", name = conn.userId, to = message.to, text = message.text }
  tell(message.to, whisper)
  if message.to ~= conn.userId then tell(conn, whisper) end
end

local function decode(message, is_binary)
  local is_json, value = pcall(json.decode, message)
  return is_json and not is_binary and type(value) == "table" and value or {}
end

-- ---- events

function Chatroom:onOpen(conn) conn.rooms = 0 end

function Chatroom:onMessage(conn, message, is_binary)
  local said = decode(message, is_binary)
  local act = type(said.type) == "string" and says[said.type]
  local problem
  if not act then
    problem = "this is not understood"
  elseif not conn.userId and said.type ~= "hello" then
    problem = "say hello first"
  else
    problem = act(self, conn, said)
  end
  if problem then tell(conn, { type = "error", text = problem }) end
end

function Chatroom:onError(conn) conn:close(1011) end

-- Nobody says more than a person can type.
local limited = ratchet.server.Limiter(Chatroom, { messages = 50, interval = 10 })
app:route("/chatroom", limited, nil, nil, { maxMessageSize = 16384 })

local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
app:get("/", function(_, response) return response:file(folder .. "page.html") end)

app:run()
