-- generation - one state of the app's files: the app file and every Lua file below
-- its folder that it has loaded, with their texts. Its version is a short hash of
-- paths and texts, so the same code has the same version wherever it runs.

local native = require "ratchet.native"

---@class ratchet.reload.Generation
---@field version string eight hexadecimal digits
---@field files ratchet.reload.File[]
local generation = {}

---@param files ratchet.reload.File[] the app file first
---@param folder string what paths are relative to
---@return ratchet.reload.Generation
function generation.of(files, folder)
  local parts = {}
  for i, file in ipairs(files) do
    local path = file.path
    if path:sub(1, #folder) == folder then path = path:sub(#folder + 1) end
    parts[i] = ("%s\0%d\0%s"):format(path, #file.text, file.text)
  end
  table.sort(parts)
  return { version = native.core().digest(table.concat(parts)), files = files }
end

---The texts by their paths.
---@param of ratchet.reload.Generation
---@return table<string, string>
function generation.texts(of)
  local texts = {}
  for _, file in ipairs(of.files) do texts[file.path] = file.text end
  return texts
end

---What differs: "app.lua", "+ new.lua", "- gone.lua".
---@param old ratchet.reload.Generation
---@param new ratchet.reload.Generation
---@return string[]
function generation.changes(old, new)
  local before, after, changes = generation.texts(old), generation.texts(new), {}
  for _, file in ipairs(new.files) do
    if before[file.path] == nil then
      changes[#changes + 1] = "+ " .. file.path
    elseif before[file.path] ~= file.text then
      changes[#changes + 1] = file.path
    end
  end
  for _, file in ipairs(old.files) do
    if after[file.path] == nil then changes[#changes + 1] = "- " .. file.path end
  end
  return changes
end

-- Where each line begins, and where one behind the last would.
local function offsets(file)
  if file.offsets then return file.offsets end
  local found, at = { 1 }, file.text:find("\n", 1, true)
  while at do
    found[#found + 1] = at + 1
    at = file.text:find("\n", at + 1, true)
  end
  found[#found + 1] = #file.text + 1
  file.offsets = found
  return found
end

---Lines of a file.
---@param file ratchet.reload.File
---@param first integer
---@param last integer? `first` when not given
---@return string? text nil when the file has no such line
function generation.lines(file, first, last)
  local found = offsets(file)
  local from, to = found[first], found[(last or first) + 1]
  if not from or not to then return nil end
  return (file.text:sub(from, to - 1):gsub("\r?\n$", ""))
end

---The number of the line that a byte is in.
---@param file ratchet.reload.File
---@param at integer
---@return integer
function generation.line_at(file, at)
  local found = offsets(file)
  local low, high = 1, #found
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if found[middle] <= at then low = middle else high = middle end
  end
  return low
end

return generation
