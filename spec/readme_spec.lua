-- The Lua in the READMEs: each block compiles, and each whole app (one that ends in
-- run) loads against a core that does nothing. What is no Lua there (shell, output,
-- signatures) is told from it by its first words. tests/integration/readme_test.js has
-- the program serve them.

local fake_core = require "support.fake_core"

local READMES = { "README.md", "lua/README.md", "apps/README.md" }

-- What a block that is only a piece of an app may take for granted.
local GIVEN = [[
local ratchet = require "ratchet"
local Chat = { onMessage = function() end }
local conn, layer = {}, { handle = function() return 200 end }
local redis = ratchet.redis.connect()
local app = ratchet.App()
]]

-- A block indented by four spaces, or one fenced as ```lua: a list of { text, line }.
local function blocks_of(path)
  local blocks, block, is_fenced = {}, nil, false
  local number, was_blank = 0, true
  local function finish()
    if block then blocks[#blocks + 1] = block end
    block = nil
  end
  local function add(text)
    block = block or { path = path, line = number, lines = {} }
    block.lines[#block.lines + 1] = text
  end
  for line in io.lines(path) do
    number = number + 1
    local fence = line:match("^%s*```(.*)$")
    local indented = line:match("^    (.*)$")
    if fence then
      finish()
      is_fenced = not is_fenced and (fence == "" and "other" or fence)
    elseif is_fenced then
      if is_fenced == "lua" then add(line) end
    elseif indented and (block or was_blank) then
      add(indented)
    elseif line ~= "" then
      finish()
    elseif block then
      add("")
    end
    was_blank = line == ""
  end
  finish()
  for _, each in ipairs(blocks) do each.text = table.concat(each.lines, "\n") end
  return blocks
end

local function is_lua(block)
  local first = block.text
  return first:find("^local ") or first:find("^%-%-") or first:find("^function ")
    or first:find("require \"", 1, true)
end

local function is_whole_app(block)
  return block.text:find("local ratchet = require", 1, true) and block.text:find(":run%(%)")
end

-- tests/integration/readme_test.js runs these.
local function is_spec(block)
  return block.text:find("describe(", 1, true)
end

local function each_block(visit)
  local count = 0
  for _, path in ipairs(READMES) do
    for _, block in ipairs(blocks_of(path)) do
      if is_lua(block) then
        count = count + 1
        visit(block, ("%s:%d"):format(block.path, block.line))
      end
    end
  end
  return count
end

-- The timers of luv that a block starts are ended, so that busted's process can end.
local function without_luv(run)
  local loaded = package.loaded.luv
  local handle = setmetatable({}, { __index = function() return function() end end })
  package.loaded.luv = setmetatable({}, {
    __index = function() return function() return handle end end,
  })
  local ok, message = pcall(run)
  package.loaded.luv = loaded
  return ok, message
end

