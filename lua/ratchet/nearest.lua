-- nearest - which known name was probably meant by an unknown one? The measure
-- is the edit distance (insert, delete, replace, or swap two neighbours), in which
-- a wrong case counts half.

local function cost(a, b)
  if a == b then return 0 end
  return a:lower() == b:lower() and 0.5 or 1
end

local function is_swap(a, b, i, j)
  return i > 1 and j > 1 and a:sub(i, i) == b:sub(j - 1, j - 1)
    and a:sub(i - 1, i - 1) == b:sub(j, j)
end

local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    rows[i] = row
    for j = 1, #b do
      local replaced = rows[i - 1][j - 1] + cost(a:sub(i, i), b:sub(j, j))
      row[j] = math.min(rows[i - 1][j] + 1, row[j - 1] + 1, replaced)
      if is_swap(a, b, i, j) then row[j] = math.min(row[j], rows[i - 2][j - 2] + 1) end
    end
  end
  return rows[#a][#b]
end

---The known name that is nearest to `name`, or nil when none is near enough to
---be meant: about one letter in three may differ.
---@param name string
---@param known string[]
---@param most number? how far the two may be apart, in place of that
---@return string?
local function nearest(name, known, most)
  local best
  local best_distance = most or math.max(2, math.ceil(#name / 3))
  for _, candidate in ipairs(known) do
    local d = distance(name, candidate)
    if d < best_distance or (d == best_distance and not best) then
      best, best_distance = candidate, d
    end
  end
  return best
end

return nearest
