-- FunctionHandler - makes a plain function answer requests, and its return values
-- an answer:
--
--   "text"                        200, HTML when it begins with "<"
--   { a = 1 }                     200, JSON
--   function() ... end            200, what it returns piece by piece, up to nil
--   404, "not here", headers      that status; the body as above; both may be missing
--   response                      what it was filled with
--   nothing                       the same

local class = require "ratchet.class"
local raise = require "ratchet.raise"
local Response = require "ratchet.http.response"

---@class ratchet.http.FunctionHandler
local FunctionHandler = class()

FunctionHandler.scheme = "http"

---@param fn fun(request: ratchet.http.Request, response: ratchet.http.Response): any
---@param name string for errors, such as "GET /"
---@return ratchet.http.FunctionHandler
function FunctionHandler.new(fn, name)
  if type(fn) ~= "function" then
    raise("%s: the handler must be a function(request, response); it is a %s", name, type(fn))
  end
  return setmetatable({ fn = fn, name = name }, FunctionHandler)
end

local function fill(handler, response, body)
  if type(body) == "string" or type(body) == "function" then return response:send(body) end
  if type(body) == "table" then return response:json(body) end
  error(("%s: the handler returned a %s; it must be a string, a table, a function, a status or "
    .. "the response"):format(handler.name, type(body)), 0)
end

local function answer(handler, response, result, body, headers)
  if result == nil or result == response then return response end
  if Response.is(result) then return result end
  if type(result) ~= "number" then return fill(handler, response, result) end
  response:status(result)
  for name, value in pairs(headers or {}) do response:header(name, value) end
  if body ~= nil then fill(handler, response, body) end
  return response
end

---@param request ratchet.http.Request
---@return integer status
---@return string|function|nil body
---@return table headers
---@return function? over
function FunctionHandler:handle(request)
  local response = Response(request)
  return answer(self, response, self.fn(request, response)):unpack()
end

return FunctionHandler
