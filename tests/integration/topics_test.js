// Topics: membership, broadcast, what is kept and told of members, and what ends by
// itself; and users.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');

// A client says what to do with the room; conn.name is its first query value.
const ROOM = `
local room = ratchet.topic("room:42")
local C = {}
function C:onOpen(conn, request)
  conn.name = request.query.name
  if request.query.join then
    note("add", room:add(conn) == room)
  end
end
local say = {}
function say.add(conn) room:add(conn) room:add(conn) return room:count() end
function say.remove(conn) room:remove(conn) room:remove(conn) return room:count() end
function say.has(conn) return room:has(conn) end
function say.count() return room:count() end
function say.all() return room:broadcast("to all") end
function say.others(conn) return room:broadcast("to others", { exclude = conn }) end
function say.binary() return room:broadcast("\\255", { binary = true }) end
function say.bad() return pcall(room.broadcast, room, "\\255") end
function say.number() return room:broadcast(42) end
function say.large() return room:broadcast(("x"):rep(100000)) end
function say.empty() return ratchet.topic("nobody"):broadcast("x") end
function say.same() return ratchet.topic("room:42") == room, room.name, tostring(room) end
function say.misuse()
  return pcall(room.add, room), pcall(room.add, room, {}), pcall(room.broadcast, room),
    pcall(room.broadcast, room, "x", 5), pcall(room.broadcast, room, "x", { exclude = 5 }),
    pcall(room.add, {}, {}), pcall(ratchet.topic), pcall(ratchet.topic, {})
end
function say.gone(conn) conn:close(4000) return room:has(conn), room:broadcast("x") end
function C:onMessage(conn, m)
  local results = { say[m](conn) }
  for i = 1, #results do results[i] = tostring(results[i]) end
  note(m, unpack(results))
  if m ~= "gone" then conn:send("done " .. m) end
end
function C:onClose(conn) note("close", conn.name, room:has(conn), room:count()) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;

async function members(t, server, names) {
  const clients = [];
  for (const name of names) {
    clients.push(await t.open(server, `/?name=${name}&join=1`));
  }
  await server.noted(['add', true], names.length);
  return clients;
}

async function tell(server, client, word, ...expected) {
  await client.text(word);
  await server.note(word, ...expected);
}

test('add, remove, has, count', async (t) => {
  const server = await t.server(ROOM);
  const client = await t.open(server);
  await tell(server, client, 'has', 'false');
  await tell(server, client, 'add', '1');
  await client.text('has');
  await server.note('has', 'true');
  await tell(server, client, 'remove', '0');
  await tell(server, client, 'count', '0');
});

test('broadcast reaches all members and nobody else', async (t) => {
  const server = await t.server(ROOM);
  const [a, b, c] = await members(t, server, ['a', 'b', 'c']);
  const outside = await t.open(server);
  await tell(server, outside, 'all', '3');
  for (const client of [a, b, c]) await client.expectText('to all');
  await outside.expectText('done all');
  await tell(server, a, 'others', '2');
  await a.expectText('done others');
  for (const client of [b, c]) await client.expectText('to others');
  await tell(server, a, 'binary', '3');
  for (const client of [a, b, c]) {
    await client.expectFrame('binary', Buffer.from([255]));
  }
  await a.expectText('done binary');
  await tell(server, b, 'number', '3');
  for (const client of [a, b, c]) await client.expectText('42');
  await tell(server, c, 'empty', '0');
  await tell(server, outside, 'large', '3');
  for (const client of [a, b]) {
    if (client === b) await client.expectText('done number');
    await client.expectText('x'.repeat(100000));
  }
});

test('the same name is the same topic; misuse is an error', async (t) => {
  const server = await t.server(ROOM);
  const [client] = await members(t, server, ['a']);
  await tell(server, client, 'same', 'true', 'room:42', 'topic room:42');
  await client.expectText('done same');
  await client.text('bad');
  assert.match((await server.noted(['bad', 'false'], 1))[0][2], /must be UTF-8/);
  await client.expectText('done bad');
  await tell(server, client, 'misuse', 'false', 'false', 'false', 'false', 'false', 'false',
    'false', 'false');
});

test('membership ends by itself, whoever ends the connection', async (t) => {
  const server = await t.server(ROOM);
  const [a, b, c, d] = await members(t, server, ['a', 'b', 'c', 'd']);
  a.reset();
  await server.note('close', 'a', false, 3);
  await b.close(1000);
  await server.note('close', 'b', false, 2);
  await tell(server, c, 'gone');
  await c.closeFrame();
  await c.close(4000);
  await server.note('close', 'c', false, 1);
  await d.expectText('x'); // from c, when it had left
  await tell(server, d, 'all', '1');
  await d.expectText('to all');
});

test('closing inside a broadcast loop, and a topic that nobody holds', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onOpen(conn) ratchet.topic("loose"):add(conn) note("open") end
    function C:onMessage(conn, m)
      collectgarbage() collectgarbage()
      local topic = ratchet.topic("loose")
      note("count", topic:count())
      if m == "leave" then conn:terminate() end
      note("sent", topic:broadcast("x"), topic:has(conn))
    end
    function C:onClose() note("close") end
    local app = ratchet.App("localhost", 8080)
    app:route("/", C, { "*" })
    app:run()`);
  const one = await t.open(server);
  const two = await t.open(server);
  await server.noted(['open'], 2);
  await one.text('x');
  await one.expectText('x');
  await two.expectText('x');
  await server.note('sent', 2);
  await one.text('leave');
  await two.expectText('x');
  await server.note('sent', 1);
  await one.expectGone();
  await server.noted(['close'], 1);
});

