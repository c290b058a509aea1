local machine = require "ratchet.command.doctor.machine"

local GOOD = {
  ["/proc/self/limits"] = "Max open files            1024         100000         files\n",
  ["/proc/sys/net/core/somaxconn"] = "4096\n",
  ["/proc/sys/net/ipv4/tcp_max_syn_backlog"] = "4096\n",
  ["/proc/sys/net/ipv4/ip_local_port_range"] = "1024\t65535\n",
  ["/proc/sys/net/netfilter/nf_conntrack_max"] = "262144\n",
}

local function system(changes)
  return machine.system(function(path)
    if changes[path] ~= nil then return changes[path] or nil end
    return GOOD[path]
  end)
end

local function warnings(list)
  local found = {}
  for _, finding in ipairs(list) do
    if finding.level == "warning" then
      assert.is_string(finding.cure)
      found[#found + 1] = finding.what
    end
  end
  return found
end

describe("machine", function()
  it("finds nothing on a good one", function()
    assert.are.same({}, warnings(system{}))
  end)

  for path, case in pairs({
    ["/proc/self/limits"] = { "Max open files  1024  1024  files", "^file limit 1024: each" },
    ["/proc/sys/net/core/somaxconn"] = { "128", "^net.core.somaxconn = 128: when many" },
    ["/proc/sys/net/ipv4/tcp_max_syn_backlog"] = { "128", "tcp_max_syn_backlog = 128" },
    ["/proc/sys/net/ipv4/ip_local_port_range"] = { "60000 60999", "can have 1000 connections" },
    ["/proc/sys/net/netfilter/nf_conntrack_max"] = { "1000", "the firewall forgets" },
  }) do
    it("looks at " .. path, function()
      local found = warnings(system{ [path] = case[1] })
      assert.are.equal(1, #found)
      assert.matches(case[2], found[1])
    end)

    it("can do without " .. path, function()
      assert.are.same({}, warnings(system{ [path] = false }))
    end)
  end

  it("takes no limit for enough", function()
    assert.are.same({}, warnings(system{
      ["/proc/self/limits"] = "Max open files  unlimited  unlimited  files" }))
  end)

  it("tells versions, and what is wrong with them", function()
    local versions = { ratchet = "1.0.0", luajit = "LuaJIT 2.1.1", libuv = "1.50", hasJit = true }
    assert.are.same({ { level = "ok", what = "ratchet-lua 1.0.0, LuaJIT 2.1.1, libuv 1.50" } },
      machine.versions(versions))
    versions.hasJit, versions.luajit = false, "LuaJIT 2.1.0-beta3"
    local list = machine.versions(versions)
    assert.are.equal(1, #warnings(list))
    assert.are.equal("note", list[3].level)
  end)
end)
