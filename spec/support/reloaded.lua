-- reloaded - two loads of a text, the second brought into the first: what a reload
-- does, without a server.

local Journal = require "ratchet.reload.journal"
local Merge = require "ratchet.reload.merge"
local Twins = require "ratchet.reload.twins"
local immutable = require "ratchet.reload.immutable"
local survey = require "ratchet.reload.survey"

local function is_own(source) return source == "@app.lua" end

local function load_text(text, foreign)
  local chunk = assert(loadstring(text, "@app.lua"))
  local made = { module = chunk() }
  made.marks = immutable.read(chunk)
  made.survey = survey({ made.module }, is_own, foreign)
  return made
end

---Loads `before`, has `live` done with what it returns, then brings `after` in.
---@param before string
---@param after string
---@param live fun(module: any)?
---@param foreign table?
---@return any module the live one
---@return table result with twins, merge, journal and new, what `after` returns
local function reloaded(before, after, live, foreign)
  foreign = foreign or {}
  local old = load_text(before, foreign)
  if live then live(old.module) end
  local new = load_text(after, foreign)
  local twins = Twins(old.survey, new.survey, foreign, function() return false end)
  twins:pair(old.module, new.module)
  twins:find()
  local journal = Journal()
  local merge = Merge(twins, journal, function(fn, index)
    local is_immutable = immutable.is(old.marks, fn, index)
    if is_immutable == nil then return nil end
    return not is_immutable
  end, function() return false end)
  merge:run({})
  return old.module, { twins = twins, merge = merge, journal = journal, new = new.module }
end

return reloaded
