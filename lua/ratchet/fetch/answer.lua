-- Answer - what a server answered. The core makes a plain table of it (status,
-- reason, version, rawHeaders, body); the rest is worked out when it is asked for.

local class = require "ratchet.class"
local headers = require "ratchet.http.headers"

---@class ratchet.fetch.Answer
---@field status integer
---@field reason string what stands behind it, such as "Not Found"; may be ""
---@field version string "1.1" or "1.0"
---@field ok boolean is the status one of 200 to 299?
---@field url string where it came from: after redirects, the last address
---@field headers table<string, string> looked up without case; repeated ones joined
---@field rawHeaders string[] name, value, name, value, ...
---@field body string
local Answer = class()

local lazy = {
  headers = function(answer) return headers.parse(answer.rawHeaders) end,
  ok = function(answer) return answer.status >= 200 and answer.status <= 299 end,
}

function Answer.__index(answer, name)
  local method = rawget(Answer, name)
  if method ~= nil then return method end
  local make = lazy[name]
  if not make then return nil end
  local value = make(answer)
  rawset(answer, name, value)
  return value
end

---Makes the answer out of the core's table, which it keeps.
---@param fields table
---@param url string
---@return ratchet.fetch.Answer
function Answer.new(fields, url)
  fields.url = url
  return setmetatable(fields, Answer)
end

---Every value of a header, in order; an empty list when there is none.
---@param name string
---@return string[]
function Answer:headerAll(name)
  return headers.all(self.rawHeaders, name)
end

---The body, decoded from JSON, whatever its Content-Type says.
---@return any? value JSON's null is cjson.null
---@return string? err
function Answer:json()
  local is_json, value = pcall(require("cjson").decode, self.body)
  if is_json then return value end
  return nil, "the body is no JSON: " .. tostring(value)
end

return Answer
