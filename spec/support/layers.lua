-- layers - small layers and components for the specs to put things on.

local Request = require "ratchet.http.request"

local layers = {}

---A layer that answers every request with 200 and its name, and keeps the request.
---@param name string?
function layers.answering(name)
  return {
    handle = function(self, request)
      self.request = request
      return 200, name or "answered"
    end,
  }
end

---A component with the least that makes one.
function layers.component()
  return { onMessage = function() end }
end

---A GET request for a target on localhost.
---@param target string
---@param headers table? besides Host
---@param fields table?
function layers.get(target, headers, fields)
  local all = { Host = "localhost:8080" }
  for name, value in pairs(headers or {}) do all[name] = value or nil end
  local given = { method = "GET", target = target, headers = all }
  for name, value in pairs(fields or {}) do given[name] = value end
  return Request(given)
end

return layers
