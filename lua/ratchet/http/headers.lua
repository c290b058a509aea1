-- headers - the header lines of a message as Lua sees them: the list that the core
-- parsed (name, value, name, value, ...), and the table that is looked up without
-- case. Of a request and of an answer alike.

local headers = {}

---Is it a token (RFC 9110 5.6.2), as names of headers, cookies, methods and sub-protocols
---are?
---@param value any
---@return boolean
function headers.is_token(value)
  return type(value) == "string" and value:find("^[%w!#$%%&'*+.^_`|~-]+$") ~= nil
end

local lookup = {
  __index = function(found, name)
    return type(name) == "string" and rawget(found, name:lower()) or nil
  end,
}

---Calls visit(name, value) for each line, in order; the name in lower case.
---@param raw string[] name, value, name, value, ...
---@param visit fun(name: string, value: string)
function headers.each(raw, visit)
  for i = 1, #raw, 2 do visit(raw[i]:lower(), raw[i + 1]) end
end

---The table that is looked up without case. RFC 9110 5.3 joins repeated fields by
---commas; cookies, which contain them, by semicolons (RFC 9113 8.2.3).
---@param raw string[]
---@return table<string, string>
function headers.parse(raw)
  local found = {}
  headers.each(raw, function(name, value)
    local before = found[name]
    local separator = name == "cookie" and "; " or ", "
    found[name] = before and before .. separator .. value or value
  end)
  return setmetatable(found, lookup)
end

---Every value of a header, in order; an empty list when there is none.
---@param raw string[]
---@param name string
---@return string[]
function headers.all(raw, name)
  local wanted, values = name:lower(), {}
  headers.each(raw, function(header, value)
    if header == wanted then values[#values + 1] = value end
  end)
  return values
end

return headers
