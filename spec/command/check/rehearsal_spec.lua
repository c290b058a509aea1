local fake_core = require "support.fake_core"
local rehearsal = require "ratchet.command.check.rehearsal"
local written = require "support.written"

describe("rehearsal", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  local function load(text)
    local path, remove = written('local ratchet = require "ratchet"\n' .. text)
    local found = rehearsal.load(path)
    remove()
    return found
  end

  local function messages_of(found)
    local list = {}
    for i, finding in ipairs(found.findings) do
      list[i] = ("%s: %s"):format(finding.line or "-", finding.message)
    end
    return list
  end

  local CHAT = "local Chat = { onMessage = function() end }\n"

  it("writes down what would be served, and serves nothing", function()
    local found = load(CHAT .. [[
      local app = ratchet.App("localhost", 8080)
      app:route("/chat", Chat, { "*" })
      app:get("/", function() return "hi" end)
      app:run()
      ratchet.every(1, print)
      ratchet.spawn(print)
      ratchet.connect("ws://localhost/", { events = Chat })
    ]])
    assert.are.same({}, found.findings)
    assert.are.equal(0, #core.listened)
    assert.are.equal(0, #core.attempts)
    assert.are.equal(0, #core.timed)
    assert.are.equal(8080, found.wanted[1].port)
    assert.are.equal(1, #found.served)
    local shown = {}
    for i, route in ipairs(found.routes) do shown[i] = route.method .. route.path .. route.line end
    assert.are.same({ "GET/chat4", "GET/5" }, shown)
  end)

  it("leaves everything as it was", function()
    local App, path, loaders = require "ratchet.app", package.path, #package.loaders
    local run, arg = App.run, _G.arg
    load("error('x')")
    assert.are.equal(run, App.run)
    assert.are.equal(path, package.path)
    assert.are.equal(loaders, #package.loaders)
    assert.are.equal(arg, _G.arg)
    assert.are.equal(core, package.loaded["ratchet.core"])
  end)

  it("finds all wrong options, and goes on", function()
    assert.are.same({
      '3: ratchet.App: unknown option "prot"; did you mean "port"?',
      '4: app:route: unknown option "keepAlife"; did you mean "keepAlive"?',
    }, messages_of(load(CHAT .. [[
      local app = ratchet.App{ prot = 1 }
      app:route("/", Chat, nil, nil, { keepAlife = 1 })
      app:run()
    ]])))
  end)

  it("finds routes that clash, and goes on", function()
    assert.are.same({ '5: GET / on host "localhost" has a route already, of line 4; remove one' },
      messages_of(load(CHAT .. [[
        local app = ratchet.App()
        app:route("/", Chat)
        app:route("/", Chat)
        app:run()
      ]])))
  end)

  it("writes down globals, and keeps them to the app", function()
    local found = load("counter = 1\ncounter = counter + 1\nfunction helper() return counter end")
    local names = {}
    for i, global in ipairs(found.globals) do names[i] = global.name .. global.line end
    assert.are.same({ "counter2", "helper4" }, names)
    assert.is_nil(rawget(_G, "counter"))
  end)

  for text, pattern in pairs({
    ["local x = = 1"] = "2: unexpected symbol",
    ["error('broken here')"] = "2: broken here",
    ["error({})"] = "raised a table",
    ["error()"] = "raised a nil",
    ["coroutine.yield()"] = "cannot yield",
    ["ratchet.sleep(1)"] = "cannot wait while it is loaded",
    ["require 'none_such'"] = "none_such",
  }) do
    it("explains " .. text, function()
      local messages = messages_of(load(text))
      assert.are.equal(1, #messages)
      assert.matches(pattern, messages[1])
    end)
  end

  it("knows the files of the app's folder", function()
    local path, remove = written("", "app.lua")
    local folder = path:match("^(.*)/")
    local handle = io.open(folder .. "/part_of_it.lua", "w")
    handle:write("shared = 1\nreturn {}")
    handle:close()
    handle = io.open(path, "w")
    handle:write('require "part_of_it"\nrequire "ratchet.text"')
    handle:close()
    local found = rehearsal.load(path)
    os.remove(folder .. "/part_of_it.lua")
    remove()
    assert.are.same({ path, folder .. "/part_of_it.lua" }, found.files)
    assert.are.equal("shared", found.globals[1].name)
    assert.is_nil(package.loaded.part_of_it)
  end)
end)
