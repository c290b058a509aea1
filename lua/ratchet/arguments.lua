-- arguments - reads what follows the name of a command: options, each with its kind,
-- and operands. Wrong usage is a sentence that says what would be right. It knows
-- nothing of what any command does.
--
-- An option is written `--name value` or `--name=value`; `--` ends the options. Its
-- kind is one of
--
--   "flag"      no value: true
--   "text"      any value
--   "list"      any value, as often as one likes: a list of them
--   "count"     a whole number from 1
--   "seconds"   a number from 0, fractions allowed
--   "number"    a number over 0, fractions allowed
--   { "a", "b" }  one of these

local command = require "ratchet.command"
local nearest = require "ratchet.nearest"

local arguments = {}

---@class ratchet.Usage
---@field help string what --help prints; begins with "usage: ratchet-lua NAME ..."
---@field name string the command's
---@field options table<string, string|string[]> without the dashes, to their kinds
---@field operands string[] the names of those that must be there, in order
---@field optional string[]? the names of those that may follow

local readers = {
  text = { "a value", function(text) return text end },
  list = { "a value", function(text) return text end },
  count = { "a whole number from 1", function(text)
    local value = text:find("^%d+$") and tonumber(text)
    return value and value >= 1 and value <= 2 ^ 31 and value or nil
  end },
  seconds = { "a number of seconds", function(text)
    local value = text:find("^%d*%.?%d*$") and tonumber(text)
    return value and value <= 86400 * 365 and value or nil
  end },
  number = { "a number over 0", function(text)
    local value = text:find("^%d*%.?%d*$") and tonumber(text)
    return value and value > 0 and value or nil
  end },
}

local function read_choice(name, choices, text)
  for _, choice in ipairs(choices) do
    if choice == text then return text end
  end
  return nil, ("--%s takes %s, not %q"):format(name, table.concat(choices, " or "), text)
end

local function read_value(name, kind, text)
  if type(kind) == "table" then return read_choice(name, kind, text) end
  local expected, read = unpack(readers[kind])
  local value = read(text)
  if value ~= nil then return value end
  return nil, ("--%s takes %s, not %q"):format(name, expected, text)
end

local function explain_unknown(name, known)
  local names = {}
  for candidate in pairs(known) do names[#names + 1] = candidate end
  table.sort(names)
  local meant = nearest(name, names)
  return ("there is no option --%s%s"):format(name,
    meant and ("; did you mean --%s?"):format(meant) or "")
end

local function keep(given, name, kind, value)
  if kind ~= "list" then
    given[name] = value
    return
  end
  given[name] = given[name] or {}
  table.insert(given[name], value)
end

-- One option at words[i]; returns how many words it took, or nil and what is wrong.
local function read_option(words, i, known, given)
  local name, value = words[i]:match("^%-%-([^=]+)=(.*)$")
  name = name or words[i]:match("^%-%-(.+)$")
  if not name then return nil, ("%q is no option: options begin with --"):format(words[i]) end
  local kind, taken = known[name], 1
  if not kind then return nil, explain_unknown(name, known) end
  if kind == "flag" then
    if value then return nil, ("--%s takes no value"):format(name) end
    given[name] = true
    return 1
  end
  if not value then
    value, taken = words[i + 1], 2
    if not value then return nil, ("--%s needs a value"):format(name) end
  end
  local read, message = read_value(name, kind, value)
  if read == nil then return nil, message end
  keep(given, name, kind, read)
  return taken
end

local function check_operands(found, usage)
  local wanted, optional = usage.operands, usage.optional or {}
  if #found < #wanted then return nil, ("%s is missing"):format(wanted[#found + 1]) end
  if #found > #wanted + #optional then
    return nil, ("%q is too much"):format(found[#wanted + #optional + 1])
  end
  return true
end

---Reads the words behind the command's name.
---@param words string[]
---@param usage ratchet.Usage
---@return table? given option names to values, and the operands at 1, 2, ...; `help` is
---  true when that was asked for
---@return string? message what is wrong with them
function arguments.parse(words, usage)
  local given, operands, i, is_over = {}, {}, 1, false
  local known = { help = "flag" }
  for name, kind in pairs(usage.options) do known[name] = kind end
  while i <= #words do
    local word = words[i]
    if is_over or word:sub(1, 1) ~= "-" or word == "-" then
      operands[#operands + 1] = word
      i = i + 1
    elseif word == "--" then
      is_over, i = true, i + 1
    else
      local taken, message = read_option(words, i, known, given)
      if not taken then return nil, message end
      i = i + taken
    end
  end
  for n, operand in ipairs(operands) do given[n] = operand end
  if given.help then return given end
  local is_right, message = check_operands(operands, usage)
  if not is_right then return nil, message end
  return given
end

---Runs a command: --help is printed, wrong usage is told on stderr, and otherwise
---fn(given) is called.
---@param words string[]
---@param usage ratchet.Usage
---@param fn fun(given: table): integer
---@return integer status 2 is wrong usage
function arguments.run(words, usage, fn)
  local given, message = arguments.parse(words, usage)
  if not given then return command.usage(usage.name, message) end
  if not given.help then return fn(given) end
  io.stdout:write(usage.help)
  return 0
end

return arguments
