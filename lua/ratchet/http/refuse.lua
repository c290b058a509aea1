-- refuse - the answer to a request that is turned down: one sentence that says
-- what was compared with what, in the log and in the body.

local Response = require "ratchet.http.response"
local log = require "ratchet.log"
local text = require "ratchet.http.text"

-- A wrong origin or host is most often a wrong setting, which someone looks for
-- in the log; the rest is the client's business.
local levels = { [403] = "warn" }

---Logs `status path: sentence` and returns the answer. The query is not logged:
---people put secrets there.
---@param request ratchet.http.Request
---@param status integer
---@param sentence string
---@param details { headers: table?, body: string?, level: string? }? headers to go
---  out with it; a body in place of the sentence; the level of the log line
---@return integer status
---@return string body
---@return table headers
local function refuse(request, status, sentence, details)
  details = details or {}
  local path = text.plain(request.target:match("^[^?#]*"))
  log(details.level or levels[status] or "info", ("%d %s: %s"):format(status, path, sentence))
  local response = Response():status(status)
  if not details.body then response:header("Content-Type", "text/plain; charset=utf-8") end
  for name, value in pairs(details.headers or {}) do response:header(name, value) end
  return response:send(details.body or sentence .. "\n"):unpack()
end

return refuse
