local TopicManager = require "ratchet.wamp.topic_manager"
local fake_wamp = require "support.fake_wamp"

describe("wamp.patterns", function()
  local patterns
  before_each(function()
    fake_wamp.install()
    patterns = TopicManager({}).patterns
  end)
  after_each(fake_wamp.remove)

  local function matching(name)
    local ids = {}
    for _, topic in ipairs(patterns:matching(name)) do ids[#ids + 1] = topic.id end
    table.sort(ids)
    return table.concat(ids, " ")
  end

  it("finds prefixes", function()
    for _, id in ipairs({ "com", "com.", "com.x", "org" }) do patterns:get(id, "prefix") end
    assert.are.equal("com com. com.x", matching("com.xyz"))
    assert.are.equal("com", matching("com"))
    assert.are.equal("", matching("co"))
    assert.are.equal("org", matching("org.com"))
  end)

  it("finds wildcards: as many parts, each the same or open", function()
    for _, id in ipairs({ "com..created", "com.x.", "..", "com.x.created", "." }) do
      patterns:get(id, "wildcard")
    end
    assert.are.equal(".. com..created com.x. com.x.created", matching("com.x.created"))
    assert.are.equal(".. com..created", matching("com.y.created"))
    assert.are.equal(".", matching("com.x"))
    assert.are.equal("", matching("com.x.created.now"))
    assert.are.equal(".. com.x.", matching("com.x."))
  end)

  it("is one topic for each pattern, and forgets it without a trace", function()
    local ids = { "a", "a.", "b", "a..b", "a.b.c" }
    for _, match in ipairs({ "prefix", "wildcard" }) do
      for _, id in ipairs(ids) do
        assert.are.equal(patterns:get(id, match), patterns:get(id, match))
        assert.are.equal(match, patterns:get(id, match).match)
      end
    end
    assert.are.equal(10, patterns.count)
    for _, match in ipairs({ "prefix", "wildcard" }) do
      for _, id in ipairs(ids) do patterns:remove(patterns:get(id, match)) end
    end
    assert.are.equal(0, patterns.count)
    for _, name in ipairs({ "prefixes", "lengths", "tree" }) do
      assert.is_nil(next(patterns[name]), name)
    end
  end)

  it("agrees with comparing part by part, whatever comes", function()
    math.randomseed(7)
    local function random_id()
      local parts = {}
      for i = 1, math.random(1, 4) do parts[i] = ({ "a", "b", "" })[math.random(3)] end
      return table.concat(parts, ".")
    end
    local function split(id)
      local parts = {}
      for part in (id .. "."):gmatch("([^.]*)%.") do parts[#parts + 1] = part end
      return parts
    end
    local function is_match(topic, name)
      if topic.match == "prefix" then return name:sub(1, #topic.id) == topic.id end
      local wanted, found = split(topic.id), split(name)
      for i, part in ipairs(wanted) do
        if part ~= "" and part ~= found[i] then return false end
      end
      return #wanted == #found
    end
    local there = {}
    for _ = 1, 3000 do
      local match = math.random(2) == 1 and "prefix" or "wildcard"
      local id = random_id()
      local topic = id ~= "" and patterns:get(id, match)
      if topic and there[topic] and math.random(2) == 1 then
        patterns:remove(topic)
        there[topic] = nil
      elseif topic then
        there[topic] = true
      end
      local name, expected = random_id(), {}
      for each in pairs(there) do
        if is_match(each, name) then expected[each] = true end
      end
      for _, each in ipairs(patterns:matching(name)) do
        assert.is_true(expected[each], each.match .. " " .. each.id .. " for " .. name)
        expected[each] = nil
      end
      assert.is_nil(next(expected), name)
    end
  end)
end)