test('raw members get the bytes without a frame', async (t) => {
  const server = await t.server(`
    local topic = ratchet.topic("mixed")
    local Raw, Web = {}, {}
    function Raw:onOpen(conn) topic:add(conn) note("raw") end
    function Raw:onMessage() end
    function Web:onOpen(conn) topic:add(conn) note("web") end
    function Web:onMessage(conn, m, is_binary) topic:broadcast(m, { binary = is_binary }) end
    local app = ratchet.App("localhost", 8080)
    app:route("/", Web, { "*" })
    app:run()
    require("ratchet.native").options().port = 0
    ratchet.server.IoServer.factory(Raw, 0, "127.0.0.1"):run()`);
  const web = await t.open(server);
  const raw = await t.raw(Number(server.addresses.find((one) => one[1] === 'tcp')[3]));
  await server.note('raw');
  await server.note('web');
  await web.text('hello');
  await web.expectText('hello');
  assert.strictEqual(String(await raw.bytes(5)), 'hello');
  await web.frame('binary', Buffer.from([0xff]));
  await web.expectFrame('binary', Buffer.from([0xff]));
  assert.deepStrictEqual(await raw.bytes(1), Buffer.from([0xff]));
});

test('a member that does not read holds nobody up', async (t) => {
  const server = await t.server(ROOM);
  const [slow, fast] = await members(t, server, ['slow', 'fast']);
  slow.socket.pause();
  for (let i = 0; i < 100; i++) {
    await fast.text('large');
    await fast.expectText('x'.repeat(100000));
    await fast.expectText('done large');
  }
  slow.destroy();
});

// ---- what a topic keeps and tells of its members

