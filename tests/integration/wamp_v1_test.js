// WAMP v1: a client of the published specification against a component with all of
// the events, and clients that send what is no WAMP.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const { WampV1 } = require('./support/wamp_v1');
const { handshakeBytes } = require('./support/raw');
const frames = require('./support/frames');
const { serveEdited } = require('./support/reloading');
const { sanitized } = require('./support/wait');

const APP = `
local C = {}
function C:onOpen(conn, request) note("open", conn.WAMP.version, request.path) end
local procedures = {
  add = function(_, _, params) return params[1] + params[2] end,
  echo = function(_, _, params) return params end,
  count = function(_, _, params, topic) return C.server:getTopic(params[1]):count() end,
  slow = function(conn, id) ratchet.sleep(0.02) conn:callResult(id, "slow") end,
  later = function(conn, id) ratchet.after(0.01, function() conn:callResult(id, "later") end) end,
  fail = function(conn, id) conn:callError(id, "app.error", "no", { 1 }) end,
  boom = function() error("boom") end,
  tell = function(conn, id) conn:event("own", "only you") return "told" end,
  short = function(conn, id) conn:prefix("s", "http://example.com/s#") return "done" end,
  ["http://example.com/calc#add"] = function(_, _, params) return params[1] + params[2] end,
}
function C:onCall(conn, id, topic, params)
  local procedure = procedures[topic.id]
  if not procedure then return conn:callError(id, topic, "not here") end
  return procedure(conn, id, params)
end
function C:onSubscribe(conn, topic)
  note("subscribe", topic.id, topic:count())
  if topic.id == "forbidden" then topic:remove(conn) end
end
function C:onUnSubscribe(conn, topic) note("unsubscribe", topic.id, topic:count()) end
function C:onPublish(conn, topic, event, exclude, eligible)
  topic:broadcast(event, exclude, eligible)
end
function C:onClose(conn, code)
  local topics = {}
  for topic in pairs(conn.WAMP.subscriptions) do
    topics[#topics + 1] = topic.id .. " " .. topic:count()
  end
  table.sort(topics)
  note("close", code, table.concat(topics, ", "))
end
function C:onError(conn, err) note("error", (err:match("^[^\\n]*"))) end
C.server = ratchet.wamp.WampServer(C)
local app = ratchet.App("localhost", 8080)
app:route("/", C.server, { "*" })
app:run()
`;

const connect = (t, server) => WampV1.connect(t, server);

test('calls: results, errors, and those that wait', async (t) => {
  const server = await t.server(APP);
  const client = await connect(t, server);
  await server.note('open', 1, '/');
  assert.strictEqual(await client.call('add', 1, 2), 3);
  assert.strictEqual(await client.call('add', [3, 4]), 7);
  assert.deepStrictEqual(await client.call('echo', { a: [], b: {}, c: null, d: 'ü/' }),
    { a: [], b: {}, c: null, d: 'ü/' });
  assert.deepStrictEqual(await client.call('echo'), []);
  assert.deepStrictEqual(await client.call('echo', 1, null, 'x'), [1, null, 'x']);
  assert.strictEqual(await client.call('slow'), 'slow');
  assert.strictEqual(await client.call('later'), 'later');
  await assert.rejects(client.call('fail'),
    { uri: 'app.error', description: 'no', details: [1] });
  await assert.rejects(client.call('http://example.com/none'),
    { uri: 'http://example.com/none', description: 'not here', details: undefined });
  await assert.rejects(client.call('boom'),
    { uri: 'wamp.error.runtime_error', description: 'internal error' });
  assert.match((await server.note('error'))[1], /: boom$/);
  assert.strictEqual(await client.call('tell'), 'told');
  await client.expectEvent('own', 'only you');
});

test('short forms of names, from either side', async (t) => {
  const server = await t.server(APP);
  const client = await connect(t, server);
  await client.prefix('calc', 'http://example.com/calc#');
  assert.strictEqual(await client.call('calc:add', 2, 3), 5);
  await client.send(2, 'id', 'short');
  assert.deepStrictEqual(await client.next(), [1, 's', 'http://example.com/s#']);
  assert.deepStrictEqual(await client.next(), [3, 'id', 'done']);
  await client.subscribe('s:one');
  await server.note('subscribe', 'http://example.com/s#one', 1);
});

