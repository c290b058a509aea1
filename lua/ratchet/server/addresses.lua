-- addresses - where the program listens now, and which server is served there. An
-- address outlives the code that asked for it: when the app is loaded anew, the same
-- address is taken over as it is, and nobody who connects meanwhile is turned away.

local native = require "ratchet.native"

---@class ratchet.Address
---@field key string what was asked for
---@field id integer of core.listen
---@field bound table where it is: { address=, port= } or { path= }
---@field serving ratchet.Serving

---@class ratchet.Serving what is served there
---@field server table App or IoServer: what `handle` is asked of, if it is HTTP
---@field component any? what gets raw bytes, if it is not, and
---@field endpoint ratchet.Endpoint? its own
---@field options table options.listener

local addresses = {}

local open = {} -- all of them, in the order they were opened
local trial -- while code is loaded to the side: { claims = address to serving, opened = {} }

local function key_of(wanted)
  local parts = {}
  for _, name in ipairs({ "address", "port", "ipv6Only", "reusePort", "path", "mode", "fd" }) do
    parts[#parts + 1] = tostring(wanted[name])
  end
  return table.concat(parts, " ")
end

-- As core.listen takes it. Who answers is looked up at each request, for it changes
-- when the app is loaded anew.
local function asked_of(address, wanted)
  local asked, serving = {}, address.serving
  for name, value in pairs(serving.options) do asked[name] = value end
  for name, value in pairs(wanted or {}) do asked[name] = value end
  asked.tls = serving.options.tls
  if serving.component ~= nil then
    asked.endpoint = serving.endpoint
  elseif serving.server then
    asked.handle = function(request) return address.serving.server:handle(request) end
  end
  return asked
end

local function is_same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for name in pairs(a) do
    if not is_same(a[name], b[name]) then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

-- Without a place in this file in front of what it raises.
local function results(is_good, ...)
  if is_good then return ... end
  error((...), 0)
end

local function ask(name, ...)
  return results(pcall(native.core()[name], ...))
end

-- One that is open, and that nothing of the new code has yet.
local function free(key)
  for _, address in ipairs(trial and open or {}) do
    if address.key == key and not trial.claims[address] and not trial.is_opened[address] then
      return address
    end
  end
end

-- As a server has it.
local function shown(bound, serving)
  return {
    address = bound.address, port = bound.port, path = bound.path,
    secure = serving.options.tls and true or nil,
  }
end

---Listens, or takes over an address that is open already.
---@param wanted table as core.listen takes it, without what is served
---@param serving ratchet.Serving
---@param asked table? the same address, as the app said it
---@return table? bound
---@return string? message
---@return string? code
function addresses.open(wanted, serving, asked)
  local key = key_of(asked or wanted)
  local address = free(key)
  if address then
    if not is_same(address.serving.options, serving.options) then
      local is_good, message, code = ask("serve", nil, asked_of({ serving = serving }))
      if not is_good then return nil, message, code end
    end
    trial.claims[address] = serving
    return shown(address.bound, serving)
  end
  address = { key = key, serving = serving }
  local bound, message, code = ask("listen", asked_of(address, wanted))
  if not bound then return nil, message, code end
  address.id, address.bound, bound.id = bound.id, bound, nil
  open[#open + 1] = address
  if trial then trial.is_opened[address] = true end
  return shown(bound, serving)
end

---Will that address be taken over, rather than opened?
---@param asked table
---@return boolean
function addresses.is_open(asked)
  return free(key_of(asked)) ~= nil
end

---Where this program listens already at that port or path, if it does.
---@param wanted table
---@return table? bound
function addresses.rival(wanted)
  for _, address in ipairs(trial and open or {}) do
    local bound = address.bound
    local is_same_path = wanted.path and bound.path == wanted.path
    if is_same_path or wanted.port and bound.port == wanted.port then return bound end
  end
end

---From here on addresses are opened on trial.
function addresses.begin()
  trial = { claims = {}, is_opened = {} }
end

local function close_those(is_wanted)
  local left, closed = {}, {}
  for _, address in ipairs(open) do
    if is_wanted(address) then
      native.core().unlisten(address.id)
      closed[#closed + 1] = address
    else
      left[#left + 1] = address
    end
  end
  open = left
  return closed
end

---Closes what was opened on trial. Needs no memory.
function addresses.abort()
  local given = trial
  trial = nil
  for i = #open, 1, -1 do
    local address = open[i]
    if given and given.is_opened[address] then
      table.remove(open, i)
      native.core().unlisten(address.id)
    end
  end
end

local function renew(address, serving)
  local before = address.serving
  if serving.component ~= nil then
    serving.endpoint = before.component == serving.component and before.endpoint
      or native.core().endpoint(serving.component)
  end
  address.serving = serving
  local is_kept = before.component == serving.component
    and is_same(before.options, serving.options)
  if is_kept then return false end
  local is_good, message = ask("serve", address.id, asked_of(address))
  if is_good then return true end
  native.core().log("error", "an address is served as before: " .. tostring(message))
end

---What was opened or taken over on trial is served from now on; what is left of
---before is closed for new connections.
---@param live fun(value: any): any the live server or component for one of the new code
---@return { opened: ratchet.Address[], closed: ratchet.Address[], renewed: ratchet.Address[] }
function addresses.commit(live)
  local given, opened, renewed = trial, {}, {}
  trial = nil
  for _, address in ipairs(open) do
    local serving = given.claims[address] or given.is_opened[address] and address.serving
    if serving then
      serving.server, serving.component = live(serving.server), live(serving.component)
    end
    if given.is_opened[address] then opened[#opened + 1] = address end
    if given.claims[address] and renew(address, serving) then renewed[#renewed + 1] = address end
  end
  local closed = close_those(function(address)
    return not given.claims[address] and not given.is_opened[address]
  end)
  return { opened = opened, closed = closed, renewed = renewed }
end

---Closes all of them; connections go on.
function addresses.close()
  close_those(function() return true end)
end

---Forgets all of them: the core has closed them, or will.
function addresses.forget()
  open = {}
end

---All of them.
---@return ratchet.Address[]
function addresses.all()
  return open
end

return addresses
