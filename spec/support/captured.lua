-- captured - what a function prints, in place of the terminal.

---@param fn function
---@param ... any
---@return any result the function's first
---@return string out
---@return string err
return function(fn, ...)
  local kept = { print = print, stdout = io.stdout, stderr = io.stderr }
  local out, err = {}, {}
  local function file(list)
    return {
      write = function(self, ...)
        for _, text in ipairs({ ... }) do list[#list + 1] = text end
        return self
      end,
      flush = function() end,
    }
  end
  rawset(_G, "print", function(...) out[#out + 1] = table.concat({ ... }, "\t") .. "\n" end)
  rawset(io, "stdout", file(out))
  rawset(io, "stderr", file(err))
  local ok, result = xpcall(fn, debug.traceback, ...)
  rawset(_G, "print", kept.print)
  rawset(io, "stdout", kept.stdout)
  rawset(io, "stderr", kept.stderr)
  if not ok then error(result, 0) end
  return result, table.concat(out), table.concat(err)
end
