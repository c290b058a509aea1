-- linter - what luacheck has to say about the files of an app, where it is installed.
-- It is asked with the settings that lie above the app's folder, and with plain ones
-- where there are none.

local linter = {}

local PLAIN = "--no-config --std luajit --no-unused-args --no-max-line-length"

---A word for the shell.
---@param text string
---@return string
function linter.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function exists(path)
  local handle = io.open(path)
  if handle then handle:close() end
  return handle ~= nil
end

-- The .luacheckrc of the folder, or of the nearest one above it.
local function settings(folder)
  local absolute = folder
  for _ = 1, 64 do
    local path = absolute .. "/.luacheckrc"
    if exists(path) then return "--config " .. linter.quote(path) end
    local above = absolute:match("^(.*)/[^/]+$")
    if absolute:sub(1, 1) == "/" then
      if absolute == "/" or not above then return PLAIN end
      absolute = above
    else
      absolute = absolute .. "/.."
      if select(2, absolute:gsub("%.%.", "")) > 16 then return PLAIN end
    end
  end
  return PLAIN
end

---The findings in luacheck's plain output.
---@param text string
---@return table[] findings { level=, file=, line=, message= }
function linter.read(text)
  local findings = {}
  for line in text:gmatch("[^\n]+") do
    local file, number, code, message = line:match("^(.-):(%d+):%d+: %((%u%d+)%) (.*)$")
    if file then
      findings[#findings + 1] = {
        level = code:sub(1, 1) == "E" and "error" or "warning",
        file = file, line = tonumber(number), message = message .. " (luacheck " .. code .. ")",
      }
    end
  end
  return findings
end

---Asks luacheck about those files.
---@param files string[]
---@param folder string of the app
---@return table[]? findings nil when luacheck is not installed
function linter.run(files, folder)
  local where = io.popen("command -v luacheck")
  local is_there = where:read("*a") ~= ""
  where:close()
  if not is_there then return nil end
  local words = {}
  for i, file in ipairs(files) do words[i] = linter.quote(file) end
  local output = io.popen(("luacheck --formatter plain --codes --no-color %s -- %s 2>&1"):format(
    settings(folder), table.concat(words, " ")))
  local text = output:read("*a")
  output:close()
  return linter.read(text)
end

return linter
