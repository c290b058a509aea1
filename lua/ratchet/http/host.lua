-- host - names of hosts as requests, origins and routes give them: without port,
-- without case, and with the three names of this very machine taken as one.
-- Nothing is looked up.

local host = {}

local loopback = { ["localhost"] = true, ["127.0.0.1"] = true, ["[::1]"] = true }

---The name without its port, in lower case; IPv6 addresses in brackets.
---@param text string such as "Example.org:8080", "[::1]:80" or "::1"
---@return string
function host.name(text)
  local bracketed = text:match("^(%[[^%]]*%])")
  if bracketed then return bracketed:lower() end
  local _, colons = text:gsub(":", "")
  if colons > 1 then return "[" .. text:lower() .. "]" end
  return (text:match("^[^:]*"):lower())
end

---What two names have in common exactly when they mean the same host here.
---@param text string
---@return string
function host.key(text)
  local name = host.name(text)
  return loopback[name] and "localhost" or name
end

---@param text string
---@return boolean
function host.is_loopback(text)
  return host.key(text) == "localhost"
end

return host
