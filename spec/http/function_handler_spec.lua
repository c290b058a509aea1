local FunctionHandler = require "ratchet.http.function_handler"
local Response = require "ratchet.http.response"
local layers = require "support.layers"

local function answer_of(fn)
  local status, body, headers = FunctionHandler(fn, "GET /"):handle(layers.get("/?n=1"))
  return { status, body, headers["Content-Type"] }
end

describe("FunctionHandler", function()
  it("makes text of a string", function()
    assert.are.same({ 200, "hello", "text/plain; charset=utf-8" },
      answer_of(function() return "hello" end))
  end)

  it("makes HTML of a string that begins with <", function()
    assert.are.same({ 200, "<p>", "text/html; charset=utf-8" },
      answer_of(function() return "<p>" end))
  end)

  it("makes JSON of a table", function()
    assert.are.same({ 200, '{"a":1}', "application/json" },
      answer_of(function() return { a = 1 } end))
  end)

  it("takes a status, with and without a body", function()
    assert.are.same({ 404, "gone", "text/plain; charset=utf-8" },
      answer_of(function() return 404, "gone" end))
    assert.are.same({ 201, '[1]', "application/json" }, answer_of(function() return 201, { 1 } end))
    assert.are.same({ 304 }, answer_of(function() return 304 end))
    assert.are.same({ 200, "a{}", "text/css" },
      answer_of(function() return 200, "a{}", { ["Content-Type"] = "text/css" } end))
  end)

  it("takes the response, returned or only filled", function()
    assert.are.same({ 201, "made", "text/plain; charset=utf-8" },
      answer_of(function(_, response) return response:status(201):send("made") end))
    assert.are.same({ 201, "made", "text/plain; charset=utf-8" },
      answer_of(function(_, response) response:status(201):send("made") end))
    assert.are.same({ 202 }, answer_of(function() return Response():status(202) end))
  end)

  it("adds a returned body to the response", function()
    assert.are.same({ 201, "made", "text/plain; charset=utf-8" },
      answer_of(function(_, response) response:status(201) return "made" end))
  end)

  it("takes a function, which makes the body piece by piece", function()
    local function next_piece() end
    local kind = "text/plain; charset=utf-8"
    assert.are.same({ 200, next_piece, kind }, answer_of(function() return next_piece end))
    assert.are.same({ 202, next_piece, kind }, answer_of(function() return 202, next_piece end))
    local function over() end
    assert.are.equal(over, (select(4, FunctionHandler(function(_, response)
      return response:send(next_piece, over)
    end, "GET /"):handle(layers.get("/")))))
  end)

  it("answers 204 when there is nothing", function()
    assert.are.same({ 204 }, answer_of(function() end))
  end)

  it("gives the request", function()
    assert.are.same({ 200, "1", "text/plain; charset=utf-8" },
      answer_of(function(request) return request.query.n end))
  end)

  it("raises, for the core to answer 500, at what is no answer", function()
    assert.has_error(function() answer_of(function() return true end) end, "GET /: the handler "
      .. "returned a boolean; it must be a string, a table, a function, a status or the response")
    assert.has_error(function() answer_of(function() return 99 end) end)
    assert.has_error(function() answer_of(function() error("boom", 0) end) end, "boom")
  end)

  it("wants a function", function()
    assert.has_error(function() FunctionHandler("text", "GET /") end,
      "GET /: the handler must be a function(request, response); it is a string")
  end)
end)
