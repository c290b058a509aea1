local Answer = require "ratchet.fetch.answer"

local function answer(status, body)
  return Answer({
    status = status, reason = "x", version = "1.1", body = body or "",
    rawHeaders = { "X-A", "1", "x-a", "2" },
  }, "http://a/")
end

describe("an answer", function()
  it("has headers that are looked up without case", function()
    assert.are.equal("1, 2", answer(200).headers["X-a"])
    assert.are.same({ "1", "2" }, answer(200):headerAll("X-A"))
    assert.is_nil(answer(200).headers["X-B"])
  end)

  it("is ok from 200 to 299", function()
    assert.is_false(answer(199).ok)
    assert.is_true(answer(200).ok)
    assert.is_true(answer(299).ok)
    assert.is_false(answer(302).ok)
  end)

  it("knows where it came from, and no more than it has", function()
    assert.are.equal("http://a/", answer(200).url)
    assert.is_nil(answer(200).trailers)
  end)

  it("is decoded from JSON, or says why not", function()
    assert.are.same({ a = 1 }, answer(200, '{"a":1}'):json())
    local value, err = answer(200, "<html>"):json()
    assert.is_nil(value)
    assert.matches("^the body is no JSON: ", err)
    assert.is_nil((answer(200, ""):json()))
  end)
end)
