// Clients that other people wrote: node's ws, Python's websockets, curl, Chromium.
'use strict';

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const WebSocket = require('ws');
const { test } = require('./support/runner');
const { describePicture, launch } = require('./support/browser');
const { apps } = require('./support/paths');
const { program } = require('./support/program');
const { playPython } = require('./support/python');
const { deadline, slow } = require('./support/wait');

// Echoes; closes when it is asked to.
const ECHO = `
local C = {}
function C:getSubProtocols() return { "echo.v1" } end
function C:onMessage(conn, message, is_binary)
  if message == "close me" then
    conn:close(4002, "as you wish")
  else
    conn:send(message, is_binary)
  end
end
function C:onClose(_, code, reason) note("close", code, reason) end
local app = ratchet.App("localhost", 8080)
local ws = ratchet.websocket.WsServer(C)
ws:setStrictSubProtocolCheck(false)
app:route("/", ws, { "*" })
app:get("/page", function(request) return 200, "<p>" .. request.method .. "</p>" end)
app:get("/away", function(_, response) return response:redirect("/page") end)
app:run()
`;

// ---- node's ws

function once(emitter, event) {
  return deadline(new Promise((resolve, reject) => {
    emitter.once(event, (...all) => resolve(all));
    if (event !== 'error') emitter.once('error', reject);
  }), 10000 * slow, `the event ${event}`);
}

