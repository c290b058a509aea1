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

function Connection:pause() self.is_paused = true end

function Connection:resume() self.is_paused = false end

---@param id integer? its resourceId
---@param address string? its remoteAddress
---@return table
return function(id, address)
  return setmetatable({ resourceId = id or 1, remoteAddress = address, sent = {} }, Connection)
end
