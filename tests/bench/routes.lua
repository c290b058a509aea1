-- routes - how long the router takes to find a route among 1, 100 and 1,000 literal
-- ones, and the same beside a few patterns. Not a test: it prints figures.
--
--   LUA_PATH='lua/?.lua;lua/?/init.lua' luajit tests/bench/routes.lua [rounds]
--
-- A thousand requests are made beforehand and looked up again and again, so that only
-- the look-up is measured. With one route asked for by all of them, the figure is that
-- of the look-up; with every route in turn, also of the memory in which a thousand
-- routes lie and one does not. All sizes take turns, so that a machine that is slow for a
-- moment is so for all; the figure is the best of the turns.

local Router = require "ratchet.http.router"
local Request = require "ratchet.http.request"

local ROUNDS = tonumber(arg and arg[1]) or 15
local REQUESTS = 1000
local PASSES = 300
local SIZES = { 1, 100, 1000 }

local layer = { handle = function() return 204 end }

local function path_of(number)
  return ("/service/%04d/item"):format(number)
end

local function router_with(size, patterns)
  local router = Router()
  for number = 1, size do router:add("GET", path_of(number), layer, "localhost") end
  for number = 1, patterns do
    router:add("GET", ("/room%d/{name}"):format(number), layer, "localhost")
  end
  return router
end

local function request_for(path)
  return Request({ target = path, headers = { Host = "localhost:8080" } })
end

local function look_up_all(router, requests)
  for i = 1, REQUESTS do assert(router:find(requests[i])) end
end

-- Nanoseconds of one look-up.
local function measure(run)
  collectgarbage()
  local started = os.clock()
  for _ = 1, PASSES do look_up_all(run.router, run.requests) end
  return (os.clock() - started) / (PASSES * REQUESTS) * 1e9
end

local function new_run(size, patterns, path_for)
  local requests = {}
  for i = 1, REQUESTS do requests[i] = request_for(path_for(i, size)) end
  return { size = size, router = router_with(size, patterns), requests = requests }
end

local function runs_of(patterns, path_for)
  local runs = {}
  for i, size in ipairs(SIZES) do runs[i] = new_run(size, patterns, path_for) end
  return runs
end

local function measure_all(runs)
  for round = 0, ROUNDS do -- the first warms the compiler up
    for _, run in ipairs(runs) do
      local time = measure(run)
      if round > 0 then run.best = math.min(run.best or time, time) end
    end
  end
end

local function print_all(title, runs)
  print(title)
  for _, run in ipairs(runs) do
    print(("  %5d literal routes: %7.1f ns a look-up, %5.2f times the first"):format(
      run.size, run.best, run.best / runs[1].best))
  end
end

local function one_route(_, size) return path_of(math.ceil(size / 2)) end
local function every_route(i, size) return path_of((i - 1) % size + 1) end
local function one_room() return "/room1/lobby" end

for _, series in ipairs({
  { "one literal route", 0, one_route },
  { "every literal route in turn", 0, every_route },
  { "the first of 5 patterns", 5, one_room },
}) do
  local runs = runs_of(series[2], series[3])
  measure_all(runs)
  print_all(series[1], runs)
end
