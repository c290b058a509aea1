-- histogram - how long many things took, each within a hundredth of its value, in a
-- table whose size does not depend on how many there were.

local class = require "ratchet.class"

---@class ratchet.Histogram
---@field count integer
---@field least number seconds
---@field most number seconds
---@field sum number seconds
local Histogram = class()

local STEPS = 100 -- buckets for each factor of e: 1% wide
local FIRST = 1e-7 -- seconds; what is shorter counts as that
local BUCKETS = 2400 -- up to 2,600 seconds

local floor, log, exp = math.floor, math.log, math.exp

---@return ratchet.Histogram
function Histogram.new()
  local buckets = {}
  for i = 1, BUCKETS do buckets[i] = 0 end
  return setmetatable({
    buckets = buckets, count = 0, sum = 0, least = math.huge, most = 0,
  }, Histogram)
end

---@param seconds number
function Histogram:add(seconds)
  local place = seconds > FIRST and floor(log(seconds / FIRST) * STEPS) + 1 or 1
  if place > BUCKETS then place = BUCKETS end
  self.buckets[place] = self.buckets[place] + 1
  self.count, self.sum = self.count + 1, self.sum + seconds
  if seconds < self.least then self.least = seconds end
  if seconds > self.most then self.most = seconds end
end

-- The middle of a bucket, within what was seen.
local function value_of(histogram, place)
  local value = FIRST * exp((place - 0.5) / STEPS)
  return math.max(histogram.least, math.min(histogram.most, value))
end

---Below which that share of all lies.
---@param share number 0 to 1
---@return number? seconds nil when there is nothing
function Histogram:percentile(share)
  if self.count == 0 then return nil end
  if share >= 1 then return self.most end
  local wanted, seen = math.max(1, math.ceil(share * self.count)), 0
  for place = 1, BUCKETS do
    seen = seen + self.buckets[place]
    if seen >= wanted then return value_of(self, place) end
  end
end

---@return number? seconds
function Histogram:mean()
  if self.count > 0 then return self.sum / self.count end
end

---The same in a few rows, each twice as wide as the one before, without a gap.
---@return { from: number, to: number, count: integer }[]
function Histogram:rows()
  local counts, first, last = {}, nil, nil
  for place = 1, BUCKETS do
    if self.buckets[place] > 0 then
      local row = floor(log(value_of(self, place) / FIRST) / log(2))
      counts[row] = (counts[row] or 0) + self.buckets[place]
      first, last = first or row, row
    end
  end
  local rows = {}
  for row = first or 1, last or 0 do
    rows[#rows + 1] = { from = FIRST * 2 ^ row, to = FIRST * 2 ^ (row + 1),
      count = counts[row] or 0 }
  end
  return rows
end

return Histogram
