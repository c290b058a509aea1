// WAMP v2: AutobahnJS in Node.js and in Chromium, Python's autobahn, v1 clients beside
// them, and clients that send what is no WAMP.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { test } = require('./support/runner');
const { autobahn, connect, leave } = require('./support/autobahn');
const { launch } = require('./support/browser');
const { WampV1 } = require('./support/wamp_v1');
const { deadline, poll, slow } = require('./support/wait');
const frames = require('./support/frames');

const BROKER = `
local app = ratchet.App("localhost", 8080)
app:get("/", function() return "<!doctype html><title>WAMP</title>" end)
app:route("/ws", ratchet.wamp.WampServer(), { "*" })
app:run()
`;

const COMPONENT = `
local C = {}
function C:onOpen(conn) note("open", conn.WAMP.version, conn.httpRequest.path) end
function C:onCall(conn, id, topic, params, args, kwargs)
  if topic.id == "add" then return params[1] + params[2] end
  if topic.id == "echo" then return { args, kwargs } end
  if topic.id == "revoke" then
    for each in pairs(conn.WAMP.subscriptions) do
      if each.id == params[1] then each:remove(conn) return 1 end
    end
  end
  if topic.id == "slow" then ratchet.sleep(0.02) return "slow" end
  if topic.id == "boom" then error("boom") end
  if topic.id == "steps" then
    for i = 1, params[1] do conn:callProgress(id, i) ratchet.sleep(0.002) end
    return conn:callResult(id, "done")
  end
  conn:callError(id, "app.error", "no", { 1 })
end
function C:onSubscribe(conn, topic)
  note("subscribe", topic.id, topic:count())
  if topic.id == "forbidden" then return topic:remove(conn) end
  conn:event(topic, "welcome")
end
function C:onUnSubscribe(conn, topic) note("unsubscribe", topic.id, topic:count()) end
function C:onPublish(conn, topic, event, exclude, eligible)
  if topic.id == "read.only" then return false end
  topic:broadcast(event, exclude, eligible)
end
function C:onClose(conn, code) note("close", code) end
function C:onError(conn, err) note("error", (err:match("^[^\\n]*"))) end
local app = ratchet.App("localhost", 8080)
app:route("/ws", C, { "*" })
app:run()
`;

const urlOf = (server) => server.url('ws', 'localhost');

// Keeps the events of a topic; next() waits for one.
async function listen(session, topic, options) {
  const events = [];
  const subscription = await session.subscribe(topic, (args, kwargs, details) => {
    events.push({ args, kwargs, details });
  }, options);
  const next = () => poll(() => events.shift(), `an event of ${topic}`);
  return { events, next, subscription };
}

const ACK = { acknowledge: true };

test('autobahn in node: publish and subscribe', async (t) => {
  const server = await t.server(BROKER);
  const [a, b] = [await connect(t, urlOf(server)), await connect(t, urlOf(server))];
  assert.strictEqual(a.realm, 'realm1');
  assert.deepStrictEqual([a.details.authid, a.details.authmethod], ['anonymous', 'anonymous']);
  const [ofA, ofB] = [await listen(a, 'com.example.x'), await listen(b, 'com.example.x')];
  const value = [1, 'zwei', [], {}, null, [[], { a: [] }], 9007199254740991, 0.1, '\u0000/"'];
  const published = await a.publish('com.example.x', value, { k: {}, l: [] }, ACK);
  assert.ok(published.id > 0);
  const event = await ofB.next();
  assert.deepStrictEqual([event.args, event.kwargs], [value, { k: {}, l: [] }]);
  assert.strictEqual(event.details.publication, published.id);
  await a.publish('com.example.x', ['to me'], {}, { ...ACK, exclude_me: false });
  assert.deepStrictEqual((await ofA.next()).args, ['to me']); // and the first was not
  assert.deepStrictEqual((await ofB.next()).args, ['to me']);
  await b.unsubscribe(ofB.subscription);
  await a.publish('com.example.x', ['x'], {}, { ...ACK, exclude_me: false });
  await ofA.next();
  assert.deepStrictEqual([ofA.events, ofB.events], [[], []]);
  assert.strictEqual(await leave(a), 'wamp.close.goodbye_and_out');
});

