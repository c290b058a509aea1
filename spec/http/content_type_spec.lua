local content_type = require "ratchet.http.content_type"

describe("content_type", function()
  it("goes by the end of the name, without case", function()
    assert.are.equal("text/html; charset=utf-8", content_type.of("/a/index.html"))
    assert.are.equal("text/javascript; charset=utf-8", content_type.of("app.min.js"))
    assert.are.equal("image/png", content_type.of("LOGO.PNG"))
    assert.are.equal("application/json", content_type.of("a.json"))
    assert.are.equal("application/wasm", content_type.of("a.wasm"))
    assert.are.equal("image/svg+xml", content_type.of("a.svg"))
  end)

  it("is bytes for anything else", function()
    for _, path in ipairs({ "", "html", "a.unknown", "a.", ".html", "/a.html/b", "a.html~" }) do
      assert.are.equal("application/octet-stream", content_type.of(path), path)
    end
  end)
end)
