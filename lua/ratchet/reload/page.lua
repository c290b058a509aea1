-- page - with --watch, an HTML page that is open in a browser shows what is wrong with
-- the code, until it is put right. A script at the end of each page asks for it, at an
-- address that answers with --watch only.

local native = require "ratchet.native"

local page = {}

local ADDRESS = "/.ratchet/reload"

local SCRIPT = [[

<script>
(() => {
  const box = document.createElement("pre");
  box.style.cssText = "position:fixed;left:0;right:0;bottom:0;margin:0;padding:1em;" +
    "z-index:2147483647;background:#400;color:#fff;white-space:pre-wrap;font:14px monospace";
  setInterval(async () => {
    try {
      const answer = await fetch("/.ratchet/reload", { cache: "no-store" });
      box.textContent = answer.status === 200 ? await answer.text() : "";
    } catch (error) {
      return;
    }
    if (box.textContent) document.body.append(box); else box.remove();
  }, 500);
})();
</script>
]]

---@return boolean
function page.is_on()
  return native.options().watch == true
end

local function is_html(headers)
  for name, value in pairs(headers or {}) do
    if name:lower() == "content-type" then
      return type(value) == "string" and value:find("^text/html") ~= nil
    end
  end
  return false
end

local function with_script(request, status, body, headers, ...)
  local is_page = status == 200 and request.method == "GET" and type(body) == "string"
  if is_page and is_html(headers) then body = body .. SCRIPT end
  return status, body, headers, ...
end

---Answers a request by the layer, or by itself.
---@param layer table with `handle`
---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function page.handle(layer, request)
  if request.path ~= ADDRESS then return with_script(request, layer:handle(request)) end
  local failure = require("ratchet.reload").failure
  if not failure then return 204 end
  return 200, failure, { ["Content-Type"] = "text/plain; charset=utf-8" }
end

return page
