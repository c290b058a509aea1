-- pool - the connections to servers that nobody uses at the moment, for the next
-- request to the same server. The core ends one by itself when its server does, when
-- a byte comes that nobody asked for, and when it has rested for its time; here such
-- a one is passed over, and thrown away at the latest when the pool is full.

local pool = {}

local MOST_OF_A_SERVER = 32
local MOST = 256
-- Servers end what is silent, many after five seconds; a request that crosses such
-- an end would be lost.
local REST = 4

local idle = {} -- key -> list; the last has rested least
local count = 0 -- of all lists, dead ones too

local function throw_away_dead()
  count = 0
  for key, list in pairs(idle) do
    local alive = {}
    for _, caller in ipairs(list) do
      if caller:isOpen() then alive[#alive + 1] = caller end
    end
    idle[key] = #alive > 0 and alive or nil
    count = count + #alive
  end
end

---Takes one out that is still open.
---@param key string which server
---@return ratchet.Caller?
function pool.take(key)
  local list = idle[key]
  while list and #list > 0 do
    local caller = table.remove(list)
    count = count - 1
    if #list == 0 then idle[key] = nil end
    if caller:isOpen() then return caller end
  end
end

-- "Keep-Alive: timeout=5" says when the server ends it: a second earlier is safe.
local function rest_of(answer)
  local seconds = tonumber((answer.headers["keep-alive"] or ""):lower():match("timeout=(%d+)"))
  return seconds and math.min(seconds - 1, REST) or REST
end

---Puts one back after an answer, if it is open and there is room; else it is closed.
---@param key string
---@param caller ratchet.Caller
---@param answer ratchet.fetch.Answer
function pool.give(key, caller, answer)
  local rest = caller:isOpen() and rest_of(answer) or 0
  if count >= MOST then throw_away_dead() end
  local list = idle[key] or {}
  if rest <= 0 or #list >= MOST_OF_A_SERVER or count >= MOST then
    caller:close()
    return
  end
  caller:rest(rest)
  list[#list + 1] = caller
  idle[key] = list
  count = count + 1
end

return pool
