local reach = require "ratchet.command.check.reach"

local router = {}

-- The paths that are never reached, of a list of path or { path, host, method }.
local function unreachable(...)
  local routes = {}
  for i, given in ipairs({ ... }) do
    local path, host, method = given, "", "GET"
    if type(given) == "table" then path, host, method = given[1], given[2], given[3] or "GET" end
    routes[i] = { router = router, path = path, host = host, method = method }
  end
  local list = {}
  for i, pair in ipairs(reach.unreachable(routes)) do list[i] = pair.route.path end
  return list
end

describe("reach", function()
  it("finds what stands behind a wider path", function()
    assert.are.same({ "/room/{id}" }, unreachable("/{rest:.*}", "/room/{id}"))
    assert.are.same({ "/b/{id:%d+}" }, unreachable("/b/{any}", "/b/{id:%d+}"))
    assert.are.same({ "/room/{name}" }, unreachable("/room/{id}", "/room/{name}"))
  end)

  it("leaves alone what is reached", function()
    assert.are.same({}, unreachable("/room/{id}", "/{rest:.*}"))
    assert.are.same({}, unreachable("/{rest:.*}", "/literal"))
    assert.are.same({}, unreachable("/b/{id:%d+}", "/b/{any}"))
    assert.are.same({}, unreachable("/a/{id}", "/b/{id}"))
  end)

  it("knows of hosts and methods", function()
    assert.are.same({}, unreachable({ "/{a:.*}", "a.example" }, { "/x/{b}", "b.example" }))
    assert.are.same({}, unreachable({ "/{a:.*}", "a.example" }, { "/x/{b}", "" }))
    assert.are.same({ "/x/{b}" }, unreachable({ "/{a:.*}", "" }, { "/x/{b}", "b.example" }))
    assert.are.same({ "/x/{b}" },
      unreachable({ "/{a:.*}", "127.0.0.1" }, { "/x/{b}", "localhost" }))
    assert.are.same({}, unreachable({ "/{a:.*}", "", "GET" }, { "/x/{b}", "", "POST" }))
  end)
end)
