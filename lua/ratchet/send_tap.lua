-- send_tap - lets layers see what is sent. A connection is the same value in every
-- layer, so none can put another `send` in its place; but all connections share their
-- methods, and the first layer that asks has those that send changed, once, to tell
-- who looks on. A program without such a layer pays nothing.

local native = require "ratchet.native"

local send_tap = {}

local watchers = {} -- conn to the list of the layers that look on
local changed = setmetatable({}, { __mode = "k" }) -- the tables of methods that are

local OPEN = 1

local function is_watched(conn)
  return watchers[conn] ~= nil and conn.readyState == OPEN
end

local function tell(conn, message, is_binary)
  for _, layer in ipairs(watchers[conn]) do layer:onSend(conn, message, is_binary) end
end

local function change_connections(methods)
  local send, send_binary = methods.send, methods.sendBinary
  function methods.send(conn, message, is_binary, compress)
    if not is_watched(conn) then return send(conn, message, is_binary, compress) end
    send(conn, message, is_binary, compress)
    tell(conn, message, is_binary and true or false)
    return conn
  end
  function methods.sendBinary(conn, message, compress)
    if not is_watched(conn) then return send_binary(conn, message, compress) end
    send_binary(conn, message, compress)
    tell(conn, message, true)
    return conn
  end
end

-- A broadcast goes from C to the members, without their `send`.
local function change_topics(methods)
  local broadcast = methods.broadcast
  function methods.broadcast(topic, message, options)
    local count = broadcast(topic, message, options)
    local except = options and options.exclude
    for conn in pairs(watchers) do
      if conn ~= except and topic:has(conn) and is_watched(conn) then
        tell(conn, message, options and options.binary and true or false)
      end
    end
    return count
  end
end

local function change_once(methods, change)
  if changed[methods] then return end
  changed[methods] = true
  change(methods)
end

---From here to `unwatch`, layer:onSend(conn, message, isBinary) is called with what was
---sent to the connection, when it is queued. The layer that came last is told first: it
---is the one next to the component.
---@param conn ratchet.Connection
---@param layer table
function send_tap.watch(conn, layer)
  local core = native.core()
  change_once(core.connectionMethods, change_connections)
  change_once(core.topicMethods, change_topics)
  local layers = watchers[conn] or {}
  table.insert(layers, 1, layer)
  watchers[conn] = layers
end

---@param conn ratchet.Connection
---@param layer table
function send_tap.unwatch(conn, layer)
  local layers = watchers[conn] or {}
  for i = #layers, 1, -1 do
    if layers[i] == layer then table.remove(layers, i) end
  end
  if #layers == 0 then watchers[conn] = nil end
end

return send_tap