describe("the Lua in the READMEs", function()
  local core
  before_each(function() core = fake_core.install() end)
  after_each(fake_core.remove)

  it("compiles", function()
    local count = each_block(function(block, where)
      local chunk, message = loadstring(block.text, "=" .. where)
      assert.is_truthy(chunk, message)
    end)
    assert.is_true(count >= 7, "blocks of Lua were found: " .. count)
  end)

  it("loads and listens when it is a whole app", function()
    local whole = 0
    each_block(function(block, where)
      if not is_whole_app(block) then return end
      whole = whole + 1
      core = fake_core.install()
      local ok, message = pcall(loadstring(block.text, "=" .. where))
      assert.is_true(ok, message)
      assert.is_true(#core.listened > 0, where .. " listens")
    end)
    assert.is_true(whole >= 1, "the app of README.md was found")
  end)

  it("runs as a piece of an app too", function()
    function core.topic() -- with the methods that a piece calls
      local topic = {}
      function topic.add() return topic end
      function topic.broadcast() return 0 end
      return topic
    end
    function core.redis() return {} end
    each_block(function(block, where)
      if is_whole_app(block) or is_spec(block) then return end
      local ok, message = without_luv(function()
        assert(loadstring(GIVEN .. block.text, "=" .. where))()
      end)
      assert.is_true(ok, where .. ": " .. tostring(message))
    end)
  end)
end)

describe("the app of README.md", function()
  it("is how apps/chat/app.lua begins", function()
    local app = assert(io.open("apps/chat/app.lua")):read("*a")
    for _, block in ipairs(blocks_of("README.md")) do
      if is_whole_app(block) then
        local body = block.text:gsub("%s*app:run%(%)%s*$", "")
        assert.is_truthy(app:find(body, 1, true), "README.md:" .. block.line)
        return
      end
    end
    error("README.md has no whole app")
  end)
end)

-- Where spec/README.md says that a test is: `path`: "what its name has in it", with the
-- path left out for the file that the section begins with.
describe("the tests that spec/README.md names", function()
  local function text_of(path)
    local file = io.open(path)
    local text = file and file:read("*a"):gsub("['\"]%s*\n?%s*[+.]+%s*['\"]", "")
    if file then file:close() end
    return text
  end

  local function path_of(short)
    if short:find("^unit/") or short:find("^conformance/") then return "tests/" .. short end
    if short:find("/", 1, true) then return short end
    return ("tests/integration/%s_test.js"):format(short)
  end

  it("are there", function()
    local section, count = nil, 0
    for line in io.lines("spec/README.md") do
      if line:find("^## ") then section = nil end
      section = line:match("^`(spec/[%w_/]+%.lua)`") or section
      local cell = line:match("^|.*|.*| (.*) |$") or ""
      for before, name in cell:gmatch('([^";]*)"([^"]*)"') do
        local path = before:match("`([^`]+)`")
        path = path and path_of(path) or section
        local text = text_of(path or "")
        assert.is_truthy(text, tostring(path) .. ": " .. line)
        assert.is_truthy(text:find(name, 1, true), path .. " has " .. name)
        count = count + 1
      end
    end
    assert.is_true(count > 50)
  end)
end)

local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

-- The names of a namespace are in the error that one it does not have raises.
local function names_of(namespace)
  local _, message = pcall(function() return namespace.there_is_no_such_name end)
  local names = {}
  for name in message:match("it has (.*)$"):gmatch("[%w_]+") do names[#names + 1] = name end
  return names
end

describe("lua/README.md", function()
  it("has every public name", function()
    local ratchet = require "ratchet"
    local api = text_of("lua/README.md")
    local count = 0
    local function look(prefix, namespace)
      for _, name in ipairs(names_of(namespace)) do
        count = count + 1
        assert.is_truthy(api:find(prefix .. name, 1, true) or api:find("`" .. name .. "`", 1, true),
          prefix .. name)
      end
    end
    look("ratchet.", ratchet)
    for _, inner in ipairs{ "server", "http", "session", "auth", "websocket", "wamp" } do
      look("ratchet." .. inner .. ".", ratchet[inner])
    end
    assert.is_true(count > 40, "names were found: " .. count)
  end)
end)

describe("the version", function()
  local version = text_of("CMakeLists.txt"):match("project%(ratchet%-lua VERSION (%S+)")

  it("is the newest of README.md's changes", function()
    local changes = text_of("README.md"):match("\n## Changes\n(.*)")
    assert.are.equal(version, changes:match("\n### (%S+)\n"))
  end)

  it("is what README.md shows of a start", function()
    assert.are.equal(version, text_of("README.md"):match("\n    ratchet%-lua (%S+) serves "))
  end)

  it("is written nowhere else in the sources", function()
    local files = io.popen("find core lua .package .ci CMakeLists.txt tests/CMakeLists.txt -type f")
    local found = {}
    for path in files:lines() do
      if text_of(path):find(version, 1, true) then found[#found + 1] = path end
    end
    files:close()
    assert.are.same({ "CMakeLists.txt" }, found)
  end)
end)
