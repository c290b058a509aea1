-- check - `ratchet-lua check app.lua`: loads an app without serving it, shows what it
-- would serve, and finds what would go wrong without a word while it runs.

local App = require "ratchet.app"
local arguments = require "ratchet.arguments"
local bytecode = require "ratchet.command.check.bytecode"
local component = require "ratchet.component"
local events = require "ratchet.command.check.events"
local layers = require "ratchet.command.check.layers"
local linter = require "ratchet.command.check.linter"
local names = require "ratchet.command.check.names"
local reach = require "ratchet.command.check.reach"
local rehearsal = require "ratchet.command.check.rehearsal"

local usage = {
  name = "check",
  operands = { "app.lua" },
  options = { format = { "text", "json" } },
  help = [[
usage: ratchet-lua check [options] app.lua

Loads an app without listening, prints its routes, and finds mistakes: misspelt
events, unknown options, routes that clash or are never reached, globals that are
written, what a reload cannot carry; and what luacheck says, where it is installed.

  --format FORM  text (default) or json
  --help         this text

Exit status: 0 nothing was found, 1 something was, 2 wrong usage.
]],
}

local library = debug.getinfo(1, "S").source:match("^@(.*)command/check%.lua$")

-- ---- what is looked for

local function add(findings, level, file, line, message)
  findings[#findings + 1] = { level = level, file = file, line = line, message = message }
end

local function check_served(found, findings)
  for _, made in ipairs(found.made) do
    local is_run = false
    for _, served in ipairs(found.served) do
      if served == made.app or served.app == made.app then is_run = true end
    end
    if not is_run then
      add(findings, "error", made.file, made.line,
        "this app listens nowhere: app:run() is missing")
    end
  end
  if #found.served == 0 and #found.made == 0 and #findings == 0 then
    add(findings, "error", found.path, nil,
      "it listens nowhere: its last line should be app:run()")
  end
end

local function check_reach(found, findings)
  for _, pair in ipairs(reach.unreachable(found.routes)) do
    add(findings, "error", pair.route.file, pair.route.line,
      ("%s %s is never reached: %s of line %d takes what it is for; add that one later"):format(
        pair.route.method, pair.route.path, pair.instead.path, pair.instead.line))
  end
end

-- A component, and those that it has in its fields: what a WampServer calls.
local function each_component(value, visit)
  visit(value)
  for _, inner in pairs(type(value) == "table" and value or {}) do
    if type(inner) == "table" and #events.of(inner) > 0 then visit(inner) end
  end
end

local function check_events(entries, findings)
  local seen = {}
  for _, entry in ipairs(entries) do
    local function check_one(value)
      if seen[value] then return end
      seen[value] = true
      for _, finding in ipairs(events.check(value)) do
        add(findings, finding.level, finding.file or entry.route.file,
          finding.line or entry.route.line, finding.message)
      end
    end
    if entry.found.kind == "component" then each_component(entry.found.value, check_one) end
  end
end

local NOT_CARRIED = {
  cdef = "ffi.cdef raises when it runs a second time, at a reload; move it into a module "
    .. "outside of the app's folder, or behind pcall",
  metatype = "ffi.metatype can be set once only, and raises at a reload; move it into a module "
    .. "outside of the app's folder",
}

-- A local function may write what the file has not written yet: all of it is read.
local function check_file(path, is_written, findings)
  local chunk = loadfile(path)
  if not chunk then return end
  for _, write in ipairs(bytecode.globals_written(chunk)) do
    if not is_written[path .. write.name] then
      is_written[path .. write.name] = true
      add(findings, "warning", path, write.line,
        ("global %s is written: say local, or keep it in the component; a global is shared by "
          .. "all files"):format(write.name))
    end
  end
  for _, read in ipairs(bytecode.fields_read(chunk, NOT_CARRIED)) do
    local is_caught = (names.line(path, read.line) or ""):find("pcall", 1, true)
    if not is_caught then add(findings, "warning", path, read.line, NOT_CARRIED[read.name]) end
  end
end

-- luacheck tells of globals too, at each line that has one.
local function is_told(findings, finding)
  local name = finding.message:match("variable '([^']+)'.*W11%d") or
    finding.message:match("variable ([%w_]+).*W11%d")
  if not name then return false end
  for _, other in ipairs(findings) do
    if other.file == finding.file and other.message:find("^global " .. name .. " ") then
      return true
    end
  end
  return false
end

local function check_style(found, findings)
  local more = linter.run(found.files, found.folder)
  if not more then return false end
  for _, finding in ipairs(more) do
    if not is_told(findings, finding) then findings[#findings + 1] = finding end
  end
  return true
end

local function sort(findings)
  for i, finding in ipairs(findings) do finding.order = i end
  table.sort(findings, function(a, b)
    if a.file ~= b.file then return tostring(a.file) < tostring(b.file) end
    if a.line ~= b.line then return (a.line or 0) < (b.line or 0) end
    return a.order < b.order
  end)
  for _, finding in ipairs(findings) do finding.order = nil end
end

-- ---- what is shown

local function entries_of(found)
  local entries = {}
  for _, route in ipairs(found.routes) do
    entries[#entries + 1] = { route = route, found = layers.describe(route.target) }
  end
  for _, server in ipairs(found.served) do
    if getmetatable(server) ~= App and getmetatable(server.app) ~= App then
      local is_http = component.has(server.app, "handle")
      local described = is_http and layers.describe(server.app)
        or { kind = "component", value = server.app, scheme = "tcp", options = {} }
      entries[#entries + 1] = { found = described, route = {
        method = described.scheme == "tcp" and "" or "GET", path = is_http and "/" or "",
        host = "", file = found.path, router = server } }
    end
  end
  return entries
end

-- How the source calls it, and where that is.
local function name_of(described)
  local value = described.value
  if described.kind == "folder" then return "files of " .. value end
  if described.kind == "function" then return "function", names.place(value) end
  local event = described.kind == "component" and events.of(value)[1] or "handle"
  if not event or not component.has(value, event) then return described.kind end
  local name, file, line = names.of_component(value, event)
  if file and file:sub(1, #library) == library then return name end
  return name or described.kind, file, line
end

local function row_of(entry)
  local route, described = entry.route, entry.found
  local name, file, line = name_of(described)
  return {
    scheme = described.scheme, method = route.method, path = route.path,
    host = route.host, origins = described.origins, file = route.file, line = route.line,
    component = name, kind = described.kind, at = file and file .. ":" .. line,
    events = described.kind == "component" and events.of(described.value) or {},
    options = described.options,
  }
end

local function method_shown(row)
  return row.scheme == "http" and row.method or row.scheme:upper()
end

local function table_text(rows)
  local cells, widths = {}, { 0, 0, 0 }
  for i, row in ipairs(rows) do
    cells[i] = { method_shown(row), row.path == "" and "-" or row.path,
      row.host == "" and "any host" or row.host }
    for n = 1, 3 do widths[n] = math.max(widths[n], #cells[i][n]) end
  end
  local lines = {}
  for i, row in ipairs(rows) do
    local line = {}
    for n = 1, 3 do line[n] = cells[i][n] .. (" "):rep(widths[n] - #cells[i][n]) end
    line[4] = row.component .. (row.at and (" (%s)"):format(row.at) or "")
    lines[#lines + 1] = "  " .. table.concat(line, "  ")
    local function detail(label, text)
      if text ~= "" then lines[#lines + 1] = ("      %s: %s"):format(label, text) end
    end
    detail("events", table.concat(row.events, ", "))
    if row.scheme == "ws" then
      detail("origins", row.origins and table.concat(row.origins, ", ") or "everybody's")
    end
    local options = {}
    for name, value in pairs(row.options) do
      options[#options + 1] = name .. " = " .. tostring(value)
    end
    table.sort(options)
    detail("options", table.concat(options, ", "))
  end
  return table.concat(lines, "\n")
end

local function print_text(path, rows, findings, has_luacheck)
  print(path)
  if #rows > 0 then print(table_text(rows)) end
  for _, finding in ipairs(findings) do
    print(("%s%s: %s: %s"):format(finding.file or path,
      finding.line and ":" .. finding.line or "", finding.level, finding.message))
  end
  if not has_luacheck then
    print("luacheck, which finds more, is not installed: apt-get install lua-check")
  end
  print(#findings == 0 and "nothing was found" or #findings == 1 and "1 finding"
    or #findings .. " findings")
end

-- cjson takes an empty table for an object. Within strings quotes are escaped, so that
-- only keys look like this.
local function with_empty_lists(text)
  for _, key in ipairs({ "routes", "findings", "events", "origins" }) do
    text = text:gsub('"' .. key .. '":{}', '"' .. key .. '":[]')
  end
  return text
end

local function print_json(path, rows, findings)
  for _, row in ipairs(rows) do row.origins = row.origins or { "*" } end
  print(with_empty_lists(require("cjson").encode{
    app = path, ok = #findings == 0, routes = rows, findings = findings,
  }))
end

local function look(path)
  local found = rehearsal.load(path)
  local findings = found.findings
  local is_loaded = #findings == 0 or #found.made + #found.served > 0
  local entries = entries_of(found)
  if is_loaded then check_served(found, findings) end
  check_reach(found, findings)
  check_events(entries, findings)
  local is_written = {}
  for _, file in ipairs(found.files) do check_file(file, is_written, findings) end
  local has_luacheck = check_style(found, findings)
  sort(findings)
  local rows = {}
  for i, entry in ipairs(entries) do rows[i] = row_of(entry) end
  return rows, findings, has_luacheck
end

local function check(given)
  local path = given[1]
  local handle, why = io.open(path)
  if not handle then
    io.stderr:write(("ratchet-lua check: cannot read %s\n"):format(why))
    return 1
  end
  handle:close()
  local rows, findings, has_luacheck = look(path)
  if given.format == "json" then
    print_json(path, rows, findings)
  else
    print_text(path, rows, findings, has_luacheck)
  end
  return #findings == 0 and 0 or 1
end

---@param ... string what follows the command's name
---@return integer status
return function(...)
  return arguments.run({ ... }, usage, check)
end
