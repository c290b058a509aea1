-- record - the names and values of one session, between its bytes and who asks. Values
-- that nobody changes keep their bytes, so what cannot be read here (objects) is still
-- there after a save.

local class = require "ratchet.class"

local MAX_BYTES = 16 * 1048576 -- of all values: references can stand for many copies

---@class ratchet.session.Record
---@field names table[] in order: string, or integer in php_serialize
---@field values table name to value
---@field refused table name to the reason why its value cannot be given
---@field raw table name to the bytes of its value; nil for one that was changed
---@field hasReferences boolean do values lead to each other by number? Then the bytes of
---  one depend on those before it
local Record = class()

---@return ratchet.session.Record
function Record.new()
  return setmetatable({
    names = {}, known = {}, values = {}, refused = {}, raw = {}, hasReferences = false,
  }, Record)
end

---@param name string|integer
---@param value any nil with a reason, and for null
---@param raw string? its bytes
---@param reason string?
function Record:add(name, value, raw, reason)
  if not self.known[name] then self.names[#self.names + 1] = name end
  self.known[name] = true
  self.values[name], self.raw[name], self.refused[name] = value, raw, reason
end

---@param name string|integer
function Record:remove(name)
  if not self.known[name] then return end
  for i, each in ipairs(self.names) do
    if each == name then table.remove(self.names, i) break end
  end
  self.known[name], self.values[name], self.raw[name], self.refused[name] = nil, nil, nil, nil
end

---Names and values in order, each with its bytes where they still hold.
---@param encode fun(value: any): string?, string?
---@return table[]? list of { name, bytes }
---@return string? reason
function Record:encoded(encode)
  local list, size = {}, 0
  for _, name in ipairs(self.names) do
    local raw, reason = self.raw[name], nil
    if self.hasReferences then
      reason, raw = self.refused[name], nil
      if reason then reason = reason .. ", and its references could not be kept" end
    end
    if not raw and not reason then raw, reason = encode(self.values[name]) end
    if not raw then return nil, ("%s: %s"):format(name, reason) end
    list[#list + 1], size = { name, raw }, size + #raw
    if size > MAX_BYTES then return nil, ("it has more than %d bytes"):format(MAX_BYTES) end
  end
  return list
end

return Record
