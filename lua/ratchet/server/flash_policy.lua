-- FlashPolicy - answers whoever connects with the policy file that Flash players asked
-- for before they opened a socket, and closes. It stands on raw TCP, on port 843:
--
--   local policy = ratchet.server.FlashPolicy()
--   policy:addAllowedAccess("example.org", "8080")
--   ratchet.server.IoServer.factory(policy, 843):run()
--
-- Nothing starts it by itself: browsers have had no Flash since 2021.

local class = require "ratchet.class"
local raise = require "ratchet.raise"

---@class ratchet.server.FlashPolicy
local FlashPolicy = class()

local HEAD = '<?xml version="1.0"?>\n<!DOCTYPE cross-domain-policy SYSTEM '
  .. '"http://www.adobe.com/xml/dtds/cross-domain-policy.dtd">\n'

local controls = { all = true, none = true, ["master-only"] = true }

---@return ratchet.server.FlashPolicy
function FlashPolicy.new()
  return setmetatable({ siteControl = "all", accesses = {} }, FlashPolicy)
end

---Lets pages of a domain connect.
---@param domain string "example.org", "*.example.org", "http://example.org", "*"
---@param ports string? "*", which it is when not given, "80", "507,516-523"
---@param is_secure boolean? true: only pages that came over TLS
---@return ratchet.server.FlashPolicy self
function FlashPolicy:addAllowedAccess(domain, ports, is_secure)
  ports = ports or "*"
  if not FlashPolicy.validateDomain(self, domain) then
    raise('FlashPolicy: "%s" is no domain; such as "example.org", "*.example.org" and "*" are',
      tostring(domain))
  end
  if not FlashPolicy.validatePorts(self, ports) then
    raise('FlashPolicy: "%s" are no ports; such as "80", "507,516-523" and "*" are',
      tostring(ports))
  end
  self.accesses[#self.accesses + 1] = {
    domain = domain, ports = tostring(ports), is_secure = is_secure and true or false,
  }
  self.rendered = nil
  return self
end

---@return ratchet.server.FlashPolicy self
function FlashPolicy:clearAllowedAccess()
  self.accesses, self.rendered = {}, nil
  return self
end

---Which other policy files of the site count.
---@param permitted "all"|"none"|"master-only"|nil "all" when not given
---@return ratchet.server.FlashPolicy self
function FlashPolicy:setSiteControl(permitted)
  permitted = permitted or "all"
  if not FlashPolicy.validateSiteControl(self, permitted) then
    raise('FlashPolicy: the site control is "all", "none" or "master-only"; it is "%s"',
      tostring(permitted))
  end
  self.siteControl, self.rendered = permitted, nil
  return self
end

---@param permitted any
---@return boolean
function FlashPolicy:validateSiteControl(permitted)
  return controls[permitted] or false
end

---@param domain any
---@return boolean
function FlashPolicy:validateDomain(domain)
  if type(domain) ~= "string" then return false end
  if domain == "*" then return true end
  local name = domain:gsub("^[Hh][Tt][Tt][Pp][Ss]?://", "")
  while name:sub(1, 2) == "*." do name = name:sub(3) end
  return name:find("^[%w_-][%w_.-]*$") ~= nil
end

---@param ports any
---@return boolean
function FlashPolicy:validatePorts(ports)
  if type(ports) == "number" then ports = tostring(ports) end
  if type(ports) ~= "string" then return false end
  if ports == "*" then return true end
  for piece in (ports .. ","):gmatch("([^,]*),") do
    if not piece:find("^%d+$") and not piece:find("^%d+%-%d+$") then return false end
  end
  return true
end

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub('[&<>"]', escapes))
end

---The policy as XML; raises when nobody is let in.
---@return string
function FlashPolicy:renderPolicy()
  if #self.accesses == 0 then
    raise("FlashPolicy: there must be a domain; call addAllowedAccess first")
  end
  local lines = { HEAD .. "<cross-domain-policy>",
    ('<site-control permitted-cross-domain-policies="%s"/>'):format(escape(self.siteControl)) }
  for _, access in ipairs(self.accesses) do
    lines[#lines + 1] = ('<allow-access-from domain="%s" to-ports="%s" secure="%s"/>'):format(
      escape(access.domain), escape(access.ports), tostring(access.is_secure))
  end
  lines[#lines + 1] = "</cross-domain-policy>\n"
  return table.concat(lines, "\n")
end

---@param conn ratchet.Connection
function FlashPolicy:onMessage(conn)
  self.rendered = self.rendered or self:renderPolicy() .. "\0"
  conn:send(self.rendered)
  conn:close()
end

---@param conn ratchet.Connection
function FlashPolicy:onError(conn)
  conn:close()
end

return FlashPolicy
