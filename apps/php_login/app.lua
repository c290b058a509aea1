-- php_login: a page in PHP logs people in, and the chat knows who they are. The two share
-- nothing but PHP's sessions. In two terminals, with a folder for those:
--
--   mkdir -p -m 700 /tmp/php_login
--   php -d session.save_path=/tmp/php_login -S localhost:8000 apps/php_login/site/index.php
--   ratchet-lua apps/php_login/app.lua /tmp/php_login
--
-- and open http://localhost:8000/. Both have to run as the same user, as the files of
-- sessions are their owner's only. A site whose sessions are in Redis needs one other line:
-- ratchet.session.RedisStore{ host = "localhost" }.

local ratchet = require "ratchet"

local LONGEST = 2000 -- bytes of a message

-- What is said goes to everybody, with the name that the site knows.
local Chat = {}

local function everybody() return ratchet.topic("php_login") end

-- Before the WebSocket is there: who is not logged in does not come in.
function Chat:onUpgrade(request)
  local user, why = request.Session:get("user")
  if why then return 503, "Try again later.\n" end
  if type(user) ~= "string" then return 403, "Log in first.\n" end
end

-- Who logs out on the site leaves the chat within these seconds.
local function leave_when_logged_out(conn)
  if conn.Session:load() and conn.Session:get("user") ~= conn.user then
    conn:close(4001, "logged out")
  end
end

function Chat:onOpen(conn)
  conn.user = conn.Session:get("user") -- read already, in onUpgrade
  everybody():broadcast(conn.user .. " came in")
  everybody():add(conn)
  conn:send("Welcome, " .. conn.user .. ".")
  conn:every(2, leave_when_logged_out)
end

-- What is written to the session, the page of the site can tell.
local function count(conn)
  local said = tonumber(conn.Session:get("said")) or 0
  local saved, why = conn.Session:set("said", said + 1):save()
  if not saved then ratchet.log("warn", why) end
end

function Chat:onMessage(conn, message, isBinary)
  if isBinary or #message > LONGEST then return conn:close(1008, "2000 bytes of text at most") end
  count(conn)
  everybody():broadcast(conn.user .. ": " .. message)
end

function Chat:onClose(conn) everybody():broadcast(conn.user .. " left") end

function Chat:onError(conn) conn:close(1011) end

local store = ratchet.session.FileStore((...) or "/var/lib/php/sessions")

local app = ratchet.App("localhost", 8080)
app:route("/chat", ratchet.session.SessionProvider(Chat, store), { "localhost" })
app:run()
