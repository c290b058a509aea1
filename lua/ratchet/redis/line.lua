-- line - a connection to a Redis server that mends itself: it says who it is, tells
-- when it is up and when it is down, and tries again, later each time.
--
--   closed <- close -- connecting -> greeting -> up
--                           ^            |        |
--                           '- waiting <-'--------'

local class = require "ratchet.class"
local log = require "ratchet.log"
local native = require "ratchet.native"

local FIRST_DELAY = 0.05 -- seconds

---@class ratchet.redis.Line
---@field state "connecting"|"greeting"|"up"|"waiting"|"closed"
---@field link table|false of the core, while there is a connection
---@field reason string? why it was lost last
local Line = class()

---@param settings table checked options of ratchet.redis.connect
---@param events table { up = fn(), down = fn(reason, is_final), reply = fn(value, err) };
---  is_final: whoever waits for the connection waits in vain
---@return ratchet.redis.Line closed: connect() opens it
function Line.new(settings, events)
  return setmetatable({
    settings = settings,
    events = events,
    name = settings.path or ("%s:%d"):format(settings.host, settings.port),
    delay = FIRST_DELAY,
    state = "closed",
    link = false,
    greetings = 0,
    timer = false, -- until it has to be up, or shall try again
  }, Line)
end

local function stop_timer(line)
  if line.timer then line.timer:cancel() end
  line.timer = false
end

local function set_timer(line, seconds, fn)
  stop_timer(line)
  line.timer = native.core().after(seconds, fn)
end

function Line:connect()
  local settings = self.settings
  self.state = "connecting"
  set_timer(self, settings.connectTimeout, function()
    self:lose(("no connection within %g s"):format(settings.connectTimeout))
  end)
  self.link = native.core().redis{
    host = settings.host, port = settings.port, path = settings.path,
    maxReplySize = settings.maxReplySize,
    ready = function() self:greet() end,
    reply = function(value, err) return self:hear(value, err) end,
    lost = function(reason) self:lose(reason) end,
  }
end

-- What the server has to answer before anything else is said.
function Line:greet()
  local settings = self.settings
  self.state, self.greetings = "greeting", 0
  local function say(...)
    self.link:write(...)
    self.greetings = self.greetings + 1
  end
  if settings.username then
    say("AUTH", settings.username, settings.password)
  elseif settings.password then
    say("AUTH", settings.password)
  end
  if settings.db > 0 then say("SELECT", settings.db) end
  if self.greetings == 0 then self:rise() end
end

function Line:rise()
  stop_timer(self)
  self.state = "up"
  if self.was_lost then log("info", ("redis %s: connected again"):format(self.name)) end
  self.was_lost = false
  if self.is_paused then self.link:pause() end
  self.events.up()
end

function Line:hear(value, err)
  if self.state == "up" then
    self.delay = FIRST_DELAY -- it serves: the next loss is a new one
    return self.events.reply(value, err)
  end
  if err then return self:lose(err, true) end
  self.greetings = self.greetings - 1
  if self.greetings <= 0 then self:rise() end
end

-- Others that lost the same server at the same time shall not all come back at once.
local function next_delay(line)
  local delay = math.min(line.delay, line.settings.reconnectDelay)
  line.delay = line.delay * 2
  return delay * (0.5 + math.random() / 2)
end

---The connection is no good (any more). That it is tried again is settled before
---anything that may raise.
---@param reason string
---@param is_refused boolean? the server was there and does not want us
function Line:lose(reason, is_refused)
  if self.state == "closed" or self.state == "waiting" then return end
  local again, link = self.settings.reconnect, self.link
  self.link, self.reason = false, reason
  self.state = again and "waiting" or "closed"
  if again then
    set_timer(self, next_delay(self), function() self:connect() end)
  else
    stop_timer(self)
  end
  if link then link:close() end
  if not self.was_lost then
    log("warn", ("redis %s: %s%s"):format(self.name, reason, again and "; trying again" or ""))
  end
  self.was_lost = true
  self.events.down(reason, is_refused or not again)
end

---Stops and starts reading: the server keeps what it has to say, for a while.
function Line:pause()
  self.is_paused = true
  if self.state == "up" then self.link:pause() end
end

function Line:resume()
  self.is_paused = false
  if self.state == "up" then self.link:resume() end
end

---For good; nothing is told any more.
function Line:close()
  if self.link then self.link:close() end
  self.link, self.state = false, "closed"
  stop_timer(self)
end

return Line
