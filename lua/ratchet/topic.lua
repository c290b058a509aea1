-- topic - a named set of connections that a message is broadcast to. The set and
-- the broadcast are the core's; this is the door to it.

local native = require "ratchet.native"

---The topic of that name; the same name is always the same topic.
---@param name string
---@return ratchet.Topic
local function topic(name)
  return native.core().topic(name)
end

return topic
