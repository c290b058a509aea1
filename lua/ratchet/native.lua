-- native - the way to the C core, "ratchet.core", which exists only inside the
-- program ratchet-lua. It is asked for as late as possible, so that every module
-- of the library loads in plain LuaJIT and can be specified there.

local native = {}

---The core, or nil outside of ratchet-lua.
---@return table?
function native.optional()
  local found, core = pcall(require, "ratchet.core")
  return found and core or nil
end

---The core; raises outside of ratchet-lua.
---@return table
function native.core()
  local core = native.optional()
  if core then return core end
  error("this needs the server around it: run the file with `ratchet-lua app.lua`", 0)
end

---What the command line says about every listener, host and port, each or nil, and
---devTls; and whether refusals explain themselves to the client.
---@return { host: string?, port: integer?, devTls: boolean?, development: boolean? }
function native.options()
  local core = native.optional()
  return core and core.options or {}
end

return native
