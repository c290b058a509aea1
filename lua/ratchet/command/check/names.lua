-- names - how a component or a function is called in its source. Tables have no names,
-- but `function Chat:onOpen(conn)` stands in the file where the function is.

local names = {}

---One line of a file, or nil.
---@param file string
---@param number integer
---@return string?
function names.line(file, number)
  local handle = io.open(file)
  if not handle then return nil end
  local count = 0
  for line in handle:lines() do
    count = count + 1
    if count == number then
      handle:close()
      return line
    end
  end
  handle:close()
end

---Where a function was written.
---@param fn function
---@return string? file nil when it has no source
---@return integer? line
function names.place(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" or info.source:sub(1, 1) ~= "@" then return nil end
  return info.source:sub(2), info.linedefined
end

-- The name in front of ":event" or ".event".
local function owner_in(line, event)
  return line:match("function%s+([%w_.]+)[:.]" .. event .. "%s*%(")
    or line:match("([%w_.]+)%." .. event .. "%s*=")
end

---The name of the table that has that event, as the source has it.
---@param value table|userdata
---@param event string that it has
---@return string? name
---@return string? file
---@return integer? line where the event is
function names.of_component(value, event)
  local fn = value[event]
  if type(fn) ~= "function" then return nil end
  local file, line = names.place(fn)
  if not file then return nil end
  return owner_in(names.line(file, line) or "", event), file, line
end

return names
