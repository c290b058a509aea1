-- report - says what a reload has done, or why it has done nothing.

local component = require "ratchet.component"
local generation = require "ratchet.reload.generation"
local listen = require "ratchet.server.listen"
local names = require "ratchet.reload.names"

local report = {}

local MOST = 12 -- names in a line

local function list_of(items)
  if #items <= MOST then return table.concat(items, ", ") end
  return ("%s and %d more"):format(table.concat(items, ", ", 1, MOST), #items - MOST)
end

local function add(lines, title, items)
  if #items > 0 then lines[#lines + 1] = ("%s: %s"):format(title, list_of(items)) end
end

-- Sorted, and each once.
local function tidy(items)
  local seen, result = {}, {}
  for _, item in ipairs(items) do
    if not seen[item] then result[#result + 1] = item end
    seen[item] = true
  end
  table.sort(result)
  return result
end

local function shown(fn, files)
  local name, place = names.of(fn, files)
  return ("%s (%s)"):format(name, place)
end

-- The files whose text is another now, as sources of functions.
local function changed_sources(given)
  local changed = {}
  for _, file in ipairs(given.new.list) do
    local before = given.old.list[file.path]
    changed["@" .. file.path] = not before or before.text ~= file.text
  end
  return changed
end

local function functions_of(given)
  local replaced, added, gone = {}, {}, {}
  local sources, changed = given.new.survey.sources, changed_sources(given)
  for old, new in pairs(given.twins.heirs) do
    if changed[sources[new]] and not names.is_same(old, given.old.list, new, given.new.list) then
      replaced[#replaced + 1] = shown(new, given.new.list)
    end
  end
  for _, new in ipairs(given.new.survey.functions) do
    if not given.twins.new_of_heir[new] then added[#added + 1] = shown(new, given.new.list) end
  end
  for _, old in ipairs(given.old.survey.functions) do
    if not given.twins.heirs[old] then gone[#gone + 1] = shown(old, given.old.list) end
  end
  return tidy(replaced), tidy(added), tidy(gone)
end

-- Components, modules and servers are kept as a matter of course.
local function is_plain_state(value, given)
  if type(value) ~= "table" then return true end
  if given.twins.foreign[value] then return false end
  for _, module in pairs(given.old.modules) do
    if rawequal(module, value) then return false end
  end
  return not component.is(value) and not component.has(value, "handle")
end

local function locals_kept(given)
  local kept = {}
  for _, cell in ipairs(given.merge.kept) do
    if is_plain_state(cell.live, given) then
      kept[#kept + 1] = ("%s (%s)"):format(cell.name,
        names.place_of_local(cell.name, cell.source, given.new.list))
    end
  end
  return tidy(kept)
end

local function routes_of(twins)
  local routes = {}
  for _, route in ipairs(twins.routes_added) do routes[#routes + 1] = "+ " .. route.path end
  for _, route in ipairs(twins.routes_gone) do routes[#routes + 1] = "- " .. route.path end
  for _, route in ipairs(twins.routes_late) do
    routes[#routes + 1] = route.path .. " (added by a handler, kept)"
  end
  return tidy(routes)
end

local function addresses_of(changes)
  local lines = {}
  for _, one in ipairs(changes.opened) do lines[#lines + 1] = "+ " .. listen.shown(one.bound) end
  for _, one in ipairs(changes.closed) do lines[#lines + 1] = "- " .. listen.shown(one.bound) end
  for _, one in ipairs(changes.renewed) do
    lines[#lines + 1] = listen.shown(one.bound) .. " (new options, for new connections)"
  end
  return lines
end

local function timers_of(counts, files)
  local items = {}
  if counts.kept > 0 then items[#items + 1] = counts.kept .. " kept" end
  if counts.rebound > 0 then items[#items + 1] = counts.rebound .. " bound to new functions" end
  for _, one in ipairs(counts.cancelled) do
    items[#items + 1] = "cancelled " .. shown(one.fn, files)
  end
  return items
end

local function waiting(ids, tasks)
  local items = {}
  for i, id in ipairs(ids) do items[i] = "connection " .. id end
  if tasks > 0 then items[#items + 1] = ("%d spawned"):format(tasks) end
  return items
end

---@param given table kind, old and new (states), twins, merge, pause (ms), outdated
---@return string several lines
function report.of(given)
  local replaced, added, gone = functions_of(given)
  local lines = { "" }
  add(lines, "files", generation.changes(given.old.generation, given.new.generation))
  add(lines, "functions replaced", replaced)
  add(lines, "functions added", added)
  add(lines, "functions gone", gone)
  add(lines, "constants changed", tidy(given.merge.changed))
  add(lines, "locals kept", locals_kept(given))
  add(lines, "routes", routes_of(given.twins))
  add(lines, "addresses", addresses_of(given.new.addresses))
  add(lines, "timers", timers_of(given.new.timers, given.old.list))
  add(lines, "still in old code", waiting(given.outdated[1], given.outdated[2]))
  lines[1] = ("%s %s -> %s in %.1f ms"):format(given.kind, given.old.generation.version,
    given.new.generation.version, given.pause)
  return table.concat(lines, "\n")
end

-- ---- what is wrong

---For xpcall: the message with its traceback.
---@param err any
---@return { message: string, trace: string }
function report.failure(err)
  if type(err) == "table" and err.trace then return err end
  if type(err) ~= "string" then
    return { message = ("a %s was raised"):format(type(err)), trace = "" }
  end
  return { message = err, trace = debug.traceback("", 2) }
end

-- Long paths are cut at their front in messages.
local function file_of(path, files, failed)
  local tail = path:gsub("^%.%.%.", "")
  local function is_it(file)
    return file.path:sub(-#tail) == tail
  end
  if failed and is_it(failed) then return failed end
  for _, file in ipairs(files) do
    if is_it(file) then return file end
  end
end

---The message, with the line of the source that it names below it.
---@param failure { message: string, trace: string }
---@param files ratchet.reload.File[]
---@param failed ratchet.reload.File? one that did not compile
---@return string
function report.error(failure, files, failed)
  local text = failure.message
  local path, number = text:match("([^%s:']+%.lua):(%d+):")
  local file = path and file_of(path, files, failed)
  local line = file and generation.lines(file, tonumber(number))
  if line then text = ("%s\n%5s | %s"):format(text, number, line) end
  return text
end

return report