test('publish: to all, to others, to some', async (t) => {
  const server = await t.server(APP);
  const [a, b, c] = [await connect(t, server), await connect(t, server), await connect(t, server)];
  for (const one of [a, b, c]) await one.subscribe('news');
  await server.note('subscribe', 'news', 3);
  await a.subscribe('news'); // once more changes nothing
  await a.publish('news', { text: 'hi', list: [] });
  for (const one of [a, b, c]) await one.expectEvent('news', { text: 'hi', list: [] });
  await a.publish('news', 'others', true);
  for (const one of [b, c]) await one.expectEvent('news', 'others');
  await a.publish('news', 'not b', [b.session]);
  for (const one of [a, c]) await one.expectEvent('news', 'not b');
  await a.publish('news', 'b', false, [b.session]);
  await b.expectEvent('news', 'b');
  await a.publish('news', 'nobody', [b.session], [b.session]);
  await a.publish('news');
  for (const one of [a, b, c]) await one.expectEvent('news', null);
  await c.unsubscribe('news');
  await server.note('unsubscribe', 'news', 2);
  await a.publish('news', 'bye');
  for (const one of [a, b]) await one.expectEvent('news', 'bye');
  for (const one of [a, b, c]) await one.expectNothing();
});

test('leaving: its own subscriptions end, and only those', async (t) => {
  const server = await t.server(APP);
  const [a, b] = [await connect(t, server), await connect(t, server)];
  for (const topic of ['one', 'two']) await a.subscribe(topic);
  for (const topic of ['two', 'three']) await b.subscribe(topic);
  await server.note('subscribe', 'three', 1);
  a.client.reset();
  await server.note('close', 1006, 'one 0, two 1');
  assert.strictEqual(await b.call('count', 'two'), 1);
  await b.publish('two', 'still');
  await b.expectEvent('two', 'still');
  await b.subscribe('forbidden');
  await b.publish('forbidden', 'x');
  await b.expectNothing();
});

test('a client that speaks no WAMP is refused at the handshake', async (t) => {
  const server = await t.server(APP);
  for (const lines of [[], ['Sec-WebSocket-Protocol: chat']]) {
    const client = await t.raw(server);
    await client.send(handshakeBytes('/', lines));
    const answer = await client.answer();
    assert.strictEqual(answer.status, 426);
    assert.deepStrictEqual(answer.headers['sec-websocket-protocol'], ['wamp.2.json, wamp']);
  }
});

// Each is the first bad one of its connection; Ratchet's server died of some.
const BAD = [
  '', ' ', 'hello', '[', ']', '[5', '5', '0', 'true', 'null', '"x"', '{}', '[]', 'NaN',
  '{"0":5,"1":"topic"}', '[null]', '[true]', '["5","topic"]', '[5.5]', '[-1]', '[1e999]',
  '[0,"x"]', '[3,"x",1]', '[4,"x","uri",""]', '[8,"topic",1]', '[9]', '[100000000000]',
  '[1]', '[1,"a"]', '[1,"a",null]', '[1,"a",["x"]]', '[1,["a"],"x"]', '[1,{},{}]',
  '[2]', '[2,"id"]', '[2,"id",null]', '[2,"id",[]]', '[2,null,"add"]', '[2,{},"add"]',
  '[5]', '[5,null]', '[5,true]', '[5,[]]', '[5,["topic"]]', '[5,{}]', '[5,""]',
  '[6]', '[6,null]', '[6,false]', '[6,[]]',
  '[7]', '[7,null]', '[7,[],1]', '[7,"t","x",false,"zzz"]', '[7,"t","x","zzz"]',
  '[7,"t","x",5]', '[7,"t","x",{"a":1}]', '[7,"t","x",false,true]', '[7,"t","x",false,[[]]]',
  '[7,"t","x",[null]]', `[5,"${'x'.repeat(1025)}"]`, `[5,"\\ud800"]`,
  '['.repeat(101) + ']'.repeat(101), '['.repeat(500000), '{"a":'.repeat(100000),
  `[7,"t",${'['.repeat(100)}${']'.repeat(100)}]`,
];