test('autobahn in node: exclude and eligible', async (t) => {
  const server = await t.server(BROKER);
  const sessions = [];
  for (let i = 0; i < 3; i++) sessions.push(await connect(t, urlOf(server)));
  const [a, b, c] = sessions;
  const lists = [];
  for (const one of sessions) lists.push(await listen(one, 'x'));
  const heard = async (options) => {
    await a.publish('x', [1], {}, { ...ACK, ...options });
    for (const one of sessions) await one.publish('y', [], {}, ACK); // all has arrived
    return lists.map((list) => list.events.splice(0).length).join('');
  };
  assert.strictEqual(await heard({}), '011');
  assert.strictEqual(await heard({ exclude_me: false }), '111');
  assert.strictEqual(await heard({ exclude: [b.id] }), '001');
  assert.strictEqual(await heard({ eligible: [b.id] }), '010');
  assert.strictEqual(await heard({ eligible: [b.id, c.id], exclude: [c.id] }), '010');
  assert.strictEqual(await heard({ eligible: [] }), '000');
  assert.strictEqual(await heard({ eligible: [a.id], exclude_me: false }), '100');
});

test('autobahn in node: patterns', async (t) => {
  const server = await t.server(BROKER);
  const [a, b] = [await connect(t, urlOf(server)), await connect(t, urlOf(server))];
  const prefix = await listen(a, 'com.', { match: 'prefix' });
  const wildcard = await listen(a, 'com..created', { match: 'wildcard' });
  const exact = await listen(a, 'com.x.created');
  await b.publish('com.x.created', [1], {}, ACK);
  for (const list of [prefix, wildcard]) {
    assert.strictEqual((await list.next()).details.topic, 'com.x.created');
  }
  assert.deepStrictEqual((await exact.next()).args, [1]);
  await b.publish('com.x.deleted', [2], {}, ACK);
  assert.deepStrictEqual((await prefix.next()).args, [2]);
  await a.unsubscribe(prefix.subscription);
  await b.publish('com.y.created', [3], {}, ACK);
  assert.deepStrictEqual((await wildcard.next()).args, [3]);
  assert.deepStrictEqual([prefix.events, wildcard.events, exact.events], [[], [], []]);
});

test('autobahn in node: clients call each other', async (t) => {
  const server = await t.server(BROKER);
  const [callee, caller] = [await connect(t, urlOf(server)), await connect(t, urlOf(server))];
  const registration = await callee.register('add', ([a, b], { c }) => a + b + (c || 0));
  await callee.register('all', (args, kwargs) => new autobahn.Result(args, kwargs));
  await callee.register('fail', () => { throw new autobahn.Error('app.error', [1], { b: [] }); });
  await callee.register('steps', async ([count], kwargs, details) => {
    for (let i = 0; i < count; i++) if (details.progress) details.progress([i]);
    return 'done';
  });
  let hanging;
  await callee.register('hang', () => new Promise((resolve) => { hanging = resolve; }));
  assert.strictEqual(await caller.call('add', [1, 2]), 3);
  assert.strictEqual(await caller.call('add', [1, 2], { c: 4 }), 7);
  const all = await caller.call('all', [1, [], {}], { a: null });
  assert.deepStrictEqual([all.args, all.kwargs], [[1, [], {}], { a: null }]);
  await assert.rejects(caller.call('fail'), (error) => error.error === 'app.error' &&
    error.args[0] === 1 && JSON.stringify(error.kwargs) === '{"b":[]}');
  const steps = [];
  await new Promise((resolve, reject) => caller
    .call('steps', [3], {}, { receive_progress: true })
    .then(resolve, reject, (step) => steps.push(step)));
  assert.deepStrictEqual(steps, [0, 1, 2]);
  assert.strictEqual(await caller.call('steps', [3]), 'done');
  await assert.rejects(caller.register('add', () => 1),
    (error) => error.error === 'wamp.error.procedure_already_exists');
  await callee.unregister(registration);
  await assert.rejects(caller.call('add'),
    (error) => error.error === 'wamp.error.no_such_procedure');
  // Many calls at once, answered out of order.
  const calls = [caller.call('hang'), caller.call('all', [7])];
  assert.strictEqual(await calls[1], 7);
  hanging('late');
  assert.strictEqual(await calls[0], 'late');
  const cut = caller.call('hang');
  await poll(() => hanging, 'the call');
  callee.connection.close();
  await assert.rejects(cut, (error) => error.error === 'wamp.error.canceled');
});

