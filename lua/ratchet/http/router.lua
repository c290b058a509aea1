-- Router - finds who answers a request, by host, path and method.
--
--   places by literal path   a hash, so their number costs nothing
--   places by path pattern   a list, tried in the order of registration
--
-- A place has hosts in the same way: literal ones in a hash, then patterns, then
-- any. Literal goes before pattern, pattern before any; otherwise who came first.
-- Paths are compared decoded, whole and with case; there is no magic about "/" at
-- the end. What a pattern found is in request.params, and never in the query.

local class = require "ratchet.class"
local component = require "ratchet.component"
local host = require "ratchet.http.host"
local raise = require "ratchet.raise"
local pattern = require "ratchet.http.pattern"
local refuse = require "ratchet.http.refuse"
local text = require "ratchet.http.text"
local uri = require "ratchet.http.uri"

---@class ratchet.http.Router
local Router = class()

---@return ratchet.http.Router
function Router.new()
  return setmetatable({
    literal = {}, -- path to place
    patterns = {}, -- list of places that have a lua_pattern and names
    by_pattern = {}, -- the same, by the text of their path
  }, Router)
end

-- hosts: key to site; patterns: list of sites; any: site; names: as they were
-- given, for messages. A site is a table from method to target.
local function new_place(path)
  return { path = path, hosts = {}, patterns = {}, any = nil, names = {} }
end

local function literal_place(router, path)
  router.literal[path] = router.literal[path] or new_place(path)
  return router.literal[path]
end

