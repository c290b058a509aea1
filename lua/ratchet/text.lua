-- text - what patterns are mostly used for, without them. A pattern can take time
-- that grows with the square of the text or worse ("^%s*(.-)%s*$" on 128 KiB of
-- blanks: 34 seconds), nothing can interrupt it, and the text comes from a client.
-- Each function here takes time in proportion to the length of the text, whatever its
-- bytes are; split, at worst, to that times the length of the separator.

local raise = require "ratchet.raise"

local text = {}

local byte, find, sub = string.byte, string.find, string.sub

local function check(value, name)
  if type(value) ~= "string" then raise("%s: a string is expected, not a %s", name, type(value)) end
end

-- Space, \t, \n, \v, \f, \r: what %s is in the C locale.
local function is_blank(code)
  return code == 32 or code ~= nil and code >= 9 and code <= 13
end

---The text without the white space (space, \t, \n, \v, \f, \r) at its ends.
---@param value string
---@return string
function text.trim(value)
  check(value, "text.trim")
  local first, last = 1, #value
  while is_blank(byte(value, first)) do first = first + 1 end
  while last > first and is_blank(byte(value, last)) do last = last - 1 end
  return sub(value, first, last)
end

---The pieces between the separators; "a,,b" has an empty one in the middle, and ""
---is one empty piece.
---@param value string
---@param separator string plain text, not a pattern; not empty
---@param most integer? so many pieces at most, 1 or more: the last is the whole rest
---@return string[]
function text.split(value, separator, most)
  check(value, "text.split")
  check(separator, "text.split: the separator")
  if separator == "" then raise("text.split: the separator is empty") end
  if most ~= nil and (type(most) ~= "number" or most < 1) then
    raise("text.split: the number of pieces must be 1 or more")
  end
  local pieces, count, start = {}, 0, 1
  while count + 1 < (most or math.huge) do
    local first, last = find(value, separator, start, true)
    if not first then break end
    count = count + 1
    pieces[count] = sub(value, start, first - 1)
    start = last + 1
  end
  pieces[count + 1] = sub(value, start)
  return pieces
end

---The lines, without their \n or \r\n. One at the end begins no further line: "a\n"
---is one line, "" is none.
---@param value string
---@return string[]
function text.lines(value)
  check(value, "text.lines")
  local lines, count, start = {}, 0, 1
  while start <= #value do
    local stop = find(value, "\n", start, true) or #value + 1
    local last = stop - 1
    if last >= start and stop <= #value and byte(value, last) == 13 then last = last - 1 end
    count = count + 1
    lines[count] = sub(value, start, last)
    start = stop + 1
  end
  return lines
end

---@param value string
---@param beginning string
---@return boolean
function text.startsWith(value, beginning)
  check(value, "text.startsWith")
  check(beginning, "text.startsWith: the beginning")
  return sub(value, 1, #beginning) == beginning
end

---@param value string
---@param ending string
---@return boolean
function text.endsWith(value, ending)
  check(value, "text.endsWith")
  check(ending, "text.endsWith: the ending")
  return #value >= #ending and sub(value, #value - #ending + 1) == ending
end

local entities = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

---The text with & < > " ' as entities, fit for the text of an HTML page and for the
---value of an attribute in quotes.
---@param value string
---@return string
function text.escapeHtml(value)
  check(value, "text.escapeHtml")
  return (value:gsub("[&<>\"']", entities)) -- one byte a match: linear
end

return text
