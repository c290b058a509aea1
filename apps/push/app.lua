-- Push: news reach every browser that has the page open, however they come in: by an
-- HTTP POST to /publish, or by the Redis channel "news", which other programs, and more
-- of these servers, can share.
-- Run `ratchet-lua apps/push/app.lua` and open http://localhost:8080/ in two tabs; then
--
--   curl -d '{"title":"Hello","text":"by POST"}' -H 'Content-Type: application/json' \
--     http://localhost:8080/publish
--   redis-cli publish news '{"title":"Hello","text":"by Redis"}'
--
-- Redis is looked for at 127.0.0.1:6379, or where an argument says: `app.lua host:port`,
-- `app.lua /run/redis/redis.sock`. It may come later; POST works without it.

local json = require "cjson"
local ratchet = require "ratchet"

local LONGEST = 2000 -- bytes of each part

local news = ratchet.topic("news")

-- Readers only listen: what they send is not for anybody.
local Reader = {}

function Reader:onOpen(conn) news:add(conn) end

-- A piece of news as it goes out, or nil: whoever publishes is not trusted either.
local function read(text)
  local is_json, given = pcall(json.decode, text)
  if not is_json or type(given) ~= "table" then return nil end
  for _, name in ipairs{ "title", "text" } do
    if type(given[name]) ~= "string" or #given[name] > LONGEST then return nil end
  end
  return json.encode{ title = given.title, text = given.text }
end

-- Returns how many readers it went to, or nil when it is no news. What is not UTF-8
-- raises, as it cannot be sent.
local function publish(text)
  local piece = read(text)
  local is_sent, count = pcall(function() return piece and news:broadcast(piece) end)
  return is_sent and count or nil
end

local function address(where)
  if where:sub(1, 1) == "/" then return { path = where } end
  local host, port = where:match("^(.-):?(%d*)$")
  return { host = host ~= "" and host or "127.0.0.1", port = tonumber(port) or 6379 }
end

local redis = assert(ratchet.redis.connect(address(... or "127.0.0.1")))

redis:subscribe("news", function(text)
  if not publish(text) then ratchet.log("warn", "push: what Redis told is no news") end
end)

local app = ratchet.App("localhost", 8080)
app:route("/news", Reader)

-- A page of another site can post a form without being asked, but not JSON.
app:post("/publish", function(request)
  local kind = (request.headers["Content-Type"] or ""):lower():match("^[^;%s]*")
  if kind ~= "application/json" then return 415, { error = "send application/json" } end
  local count = publish(request.body)
  if not count then return 400, { error = 'send {"title":"...","text":"..."}' } end
  return 202, { readers = count }
end)

local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
app:get("/", function(_, response) return response:file(folder .. "page.html") end)

app:run()
