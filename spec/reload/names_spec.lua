local names = require "ratchet.reload.names"

local TEXT = [[
local count, seen = 0, {}
local Chat = {}
function Chat:onOpen() return count end
local function helper() return seen end
local late = function() end
local t = { onClose = function()
  return 1
end }
return Chat.onOpen, helper, late, t.onClose, (function() end)
]]

local function load_text(text)
  local list = { { path = "/x/app.lua", text = text } }
  list["/x/app.lua"] = list[1]
  return list, { assert(loadstring(text, "@/x/app.lua"))() }
end

describe("names", function()
  local list, functions = load_text(TEXT)

  it("knows what a function is called where it is made", function()
    local found = {}
    for i, fn in ipairs(functions) do found[i] = table.concat({ names.of(fn, list) }, " ") end
    assert.are.same({ "Chat:onOpen app.lua:3", "helper app.lua:4", "late app.lua:5",
      "onClose app.lua:6", "a function app.lua:9" }, found)
  end)

  it("compares what functions read like, wherever they stand", function()
    local moved, others = load_text("\n" .. TEXT:gsub("return 1", "return 2"))
    assert.is_true(names.is_same(functions[1], list, others[1], moved))
    assert.is_false(names.is_same(functions[4], list, others[4], moved))
    assert.is_false(names.is_same(print, list, others[4], moved))
  end)

  it("finds where a local is declared", function()
    assert.are.equal("app.lua:1", names.place_of_local("seen", "@/x/app.lua", list))
    assert.are.equal("app.lua:2", names.place_of_local("Chat", "@/x/app.lua", list))
    assert.are.equal("app.lua", names.place_of_local("nowhere", "@/x/app.lua", list))
  end)
end)
