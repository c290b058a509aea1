-- reach - can a route be reached? Of routes whose paths have pieces the one that was
-- added first answers; what stands behind it, and matches nothing else, never does.

local host = require "ratchet.http.host"
local pattern = require "ratchet.http.pattern"

local reach = {}

-- What is put in the place of a piece, to see who would answer.
local SAMPLES = { "a", "abc", "x1", "1", "42", "2024-01-31", "a-b_c", "a.txt", "A", "a/b", "" }

local function compiled(path)
  if not pattern.has_pieces(path) then return nil end
  return pattern.compile(path, "[^/]+")
end

local function matches(path, sample)
  local lua_pattern, names = compiled(path)
  if not lua_pattern then return path == sample end
  return pattern.match(sample, lua_pattern, names) ~= nil
end

-- A path with each piece replaced by the same sample.
local function filled(path, sample)
  return (path:gsub("%b{}", function() return sample end))
end

-- Would every request for the host of `other` also be for that of `first`?
local function covers_host(first, other)
  if first.host == "" then return true end
  return host.key(first.host) == host.key(other.host)
end

local function covers_method(first, other)
  return first.method == other.method
end

-- Paths that the route was made for, as far as the samples fit its pieces.
local function examples(route)
  local list = {}
  for _, sample in ipairs(SAMPLES) do
    local path = filled(route.path, sample)
    if matches(route.path, path) then list[#list + 1] = path end
  end
  return list
end

local function takes_all(first, paths)
  for _, path in ipairs(paths) do
    if not matches(first.path, path) then return false end
  end
  return #paths > 0
end

---The routes that are never asked, each with the one that is asked in its place.
---@param routes ratchet.Rehearsal.Route[] in the order in which they were added
---@return { route: table, instead: table }[]
function reach.unreachable(routes)
  local found = {}
  for i, route in ipairs(routes) do
    local paths = pattern.has_pieces(route.path) and examples(route) or {}
    for j = 1, i - 1 do
      local first = routes[j]
      local is_rival = first.router == route.router and pattern.has_pieces(first.path)
        and covers_method(first, route) and covers_host(first, route)
      if is_rival and takes_all(first, paths) then
        found[#found + 1] = { route = route, instead = first }
        break
      end
    end
  end
  return found
end

return reach
