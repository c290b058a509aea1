-- editor - one line of text that is being written at a terminal: keys go in, and what
-- the terminal has to show comes out. It reads and writes nothing by itself, so that
-- messages of others can be shown above the line while somebody writes.

local class = require "ratchet.class"

---@class ratchet.Editor
---@field before string what stands left of the cursor
---@field after string and right of it
local Editor = class()

local MOST_HISTORY = 500

---@param prompt string
---@return ratchet.Editor
function Editor.new(prompt)
  return setmetatable({
    prompt = prompt, before = "", after = "", history = {}, at = 1, pending = "",
  }, Editor)
end

-- Whole characters of UTF-8, so that the cursor never stands inside of one.
local LAST = "[%z\1-\127\194-\244][\128-\191]*$"
local FIRST = "^[%z\1-\127\194-\244][\128-\191]*"

local function set(editor, before, after)
  editor.before, editor.after = before, after or ""
end

local function left(editor)
  local char = editor.before:match(LAST)
  if char then set(editor, editor.before:sub(1, -#char - 1), char .. editor.after) end
end

local function right(editor)
  local char = editor.after:match(FIRST)
  if char then set(editor, editor.before .. char, editor.after:sub(#char + 1)) end
end

local function go_in_history(editor, step)
  local to = editor.at + step
  if to < 1 or to > #editor.history + 1 then return end
  if editor.at == #editor.history + 1 then editor.draft = editor.before .. editor.after end
  editor.at = to
  set(editor, editor.history[to] or editor.draft or "")
end

local function delete(editor)
  local char = editor.after:match(FIRST)
  if char then set(editor, editor.before, editor.after:sub(#char + 1)) end
end

local function backspace(editor)
  local char = editor.before:match(LAST)
  if char then set(editor, editor.before:sub(1, -#char - 1), editor.after) end
end

local function go_home(editor) set(editor, "", editor.before .. editor.after) end
local function go_to_end(editor) set(editor, editor.before .. editor.after) end
local function go_up(editor) go_in_history(editor, -1) end
local function go_down(editor) go_in_history(editor, 1) end

-- What each key does that is none of the text, as in a shell. "end" is the end.
local keys = {
  ["\1"] = go_home, -- Ctrl+A
  ["\2"] = left, -- Ctrl+B
  ["\3"] = function() return "end" end, -- Ctrl+C
  ["\4"] = function(editor) -- Ctrl+D
    if editor.before .. editor.after == "" then return "end" end
    delete(editor)
  end,
  ["\5"] = go_to_end, -- Ctrl+E
  ["\6"] = right, -- Ctrl+F
  ["\8"] = backspace,
  ["\11"] = function(editor) set(editor, editor.before) end, -- Ctrl+K
  ["\14"] = go_down, -- Ctrl+N
  ["\16"] = go_up, -- Ctrl+P
  ["\21"] = function(editor) set(editor, "", editor.after) end, -- Ctrl+U
  ["\23"] = function(editor) -- Ctrl+W
    set(editor, editor.before:match("^(.-)%S*%s*$"), editor.after)
  end,
  ["\127"] = backspace,
}

-- The same for keys that send a sequence, by what stands behind "ESC [" or "ESC O".
local sequences = {
  A = go_up, B = go_down, C = right, D = left, H = go_home, F = go_to_end,
  ["1~"] = go_home, ["3~"] = delete, ["4~"] = go_to_end, ["7~"] = go_home, ["8~"] = go_to_end,
}

local function enter(editor)
  local line = editor.before .. editor.after
  set(editor, "")
  local history = editor.history
  if line ~= "" and history[#history] ~= line then history[#history + 1] = line end
  if #history > MOST_HISTORY then table.remove(history, 1) end
  editor.at, editor.draft = #history + 1, nil
  return line
end

-- The first key of the bytes, and the rest; nil when it is not whole yet.
local function take_key(bytes)
  local sequence, rest = bytes:match("^\27[%[O](%d*[;%d]*[%a~])(.*)$")
  if sequence then return "\27", rest, sequence end
  if bytes:find("^\27[%[O]?[;%d]*$") and #bytes < 8 then return nil end
  local char = bytes:match("^[\194-\244][\128-\191]*")
  if char then
    local wanted = char:byte() >= 240 and 4 or char:byte() >= 224 and 3 or 2
    if #char == #bytes and #char < wanted then return nil end
    return char, bytes:sub(#char + 1)
  end
  return bytes:sub(1, 1), bytes:sub(2)
end

---Takes what was typed, and calls on_line(text) for each line that was ended.
---@param bytes string
---@param on_line fun(text: string)
---@return boolean is_over Ctrl+C, or Ctrl+D on an empty line
function Editor:type(bytes, on_line)
  bytes = self.pending .. bytes
  while bytes ~= "" do
    local key, rest, sequence = take_key(bytes)
    if not key then break end
    bytes = rest
    local act = sequences[sequence] or not sequence and keys[key]
    if key == "\r" or key == "\n" then
      on_line(enter(self))
    elseif act then
      if act(self) == "end" then return true end
    elseif not sequence and key:byte() >= 32 or key == "\t" then
      self.before = self.before .. key
    end
  end
  self.pending = bytes
  return false
end

-- Columns, as far as one can tell without a table of wide characters.
local function width(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end

---What shows the line anew, in one row of that many columns.
---@param columns integer
---@return string
function Editor:draw(columns)
  local room = math.max(columns - #self.prompt - 1, 8)
  local before, after = self.before, self.after
  while width(before) > room do before = before:gsub(FIRST, "") end
  while width(before) + width(after) > room do after = after:gsub(LAST, "") end
  local back = width(after)
  return "\r\27[K" .. self.prompt .. before .. after
    .. (back > 0 and ("\27[%dD"):format(back) or "")
end

return Editor