// A client says a line of Lua; `conn` is its connection.
const EVALUATED = `
local room = ratchet.topic("room")
local C = {}
function C:onOpen(conn, request) conn.name = request.query.name end
function C:onMessage(conn, m)
  local fn = assert(loadstring("local room, conn, app, ratchet = ... " .. m))
  local results = { pcall(fn, room, conn, app, ratchet) }
  for i = 1, 9 do results[i] = results[i] ~= nil and tostring(results[i]) or nil end
  conn:send(table.concat(results, " "))
end
function C:onClose(conn, code) note("close", conn.name, code) end
app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;

async function evaluate(client, text, expected) {
  await client.text(text);
  const answer = String((await client.nextFrame()).payload);
  if (expected !== undefined) assert.strictEqual(answer, expected, text);
  return answer;
}

async function named(t, server, names) {
  const clients = [];
  for (const name of names) clients.push(await t.open(server, `/?name=${name}`));
  return clients;
}

test('members, and what each was added with', async (t) => {
  const server = await t.server(EVALUATED);
  const [a, b, c] = await named(t, server, ['a', 'b', 'c']);
  await evaluate(a, 'return room:get(conn)', 'true');
  await evaluate(a, 'return room:add(conn, { mood = "fine" }) == room, room:get(conn).mood',
    'true true fine');
  await evaluate(b, 'room:add(conn) return room:get(conn)', 'true true');
  await evaluate(c, 'room:add(conn, false) return room:get(conn), room:count()', 'true false 3');
  const listed = `local all = {}
    for one, meta in pairs(room:members()) do
      all[#all + 1] = one.name .. "=" .. tostring(type(meta) == "table" and meta.mood or meta)
    end
    table.sort(all)
    return table.concat(all, ",")`;
  await evaluate(a, listed, 'true a=fine,b=true,c=false');
  await evaluate(a, 'room:add(conn) return room:get(conn).mood', 'true fine');
  await evaluate(a, 'room:add(conn, "new") return room:get(conn), room:count()', 'true new 3');
  await evaluate(a, 'room:remove(conn) return room:get(conn), room:count()', 'true');
  await evaluate(a, 'collectgarbage() return ratchet.topic("room"):count()', 'true 2');
  await c.close(1000);
  await server.note('close', 'c', 1000);
  await evaluate(a, listed, 'true b=true');
  await evaluate(a, 'return next(ratchet.topic("nobody"):members())', 'true');
});

test('onJoin and onLeave: once each, in the order of joining, before onClose', async (t) => {
  const server = await t.server(`
function count_up(_, conn, meta) note("join", conn.name, meta) end
function count_down(topic, conn, meta)
  note("leave", topic.name, conn.name, meta, conn.remoteAddress ~= nil, topic:has(conn))
end
${EVALUATED}`);
  const [a, b] = await named(t, server, ['a', 'b']);
  await evaluate(b, 'room:add(conn)'); // before anybody listens
  await evaluate(a, `room.onJoin, room.onLeave = count_up, count_down
    return room.onJoin == count_up, room.onLeave == count_down`, 'true true true');
  await evaluate(a, 'room:add(conn, "x"):add(conn, "y"):add(conn)');
  await evaluate(a, 'room:remove(conn):remove(conn)');
  await evaluate(a, `for _, name in ipairs{ "r3", "r1", "r2" } do
    local one = ratchet.topic(name)
    one.onLeave = count_down
    one:add(conn, name)
  end
  ratchet.topic("r1"):remove(conn)
  collectgarbage() collectgarbage()`);
  await a.close(1000);
  await server.note('close', 'a', 1000);
  b.reset();
  await server.note('close', 'b', 1006);
  assert.deepStrictEqual(server.notes, [
    ['join', 'a', 'x'],
    ['leave', 'room', 'a', 'y', true, false],
    ['leave', 'r1', 'a', 'r1', true, false],
    ['leave', 'r3', 'a', 'r3', true, false],
    ['leave', 'r2', 'a', 'r2', true, false],
    ['close', 'a', 1000],
    ['leave', 'room', 'b', null, true, false],
    ['close', 'b', 1006],
  ]);
});

test('errors in onLeave are logged, the others are told; it may wait', async (t) => {
  const server = await t.server(`
for i = 1, 3 do
  local room = ratchet.topic("r" .. i)
  function room:onLeave(conn)
    if i == 2 then error("second") end
    ratchet.sleep(0.02)
    note("left", i)
  end
end
function join(conn) for i = 1, 3 do ratchet.topic("r" .. i):add(conn) end end
local bad = ratchet.topic("bad")
function bad:onJoin() error("no") end
${EVALUATED}`);
  const [a] = await named(t, server, ['a']);
  assert.match(await evaluate(a, 'ratchet.topic("bad"):add(conn)'), /^false .*: no$/);
  await evaluate(a, 'join(conn)');
  await a.close(1000);
  await server.note('close', 'a', 1000);
  assert.deepStrictEqual(server.notes, [['left', 1], ['left', 3], ['close', 'a', 1000]]);
  await server.logged(/onLeave: .*second/);
});

test('fields of a topic that are none, and misuse', async (t) => {
  const server = await t.server(EVALUATED);
  const [a] = await named(t, server, ['a']);
  assert.match(await evaluate(a, 'room.x = 1'), /a topic has no field "x" to be set/);
  assert.match(await evaluate(a, 'room.onJoin = 7'), /onJoin of a topic must be a function/);
  await evaluate(a, 'room.onJoin = nil return room.onJoin, room.nothing, room[1]', 'true');
  await evaluate(a, 'room.onJoin = print');
  assert.match(await evaluate(a, 'room:add(7)'), /false .*bad argument #2/);
  assert.match(await evaluate(a, 'room:get()'), /false .*bad argument #2/);
  assert.match(await evaluate(a, 'return room.add({}, conn)'), /^false /);
  assert.match(await evaluate(a, 'return room.members({})'), /^false /);
  assert.match(await evaluate(a, 'getmetatable(room).__gc(room)'), /^false /);
  await evaluate(a, 'conn:close() room:add(conn, "late") note("late", room:get(conn) == nil)');
  await server.note('late');
  assert.deepStrictEqual(server.notesLike('late'), [['late', true]]);
});

test('nothing is left of a hundred thousand memberships', async (t) => {
  const server = await t.server(EVALUATED);
  const [a] = await named(t, server, ['a']);
  const work = `for i = 1, 100000 do
    local topic = ratchet.topic("many" .. i % 7)
    topic:add(conn, { i })
    topic:remove(conn)
  end
  collectgarbage() collectgarbage()
  return collectgarbage("count")`;
  const used = async () => Number((await evaluate(a, work)).split(' ')[1]);
  await used();
  const before = await used();
  assert.ok(await used() < before + 50, 'KiB of Lua');
});

// ---- users

test('identify: toUser, count, online; the identity ends with the connection', async (t) => {
  const server = await t.server(`
local users = ratchet.App("localhost", false):users()
function users:onOnline(id) note("online", id, self == users) end
function users:onOffline(id) note("offline", id, users:count(id)) end
${EVALUATED}`);
  const [a, b, c] = await named(t, server, ['a', 'b', 'c']);
  await evaluate(a, 'return conn:identify("ada") == conn, conn.userId', 'true true ada');
  await evaluate(b, 'conn:identify("ada")');
  await evaluate(c, 'conn:identify(7)');
  await evaluate(c, 'return table.concat(app:users():online(), " ")', 'true 7 ada');
  await evaluate(c, 'local u = app:users() return u:count("ada"), u:count("7"), u:count("x")',
    'true 2 1 0');
  await evaluate(c, 'return app:users():toUser("ada", "hello"), app:users():toUser("x", "y")',
    'true 2 0');
  for (const one of [a, b]) await one.expectText('hello');
  await evaluate(a, 'return app:users():toUser("ada", "again", { exclude = conn })', 'true 1');
  await b.expectText('again');
  await evaluate(b, 'conn:identify("ada"):identify("bob") return conn.userId', 'true bob');
  await evaluate(a, 'local n = 0 for one in pairs(app:users():connections("ada")) do n = n + 1 end '
    + 'return n, next(app:users():connections("nobody"))', 'true 1');
  await evaluate(b, 'conn:identify(nil):identify(nil) return conn.userId', 'true');
  await a.close(1000);
  await server.note('close', 'a', 1000);
  c.reset();
  await server.note('close', 'c', 1006);
  await evaluate(b, 'return #app:users():online()', 'true 0');
  assert.deepStrictEqual(server.notes, [
    ['online', 'ada', true], ['online', '7', true], ['online', 'bob', true],
    ['offline', 'bob', 0], ['offline', 'ada', 0], ['close', 'a', 1000],
    ['offline', '7', 0], ['close', 'c', 1006],
  ]);
  for (const bad of ['""', '{}', 'true', 'print']) {
    assert.match(await evaluate(b, `conn:identify(${bad})`), /a user's id must be a string/);
  }
  for (const bad of ['2 ^ 53', '-2 ^ 53', '1.5', '0 / 0', 'math.huge']) {
    assert.match(await evaluate(b, `conn:identify(${bad})`), /must be a whole one below 2\^53/);
  }
  await evaluate(b, 'conn:identify(100000000000001) return conn.userId, '
    + 'app:users():count(100000000000002), app:users():count("100000000000001")',
  'true 100000000000001 0 1');
  await evaluate(b, 'conn:identify(nil)');
  assert.match(await evaluate(b, 'conn.identify({}, "x")'), /^false .*Connection expected/);
  await evaluate(b, 'return app:users():count("x")', 'true 0');
  await evaluate(b, 'conn:close():identify("late") note("late", #app:users():online())');
  await server.note('late', 0);
});
