-- MemoryStore - sessions in the memory of this process, for sites that have no other
-- program, and for tests. They end with the process.
--
-- What a store is: read(id), write(id, bytes), destroy(id); and, where it can,
-- update(id, change), which lets nobody in between reading and writing.

local class = require "ratchet.class"
local options = require "ratchet.options"

local LIFETIME = 1440 -- seconds, as PHP's session.gc_maxlifetime

---@class ratchet.session.MemoryStore
local MemoryStore = class()

---@param given { lifetime: number? }? seconds that a session is kept after it was written
---@return ratchet.session.MemoryStore
function MemoryStore.new(given)
  given = options.check(given, { lifetime = "some_seconds" }, "MemoryStore")
  return setmetatable({
    lifetime = given.lifetime or LIFETIME,
    entries = {}, -- id to { bytes, the time that it ends }
    next_sweep = 0,
  }, MemoryStore)
end

-- At most twice in a lifetime everything is looked at.
local function sweep(store, now)
  if now < store.next_sweep then return end
  for id, entry in pairs(store.entries) do
    if entry[2] <= now then store.entries[id] = nil end
  end
  store.next_sweep = now + store.lifetime / 2
end

---@param id string
---@return string? bytes nil when there is no such session
function MemoryStore:read(id)
  local entry = self.entries[id]
  return entry and entry[2] > os.time() and entry[1] or nil
end

---@param id string
---@param bytes string
---@return true
function MemoryStore:write(id, bytes)
  local now = os.time()
  sweep(self, now)
  self.entries[id] = { bytes, now + self.lifetime }
  return true
end

---@param id string
---@param change fun(bytes: string?): string?, string? what to write, or nil and a reason
---@return true? written
---@return string? reason
function MemoryStore:update(id, change)
  local bytes, reason = change(self:read(id))
  if not bytes then return nil, reason end
  return self:write(id, bytes)
end

---@param id string
---@return true
function MemoryStore:destroy(id)
  self.entries[id] = nil
  return true
end

return MemoryStore