test('autobahn in node: a component that knows nothing of v2', async (t) => {
  const server = await t.server(COMPONENT);
  const client = await connect(t, urlOf(server));
  await server.note('open', 2, '/ws');
  assert.strictEqual(await client.call('add', [1, 2]), 3);
  assert.strictEqual(await client.call('add', [[3, 4]]), 7);
  assert.deepStrictEqual(await client.call('echo', [1, []], { a: {} }), [[1, []], { a: {} }]);
  assert.strictEqual(await client.call('slow'), 'slow');
  await assert.rejects(client.call('other'), (error) => error.error === 'app.error' &&
    error.args[0] === 'no' && error.args[1][0] === 1);
  await assert.rejects(client.call('boom'),
    (error) => error.error === 'wamp.error.runtime_error');
  assert.match((await server.note('error'))[1], /: boom$/);
  const steps = [];
  assert.strictEqual(await new Promise((resolve, reject) => client
    .call('steps', [3], {}, { receive_progress: true })
    .then(resolve, reject, (step) => steps.push(step))), 'done');
  assert.deepStrictEqual(steps, [1, 2, 3]);
  await assert.rejects(client.register('mine', () => 1),
    (error) => error.error === 'wamp.error.not_authorized');
  await assert.rejects(client.subscribe('ne', () => 1, { match: 'prefix' }),
    (error) => error.error === 'wamp.error.option_not_allowed');
  const news = await listen(client, 'news');
  assert.deepStrictEqual((await news.next()).args, ['welcome']);
  await assert.rejects(client.subscribe('forbidden', () => 1),
    (error) => error.error === 'wamp.error.not_authorized');
  const revoked = await client.subscribe('revoked', () => 1);
  assert.strictEqual(await client.call('revoke', ['revoked']), 1);
  assert.strictEqual(await revoked.on_unsubscribe, 'wamp.error.not_authorized');
  assert.strictEqual(revoked.active, false);
  await assert.rejects(client.publish('read.only', [1], {}, ACK),
    (error) => error.error === 'wamp.error.not_authorized');
  await client.unsubscribe(news.subscription);
  await server.note('unsubscribe', 'news', 0);
  assert.strictEqual(await leave(client), 'wamp.close.goodbye_and_out');
  await server.note('close');
});

test('v1 and v2 clients on the same topics and procedures', async (t) => {
  const server = await t.server(BROKER);
  const two = await connect(t, urlOf(server));
  const one = await WampV1.connect(t, server, '/ws');
  const ofTwo = await listen(two, 'news');
  await one.subscribe('news');
  await one.publish('news', { text: 'from v1' }, true);
  const event = await ofTwo.next();
  assert.deepStrictEqual([event.args, event.kwargs], [[{ text: 'from v1' }], {}]);
  await two.publish('news', ['from v2'], {}, ACK);
  await one.expectEvent('news', 'from v2');
  await two.publish('news', [1, 2], {}, ACK);
  await one.expectEvent('news', [1, 2]);
  await one.publish('news', 'not v2', [two.id]);
  await one.expectEvent('news', 'not v2');
  await two.publish('news', ['not v1'], {}, { ...ACK, exclude: [one.session] });
  await two.publish('news', ['v1'], {}, { ...ACK, eligible: [one.session] });
  await one.expectEvent('news', 'v1');
  const again = await connect(t, urlOf(server));
  await again.register('add', ([a, b]) => a + b);
  await again.register('fail', () => { throw new autobahn.Error('app.error', ['why']); });
  assert.strictEqual(await one.call('add', 1, 2), 3);
  await assert.rejects(one.call('fail'), { uri: 'app.error', description: 'why' });
});

