-- fetch - asks an HTTP server from inside a handler, which waits for the answer
-- while others go on:
--
--   local answer, err = ratchet.fetch("http://127.0.0.1:8081/check?user=ada")
--   if not answer then return 503, err end
--
-- Here is what a request is made of and which connection it goes out on; the bytes
-- of the answer are the core's business (core/server/caller.h).

local Answer = require "ratchet.fetch.answer"
local native = require "ratchet.native"
local options = require "ratchet.options"
local pool = require "ratchet.fetch.pool"
local raise = require "ratchet.raise"
local redirect = require "ratchet.fetch.redirect"
local request = require "ratchet.fetch.request"
local url = require "ratchet.url"
local waiting = require "ratchet.wait"

local TIMEOUT = 10
local MAX_BODY_SIZE = 1024 * 1024
local MOST_REDIRECTS = 5

---@class ratchet.FetchOptions
---@field method string? "GET" when not given
---@field headers table<string, string|number|string[]>?
---@field body string|table|nil a table is sent as JSON
---@field timeout number? seconds for all of it, 10 when not given
---@field maxBodySize integer? bytes of the answer's body, 1 MiB when not given
---@field redirect "manual"|"follow"|nil "manual", the default: a redirect is an answer
---@field unix string? the path of a unix socket to connect to, in place of the host
---@field ca string? https: a file of certificates in PEM to trust, in place of the system's
---@field serverName string? https: whose certificate it must be, in place of the host's
---@field insecure boolean? https: true verifies nothing

local known = {
  method = "string",
  headers = "table",
  body = "body",
  timeout = "some_seconds",
  maxBodySize = "bytes",
  redirect = { "manual", "follow" },
  unix = "path",
  ca = "path",
  serverName = "string",
  insecure = "boolean",
}

-- What may be sent twice without harm (RFC 9110 9.2.2).
local idempotent = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true }

-- Waits for the ticket. Who is called off leaves nothing open.
local function wait(core, ticket, caller)
  local waited, a, b, c, d = pcall(core.wait, ticket)
  if waited then return a, b, c, d end
  caller:close()
  error(a, 0)
end

local function time_left(job)
  local left = job.deadline - job.core.now()
  if left > 0 then return left end
  return nil, "no answer in time", "ETIMEDOUT"
end

local function connect(job, asked)
  local left, message, code = time_left(job)
  if not left then return nil, message, code end
  local ticket = job.core.ticket()
  local caller = job.core.caller({
    host = asked.url.host, port = asked.url.port, secure = asked.url.secure, path = job.unix,
    ca = job.ca, serverName = job.server_name, insecure = job.insecure,
  }, ticket, left)
  local connected
  connected, message, code = wait(job.core, ticket, caller)
  if connected then return caller end
  return nil, message, code
end

-- The core's answer; or nil, message, code, and whether the server may not have seen
-- the request: "unsent" for surely, "untouched" when not a byte of an answer came.
local function exchange(job, asked, bytes, caller)
  local left, message, code = time_left(job)
  if not left then
    caller:close()
    return nil, message, code
  end
  local ticket = job.core.ticket()
  local sent
  sent, message, code = caller:ask(ticket, bytes, left, job.max_body_size, asked.method == "HEAD")
  if not sent then return nil, message, code, "unsent" end
  local fields, is_untouched
  fields, message, code, is_untouched = wait(job.core, ticket, caller)
  if fields then return fields end
  return nil, message, code, is_untouched and code == "ECONNRESET" and "untouched" or nil
end

-- On a connection that was kept, its end may have been on the way already.
local function may_try_again(asked, state)
  return state == "unsent" or (state == "untouched" and idempotent[asked.method])
end

-- What was trusted with one list of authorities is not with another.
local function trust_of(job)
  return ("%s %s %s "):format(job.insecure and "insecure" or "", job.ca or "",
    job.server_name or "")
end

local function key_of(job, asked)
  return (asked.url.secure and trust_of(job) or "")
    .. (job.unix and "unix:" .. job.unix .. " " or "")
    .. asked.url.scheme .. "://" .. asked.url.host .. ":" .. asked.url.port
