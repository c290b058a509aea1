-- class - the little that this library needs of classes: a table that is its
-- instances' metatable, and that makes one when it is called.
--
--   local Echo = class()
--   function Echo.new(loud) return setmetatable({ loud = loud }, Echo) end
--   local echo = Echo(true)
--
-- There is no inheritance: components are composed, not derived.

---@return table class callable: class(...) is class.new(...)
local function class()
  local Class = {}
  Class.__index = Class
  return setmetatable(Class, {
    __call = function(_, ...) return Class.new(...) end,
  })
end

return class
