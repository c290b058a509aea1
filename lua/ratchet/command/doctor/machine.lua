-- machine - what of this machine limits a server, each with what to do about it. What is
-- looked at are the files of /proc, through a function, so that specs can show others.

local machine = {}

---@class ratchet.Finding
---@field level "ok"|"note"|"warning"
---@field what string
---@field cure string?

local FEW_FILES = 10000
local SHORT_QUEUE = 1024
local FEW_PORTS = 20000
local FEW_TRACKED = 65536

local function add(list, level, what, cure)
  list[#list + 1] = { level = level, what = what, cure = cure }
end

local function check_files(list, read)
  local text = read("/proc/self/limits") or ""
  local hard = text:match("Max open files%s+%S+%s+(%S+)")
  if not hard then return end
  local count = tonumber(hard) or math.huge
  if count >= FEW_FILES then
    return add(list, "ok", ("file limit %s: so many connections, less 64"):format(hard))
  end
  add(list, "warning", ("file limit %s: each connection needs one"):format(hard),
    "LimitNOFILE=100000 in the unit of systemd; or a line in /etc/security/limits.conf")
end

local function check_number(list, read, path, least, what, cure)
  local value = tonumber(read(path) or "")
  if not value then return end
  local name = path:gsub("^/proc/sys/", ""):gsub("/", ".")
  if value >= least then return add(list, "ok", ("%s = %d"):format(name, value)) end
  add(list, "warning", ("%s = %d: %s"):format(name, value, what), cure)
end

local function check_ports(list, read)
  local low, high = (read("/proc/sys/net/ipv4/ip_local_port_range") or ""):match("(%d+)%s+(%d+)")
  if not low then return end
  local count = high - low + 1
  local shown = ("net.ipv4.ip_local_port_range = %s %s"):format(low, high)
  if count >= FEW_PORTS then return add(list, "ok", shown) end
  add(list, "warning", ("%s: a proxy on this machine can have %d connections to one address")
    :format(shown, count), 'sysctl -w net.ipv4.ip_local_port_range="1024 65535"; or have the '
    .. "proxy connect to a unix socket: app:listen{ unix = ... }")
end

---What the system lets a server have.
---@param read fun(path: string): string? the text of a file
---@return ratchet.Finding[]
function machine.system(read)
  local list = {}
  check_files(list, read)
  check_number(list, read, "/proc/sys/net/core/somaxconn", SHORT_QUEUE,
    "when many clients come at once, the others have to try again",
    "sysctl -w net.core.somaxconn=4096")
  check_number(list, read, "/proc/sys/net/ipv4/tcp_max_syn_backlog", 512,
    "when many clients come at once, the others have to try again",
    "sysctl -w net.ipv4.tcp_max_syn_backlog=4096")
  check_ports(list, read)
  check_number(list, read, "/proc/sys/net/netfilter/nf_conntrack_max", FEW_TRACKED,
    "the firewall forgets connections above that",
    "sysctl -w net.netfilter.nf_conntrack_max=262144")
  return list
end

---The versions of what the program is made of.
---@param versions { ratchet: string, luajit: string, libuv: string, hasJit: boolean }
---@return ratchet.Finding[]
function machine.versions(versions)
  local list = {}
  add(list, "ok", ("ratchet-lua %s, %s, libuv %s"):format(versions.ratchet, versions.luajit,
    versions.libuv))
  if not versions.hasJit then
    add(list, "warning", "the compiler of LuaJIT is off: Lua runs several times slower",
      "on this processor, or by jit.off() in the app; see jit.status()")
  end
  if versions.luajit:find("beta") then
    add(list, "note", versions.luajit .. " is not the newest",
      "Debian 13 has a newer one; build ratchet-lua there")
  end
  return list
end

return machine
