// Topics: membership, broadcast, and what ends by itself.
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
