local Router = require "ratchet.http.router"
local remains = require "ratchet.reload.remains"

local function an_empty_record()
  return { servers = {}, hooks = {}, timers = {}, resources = {} }
end

describe("reload.remains", function()
  after_each(function() package.loaded.luv = nil end)

  it("tells the handles that were opened from those that were there, and closes them", function()
    local open, closed = { first = true }, {}
    package.loaded.luv = {
      walk = function(visit) for handle in pairs(open) do visit(handle) end end,
      is_closing = function(handle) return closed[handle] end,
      close = function(handle) closed[handle] = true end,
    }
    local before = remains.open_handles()
    open.second = true
    local opened = remains.without(remains.open_handles(), before)
    assert.are.same({ second = true }, opened)
    remains.close_handles(opened)
    assert.are.same({ second = true }, closed)
  end)

  it("finds the callbacks that C has been given", function()
    local function callback() end
    local registry = debug.getregistry()
    assert.is_nil(remains.held_functions()[callback])
    registry[#registry + 1] = callback
    assert.is_true(remains.held_functions()[callback])
    registry[#registry] = nil
  end)

  it("begins a survey at all that a load has made", function()
    local record = an_empty_record()
    local module, server, hook, timer, handler, events, callback =
      {}, {}, print, {}, type, {}, next
    record.servers, record.hooks, record.timers = { server }, { hook }, { { timer = timer } }
    record.resources = { { object = { handler = handler }, component = events } }
    local roots = remains.roots({ modules = { m = module }, globals = { g = "text" },
      record = record }, { [callback] = true })
    local found = {}
    for _, root in pairs(roots) do found[root] = true end
    for _, one in ipairs({ module, "text", server, hook, timer, handler, events, callback }) do
      assert.is_true(found[one])
    end
  end)

  it("knows which modules are not the app's", function()
    package.loaded["of the app"], package.loaded["of others"] = {}, {}
    local foreign = remains.foreign({ ["of the app"] = true })
    assert.is_true(foreign[_G])
    assert.is_true(foreign[package.loaded["of others"]])
    assert.is_nil(foreign[package.loaded["of the app"]])
    package.loaded["of the app"], package.loaded["of others"] = nil, nil
  end)

  it("notes the routes of a load by their keys", function()
    local router, target = Router(), { handle = print }
    router:add("GET", "/a", target)
    local routes = remains.routes({ tables = { [router] = {}, [target] = {} } })
    local keys = routes[router]
    assert.is_nil(routes[target])
    router:each(function(route) assert.is_true(keys[route.key]) end)
    assert.is_not_nil(next(keys))
  end)
end)
