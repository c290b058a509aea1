-- @NAME@: rooms with names, such as /room/red?name=ann. Messages are JSON:
--   from the server  { type = "welcome", members }, { type = "join"|"leave", name },
--                    { type = "text", name, text }
--   from a client    { text = "..." }

local cjson = require "cjson"
local ratchet = require "ratchet"

local FOLDER = arg and arg[0] and arg[0]:match("^(.*)/") or "."
local LONGEST = 500 -- bytes of a text

local Rooms = { members = {} } -- room to name to connection

local function members_of(room)
  local names = {}
  for name in pairs(Rooms.members[room] or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function tell(room, message, but)
  ratchet.topic("room:" .. room):broadcast(cjson.encode(message), { exclude = but })
end

function Rooms:onUpgrade(request)
  local name, room = request.query.name or "", request.params.room
  if not name:find("^[%w_-]+$") or #name > 20 then
    return 400, "a name has letters, digits, - and _, 20 at most\n"
  end
  if self.members[room] and self.members[room][name] then return 409, "that name is taken\n" end
end

function Rooms:onOpen(conn, request)
  conn.name, conn.room = request.query.name, request.params.room
  self.members[conn.room] = self.members[conn.room] or {}
  if self.members[conn.room][conn.name] then
    conn.name = nil -- somebody was quicker
    return conn:close(4009, "that name is taken")
  end
  self.members[conn.room][conn.name] = conn
  ratchet.topic("room:" .. conn.room):add(conn)
  conn:send(cjson.encode{ type = "welcome", members = members_of(conn.room) })
  tell(conn.room, { type = "join", name = conn.name }, conn)
end

function Rooms:onMessage(conn, message)
  local is_json, said = pcall(cjson.decode, message)
  local text = is_json and type(said) == "table" and said.text
  if type(text) ~= "string" or #text > LONGEST then return conn:close(1008, "no such message") end
  tell(conn.room, { type = "text", name = conn.name, text = text })
end

function Rooms:onClose(conn)
  local members = conn.name and self.members[conn.room]
  if not members then return end
  members[conn.name] = nil
  if not next(members) then self.members[conn.room] = nil end
  tell(conn.room, { type = "leave", name = conn.name })
end

local app = ratchet.App("localhost", 8080)
app:route("/room/{room}", Rooms, nil, nil, { maxMessageSize = 4096 })
app:static("/", FOLDER .. "/public")
app:run()
