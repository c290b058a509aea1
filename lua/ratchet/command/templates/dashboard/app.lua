-- @NAME@: figures that come in by HTTP are on every screen at once. Whoever has a figure
-- posts it:
--   curl -d '{"name":"orders","value":42}' http://localhost:8080/figures
-- Screens are told all that is known, and then each change: { name, value, at }.

local cjson = require "cjson"
local ratchet = require "ratchet"

local FOLDER = arg and arg[0] and arg[0]:match("^(.*)/") or "."

local Screens = { figures = {} } -- name to figure

local function everybody()
  return ratchet.topic("screens")
end

function Screens:onOpen(conn)
  local names = {}
  for name in pairs(self.figures) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do conn:send(cjson.encode(self.figures[name])) end
  everybody():add(conn)
end

function Screens:put(name, value)
  local figure = { name = name, value = value, at = os.time() }
  self.figures[name] = figure
  everybody():broadcast(cjson.encode(figure))
end

local app = ratchet.App("localhost", 8080)

app:post("/figures", function(request)
  local is_json, figure = pcall(cjson.decode, request.body)
  if not is_json or type(figure) ~= "table" or type(figure.name) ~= "string"
    or type(figure.value) ~= "number" then
    return 400, 'send {"name":"orders","value":42}\n'
  end
  Screens:put(figure.name, figure.value)
  return 204
end)

app:get("/healthz", function() return "ok\n" end)

-- A figure of the server's own: the memory of its Lua.
ratchet.every(5, function() Screens:put("memory, KiB", math.floor(collectgarbage("count"))) end)

app:route("/screens", Screens)
app:static("/", FOLDER .. "/public")
app:run()
