-- RedisStore - sessions in Redis, under the keys of phpredis (session.save_handler =
-- redis): PHPREDIS_SESSION:<id>, with a lifetime. Where phpredis locks
-- (redis.session.locking_enabled), it holds <key>_LOCK while a script runs; writing waits
-- for that. Between reading and writing nobody comes in: a script in Redis compares.

local class = require "ratchet.class"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"
local redis_client = require "ratchet.redis"

local LIFETIME = 1440 -- seconds, as PHP's session.gc_maxlifetime
local LOCK_TIMEOUT = 10
local MAX_SIZE = 1048576
local SHORTEST_PAUSE, LONGEST_PAUSE = 0.002, 0.1

-- Writes when the key still is what was read: "" in ARGV[1] is that there was none.
local COMPARE_AND_SET = [[
if redis.call('EXISTS', KEYS[2]) == 1 then return 'locked' end
local now = redis.call('GET', KEYS[1])
if (now and 's' .. now or '') ~= ARGV[1] then return 'changed' end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 'set'
]]

---@class ratchet.session.RedisStore
local RedisStore = class()

local own = {
  prefix = "string", lifetime = "count", lockTimeout = "some_seconds", maxSize = "bytes",
  redis = "table",
}

-- The options that are not ours are those of ratchet.redis.connect.
local function split(given)
  local ours, theirs = {}, {}
  for name, value in pairs(given or {}) do
    local part = own[name] and ours or theirs
    part[name] = value
  end
  options.check(theirs, options.join(own, redis_client.options), "RedisStore")
  return options.check(ours, own, "RedisStore"), theirs
end

---@param given table? prefix = "PHPREDIS_SESSION:", lifetime = 1440 seconds after a write,
---  lockTimeout = 10 seconds, maxSize = 1 MiB; and `redis`, a client, or the options of
---  ratchet.redis.connect
---@return ratchet.session.RedisStore
function RedisStore.new(given)
  local ours, theirs = split(given)
  if ours.redis and next(theirs) ~= nil then
    raise('RedisStore: option "%s" goes to ratchet.redis.connect; redis has been given',
      tostring(next(theirs)))
  end
  return setmetatable({
    prefix = ours.prefix or "PHPREDIS_SESSION:",
    lifetime = ours.lifetime or LIFETIME,
    lock_timeout = ours.lockTimeout or LOCK_TIMEOUT,
    max_size = ours.maxSize or MAX_SIZE,
    redis = ours.redis, settings = theirs,
  }, RedisStore)
end

-- Connected when it is first asked, so that an app file loads without a server.
local function client_of(store)
  if store.redis then return store.redis end
  local redis, reason = redis_client.connect(store.settings)
  store.redis = redis
  return redis, reason
end

---@param id string
---@return string? bytes nil, and no reason, when there is no such session
---@return string? reason
function RedisStore:read(id)
  local redis, no_client = client_of(self)
  if not redis then return nil, no_client end
  local bytes, reason = redis:get(self.prefix .. id)
  if bytes and #bytes > self.max_size then
    return nil, ("it has %d bytes; %d is the most"):format(#bytes, self.max_size)
  end
  return bytes, reason
end

-- What could not be read again is not written.
local function check_size(store, bytes)
  if #bytes <= store.max_size then return true end
  return nil, ("it would have %d bytes; %d is the most"):format(#bytes, store.max_size)
end

---@param id string
---@param bytes string
---@return true? written
---@return string? reason
function RedisStore:write(id, bytes)
  local fits, too_large = check_size(self, bytes)
  if not fits then return nil, too_large end
  local redis, no_client = client_of(self)
  if not redis then return nil, no_client end
  local done, reason = redis:set(self.prefix .. id, bytes, "EX", self.lifetime)
  return done and true or nil, reason
end

-- "set", "changed", "locked", or nil and a reason.
local function compare_and_set(store, id, before, after)
  local redis, key = store.redis, store.prefix .. id
  return redis:eval(COMPARE_AND_SET, 2, key, key .. "_LOCK", before and "s" .. before or "",
    after, store.lifetime)
end

---@param id string
---@param change fun(bytes: string?): string?, string?
---@return true? written
---@return string? reason
function RedisStore:update(id, change)
  local waited, pause = 0, SHORTEST_PAUSE
  while true do
    local before, reason = self:read(id)
    if reason then return nil, reason end
    local after
    after, reason = change(before)
    if not after then return nil, reason end
    local fits, too_large = check_size(self, after)
    if not fits then return nil, too_large end
    local outcome
    outcome, reason = compare_and_set(self, id, before, after)
    if outcome == "set" then return true end
    if not outcome then return nil, reason end
    if waited >= self.lock_timeout then
      return nil, ("it was %s for over %g seconds"):format(outcome, waited)
    end
    native.core().sleep(pause)
    waited, pause = waited + pause, math.min(pause * 2, LONGEST_PAUSE)
  end
end

---@param id string
---@return true? destroyed also when there was none
---@return string? reason
function RedisStore:destroy(id)
  local redis, no_client = client_of(self)
  if not redis then return nil, no_client end
  local count, reason = redis:del(self.prefix .. id)
  return count and true or nil, reason
end

return RedisStore