local function pattern_place(router, path)
  local place = router.by_pattern[path]
  if place then return place end
  place = new_place(path)
  place.lua_pattern, place.names_of_pieces = pattern.compile(path, "[^/]+")
  router.by_pattern[path] = place
  router.patterns[#router.patterns + 1] = place
  return place
end

-- Hosts have no case; the pieces in braces, being names and patterns, have.
local function lower_literals(name)
  return (("}" .. name):gsub("}[^{]*", string.lower):sub(2))
end

local function pattern_site(place, name)
  local wanted = lower_literals(name)
  for _, site in ipairs(place.patterns) do
    if site.host == wanted then return site.methods end
  end
  local site = { host = wanted, methods = {} }
  site.lua_pattern, site.names_of_pieces = pattern.compile(wanted, "[^.]+")
  place.patterns[#place.patterns + 1] = site
  return site.methods
end

local function site_for(place, name)
  if name == "" then
    place.any = place.any or {}
    return place.any
  end
  if pattern.has_pieces(name) then return pattern_site(place, name) end
  local key = host.key(name)
  place.hosts[key] = place.hosts[key] or {}
  return place.hosts[key]
end

local function remember_name(place, name)
  for _, known in ipairs(place.names) do
    if known == name then return end
  end
  place.names[#place.names + 1] = name
end

local function check_route(method, path, target, name)
  if type(method) ~= "string" or not method:find("^%u+$") then
    raise('Router: a method is a word such as "GET"; this is %s', tostring(method))
  end
  if type(path) ~= "string" then raise("Router: a path must be a string") end
  if path:sub(1, 1) ~= "/" then
    raise('Router: a path begins with "/": write "/%s"', path)
  end
  if type(name) ~= "string" then
    raise('Router: a host must be a string ("" is any); this is a %s', type(name))
  end
  component.check_handler(target, ("Router, %s %s"):format(method, path))
end

---Adds a route. The path may have pieces, {name} for one segment or
---{name:pattern} for what that Lua pattern matches; so may the host.
---@param method string in capitals; HEAD is answered from GET
---@param path string
---@param target table what has a method handle(request)
---@param host_name string? the host that must be asked for; any when not given or ""
---@return ratchet.http.Router self
function Router:add(method, path, target, host_name)
  host_name = host_name or ""
  check_route(method, path, target, host_name)
  local has_pieces = pattern.has_pieces(path)
  local place = has_pieces and pattern_place(self, path) or literal_place(self, path)
  local site = site_for(place, host_name)
  if site[method] then
    raise('Router: %s %s on host "%s" has a route already', method, path, host_name)
  end
  site[method] = target
  remember_name(place, host_name)
  return self
end

local function each_site_of(place, visit)
  for key, methods in pairs(place.hosts) do visit(key, methods) end
  for _, site in ipairs(place.patterns) do visit(site.host, site.methods) end
  if place.any then visit("", place.any) end
end

local function each_in_place(place, visit)
  each_site_of(place, function(name, methods)
    for method, target in pairs(methods) do
      visit({
        key = ("%s %s on %s"):format(method, place.path, name),
        method = method, path = place.path, host = name, target = target,
      })
    end
  end)
end

---Calls visit with each route; its key tells it from all others.
---@param visit fun(route: { key: string, method: string, path: string, host: string,
---  target: table })
function Router:each(visit)
  for _, place in pairs(self.literal) do each_in_place(place, visit) end
  for _, place in ipairs(self.patterns) do each_in_place(place, visit) end
end

-- A WebSocket begins with GET, and HEAD has nothing to ask about it.
local function answers_head(methods)
  return methods.GET ~= nil and methods.GET.scheme ~= "ws"
end

local function target_in(methods, method)
  if methods[method] then return methods[method] end
  if method == "HEAD" and answers_head(methods) then return methods.GET end
end

-- Calls visit(methods, params of the host) for each site of the place that this
-- host may enter, best first, until it returns something.
local function each_site(place, key, name, visit, argument)
  local methods = place.hosts[key]
  local found = methods and visit(methods, argument)
  if found then return found end
  for _, site in ipairs(place.patterns) do
    local params = pattern.match(name, site.lua_pattern, site.names_of_pieces)
    found = params and visit(site.methods, argument)
    if found then return found, params end
  end
  return place.any and visit(place.any, argument) or nil
end

-- Calls visit(place, params of the path, argument), literal place first, until it
-- returns something.
local function each_place(router, path, visit, argument)
  local place = router.literal[path]
  local found, params = nil, nil
  if place then found, params = visit(place, nil, argument) end
  if found then return found, params end
  for _, candidate in ipairs(router.patterns) do
    local pieces = pattern.match(path, candidate.lua_pattern, candidate.names_of_pieces)
    if pieces then found, params = visit(candidate, pieces, argument) end
    if found then return found, params end
  end
end

local function merged(params, others)
  if not params or not others then return params or others end
  for name, value in pairs(others) do
    if params[name] == nil then params[name] = value end
  end
  return params
end

local function find_in_place(place, pieces, asked)
  local target, host_params = each_site(place, asked.key, asked.name, target_in, asked.method)
  if target then return target, merged(pieces, host_params) end
end

local function asked_of(request)
  local name = request.host or ""
  return { key = host.key(name), name = name, method = request.method }
end

---Who answers that request, and the params of its path and host; nil when nobody.
---@param request ratchet.http.Request
---@return table? target
---@return table<string, string>? params
function Router:find(request)
  if not request.path then return nil end
  return each_place(self, request.path, find_in_place, asked_of(request))
end

local function note_methods(methods, allowed)
  for method in pairs(methods) do allowed[method] = true end
  if answers_head(methods) then allowed.HEAD = true end
end

local function note_place(place, _, seen)
  seen.is_path = true
  for _, name in ipairs(place.names) do
    local shown = text.quote(name)
    if not seen.names[shown] then
      seen.names[#seen.names + 1] = shown
      seen.names[shown] = true
    end
  end
  each_site(place, seen.asked.key, seen.asked.name, note_methods, seen.allowed)
end

local function refuse_method(request, allowed)
  local methods = {}
  for method in pairs(allowed) do methods[#methods + 1] = method end
  table.sort(methods)
  local list = table.concat(methods, ", ")
  return refuse(request, 405, ("%s is not answered here, only %s"):format(
    text.plain(request.method), list), { headers = { Allow = list },
    lesson = "RFC 9110 15.5.6: use one of these, or add a route for the method" })
end

local function refuse_host(request, names)
  local asked = request.host and "Host header was " .. text.quote(request.host)
    or "there was no Host header"
  return refuse(request, 404, ("%s, this route answers to %s"):format(
    asked, table.concat(names, " or ")), { level = "warn",
    lesson = 'RFC 9110 7.4: give the route, or the App, the host that clients write, or "" for '
      .. "any; a proxy has to pass Host on" })
end

local function refuse_path(router, request)
  local without_slash = request.path:match("^(.+)/$")
  local other = without_slash or request.path .. "/"
  local hint = router.literal[other] and (", but %s does"):format(text.quote(other)) or ""
  return refuse(request, 404, "no route has this path" .. hint, {
    lesson = "RFC 9110 15.5.5: paths are compared whole and with case; `ratchet-lua check` lists "
      .. "the routes" })
end

-- Nobody answers; finds out why, which costs a second walk.
local function explain(router, request)
  local seen = { is_path = false, names = {}, allowed = {}, asked = asked_of(request) }
  each_place(router, request.path, note_place, seen)
  if next(seen.allowed) then return refuse_method(request, seen.allowed) end
  if seen.is_path then return refuse_host(request, seen.names) end
  return refuse_path(router, request)
end

---@param request ratchet.http.Request
---@return any ... what the core takes as an answer
function Router:handle(request)
  if not uri.is_well_encoded(request.target) then
    return refuse(request, 400, "the percent-encoding of the address is broken", {
      lesson = 'RFC 3986 2.1: two hexadecimal digits follow a "%"; the sign itself is %25' })
  end
  local target, params = self:find(request)
  if not target then return explain(self, request) end
  if params then request.params = params end
  return target:handle(request)
end

return Router
