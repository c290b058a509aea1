-- refuse - the answer to a request that is turned down: one sentence that says
-- what was compared with what, in the log and, in development, in the body. Otherwise
-- the client is told only what it may know.

local Response = require "ratchet.http.response"
local log = require "ratchet.log"
local native = require "ratchet.native"
local text = require "ratchet.http.text"

-- A wrong origin or host is most often a wrong setting, which someone looks for
-- in the log; the rest is the client's business.
local levels = { [403] = "warn" }

-- These sentences speak of what the client sent, or of what is in a header anyway.
-- The others would tell a stranger how the app is set up.
local is_public = { [400] = true, [405] = true, [426] = true }

local short = {
  [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
  [429] = "Too Many Requests", [503] = "Service Unavailable",
}

local function body_for(request, status, sentence, explained)
  if request.development or native.options().development then return explained .. "\n" end
  if is_public[status] then return sentence .. "\n" end
  return (short[status] or "Refused") .. "\n"
end

---Logs `status path: sentence lesson` and returns the answer. The query is not logged:
---people put secrets there.
---@param request ratchet.http.Request
---@param status integer
---@param sentence string
---@param details { headers: table?, body: string?, level: string?, lesson: string? }?
---  headers to go out with it; a body in place of the sentence; the level of the log
---  line; and what there is to learn: the rule, with its place in an RFC, and the cure
---@return integer status
---@return string|function body
---@return table headers
local function refuse(request, status, sentence, details)
  details = details or {}
  local explained = details.lesson and details.lesson ~= "" and sentence
    .. (sentence:find("%.$") and " " or ". ") .. details.lesson or sentence
  local path = text.plain(request.target:match("^[^?#]*"))
  log(details.level or levels[status] or "info", ("%d %s: %s"):format(status, path, explained))
  local response = Response():status(status)
  if not details.body then response:header("Content-Type", "text/plain; charset=utf-8") end
  for name, value in pairs(details.headers or {}) do response:header(name, value) end
  return response:send(details.body or body_for(request, status, sentence, explained)):unpack()
end

return refuse
