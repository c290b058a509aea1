-- fake_redis - what the modules of the Redis client stand on, played by hand: links of
-- the core that a spec answers for, handlers that wait, and a clock that is moved.

local fake_core = require "support.fake_core"

local fake_redis = {}

local function command_text(...)
  local words = { ... }
  for i = 1, select("#", ...) do
    local kind = type(words[i])
    if kind ~= "string" and kind ~= "number" then return nil, i end
    words[i] = tostring(words[i])
  end
  return table.concat(words, " ") .. ";"
end

local function new_link(handlers)
  local link = {
    handlers = handlers, sent = "", is_closed = false, is_paused = false,
    ready = handlers.ready, reply = handlers.reply, lost = handlers.lost,
  }
  function link:append(bytes)
    if self.problem then return nil, self.problem end
    self.sent = self.sent .. bytes
    return true
  end
  function link:write(...)
    local text, bad = command_text(...)
    if not text then return nil, bad end
    return self:append(text)
  end
  -- What was sent since it was asked last.
  function link:taken()
    local sent = self.sent
    self.sent = ""
    return sent
  end
  function link:close() self.is_closed = true end
  function link:pause() self.is_paused = true end
  function link:resume() self.is_paused = false end
  return link
end

-- Handlers: each is a coroutine that runs until it waits; turn() lets those go on that
-- were woken.
local cancelled = {}
local function checked(first, ...)
  if first == cancelled then error("cancelled", 0) end
  return first, ...
end

local function add_waiting(core, fake)
  local tickets, ready, running = {}, {}, nil
  local function run(co, ...)
    local before = running
    running = co
    local ok, err = coroutine.resume(co, ...)
    running = before
    if not ok then error(err, 0) end
  end
  function core.ticket() return newproxy() end
  function core.checkWait()
    if not running or coroutine.running() ~= running then error("nothing can wait here") end
  end
  function core.wait(ticket)
    tickets[ticket] = coroutine.running()
    return checked(coroutine.yield())
  end
  function core.wake(ticket, ...)
    local co = tickets[ticket]
    if not co then return false end
    tickets[ticket] = nil
    ready[#ready + 1] = { co, select("#", ...), ... }
    return true
  end
  function core.spawn(fn, ...)
    ready[#ready + 1] = { coroutine.create(fn), select("#", ...), ... }
  end
  -- As the cancelling of a task: the wait raises.
  function fake.cancel(ticket)
    local co = tickets[ticket]
    tickets[ticket] = nil
    run(co, cancelled)
  end
  function fake.handler(fn, ...) run(coroutine.create(fn), ...) end
  function fake.turn()
    while #ready > 0 do
      local one = table.remove(ready, 1)
      run(one[1], unpack(one, 3, 2 + one[2]))
    end
  end
end

local function add_timers(core, fake)
  local timers, now = {}, 0
  local function new_timer(seconds, again, fn)
    local timer = { due = now + seconds * 1000, again = again and seconds * 1000, fn = fn }
    function timer:cancel() self.due = nil end
    timers[#timers + 1] = timer
    return timer
  end
  function core.after(seconds, fn) return new_timer(seconds, false, fn) end
  function core.every(seconds, fn) return new_timer(seconds, true, fn) end
  function fake.advance(seconds)
    for _ = 1, seconds * 1000 do
      now = now + 1
      for _, timer in ipairs(timers) do
        if timer.due and timer.due <= now then
          timer.due = timer.again and now + timer.again or nil
          timer.fn()
        end
      end
    end
  end
  function fake.timers()
    local running = 0
    for _, timer in ipairs(timers) do if timer.due then running = running + 1 end end
    return running
  end
end

---Puts a core with links, handlers and timers in place.
---@return table fake links (a list), handler(fn), turn(), advance(seconds), timers()
function fake_redis.install()
  local core = fake_core.install()
  local fake = { links = {}, core = core }
  core.redisCommand = command_text
  function core.redis(handlers)
    local link = new_link(handlers)
    fake.links[#fake.links + 1] = link
    return link
  end
  add_waiting(core, fake)
  add_timers(core, fake)
  return fake
end

fake_redis.remove = fake_core.remove

---Settings as ratchet.redis.connect makes them.
---@param more table?
---@return table
function fake_redis.settings(more)
  local settings = {
    host = "h", port = 1, db = 0, connectTimeout = 5, timeout = 1, reconnect = true,
    reconnectDelay = 2, maxReplySize = 1000, maxQueued = 10,
  }
  for name, value in pairs(more or {}) do settings[name] = value end
  return settings
end

return fake_redis