async function openWs(t, server, options) {
  const socket = new WebSocket(`${server.url('ws')}`, ['echo.v1'], options);
  t.atEnd(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

async function echoed(socket, message, options) {
  const answer = once(socket, 'message');
  socket.send(message, options);
  const [data, isBinary] = await answer;
  return isBinary ? data : data.toString();
}

test('node ws: text, binary, 1 MiB, fragments, ping', async (t) => {
  const server = await t.server(ECHO);
  const socket = await openWs(t, server);
  assert.strictEqual(socket.protocol, 'echo.v1');
  assert.strictEqual(socket.extensions, '');
  assert.strictEqual(await echoed(socket, 'grüße'), 'grüße');
  assert.strictEqual(await echoed(socket, ''), '');
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  assert.deepStrictEqual(await echoed(socket, bytes), bytes);
  const large = 'm'.repeat(1 << 20);
  assert.ok(await echoed(socket, large) === large, '1 MiB comes back');
  const answer = once(socket, 'message');
  socket.send('one, ', { fin: false });
  socket.send('', { fin: false });
  socket.send('two', { fin: true });
  assert.strictEqual(String((await answer)[0]), 'one, two');
  const pong = once(socket, 'pong');
  socket.ping('hello');
  assert.strictEqual(String((await pong)[0]), 'hello');
});

test('node ws: 1000 messages keep their order', async (t) => {
  const server = await t.server(ECHO);
  const socket = await openWs(t, server);
  const received = [];
  const all = new Promise((resolve) => socket.on('message', (data) => {
    received.push(Number(data));
    if (received.length === 1000) resolve();
  }));
  for (let i = 0; i < 1000; i++) socket.send(String(i));
  await deadline(all, 10000 * slow, '1000 echoes');
  assert.deepStrictEqual(received, Array.from({ length: 1000 }, (_, i) => i));
});

test('node ws: close codes both ways', async (t) => {
  const server = await t.server(ECHO);
  for (const [code, reason] of [[1000, ''], [1000, 'done'], [4999, 'über']]) {
    const socket = await openWs(t, server);
    const closed = once(socket, 'close');
    socket.close(code, reason);
    const [gotCode, gotReason] = await closed;
    assert.deepStrictEqual([gotCode, String(gotReason)], [code, reason]);
    await server.note('close', code, Buffer.from(reason).toString('latin1'));
  }
  const socket = await openWs(t, server);
  const closed = once(socket, 'close');
  socket.send('close me');
  const [code, reason] = await closed;
  assert.deepStrictEqual([code, String(reason)], [4002, 'as you wish']);
  const silent = await openWs(t, server);
  silent.close();
  await once(silent, 'close');
  await server.note('close', 1005, '');
  const gone = await openWs(t, server);
  gone.terminate();
  await server.note('close', 1006, '');
});

test('node ws: over the limit it is closed with 1009', async (t) => {
  const server = await t.server(ECHO);
  const socket = await openWs(t, server);
  const closed = once(socket, 'close');
  socket.on('error', () => {});
  socket.send('m'.repeat((1 << 20) + 1));
  assert.strictEqual((await closed)[0], 1009);
});

test('node ws: an offer of permessage-deflate is declined', async (t) => {
  const server = await t.server(ECHO);
  const socket = await openWs(t, server, { perMessageDeflate: { threshold: 0 } });
  assert.strictEqual(socket.extensions, '');
  assert.strictEqual(await echoed(socket, 'plain'), 'plain');
});

// ---- programs

const scenarios = [
  ['text', 'grüße'],
  ['binary', Array.from({ length: 256 }, (_, i) => i)],
  ['large', true],
  ['fragments', ['one, two, three', [0, 255]]],
  ['ping', true],
  ['order', true],
  ['close', [4001, 'from python']],
  ['closed', [4002, 'as you wish']],
];

for (const [scenario, expected] of scenarios) {
  test(`python websockets: ${scenario}`, async (t) => {
    const server = await t.server(ECHO);
    assert.deepStrictEqual(await playPython(scenario, server.url('ws')), expected);
  });
}

function curl(...args) {
  return program('curl', ['-sS', '--max-time', '10', ...args],
    { missing: 'curl is missing: apt-get install curl', any: true });
}

test('curl: pages, HEAD, refusals, redirect', async (t) => {
  const server = await t.server(ECHO);
  const base = `http://localhost:${server.port}`;
  const page = await curl('-i', `${base}/page`);
  assert.match(page.stdout, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n<p>GET<\/p>$/);
  const head = await curl('-I', `${base}/page`);
  assert.match(head.stdout, /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 11\r\n/i);
  assert.strictEqual(head.status, 0);
  const none = await curl('-i', `${base}/none`);
  assert.match(none.stdout, /^HTTP\/1\.1 404 /);
  const post = await curl('-i', '-X', 'POST', `${base}/page`);
  assert.match(post.stdout, /^HTTP\/1\.1 405 [^]*allow: .*GET/i);
  const plain = await curl('-i', `${base}/`);
  assert.match(plain.stdout, /^HTTP\/1\.1 426 [^]*sec-websocket-version: 13/i);
  const away = await curl('-L', '-w', '%{num_redirects}', `${base}/away`);
  assert.strictEqual(away.stdout, '<p>GET</p>1');
  const old = await curl('-0', `${base}/page`);
  assert.strictEqual(old.stdout, '<p>GET</p>');
  const two = await curl(`${base}/page`, `${base}/page`);
  assert.strictEqual(two.stdout, '<p>GET</p><p>GET</p>');
  const h2 = await curl('--http2', `${base}/page`);
  assert.strictEqual(h2.stdout, '<p>GET</p>', 'an offer of h2c is no matter');
});

// ---- a browser

async function openTab(t, browser, server, name) {
  const tab = await (await browser.newContext()).newPage();
  tab.setDefaultTimeout(15000 * slow);
  tab.problems = [];
  tab.on('pageerror', (error) => tab.problems.push(String(error)));
  tab.on('console', (message) => {
    if (message.type() === 'error') tab.problems.push(message.text());
  });
  await tab.goto(`http://localhost:${server.port}/`);
  await tab.waitForSelector('#status[data-open]');
  await tab.fill('#name', name);
  return tab;
}

async function say(tab, text) {
  await tab.fill('#text', text);
  await tab.press('#text', 'Enter');
}

function seen(tab, kind, text) {
  return tab.waitForSelector(`li.${kind}:has-text("${text}")`);
}

async function expectPicture(tab, name) {
  const file = path.join(os.tmpdir(), `ratchet-lua-chat-${name}.png`);
  await tab.screenshot({ path: file });
  const picture = describePicture(fs.readFileSync(file));
  assert.ok(picture.width >= 800 && picture.height >= 600, `${file}: its size`);
  assert.ok(picture.distinct > 50, `${file}: ${picture.distinct} different rows, text has more`);
}

test('two tabs of a browser chat, and a program takes part', { ms: 60000 }, async (t) => {
  const server = await t.server({ file: path.join(apps, 'chat', 'app.lua') });
  const browser = await launch();
  t.atEnd(() => browser.close());
  const ada = await openTab(t, browser, server, 'ada');
  const bob = await openTab(t, browser, server, 'bob');
  await say(ada, 'hello from the first tab');
  await seen(ada, 'own', 'hello from the first tab');
  await seen(bob, 'other', 'hello from the first tab');
  await seen(bob, 'other', 'ada');
  await say(bob, 'and hello from the second: <b>ünï</b> \u{1f600}');
  await seen(ada, 'other', 'and hello from the second: <b>ünï</b> \u{1f600}');

  const socket = new WebSocket(server.url('ws', 'localhost'));
  t.atEnd(() => socket.terminate());
  await once(socket, 'open');
  const heard = once(socket, 'message');
  await say(ada, 'for everyone');
  assert.strictEqual(String((await heard)[0]), 'ada: for everyone');
  socket.send('console: from a program');
  await seen(ada, 'other', 'from a program');
  await seen(bob, 'other', 'from a program');

  await expectPicture(ada, 'ada');
  await expectPicture(bob, 'bob');
  assert.deepStrictEqual([...ada.problems, ...bob.problems], []);
});

test('a browser\'s WebSocket: messages, close codes and reasons', { ms: 60000 }, async (t) => {
  const server = await t.server(ECHO);
  const browser = await launch();
  t.atEnd(() => browser.close());
  const tab = await browser.newPage();
  await tab.goto(`http://localhost:${server.port}/page`);
  const result = await tab.evaluate(async (url) => {
    const open = (where, protocols) => new Promise((resolve, reject) => {
      const socket = new WebSocket(where, protocols);
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => resolve(socket);
      socket.onerror = () => reject(new Error('no connection'));
    });
    const next = (socket) => new Promise((resolve) => {
      socket.onmessage = (event) => resolve(event.data);
    });
    const closed = (socket) => new Promise((resolve) => {
      socket.onclose = (event) => resolve([event.code, event.reason, event.wasClean]);
    });
    const socket = await open(url, ['echo.v1']);
    const found = { protocol: socket.protocol, extensions: socket.extensions };
    let answer = next(socket);
    socket.send('grüße');
    found.text = await answer;
    answer = next(socket);
    socket.send(new Uint8Array([0, 127, 255]));
    found.binary = [...new Uint8Array(await answer)];
    answer = next(socket);
    socket.send('m'.repeat(1 << 20));
    found.large = (await answer).length;
    let end = closed(socket);
    socket.close(4003, 'from the page');
    found.own = await end;
    const second = await open(url);
    end = closed(second);
    second.send('close me');
    found.server = await end;
    return found;
  }, server.url('ws', 'localhost'));
  assert.deepStrictEqual(result, {
    protocol: 'echo.v1',
    extensions: '',
    text: 'grüße',
    binary: [0, 127, 255],
    large: 1 << 20,
    own: [4003, 'from the page', true],
    server: [4002, 'as you wish', true],
  });
  await server.note('close', 4003, 'from the page');
});
