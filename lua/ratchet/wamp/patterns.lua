-- patterns - the subscriptions that are for more than one topic: all that begin with
-- something ("prefix"), or that leave some of their parts open ("wildcard":
-- "com..created"). Finding those that match a name costs by the name's length and
-- parts, not by the number of patterns.

local Topic = require "ratchet.wamp.topic"
local class = require "ratchet.class"

---@class ratchet.wamp.Patterns
---@field count integer
local Patterns = class()

local HERE = 1 -- in a node of the tree: the topic that ends there; parts are strings

---@param manager ratchet.wamp.TopicManager
---@return ratchet.wamp.Patterns
function Patterns.new(manager)
  return setmetatable({
    manager = manager,
    count = 0,
    prefixes = {}, -- prefix to topic
    lengths = {}, -- length to the number of prefixes that have it
    tree = {}, -- of wildcards, by their parts
  }, Patterns)
end

local function parts_of(name)
  local parts = {}
  for part in (name .. "."):gmatch("([^.]*)%.") do parts[#parts + 1] = part end
  return parts
end

local function node_of(tree, id)
  for _, part in ipairs(parts_of(id)) do
    tree[part] = tree[part] or {}
    tree = tree[part]
  end
  return tree
end

---The topic of a pattern, made when there is none.
---@param id string
---@param match "prefix"|"wildcard"
---@return ratchet.wamp.Topic
function Patterns:get(id, match)
  if match == "prefix" then
    if not self.prefixes[id] then
      self.prefixes[id] = Topic(id, self.manager, match)
      self.lengths[#id] = (self.lengths[#id] or 0) + 1
      self.count = self.count + 1
    end
    return self.prefixes[id]
  end
  local node = node_of(self.tree, id)
  if not node[HERE] then
    node[HERE] = Topic(id, self.manager, match)
    self.count = self.count + 1
  end
  return node[HERE]
end

local function remove_prefix(patterns, id)
  patterns.prefixes[id] = nil
  local left = patterns.lengths[#id] - 1
  patterns.lengths[#id] = left > 0 and left or nil
end

-- Nodes that lead nowhere go with it.
local function remove_wildcard(node, parts, at)
  if at > #parts then
    node[HERE] = nil
  else
    local below = node[parts[at]]
    remove_wildcard(below, parts, at + 1)
    if next(below) == nil then node[parts[at]] = nil end
  end
end

---Forgets the topic of a pattern that has no subscribers any more.
---@param topic ratchet.wamp.Topic
function Patterns:remove(topic)
  if topic.match == "prefix" then
    remove_prefix(self, topic.id)
  else
    remove_wildcard(self.tree, parts_of(topic.id), 1)
  end
  self.count = self.count - 1
end

local function collect(node, parts, at, found)
  if at > #parts then
    found[#found + 1] = node[HERE]
    return
  end
  local exact, any = node[parts[at]], node[""]
  if exact then collect(exact, parts, at + 1, found) end
  if any and any ~= exact then collect(any, parts, at + 1, found) end
end

---The topics of the patterns that a name matches.
---@param name string
---@return ratchet.wamp.Topic[]
function Patterns:matching(name)
  local found = {}
  for length in pairs(self.lengths) do
    if length <= #name then found[#found + 1] = self.prefixes[name:sub(1, length)] end
  end
  if next(self.tree) ~= nil then collect(self.tree, parts_of(name), 1, found) end
  return found
end

return Patterns
