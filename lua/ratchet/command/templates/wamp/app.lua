-- @NAME@: publish and subscribe, and a procedure, over WAMP. Any WAMP client can take part:
-- AutobahnJS, autobahn of Python, and others; the page speaks it by itself.
--   the topic "news": what one publishes, a text, every subscriber hears
--   the procedure "count": how many have subscribed to a topic

local ratchet = require "ratchet"

local FOLDER = arg and arg[0] and arg[0]:match("^(.*)/") or "."
local LONGEST = 500 -- bytes of a text

local News = {}

function News:onCall(conn, id, topic, params)
  if topic.id ~= "count" then return conn:callError(id, "no_such_procedure", topic.id) end
  if type(params[1]) ~= "string" then return conn:callError(id, "bad_argument", topic.id) end
  return self.server:getTopic(params[1]):count()
end

-- Nothing is passed on by itself.
function News:onPublish(_, topic, event, exclude, eligible)
  if type(event) ~= "string" or #event > LONGEST then return false end
  topic:broadcast(event, exclude, eligible)
end

News.server = ratchet.wamp.WampServer(News)

local app = ratchet.App("localhost", 8080)
app:route("/wamp", News.server)
app:static("/", FOLDER .. "/public")
app:run()
