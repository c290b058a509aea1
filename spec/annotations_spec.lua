-- What editors know of the API is what the code is: each function that an app can reach
-- says what it takes, under the names that it has, and lua/README.md tells of it.

local lfs = require "lfs"

local LIBRARY = "lua/ratchet"

local function each_module(visit, folder)
  folder = folder or ""
  for name in lfs.dir(LIBRARY .. folder) do
    local path = folder .. "/" .. name
    if lfs.attributes(LIBRARY .. path, "mode") == "directory" then
      local is_left_out = name:sub(1, 1) == "." or name == "templates"
      if not is_left_out then each_module(visit, path) end
    elseif name:find("%.lua$") then
      visit(LIBRARY .. path)
    end
  end
end

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

-- The names of the parameters in parentheses; "_" and what begins with it is not told of.
local function parameters_of(text)
  local names = {}
  for name in text:gmatch("[%w_.]+") do
    if not name:find("^_") then names[#names + 1] = name end
  end
  return names
end

-- The comment above that line, and the names that it has for parameters.
local function annotated(lines, number)
  local names, is_typed = {}, false
  local first = number
  while first > 1 and lines[first - 1]:find("^%-%-%-") do first = first - 1 end
  for i = first, number - 1 do
    local name = lines[i]:match("^%-%-%-@param%s+([%w_.]+)%??%s")
    if name and not name:find("^_") then names[#names + 1] = name end
    is_typed = is_typed or lines[i]:find("^%-%-%-@type ") ~= nil
  end
  return names, first < number, is_typed
end

-- Every function of that file that is no local one: { name, parameters, line }.
local function functions_of(lines)
  local found = {}
  for number, line in ipairs(lines) do
    local name, parameters = line:match("^function ([%w_.:]+)%((.-)%)")
    if name then found[#found + 1] = { name = name, parameters = parameters, line = number } end
  end
  return found
end

local function is_public_name(name)
  local member = name:match("[.:]([%w_]+)$")
  return member ~= nil and not member:find("^_")
end

-- In modules whose classes an app can hold, names with capitals inside or none, as in a
-- browser, are the app's; those with an underscore are the library's own.
local function is_for_apps(name)
  return is_public_name(name) and not name:match("[.:]([%w_]+)$"):find("_")
end

describe("the annotations", function()
  it("name the parameters as the code does", function()
    local wrong, count = {}, 0
    each_module(function(path)
      local lines = lines_of(path)
      for _, fn in ipairs(functions_of(lines)) do
        local names, is_there, is_typed = annotated(lines, fn.line)
        if is_there and not is_typed and #names > 0 then
          count = count + 1
          local parameters = parameters_of(fn.parameters)
          local has_self = fn.name:find("^methods%.") and not fn.parameters:find("^_")
          if has_self then table.remove(parameters, 1) end
          local wanted = table.concat(parameters, ", ")
          local told = table.concat(names, ", ")
          if wanted ~= told then
            wrong[#wrong + 1] = ("%s:%d: %s(%s) is annotated (%s)"):format(path, fn.line, fn.name,
              wanted, told)
          end
        end
      end
    end)
    assert.are.same({}, wrong)
    assert.is_true(count > 150, count .. " functions were compared")
  end)

  -- The modules of which an app holds what they make.
  local PUBLIC = {
    "app", "text", "server/io_server", "server/echo_server", "http/router", "http/origin_check",
    "http/request", "http/response", "websocket/ws_server",
  }

  it("are there for every function of an app", function()
    local missing = {}
    for _, name in ipairs(PUBLIC) do
      local path = ("%s/%s.lua"):format(LIBRARY, name)
      local lines = lines_of(path)
      for _, fn in ipairs(functions_of(lines)) do
        local names, is_there = annotated(lines, fn.line)
        local is_event = fn.name:find("[.:]on%u") ~= nil
        if is_for_apps(fn.name) and not is_event
          and (not is_there or #names < #parameters_of(fn.parameters)) then
          missing[#missing + 1] = ("%s:%d: %s"):format(path, fn.line, fn.name)
        end
      end
    end
    assert.are.same({}, missing)
  end)

  it("are told in the reference", function()
    local reference = assert(io.open("lua/README.md")):read("*a")
    local missing = {}
    local own = { new = true, handle = true, flatten = true, each = true } -- the library's
    for _, name in ipairs(PUBLIC) do
      for _, fn in ipairs(functions_of(lines_of(("%s/%s.lua"):format(LIBRARY, name)))) do
        local member = fn.name:match("[.:]([%w_]+)$")
        local is_told = own[member] or reference:find("[:.`]" .. member .. "%f[^%w]")
        if is_for_apps(fn.name) and not is_told then
          missing[#missing + 1] = name .. ": " .. member
        end
      end
    end
    assert.are.same({}, missing)
  end)

  it("have every name of ratchet, and of what is in it", function()
    local told, given, class, space = {}, {}, nil, nil
    for _, line in ipairs(lines_of(LIBRARY .. "/init.lua")) do
      class = line:match("^%-%-%-@class (%S+)") or class
      local field = line:match("^%-%-%-@field ([%w]+) ")
      if field then told[class .. "." .. field] = true end
      space = line:match('namespace%("([%w.]+)"') or line:find("^  }%)") and "ratchet" or space
      local is_inner = line:find("^    %w+ = ") ~= nil
      local name = line:match(is_inner and "^    (%w+) = " or "^  (%w+) = ")
      local owner = is_inner and space or "ratchet"
      if space and name then given[owner .. "." .. name] = true end
    end
    assert.is_true(given["ratchet.App"] and given["ratchet.http.Router"])
    assert.are.same(given, told)
  end)
end)
