-- fake_core - stands in for ratchet.core, which exists only inside the program: it
-- keeps what it is told, and does nothing.

local fake_core = {}

local function record(list)
  return function(...) list[#list + 1] = { ... } end
end

---Puts a fake in the place of the core.
---@param options table? what the command line said
---@return table core with the lists logged, announced, listened, endpoints, and
---  handed, to be filled with sockets that were handed over
function fake_core.install(options)
  local core = {
    version = "0.0.0-fake", options = options or {},
    logged = {}, announced = {}, listened = {}, endpoints = {}, handed = {},
  }
  core.log = record(core.logged)
  function core.announce(url) core.announced[#core.announced + 1] = url end
  function core.endpoint(component, limits)
    local endpoint = { component = component, limits = limits }
    core.endpoints[#core.endpoints + 1] = endpoint
    return endpoint
  end
  function core.listen(wanted)
    core.listened[#core.listened + 1] = wanted
    if core.failure then return nil, core.failure[1], core.failure[2] end
    for _, socket in ipairs(core.handed) do
      if socket.fd == wanted.fd then
        return { address = socket.address, port = socket.port, path = socket.path }
      end
    end
    if wanted.path then return { path = wanted.path } end
    return { address = wanted.address, port = wanted.port == 0 and 49152 or wanted.port }
  end
  function core.requestMetatable(metatable) core.request_metatable = metatable end
  function core.watchdog(limits) core.watchdog_limits = limits end
  function core.topic(name) return { name = name } end
  package.loaded["ratchet.core"] = core
  return core
end

---Takes it away again.
function fake_core.remove()
  package.loaded["ratchet.core"] = nil
end

---The last line that was logged, as "level message"; nil when there is none.
---@param core table
---@return string?
function fake_core.last_log(core)
  local line = core.logged[#core.logged]
  return line and line[1] .. " " .. line[2]
end

return fake_core
