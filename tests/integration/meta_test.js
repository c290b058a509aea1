// What C gives to Lua stands in lua/ratchet/meta/core.lua, name by name: a name
// that is missing there, or that is there and nowhere else, fails.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { test } = require('./support/runner');
const { handshakeBytes } = require('./support/raw');
const { lua } = require('./support/paths');

const META = fs.readFileSync(path.join(lua, 'ratchet', 'meta', 'core.lua'), 'utf8');

// The fields of a class, and the functions of the local that stands for it.
function described(className, local) {
  const names = [];
  const lines = META.split('\n');
  const start = lines.findIndex((line) =>
    line.match(/^---@class (\S+?):?( |$)/)?.[1] === className);
  assert.ok(start >= 0, `class ${className} is described`);
  for (const line of lines.slice(start + 1)) {
    if (!line.startsWith('---')) break;
    const field = line.match(/^---@field (\w+) /);
    if (field) names.push(field[1]);
  }
  if (local) {
    const pattern = new RegExp(`^function ${local}[.:](\\w+)\\(`, 'gm');
    for (const found of META.matchAll(pattern)) names.push(found[1]);
  }
  return names.sort();
}

const APP = `
local core = require "ratchet.core"
local function names(t)
  local list = {}
  for name in pairs(t) do if type(name) == "string" then list[#list + 1] = name end end
  table.sort(list)
  return list
end
-- What stands in the tables behind __index and __newindex: these, or the
-- upvalues of these when they are functions.
local function collect(value, all)
  if type(value) == "table" then
    for name in pairs(value) do all[name] = true end
  elseif type(value) == "function" then
    for i = 1, 10 do
      local name, upvalue = debug.getupvalue(value, i)
      if not name then break end
      collect(upvalue, all)
    end
  end
  return all
end
local function members(userdata)
  local metatable = debug.getmetatable(userdata)
  return names(collect(metatable.__newindex, collect(metatable.__index, {})))
end
note("core", names(core))
note("options", names(core.options))
note("testbed", names(core.testbed))
note("topic", members(core.topic("x")))
note("endpoint", members(core.endpoint({})))
core.users.onOnline, core.users.onOffline = print, print
note("users", names(core.users))
note("caller", members(core.caller({ path = "/" }, core.ticket(), 1)))
local function nothing() end
local link = core.redis{ path = "/nowhere", ready = nothing, reply = nothing, lost = nothing }
note("redis", members(link))
local C = {}
function C:onOpen(conn) note("connection", members(conn)) end
local request_names = {}
local layer = { handle = function(_, request)
  for name in next, request do request_names[name] = true end
  note("request", names(request_names))
  if request.upgradeStatus then return 200 end
  return core.endpoint(C)
end }
ratchet.server.IoServer.factory(layer, 8080):run()
`;

async function namesOf(t, word) {
  const server = await t.server(APP, { args: ['--host', '127.0.0.1', '--dev-tls'] });
  const bad = await t.raw(server, { rejectUnauthorized: false });
  await bad.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await bad.answer();
  const good = await t.raw(server, { rejectUnauthorized: false });
  await good.send(handshakeBytes());
  await good.answer();
  await server.note('connection');
  return server.notesLike(word).pop()[1];
}

const cases = [
  ['core', 'ratchet.core', 'core'],
  ['options', 'ratchet.core.Options', null],
  ['testbed', 'ratchet.core.Testbed', 'Testbed'],
  ['caller', 'ratchet.Caller', 'Caller'],
  ['connection', 'ratchet.Connection', 'Connection'],
  ['redis', 'ratchet.RedisLink', 'RedisLink'],
  ['request', 'ratchet.core.Request', null],
  ['endpoint', 'ratchet.Endpoint', 'Endpoint'],
  ['users', 'ratchet.Users', 'Users'],
];

for (const [word, className, local] of cases) {
  test(`${className}: C and its description have the same names`, async (t) => {
    assert.deepStrictEqual(await namesOf(t, word), described(className, local));
  });
}

test('ratchet.Topic: C and its description have the same names', async (t) => {
  const found = new Set(await namesOf(t, 'topic'));
  found.add('name'); // made when it is asked for
  assert.deepStrictEqual([...found].sort(), described('ratchet.Topic', 'Topic'));
});
