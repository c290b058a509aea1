-- fake_connection - a connection without a network: it keeps what was sent.

local Connection = {}
Connection.__index = Connection

function Connection:send(message, is_binary)
  self.sent[#self.sent + 1] = { message, is_binary }
  return self
end

function Connection:close(code, reason)
  self.closed = { code, reason }
end

---@param id integer? its resourceId
---@return table
return function(id)
  return setmetatable({ resourceId = id or 1, sent = {} }, Connection)
end
