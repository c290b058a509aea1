-- close_code - what the numbers in close frames mean (RFC 6455 7.4.1, and the registry
-- that it opens), in a sentence for people.

local close_code = {}

local meanings = {
  [1000] = "normal closure",
  [1001] = "going away: the server stops, or the page was left",
  [1002] = "protocol error: one side broke the rules of RFC 6455",
  [1003] = "unsupported data: a kind of message that the other side does not take",
  [1005] = "no code: the close frame had none",
  [1006] = "lost: the connection ended without a close frame",
  [1007] = "invalid data: a text message was not UTF-8",
  [1008] = "policy violation",
  [1009] = "message too big",
  [1010] = "an extension was not agreed on that the client needs",
  [1011] = "internal error of the server",
  [1012] = "service restart",
  [1013] = "try again later",
  [1014] = "bad gateway: a server behind the server failed",
  [1015] = "the TLS handshake failed",
}

---What a code means.
---@param code integer
---@return string
function close_code.meaning(code)
  if meanings[code] then return meanings[code] end
  if code >= 3000 and code <= 3999 then return "registered by a library or framework" end
  if code >= 4000 and code <= 4999 then return "a code of the application's own" end
  return "a code that must not be sent"
end

---Is that how a connection ends when all is well?
---@param code integer
---@return boolean
function close_code.is_good(code)
  return code == 1000 or code == 1001 or code == 1005
end

return close_code
