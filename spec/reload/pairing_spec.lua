local fake_core = require "support.fake_core"
local pair = require "ratchet.reload.pairing"
local survey = require "ratchet.reload.survey"

local function is_own(source) return source == "@app.lua" end

-- What a load of that text has made: it returns its modules, by name, and its servers.
local function load_text(text)
  local modules, servers = assert(loadstring(text, "@app.lua"))()
  local roots = {}
  for _, module in pairs(modules) do roots[#roots + 1] = module end
  for _, server in ipairs(servers or {}) do roots[#roots + 1] = server end
  return {
    modules = modules, globals = {}, list = {}, foreign = {}, routes = {},
    survey = survey(roots, is_own, {}),
    record = { servers = servers or {}, hooks = {}, timers = {}, resources = {} },
  }
end

describe("reload.pairing", function()
  before_each(function() fake_core.install() end)
  after_each(fake_core.remove)

  it("pairs modules of a name, and what hangs on them", function()
    local old = load_text("return { a = { list = {} }, gone = {} }")
    local new = load_text("return { a = { list = {} }, added = {} }")
    local twins = pair(old, new)
    assert.are.equal(old.modules.a, twins.of[new.modules.a])
    assert.are.equal(old.modules.a.list, twins.of[new.modules.a.list])
    assert.is_nil(twins.of[new.modules.added])
  end)

  it("pairs servers of the same addresses, and the others in their order", function()
    local text = [[
      local function server(port) return { wanted = { { port = port, address = "a" } } } end
      return {}, { server(%d), server(%d), server(%d) }
    ]]
    local old, new = load_text(text:format(1, 2, 3)), load_text(text:format(3, 4, 1))
    local twins = pair(old, new)
    assert.are.equal(old.record.servers[3], twins.of[new.record.servers[1]])
    assert.are.equal(old.record.servers[1], twins.of[new.record.servers[3]])
    assert.are.equal(old.record.servers[2], twins.of[new.record.servers[2]])
  end)

  it("keeps a timer of the same function and period, and no other", function()
    local old = load_text("return { t = { beat = function() end } }")
    local new = load_text("return { t = { beat = function() end } }")
    local function timer(load, seconds)
      return { timer = {}, kind = "every", seconds = seconds, fn = load.modules.t.beat }
    end
    old.record.timers, new.record.timers = { timer(old, 1) }, { timer(new, 2) }
    local twins = pair(old, new)
    assert.are.equal(old.record.timers[1], new.same_timers[new.record.timers[1]])
    assert.are.equal(new.modules.t.beat, twins.heirs[old.modules.t.beat])
    assert.is_true(twins.refused[new.record.timers[1].timer])
  end)
end)
