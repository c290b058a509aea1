-- doctor - `ratchet-lua doctor`: what of this machine, of an app, and of what lies in
-- front of a server would get in its way; each with what to do about it.

local address = require "ratchet.command.doctor.address"
local arguments = require "ratchet.arguments"
local certificate = require "ratchet.command.doctor.certificate"
local command = require "ratchet.command"
local machine = require "ratchet.command.doctor.machine"
local native = require "ratchet.native"
local rehearsal = require "ratchet.command.check.rehearsal"
local target = require "ratchet.command.target"
local url = require "ratchet.url"

local SILENCE = 65 -- seconds: most proxies end a silent connection after 60

local usage = {
  name = "doctor",
  operands = {},
  optional = { "app.lua or URL" },
  options = { silence = "seconds", format = { "text", "json" } },
  help = [[
usage: ratchet-lua doctor [options] [app.lua | URL]

Looks at what limits a server on this machine: files, queues, ports, versions. With
an app file also at its settings and certificates; with a URL at what a client meets
there, at the server's certificate, and how long a connection may be silent, which
finds the time-outs of a proxy.

]] .. target.help .. [[
  --silence SECONDS       how long to be silent at a URL (65)
  --format FORM           text (default) or json
  --help                  this text

Exit status: 0 nothing is in the way, 1 something is, 2 wrong usage.
]],
}
for name, kind in pairs(target.options) do usage.options[name] = kind end

local function read(path)
  local handle = io.open(path)
  local text = handle and handle:read("*a")
  if handle then handle:close() end
  return text
end

local function append(list, more)
  for _, finding in ipairs(more) do list[#list + 1] = finding end
end

-- ---- an app

local LONG_SILENCE = 55 -- seconds: proxies end a connection after 60

local function check_app(path)
  local found, list = rehearsal.load(path), {}
  for _, finding in ipairs(found.findings) do
    list[#list + 1] = { level = "warning", what = ("%s:%s: %s"):format(finding.file,
      finding.line or "?", finding.message), cure = "`ratchet-lua check` finds more of this kind" }
  end
  for _, wanted in ipairs(found.wanted) do
    local where = wanted.path and "unix:" .. wanted.path
      or ("%s:%s"):format(wanted.address or "?", wanted.port or "?")
    list[#list + 1] = wanted.address == "127.0.0.1" and {
      level = "note", what = where .. " is for this machine only",
      cure = 'a proxy on this machine reaches it; for everyone the address is "0.0.0.0"',
    } or { level = "ok", what = "it would listen on " .. where }
  end
  local seen = {}
  for _, wanted in ipairs(found.wanted) do
    local pem = type(wanted.tls) == "table" and wanted.tls.cert
    if pem and not seen[pem] then
      list[#list + 1] = certificate.of_file(pem)
      seen[pem] = true
    end
  end
  for _, served in ipairs(found.served) do
    local given = served.options or {}
    if given.keepAlive == 0 or (given.keepAlive or 0) > LONG_SILENCE then
      list[#list + 1] = { level = "warning",
        what = ("keepAlive = %g: proxies end silent connections, most after 60 s"):format(
          given.keepAlive), cure = "leave it at 30, or raise the time of each proxy on the way" }
    end
  end
  return list
end

-- ---- what is shown

local marks = { ok = "ok      ", note = "note    ", warning = "warning " }

local function print_text(list)
  local count = 0
  for _, finding in ipairs(list) do
    print(marks[finding.level] .. finding.what)
    if finding.cure then print("        -> " .. finding.cure) end
    if finding.level == "warning" then count = count + 1 end
  end
  print(count == 0 and "nothing is in the way" or count == 1 and "1 thing is in the way"
    or count .. " things are in the way")
end

local function examine(given, options)
  local ratchet, uv = require "ratchet", require "luv"
  local list = machine.versions{ ratchet = native.core().version, luajit = jit.version,
    libuv = uv.version_string(), hasJit = jit.status() }
  append(list, machine.system(read))
  if options then
    if given.format ~= "json" then
      io.stderr:write(("listening to %s for %g s\n"):format(given[1], given.silence))
    end
    append(list, address.look(ratchet.connect, given[1], options, given.silence,
      function() return uv.hrtime() / 1e9 end))
    local parsed = url.parse(given[1])
    if parsed.secure and not given.unix then
      list[#list + 1] = certificate.of_server(parsed.host, parsed.port)
    end
  elseif given[1] then
    append(list, check_app(given[1]))
  end
  return list
end

local function doctor(given)
  local options, message
  local is_url = given[1] and given[1]:find("^%w+://")
  given.silence = given.silence or SILENCE
  if is_url then
    options, message = target.read(given)
    if not options then return command.usage("doctor", message) end
  elseif given[1] and not read(given[1]) then
    return command.usage("doctor", ("%s is neither a URL nor a file that can be read"):format(
      given[1]))
  end
  local list = examine(given, options)
  local is_well = true
  for _, finding in ipairs(list) do is_well = is_well and finding.level ~= "warning" end
  if given.format == "json" then
    print(require("cjson").encode{ ok = is_well, findings = list })
  else
    print_text(list)
  end
  return is_well and 0 or 1
end

---@param ... string what follows the command's name
---@return integer status
return function(...)
  return arguments.run({ ... }, usage, doctor)
end