const GUARDED = `
local app = ratchet.App("localhost", 8080)
local C = {}
function C:onOpen(conn)
  note("open", conn.WAMP.authid, conn.WAMP.authrole, conn.WAMP.authmethod)
end
app:route("/ws", ratchet.wamp.WampServer(C, {
  realm = "realm1",
  authentication = {
    ticket = function(authid, ticket)
      ratchet.sleep(0.01) -- as a database would
      if authid == "boom" then error("boom") end
      return authid == "ada" and ticket == "secret" and "admin"
    end,
    wampcra = function(authid)
      ratchet.sleep(0.01)
      if authid == "ada" then return { secret = "secret", role = "author" } end
      if authid == "bob" then -- of "secret", by 100 rounds of PBKDF2-SHA256
        return { secret = "SALTED", salt = "salt123", iterations = 100, keylen = 16 }
      end
    end,
  },
}), { "*" })
app:run()
`.replace('SALTED', require('crypto').pbkdf2Sync('secret', 'salt123', 100, 16, 'sha256')
  .toString('base64'));

function credentials(authid, secret, methods) {
  return {
    authid,
    authmethods: methods,
    onchallenge: (session, method, extra) => {
      if (method === 'ticket') return secret;
      const key = extra.salt
        ? autobahn.auth_cra.derive_key(secret, extra.salt, extra.iterations, extra.keylen)
        : secret;
      return autobahn.auth_cra.sign(key, extra.challenge);
    },
  };
}

test('authentication: ticket, WAMP-CRA, salted, and who is not let in', async (t) => {
  const server = await t.server(GUARDED);
  const good = [['ada', 'ticket', 'admin'], ['ada', 'wampcra', 'author'], ['bob', 'wampcra', 'user']];
  for (const [authid, method, role] of good) {
    const session = await connect(t, urlOf(server), credentials(authid, 'secret', [method]));
    assert.deepStrictEqual(
      [session.details.authid, session.details.authrole, session.details.authmethod],
      [authid, role, method]);
    await server.note('open', authid, role, method);
  }
  const bad = [
    ['ada', 'wrong', ['ticket'], 'wamp.error.authentication_failed'],
    ['ada', 'wrong', ['wampcra'], 'wamp.error.authentication_failed'],
    ['bob', 'wrong', ['wampcra'], 'wamp.error.authentication_failed'],
    ['eve', 'secret', ['ticket'], 'wamp.error.authentication_failed'],
    ['eve', '', ['wampcra'], 'wamp.error.authentication_failed'],
    ['ada', 'secret', ['anonymous'], 'wamp.error.no_matching_auth_method'],
    ['ada', 'secret', ['scram'], 'wamp.error.no_matching_auth_method'],
    ['boom', 'secret', ['ticket'], 'wamp.error.runtime_error'],
  ];
  for (const [authid, secret, methods, reason] of bad) {
    await assert.rejects(connect(t, urlOf(server), credentials(authid, secret, methods)),
      (error) => assert.strictEqual(error.details.reason, reason) === undefined);
  }
  await assert.rejects(
    connect(t, urlOf(server), { ...credentials('ada', 'secret', ['ticket']), realm: 'other' }),
    (error) => error.details.reason === 'wamp.error.no_such_realm');
  assert.strictEqual(server.notesLike('open').length, good.length);
  // v1 has no way to say who one is.
  const refused = await t.raw(server);
  await assert.rejects(refused.handshake('/ws', ['Sec-WebSocket-Protocol: wamp']), /426/);
});

// ---- Python

