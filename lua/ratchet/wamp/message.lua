-- message - the parts of a WAMP message, as a client sends them: each may be anything,
-- and is looked at before it is used. And how one goes out.

local json = require "ratchet.wamp.json"

local message = {}

---@alias ratchet.wamp.Handle fun(protocol: table, conn: ratchet.Connection, parts: table): string?
--- what is done about one kind of message; returns nothing, or what is wrong with it

---Is it an id, as v2 has them?
---@param value any
---@return boolean
function message.is_number(value)
  return type(value) == "number" and value % 1 == 0 and value >= 0 and value <= 2 ^ 53
end

---@param value any
---@return any value nil for null
function message.given(value)
  if value ~= json.null then return value end
end

---@param value any
---@return string? value nil for what is no text
function message.text_of(value)
  return type(value) == "string" and value or nil
end

---Options and details are objects; a list that is empty is none.
---@param value any
---@return table? value nil for what is no object
function message.object_of(value)
  return json.is_object(value) and value or nil
end

---The arguments and the named ones from that place on.
---@param parts table
---@param at integer
---@return boolean is_good false when they are neither
---@return table? args
---@return table? kwargs
function message.arguments_of(parts, at)
  local args, kwargs = message.given(parts[at]), message.given(parts[at + 1])
  if args ~= nil and not json.is_array(args) then return false end
  if kwargs ~= nil and not json.is_object(kwargs) then return false end
  return true, args, kwargs
end

---Sends one of v2.
---@param conn ratchet.Connection
---@param format string of what stands between the brackets
---@param ... any
function message.send(conn, format, ...)
  conn:send("[" .. format:format(...) .. "]")
end

return message
