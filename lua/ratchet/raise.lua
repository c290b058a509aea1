-- raise - raises an error that points at the line of the app that called into the
-- library, however many of the library's own functions lie between. It is for
-- wrong use, and for what leaves nothing to go on with (an address that cannot be
-- listened on); other failures at run time are returned as nil, message, code.

local library = debug.getinfo(1, "S").source:match("^(.*)raise")

local function is_ours(source)
  return library ~= nil and source:sub(1, #library) == library
end

---@param format string as of string.format
---@param ... any
local function raise(format, ...)
  local level = 2
  local info = debug.getinfo(level, "S")
  while info and (info.what == "C" or is_ours(info.source)) do
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  error(format:format(...), info and level or 0)
end

return raise