async function playPython(server, scenario, ...more) {
  const script = path.join(__dirname, 'support', 'wamp_client.py');
  const child = spawn('/usr/bin/python3', [script, scenario, urlOf(server), ...more],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes) => { stdout += bytes; });
  child.stderr.on('data', (bytes) => { stderr += bytes; });
  const ended = new Promise((resolve) => { child.on('close', resolve); });
  await deadline(ended, 20000 * slow, 'python').finally(() => child.kill('SIGKILL'));
  const line = stdout.trim().split('\n')[0];
  if (!line.startsWith('{')) {
    throw new Error(`python said nothing (python3-autobahn installed?): ${stdout}${stderr}`);
  }
  return JSON.parse(line);
}

const python = [
  [BROKER, ['pubsub'], [true, [
    [[1, 'zwei', []], { a: {} }],
    [[1, 'zwei', []], 'com.example.topic'],
    [[2], 'com.example.other'],
  ]]],
  [BROKER, ['calls'], [3, 6, ['com.example.error', ['why'], { code: 7 }], 'done', [0, 1, 2],
    'wamp.error.no_such_procedure']],
  [COMPONENT, ['forbidden'], ['wamp.error.not_authorized', 3]],
  [COMPONENT, ['component'], [3, 'wamp.error.runtime_error', 'welcome']],
  [GUARDED, ['details', 'ticket', 'ada', 'secret'], ['realm1', 'ada', 'admin', 'ticket']],
  [GUARDED, ['details', 'wampcra', 'ada', 'secret'], ['realm1', 'ada', 'author', 'wampcra']],
  [GUARDED, ['details', 'wampcra', 'bob', 'secret'], ['realm1', 'bob', 'user', 'wampcra']],
];

for (const [app, words, expected] of python) {
  test(`autobahn in python: ${words.slice(0, 3).join(' ')}`, { ms: 40000 }, async (t) => {
    const server = await t.server(app);
    const found = await playPython(server, ...words);
    // Two subscriptions of one event may be told in either order.
    const isOfPattern = (event) => Number(typeof event[1] === 'string');
    if (words[0] === 'pubsub') found.result[1].sort((a, b) => isOfPattern(a) - isOfPattern(b));
    assert.deepStrictEqual(found.result, expected);
  });
}

test('autobahn in python: who is not let in', { ms: 40000 }, async (t) => {
  const server = await t.server(GUARDED);
  assert.deepStrictEqual(await playPython(server, 'details', 'ticket', 'ada', 'wrong'),
    { left: 'wamp.error.authentication_failed' });
});

// ---- Chromium

test('autobahn in chromium: publish, subscribe, call', { ms: 60000 }, async (t) => {
  const server = await t.server(BROKER);
  const browser = await launch();
  t.atEnd(() => browser.close());
  const tab = await browser.newPage();
  await tab.goto(server.url('http', 'localhost'));
  await tab.addScriptTag({ path: require.resolve('autobahn-browser/autobahn.min.js') });
  const session = await connect(t, urlOf(server));
  const news = await listen(session, 'news');
  await session.register('double', ([n]) => 2 * n);
  const found = tab.evaluate((url) => new Promise((resolve, reject) => {
    const connection = new window.autobahn.Connection({ url, realm: 'realm1', max_retries: 0 });
    connection.onclose = (reason) => { reject(new Error(reason)); return true; };
    connection.onopen = async (page) => {
      try {
        const doubled = await page.call('double', [21]);
        await page.register('page.title', () => document.title);
        page.subscribe('answer', (args) => resolve([doubled, args]));
        await page.publish('news', ['from the page', []], {}, { acknowledge: true });
      } catch (error) {
        reject(error);
      }
    };
    connection.open();
  }), urlOf(server));
  found.catch(() => {});
  assert.deepStrictEqual((await news.next()).args, ['from the page', []]);
  assert.strictEqual(await session.call('page.title'), 'WAMP');
  await session.publish('answer', ['ü', {}], {}, ACK);
  assert.deepStrictEqual(await found, [42, ['ü', {}]]);
});

