local names = require "ratchet.command.check.names"

local Chat = {}
function Chat:onOpen() end
local Room = {}
Room.onOpen = function() end

describe("names", function()
  it("are those in the source", function()
    local name, file, line = names.of_component(Chat, "onOpen")
    assert.are.equal("Chat", name)
    assert.matches("names_spec.lua$", file)
    assert.are.equal(4, line)
    assert.are.equal("Room", (names.of_component(Room, "onOpen")))
  end)

  it("are not known of what has no source", function()
    assert.is_nil(names.of_component({ onOpen = print }, "onOpen"))
    assert.is_nil(names.of_component({ onOpen = loadstring("return 1") }, "onOpen"))
    assert.is_nil(names.of_component({}, "onOpen"))
    assert.is_nil((names.of_component({ onOpen = function() end }, "onOpen")))
  end)

  it("reads one line", function()
    assert.are.equal("local Chat = {}", names.line("spec/command/check/names_spec.lua", 3))
    assert.is_nil(names.line("spec/command/check/names_spec.lua", 1000))
    assert.is_nil(names.line("none.lua", 1))
  end)
end)