end

local function address_of(asked)
  return asked.url.scheme .. "://" .. asked.url.authority .. asked.url.target
end

local function ask(job, asked)
  local bytes = request.write(asked.method, asked.url, asked.headers, asked.body)
  local key = key_of(job, asked)
  local caller = pool.take(key)
  local fields, message, code, state
  if caller then fields, message, code, state = exchange(job, asked, bytes, caller) end
  if not fields and (not caller or may_try_again(asked, state)) then
    caller, message, code = connect(job, asked)
    if caller then fields, message, code = exchange(job, asked, bytes, caller) end
  end
  if not fields then return nil, message, code end
  local answer = Answer.new(fields, address_of(asked))
  pool.give(key, caller, answer)
  return answer
end

-- A socket's path leads to one server, so a redirect must stay there.
local function check_target(job, target, before)
  if target.scheme ~= "http" and target.scheme ~= "https" then
    return nil, target.scheme .. ":// is not asked but connected to", "EINVAL"
  end
  if target.user then
    return nil, "a user in the address is not sent; set a header Authorization", "EINVAL"
  end
  if before and job.unix and target.authority ~= before.authority then
    return nil, "the redirect leads away from the unix socket", "EINVAL"
  end
  return target
end

local function follow(job, asked)
  for _ = 0, MOST_REDIRECTS do
    local answer, message, code = ask(job, asked)
    local location = answer and job.follows and redirect.location(answer)
    if not location then return answer, message, code end
    local target
    target, message = redirect.resolve(asked.url, location)
    if not target then return nil, "the redirect leads nowhere: " .. message, "EINVAL" end
    target, message, code = check_target(job, target, asked.url)
    if not target then return nil, message, code end
    asked = redirect.request(asked, answer, target)
  end
  return nil, ("more than %d redirects"):format(MOST_REDIRECTS), "ELOOP"
end

-- Without the query, which may be a secret, and in words of whoever called.
local function explain(job, target, message, code)
  if code == "ETIMEDOUT" and message == "no answer in time" then
    message = ("no answer within %g seconds"):format(job.timeout)
  elseif code == "EMSGSIZE" then
    message = ("the body is larger than maxBodySize, %d bytes"):format(job.max_body_size)
  elseif code == "EPROTO" then
    message = "malformed answer: " .. message
  end
  return nil, ("%s://%s%s: %s"):format(target.scheme, target.authority, target.path, message), code
end

---Asks an HTTP server and waits for its answer, whatever its status. To be called in
---a handler or anything else that may wait; raises elsewhere, and for what cannot be
---sent (an unknown option, a header with a line break).
---@param address string "http://127.0.0.1:8081/check?x=1"
---@param given ratchet.FetchOptions?
---@return ratchet.fetch.Answer?
---@return string? err why there is no answer
---@return string? code such as "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "EPROTO"
---  (malformed), "EMSGSIZE" (maxBodySize), "ELOOP" (redirects), "EINVAL" (the address),
---  "ECONNABORTED" (no TLS that could be trusted)
local function fetch(address, given)
  if type(address) ~= "string" then
    raise("ratchet.fetch: the address must be a string; it is a %s", type(address))
  end
  local wanted = options.check(given, known, "ratchet.fetch")
  local method = request.method(wanted.method)
  local target, err = url.parse(address)
  if not target then return nil, err, "EINVAL" end
  local core = native.core()
  waiting.check("ratchet.fetch")
  local timeout = wanted.timeout or TIMEOUT
  local job = {
    core = core, timeout = timeout, deadline = core.now() + timeout,
    unix = wanted.unix, follows = wanted.redirect == "follow",
    max_body_size = wanted.maxBodySize or MAX_BODY_SIZE,
    ca = wanted.ca, server_name = wanted.serverName, insecure = wanted.insecure,
  }
  local good, message, code = check_target(job, target)
  if not good then return explain(job, target, message, code) end
  local asked = { method = method, url = target, headers = wanted.headers, body = wanted.body }
  local answer
  answer, message, code = follow(job, asked)
  if answer then return answer end
  return explain(job, target, message, code)
end

return fetch
