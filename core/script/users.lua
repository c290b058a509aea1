-- users - which connections are the same person's. Each user is a topic with the
-- connections that were identified as that user, so that a message to a user is a
-- broadcast, and an identity ends as a membership does. Built into the program like
-- the prelude, and given how a topic is found. Returns the users, and the methods of
-- connections.

local topic_of = ...

-- No topic of an app has this in its name by chance.
local PREFIX = "\0user\0"

local topics = {}  -- user id to the topic, of those who have a connection
local ids = setmetatable({}, { __mode = "k" }) -- conn to user id

local Users = {}

local function tell(event, id)
  local handler = Users[event]
  if handler then handler(Users, id) end
end

local function left(topic, conn)
  local id = ids[conn]
  ids[conn] = nil
  if id == nil or topics[id] ~= topic or topic:count() > 0 then return end
  topics[id] = nil
  topic.onLeave = nil
  tell("onOffline", id)
end

-- Beyond, several whole numbers are the same double: several users would be one.
local EXACT = 2 ^ 53

local function id_of(value)
  if type(value) == "number" then
    if value % 1 ~= 0 or value >= EXACT or value <= -EXACT then
      error(("a user's id that is a number must be a whole one below 2^53, which %.17g is not; "
        .. "write it as a string"):format(value), 3)
    end
    value = ("%d"):format(value)
  end
  if type(value) ~= "string" or value == "" then
    error("a user's id must be a string that is not empty, or a number; it is "
      .. (value == "" and '""' or "a " .. type(value)), 3)
  end
  return value
end

local function come(conn, id, topic)
  if not topics[id] then topic.onLeave = left end
  topic:add(conn)
  if not topic:has(conn) then -- it is closed
    if topic:count() == 0 and not topics[id] then topic.onLeave = nil end
    return
  end
  ids[conn] = id
  local is_first = topics[id] == nil
  topics[id] = topic
  if is_first then tell("onOnline", id) end
end

local methods = {}

---Says whose connection it is, for as long as it is open; nil for nobody's.
function methods.identify(conn, id)
  if id ~= nil then id = id_of(id) end
  local before = ids[conn]
  if before == id then return conn end
  local topic = id and (topics[id] or topic_of(PREFIX .. id))
  if topic then topic:has(conn) end -- raises for what is no connection
  conn.userId = id
  if before ~= nil and topics[before] then topics[before]:remove(conn) end
  if topic then come(conn, id, topic) end
  return conn
end

function Users:toUser(id, message, options)
  local topic = topics[id_of(id)]
  return topic and topic:broadcast(message, options) or 0
end

function Users:count(id)
  local topic = topics[id_of(id)]
  return topic and topic:count() or 0
end

function Users:connections(id)
  local topic = topics[id_of(id)]
  return topic and topic:members() or {}
end

function Users:online()
  local found = {}
  for id, topic in pairs(topics) do
    if topic:count() > 0 then found[#found + 1] = id end
  end
  table.sort(found)
  return found
end

return Users, methods
