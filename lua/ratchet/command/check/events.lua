-- events - is a component what it was meant to be? An event whose name is misspelt is
-- never called, and nothing says so while the server runs.

local component = require "ratchet.component"
local names = require "ratchet.command.check.names"
local nearest = require "ratchet.nearest"

local events = {}

-- What begins like an event, is none of a plain component, and means something.
local others = {
  "getSubProtocols", "onReload", "onCall", "onSubscribe", "onUnSubscribe", "onPublish",
}

local known = {}
for _, list in ipairs({ component.events, others }) do
  for _, name in ipairs(list) do known[#known + 1] = name end
end

local is_known = {}
for _, name in ipairs(known) do is_known[name] = true end

-- The names that a component answers to, its own and those of its class.
local function each_name(value, visit)
  local seen = {}
  while type(value) == "table" and not seen[value] do
    seen[value] = true
    for name, member in pairs(value) do
      if type(name) == "string" then visit(name, member) end
    end
    local metatable = debug.getmetatable(value)
    value = metatable and rawget(metatable, "__index")
  end
end

local function looks_like_event(name)
  return name:find("^[oO][nN]") ~= nil or name:find("^[gG][eE][tT]_?[sS][uU][bB]") ~= nil
end

-- Names of events are short and like each other, and onLine may be what it says.
local function meant_by(name)
  local plain = name:gsub("_", "")
  return nearest(plain, known, #plain < 9 and 1 or 2)
end

local function place_of(member)
  if type(member) ~= "function" then return nil end
  return names.place(member)
end

---What is wrong with the events of a component.
---@param value table|userdata
---@return table[] findings { level=, file=, line=, message= }
function events.check(value)
  local findings = {}
  local function add(level, member, message)
    local file, line = place_of(member)
    findings[#findings + 1] = { level = level, file = file, line = line, message = message }
  end
  each_name(value, function(name, member)
    if is_known[name] then
      if type(member) ~= "function" and type(member) ~= "table" then
        add("error", nil, ("%s must be a function; it is a %s"):format(name, type(member)))
      end
      return
    end
    local meant = type(member) == "function" and looks_like_event(name) and meant_by(name)
    if meant then
      add("error", member, ("%s is no event: did you mean %s?"):format(name, meant))
    end
  end)
  if component.has(value, "run") and component.has(value, "onMessage") then
    add("warning", value.onMessage, "onMessage is never called, for there is run")
  end
  table.sort(findings, function(a, b) return a.message < b.message end)
  return findings
end

---The events that a component has, in the order in which they are documented.
---@param value table|userdata
---@return string[]
function events.of(value)
  local list = {}
  for _, name in ipairs(known) do
    if component.has(value, name) then list[#list + 1] = name end
  end
  return list
end

return events