test('what is no WAMP closes its own connection with 1007, and nothing else',
  { ms: 60000 }, async (t) => {
    const server = await t.server(APP);
    const bystander = await connect(t, server);
    await bystander.subscribe('news');
    for (const [i, text] of BAD.entries()) {
      const bad = await connect(t, server);
      await bad.subscribe('news');
      // What comes behind it, in the same segment, is not heard.
      await bad.client.send(frames.text(text), frames.text('[7,"news","after"]'),
        frames.text('[5,"after"]'));
      const found = await bad.client.closeFrame();
      assert.strictEqual(found.code, 1007, `${text.slice(0, 40)}: ${found.code}`);
      assert.notStrictEqual(found.reason, '');
      await bad.client.close(1007);
      await server.noted(['close', 1007, 'news 1'], i + 1);
      await bystander.publish('news', i);
      await bystander.expectEvent('news', i);
    }
    await bystander.expectNothing();
    assert.strictEqual(server.notesLike('subscribe', 'after').length, 0);
    assert.strictEqual(server.notesLike('error').length, 0);
    assert.doesNotMatch(server.stderr, / (error|warn) (?!slow handler)/);
  });

test('binary messages are none', async (t) => {
  const server = await t.server(APP);
  const client = await connect(t, server);
  await client.client.frame('binary', Buffer.from('[5,"news"]'));
  assert.strictEqual((await client.client.closeFrame()).code, 1007);
});

test('a hundred bad clients at once, while others talk', { ms: 60000 }, async (t) => {
  const server = await t.server(APP);
  const [a, b] = [await connect(t, server), await connect(t, server)];
  for (const one of [a, b]) await one.subscribe('news');
  await server.note('subscribe', 'news', 2);
  const bad = await Promise.all(BAD.concat(BAD).map(() => connect(t, server)));
  await Promise.all(bad.map((one, i) => one.client.send(
    frames.text('[5,"news"]'), frames.text(BAD[i % BAD.length]))));
  for (let i = 0; i < 50; i++) {
    await a.publish('news', i, true);
    await b.expectEvent('news', i);
  }
  for (const one of bad) one.client.destroy();
  await server.noted(['close'], bad.length);
  assert.strictEqual(await b.call('count', 'news'), 2);
});

test('events behind a broken call stay in order; names of many sizes', async (t) => {
  const server = await t.server(APP);
  const client = await connect(t, server);
  for (const name of ['a', 'ü', 'x'.repeat(1024), 'with space', '\u0000', 'a"b\\c', '5']) {
    await client.subscribe(name);
    await client.publish(name, name);
    await client.expectEvent(name, name);
  }
  await client.send(5, 7);
  await client.publish(7, 'number');
  await client.expectEvent('7', 'number');
});

test('memory: topics that nobody subscribes to leave nothing', { ms: 60000 }, async (t) => {
  const server = await t.server(APP);
  const client = await connect(t, server);
  const publish = async (from, count) => {
    const list = [];
    for (let i = from; i < from + count; i++) list.push(frames.text(`[7,"topic ${i}",${i}]`));
    await client.client.send(...list);
    await client.expectNothing();
  };
  await publish(0, 20000);
  const before = server.memory();
  for (let i = 1; i <= 5; i++) await publish(i * 20000, 20000);
  const grown = server.memory() - before;
  assert.ok(sanitized || grown < 8 << 20, `${grown} bytes more after 100,000 topics`);
});

const replying = (word, server) => `local ratchet = require "ratchet"
local C = {}
function C:onCall(conn, _, topic)
  return "${word} " .. topic.id .. " " .. next(conn.WAMP.subscriptions):count()
end
local app = ratchet.App("localhost", 8080)
app:route("/", ${server}, { "*" })
app:run()
`;

for (const made of ['C', 'ratchet.wamp.WampServer(C)']) {
  test(`a reload: sessions and subscriptions stay, the code is new: ${made}`, async (t) => {
    const edited = await serveEdited(t, { 'app.lua': replying('old', made) });
    const stays = await connect(t, edited.server);
    await stays.subscribe('news');
    assert.strictEqual(await stays.call('a'), 'old a 1');
    edited.edit({ 'app.lua': replying('new', made) });
    await edited.reload();
    assert.strictEqual(await stays.call('a'), 'new a 1');
    const comes = await connect(t, edited.server);
    await comes.subscribe('news');
    assert.strictEqual(await comes.call('a'), 'new a 2');
    await comes.publish('news', 'hi');
    for (const one of [stays, comes]) await one.expectEvent('news', 'hi');
  });
}
