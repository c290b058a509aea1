-- The app of test_allocation.c. A message that begins with "!" asks it to do something;
-- any other comes back. VERSION is written anew before each reload. The compiler is off:
-- what it asks for, and when, is another thing each time.

-- luacheck: globals allocation, ignore VERSION

jit.off()

local ratchet = require "ratchet"
local reload = require "ratchet.reload"
local part = require "part"

local certificate, key, redis_path = ...

local Chat = { everyone = {}, asked = 0 }

function Chat:versions() return VERSION, part.version() end

local function room() return ratchet.topic("room") end

-- One that an error has left open is closed by tidy().
local redis

local function tidy()
  if redis then redis:close() end
  redis = nil
end

local actions = {}

function actions.all(conn)
  for client in pairs(Chat.everyone) do client:send("one by one") end
  room():broadcast("by topic", { exclude = conn })
  room():broadcast(("long "):rep(5000))
end

function actions.join(conn)
  Chat.everyone[conn] = true
  room():add(conn)
  conn:send("joined")
end

function actions.close(conn)
  conn:send("last")
  conn:close(4000, "bye")
end

function actions.terminate(conn) conn:terminate() end

function actions.reload()
  reload.ask("reload", function(is_good) allocation.reloaded = is_good end)
end

function actions.redis(conn)
  redis = ratchet.redis.connect({ path = redis_path, reconnect = false })
  local set = redis:set("key", ("value "):rep(100))
  local replies = redis:pipeline(function(p) p:get("key") p:incr("count") end)
  tidy()
  conn:send(("%s %d"):format(tostring(set), replies and #replies or 0))
end

function Chat:onOpen(conn) conn.note = { #conn.httpRequest.path } end

function Chat:onMessage(conn, message, is_binary)
  local action = actions[message:match("^!(%a+)")]
  if action then action(conn) else conn:send(message, is_binary) end
end

function Chat:onClose(conn) self.everyone[conn] = nil end

-- What the test asks of it.
allocation = {
  tidy = tidy,
  reloaded = nil,
  versions = function() return table.concat({ Chat:versions() }, " ") end,
}

local app = ratchet.App({ host = "", port = 0 })
app:listen({ address = "127.0.0.1", port = 0, tls = { cert = certificate, key = key } })
app:route("/chat", Chat, { "*" })
app:route("/deflate", Chat, { "*" }, "", {
  deflate = { threshold = 0, serverContext = "dedicated", clientContext = "dedicated" },
})
app:run()
