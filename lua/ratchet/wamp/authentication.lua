-- authentication - who a WAMP v2 client is: nobody in particular ("anonymous"), who has
-- a secret and shows it ("ticket"), or who has one and proves it ("wampcra": HMAC-SHA256
-- of a text that is new each time). Whether a secret is right, and whose, the app knows.

local base64 = require "ratchet.base64"
local class = require "ratchet.class"
local json = require "ratchet.wamp.json"
local native = require "ratchet.native"
local options = require "ratchet.options"
local raise = require "ratchet.raise"

---@class ratchet.wamp.Authentication
---@field allowsAnonymous boolean
local Authentication = class()

local known = { anonymous = "boolean" }

---@class ratchet.wamp.Identity
---@field authid string
---@field authrole string
---@field authmethod string

---@class ratchet.wamp.AuthenticationOptions
---@field anonymous boolean? may clients come in without? Only when there is no other way,
---  if not given
---@field ticket nil|fun(authid: string, ticket: string, conn: ratchet.Connection): any
---  returns the client's role, or true for "user"; nothing when the ticket is not good
---@field wampcra nil|fun(authid: string, conn: ratchet.Connection): any returns the secret
---  of that user, or { secret=, role=, salt=, iterations=, keylen= }; nothing when there is
---  no such user. With a salt the secret is what PBKDF2 made of the password, in base64

---@param given ratchet.wamp.AuthenticationOptions?
---@return ratchet.wamp.Authentication
function Authentication.new(given)
  given = given or {}
  local rest = {}
  for name, value in pairs(given) do
    if name ~= "ticket" and name ~= "wampcra" then
      rest[name] = value
    elseif type(value) ~= "function" then
      raise('WampServer: authentication "%s" must be a function; it is a %s', name, type(value))
    end
  end
  options.check(rest, known, "WampServer: authentication")
  local allows = given.anonymous
  if allows == nil then allows = not (given.ticket or given.wampcra) end
  return setmetatable({
    allowsAnonymous = allows, ticket = given.ticket, wampcra = given.wampcra,
  }, Authentication)
end

local function timestamp()
  return os.date("!%Y-%m-%dT%H:%M:%S.000Z")
end

local function nonce()
  return base64.encode(native.core().randomBytes(24))
end

-- What an unknown user is asked for all the same: it shall not show who is known.
local function nobody()
  return { secret = native.core().randomBytes(32) }
end

---What a client says in HELLO.
---@class ratchet.wamp.Claim
---@field conn ratchet.Connection
---@field sessionId integer
---@field authid string
---@field method string
---@field challenge string?
---@field user table?

local begins = {}

function begins.ticket()
  return "{}"
end

function begins.wampcra(authentication, claim)
  local user = authentication.wampcra(claim.authid, claim.conn) or nobody()
  if type(user) == "string" then user = { secret = user } end
  claim.user = user
  claim.challenge = json.encode({
    authid = claim.authid, authrole = user.role or "user", authmethod = "wampcra",
    authprovider = "ratchet", nonce = nonce(), timestamp = timestamp(),
    session = claim.sessionId,
  })
  local extra = { challenge = claim.challenge }
  if user.salt then
    extra.salt, extra.iterations, extra.keylen =
      user.salt, user.iterations or 1000, user.keylen or 32
  end
  return json.encode(extra)
end

local ends = {}

function ends.ticket(authentication, claim, ticket)
  return authentication.ticket(claim.authid, ticket, claim.conn)
end

-- Strings are compared by their address once they are there, so that the time it takes
-- tells nothing.
function ends.wampcra(_, claim, signature)
  local right = base64.encode(native.core().hmacSha256(claim.user.secret, claim.challenge))
  return signature == right and (claim.user.role or "user") or nil
end

---Which way does the client go? The first of its list that there is here.
---@param details table of HELLO
---@return string? method nil when there is none
function Authentication:method(details)
  if details.authmethods == nil then return self.allowsAnonymous and "anonymous" or nil end
  if not json.is_array(details.authmethods) then return nil end
  for _, name in ipairs(details.authmethods) do
    if (name == "ticket" or name == "wampcra") and self[name] then return name end
    if name == "anonymous" and self.allowsAnonymous then return name end
  end
end

---Begins to ask a client who it is.
---@param claim ratchet.wamp.Claim
---@return string extra JSON for CHALLENGE
function Authentication:challenge(claim)
  return begins[claim.method](self, claim)
end

---Judges what the client has answered.
---@param claim ratchet.wamp.Claim
---@param signature string
---@return ratchet.wamp.Identity? identity nil when it is not who it says
function Authentication:judge(claim, signature)
  local role = ends[claim.method](self, claim, signature)
  if not role then return nil end
  return {
    authid = claim.authid, authmethod = claim.method,
    authrole = role == true and "user" or tostring(role),
  }
end

return Authentication
