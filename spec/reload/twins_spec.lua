local Router = require "ratchet.http.router"
local Twins = require "ratchet.reload.twins"
local WsServer = require "ratchet.websocket.ws_server"
local layers = require "support.layers"
local reloaded = require "support.reloaded"
local survey = require "ratchet.reload.survey"

describe("Twins", function()
  it("pairs tables and functions by their names", function()
    local text = "local M = { inner = { f = function() end } } function M.g() end return M"
    local live, result = reloaded(text, text)
    local new, twins = result.new, result.twins
    assert.are.equal(live, twins.of[new])
    assert.are.equal(live.inner, twins.of[new.inner])
    assert.are.equal(2, (function(count)
      for _ in pairs(twins.heirs) do count = count + 1 end
      return count
    end)(0))
  end)

  it("pairs a local by its own name, where nothing of the same name leads to it", function()
    local _, result = reloaded(
      "local seen = {} return { a = function() return seen end }",
      "local seen = {} return { b = function() return seen end }")
    local _, cell = next(result.twins.cells)
    assert.are.equal("seen", cell.name)
  end)

  it("does not guess between two locals of one name", function()
    local _, result = reloaded(
      "local x = {} local M = { a = function() return x end } do local x = {} "
        .. "M.b = function() return x end end return M",
      "local x = {} return { c = function() return x end }")
    assert.is_nil((next(result.twins.cells)))
  end)

  it("does not take lists of different lengths for the same things", function()
    local live, result = reloaded("return { { id = 1 }, { id = 2 } }", "return { { id = 2 } }")
    assert.is_nil(result.twins.of[result.new[1]])
    assert.are.same({ { id = 2 } }, live)
  end)

  it("goes through layers to components, route by route", function()
    local old_router, new_router = Router(), Router()
    local a, b, gone = layers.component(), layers.component(), layers.component()
    old_router:add("GET", "/a", WsServer(a)):add("GET", "/gone", WsServer(gone))
    new_router:add("GET", "/a", WsServer(b)):add("GET", "/new", WsServer(layers.component()))
    local foreign = { [Router] = true, [WsServer] = true }
    local function take(root)
      return survey({ root }, function() return true end, foreign)
    end
    local twins = Twins(take(old_router), take(new_router), foreign, function() return false end)
    twins:pair(old_router, new_router)
    twins:find()
    assert.are.equal(a, twins.of[b])
    assert.are.equal(a, twins.components[b])
    assert.are.equal("/gone", twins.routes_gone[1].path)
    assert.are.equal("/new", twins.routes_added[1].path)
    assert.are.same({}, twins:left_endpoints())
    old_router.literal["/gone"].any.GET.endpoint = "its endpoint"
    assert.are.same({ "its endpoint" }, twins:left_endpoints())
  end)

  it("refuses what it is told to", function()
    local one, other = { x = {} }, { x = {} }
    local function take(root) return survey({ root }, function() return true end, {}) end
    local twins = Twins(take(one), take(other), {}, function() return false end)
    twins:refuse(other.x)
    twins:pair(one, other)
    twins:find()
    assert.is_nil(twins.of[other.x])
    assert.are.equal(one, twins.of[other])
  end)
end)