// ---- what is no WAMP

const HELLO = '[1,"realm1",{"roles":{}}]';

const BAD = [
  ['x'], ['{}'], ['[]'], ['[16,1,{},"x"]'], ['[5,"x",{}]'], ['[1]'], ['[1,"r",[]]'], ['[1,null,{}]'],
  [HELLO, HELLO], [HELLO, 'x'], [HELLO, '[32,1,{},null]'], [HELLO, '[32,"x",{},"y"]'],
  [HELLO, '[34,1,"x"]'], [HELLO, '[16,1,{"exclude":"x"},"news"]'],
  [HELLO, '[16,1,{},"news",{}]'], [HELLO, '[16,1,{},"news",[],[1]]'], [HELLO, '[48,1,{}]'],
  [HELLO, '[64,1,"x","y"]'], [HELLO, '[66]'], [HELLO, '[70,1]'], [HELLO, '[8,68,1]'],
  [HELLO, '[2,1,{}]'], [HELLO, '[36,1,1,{}]'], [HELLO, '[49,1,{}]'], [HELLO, '[1e999]'],
  [HELLO, '['.repeat(500000)],
];

test('what is no WAMP ends its own session, by ABORT and 1007', { ms: 60000 }, async (t) => {
  const server = await t.server(BROKER);
  const [a, b] = [await connect(t, urlOf(server)), await connect(t, urlOf(server))];
  const news = await listen(b, 'news');
  for (const [i, texts] of BAD.entries()) {
    const bad = await t.open(server, '/ws', ['Sec-WebSocket-Protocol: wamp.2.json']);
    await bad.send(...texts.map((text) => frames.text(text)),
      frames.text('[16,9,{},"news",["after"]]'));
    const heard = [];
    for (;;) {
      const frame = await bad.nextFrame();
      heard.push(frame.opcode === 8 ? frame.payload.readUInt16BE(0)
        : JSON.parse(frame.payload)[0]);
      if (frame.opcode === 8) break;
    }
    assert.deepStrictEqual(heard, texts.length > 1 ? [2, 3, 1007] : [3, 1007], texts.join(' '));
    bad.destroy();
    await a.publish('news', [i], {}, ACK);
    assert.deepStrictEqual((await news.next()).args, [i]);
  }
  assert.doesNotMatch(server.stderr, / (error|warn) (?!slow handler)/);
});

test('a client that never says HELLO is ended after ten seconds', { ms: 30000 }, async (t) => {
  const server = await t.server(BROKER);
  const silent = await t.open(server, '/ws', ['Sec-WebSocket-Protocol: wamp.2.json']);
  const frame = await silent.nextFrame(14000 * slow);
  assert.match(String(frame.payload), /there was no session in time/);
  assert.strictEqual((await silent.closeFrame()).code, 1000);
});

test('calls and topics are given back when their clients are gone', async (t) => {
  const server = await t.server(BROKER);
  const stays = await connect(t, urlOf(server));
  await stays.register('never', () => new Promise(() => {}));
  for (let i = 0; i < 20; i++) {
    const goes = await connect(t, urlOf(server));
    for (let n = 0; n < 50; n++) goes.call('never').then(() => {}, () => {});
    await listen(goes, `topic ${i}`);
    await listen(goes, `topic ${i}`, { match: 'prefix' });
    await goes.register(`mine ${i}`, () => 1);
    goes.connection._transport.close(3000);
  }
  const last = await connect(t, urlOf(server));
  const names = Array.from({ length: 20 }, (_, i) => `mine ${i}`);
  await poll(async () => {
    const tried = await Promise.allSettled(names.map((name) => last.register(name, () => 1)));
    return tried.every((one, i) => one.status === 'fulfilled' ||
      one.reason.error === 'wamp.error.procedure_already_exists') &&
      names.length === (await Promise.all(names.map((name) => last.call(name)))).length;
  }, 'the names are free');
  assert.ok(fs.existsSync(server.file));
});
