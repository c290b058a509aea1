-- arguments - what v2 sends along with an event, a call or a result: a list, and named
-- ones. v1 has one value in their place, and a component has parameters; here is what
-- stands for what.

local json = require "ratchet.wamp.json"

local arguments = {}

---As they stand in a message.
---@param args table?
---@param kwargs table?
---@return string text JSON: the list, and what is named if there is such
function arguments.text(args, kwargs)
  local text = json.encode_list(args or {})
  return kwargs and text .. "," .. json.encode(kwargs) or text
end

---The one value of v1: the argument, if it is one; else the list of them; what is named,
---if there is no other.
---@param args table?
---@param kwargs table?
---@return any
function arguments.single(args, kwargs)
  if args == nil or next(args) == nil then return kwargs end
  if args[2] ~= nil or args[1] == nil then return args end
  if args[1] == json.null then return nil end
  return args[1]
end

---The parameters of a call: the list; but one list or object alone is the parameters
---itself, as in Ratchet, and so is what is named, if there is no other.
---@param args table
---@param kwargs table?
---@return table
function arguments.params(args, kwargs)
  if args[1] == nil then return kwargs or args end
  if args[2] == nil and type(args[1]) == "table" then return args[1] end
  return args
end

return arguments
