-- prelude - the little that runs in Lua between C and the app. It is built into
-- the program and loaded before anything else.
--
-- Here because it is on the way of every message, and LuaJIT does in a few
-- instructions what the C API needs a dozen calls for. Returns the function that
-- each event runs, in the order of enum event_kind (strand.c), how a member of a
-- connection is found (connection_object.c), what luv is wrapped in (modules.c),
-- the table of the coroutines of handlers, and what follows a run that was stopped
-- (call.c).

local next_message, event_data, begin_run, lend_profiler, leave_topics = ...

local none = {}

-- Handlers are looked up when they are called, so that new code takes effect
-- with the next event.
local runners = {
  -- Fields that layers give to the connection (lua/ratchet/http/request.lua) come first.
  function(component, conn, request)
    local fields = request and rawget(request, "connectionFields")
    for name, value in next, fields or none do conn[name] = value end
    local handler = component.onOpen
    if handler then handler(component, conn, request) end
    local run = component.run
    if run then
      begin_run(conn)
      run(component, conn)
    end
  end,
  -- Goes on with the messages that came in the same piece, as long as they may
  -- be delivered: entering a coroutine costs more than handling a small message.
  function(component, conn)
    local message, is_binary = next_message()
    while message do
      local handler = component.onMessage
      if handler then handler(component, conn, message, is_binary) end
      message, is_binary = next_message()
    end
  end,
  function(component, conn)
    local handler = component.onPing
    if handler then handler(component, conn, event_data()) end
  end,
  function(component, conn)
    local handler = component.onPong
    if handler then handler(component, conn, event_data()) end
  end,
  function(component, conn)
    local handler = component.onDrain
    if handler then handler(component, conn) end
  end,
  -- Topics tell of who has left them first, so that onClose finds everything told.
  function(component, conn, code)
    local reason = event_data() -- while it is there: what topics call may wait
    leave_topics(conn)
    local handler = component.onClose
    if handler then handler(component, conn, code, reason) end
  end,
  -- The only one whose answer matters: without a handler C has its default.
  function(component, conn, err)
    local handler = component.onError
    if not handler then return false end
    handler(component, conn, err)
    return true
  end,
  function(handle, request)
    return handle(request)
  end,
  function(next_piece)
    return (next_piece())
  end,
}

-- Methods are found at once; what is left are properties and the app's fields.
local function index_of(methods, get_field)
  return function(conn, name)
    local method = methods[name]
    if method then return method end
    return get_field(conn, name)
  end
end

-- Lua code that comes back to Lua through C (a coroutine in a coroutine, a
-- function that string.gsub calls) takes a piece of the C stack at each level,
-- and LuaJIT does not count them: without a bound, such recursion is a crash.
local MOST_NESTED = 190
local nested = 0

local function leave(...)
  nested = nested - 1
  return ...
end

local function leave_or_raise(ok, ...)
  nested = nested - 1
  if ok then return ... end
  error((...), 0)
end

local resume, create, gsub = coroutine.resume, coroutine.create, string.gsub

-- The coroutines that handlers run in. They are C's: one that the app resumed by
-- itself would be used twice.
local of_handlers = setmetatable({}, { __mode = "k" })

local function bounded_resume(co, ...)
  if of_handlers[co] then
    return false, "the coroutine of a handler goes on by ratchet's own functions only"
  end
  if nested >= MOST_NESTED then return false, "coroutines are nested too deeply" end
  nested = nested + 1
  return leave(resume(co, ...))
end

local function return_or_raise(ok, ...)
  if ok then return ... end
  error((...), 0)
end

coroutine.resume = bounded_resume

function coroutine.wrap(f)
  local co = create(f)
  return function(...) return return_or_raise(bounded_resume(co, ...)) end
end

-- Only a function (or a table with a metatable) as the replacement runs Lua.
function string.gsub(text, pattern, replacement, most)
  local kind = type(replacement)
  if kind ~= "function" and kind ~= "table" then
    return gsub(text, pattern, replacement, most)
  end
  if nested >= MOST_NESTED then error("string.gsub is nested too deeply", 2) end
  nested = nested + 1
  return leave_or_raise(pcall(gsub, text, pattern, replacement, most))
end

-- The loop is the server's, and luv knows only the handles that it made: what
-- would run the loop, end it, or walk over the server's handles is replaced.
-- Returns a function that closes every handle that is left open, and one that says
-- of a handle that it is the library's, and none of the app's.
local function guard_luv(uv)
  local handles = setmetatable({}, { __mode = "k" })
  local own = setmetatable({}, { __mode = "k" })

  local function remember(handle, ...)
    -- Not all that luv makes are handles: threads and work queues are not.
    if type(handle) == "userdata" and pcall(uv.is_closing, handle) then
      handles[handle] = true
    end
    return handle, ...
  end

  for name, make in pairs(uv) do
    if name:find("^new_") or name == "spawn" then
      uv[name] = function(...) return remember(make(...)) end
    end
  end

  local function refuse()
    error("the server runs the loop: return instead, and the callbacks will be called", 2)
  end
  uv.run, uv.loop_close, uv.stop = refuse, refuse, refuse

  function uv.walk(visit)
    for handle in pairs(handles) do
      if not own[handle] then visit(handle) end
    end
  end

  return function()
    -- What the app has let go of is closed by the collector, and that must have
    -- happened too: the table forgets such a handle before it is closed.
    collectgarbage()
    collectgarbage()
    for handle in pairs(handles) do
      if not uv.is_closing(handle) then uv.close(handle) end
    end
  end, function(handle) own[handle] = true end
end

-- LuaJIT has one profiler, and the watchdog lives by it: an app that profiles
-- itself has it for that time, and nothing is watched.
local profile = require "jit.profile"
local start_profile, stop_profile = profile.start, profile.stop

function profile.start(mode, callback)
  lend_profiler(true)
  local ok, err = pcall(start_profile, mode, callback)
  if ok then return end
  lend_profiler(false)
  error(err, 2)
end

function profile.stop()
  stop_profile()
  lend_profiler(false)
end

local function forget_nesting() nested = 0 end

return runners, index_of, guard_luv, of_handlers, forget_nesting
