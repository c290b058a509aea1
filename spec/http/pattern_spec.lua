local pattern = require "ratchet.http.pattern"

local function match(text, subject)
  local lua_pattern, names = pattern.compile(text, "[^/]+")
  return pattern.match(subject, lua_pattern, names)
end

describe("pattern", function()
  it("matches a piece to the default", function()
    assert.are.same({ id = "42" }, match("/room/{id}", "/room/42"))
    assert.is_nil(match("/room/{id}", "/room/"))
    assert.is_nil(match("/room/{id}", "/room/4/2"))
    assert.is_nil(match("/room/{id}", "/room/42/"))
    assert.is_nil(match("/room/{id}", "x/room/42"))
  end)

  it("matches a piece to its own pattern", function()
    assert.are.same({ id = "42" }, match("/item/{id:%d+}", "/item/42"))
    assert.is_nil(match("/item/{id:%d+}", "/item/x"))
    assert.are.same({ rest = "a/b" }, match("/files/{rest:.+}", "/files/a/b"))
    assert.are.same({ x = "}" }, match("/{x:%}}", "/}"))
  end)

  it("takes several pieces", function()
    assert.are.same({ a = "1", b = "2" }, match("/{a}-{b}", "/1-2"))
    assert.are.same({ year = "2024", name = "x" }, match("/{year:%d%d%d%d}/{name}", "/2024/x"))
  end)

  it("takes everything else literally", function()
    assert.are.same({ x = "1" }, match("/a.b+c(d)[e]^$-*?%/{x}", "/a.b+c(d)[e]^$-*?%/1"))
    assert.is_nil(match("/a.b/{x}", "/aXb/1"))
  end)

  for text, message in pairs({
    ["/{id"] = '"/{id": a "{" has no "}"',
    ["/{}"] = '"/{}": "{}" is neither {name} nor {name:pattern}',
    ["/{1a}"] = '"/{1a}": "{1a}" is neither {name} nor {name:pattern}',
    ["/{a:}"] = '"/{a:}": "{a:}" is neither {name} nor {name:pattern}',
    ["/{a}/{a}"] = '"/{a}/{a}": the name "a" stands there twice',
    ["/{a:(x)}"] = '"/{a:(x)}": a pattern in braces must have no captures, ( or ), of its own',
  }) do
    it("refuses " .. text, function()
      assert.has_error(function() match(text, "") end, message)
    end)
  end

  it("refuses a malformed Lua pattern", function()
    assert.has_error(function() match("/{a:[x}", "") end)
  end)

  it("refuses more pieces than there can be captures", function()
    local text = ""
    for i = 1, 33 do text = text .. "/{p" .. i .. "}" end
    assert.has_error(function() match(text, "") end)
  end)
end)
