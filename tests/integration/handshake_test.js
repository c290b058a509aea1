// From the first byte to the 101: what is accepted, what is refused, and how.
// The table holds the rows H01 to H55 of the acceptance list; each refused request
// is sent whole and byte by byte.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const { KEY, acceptOf, handshakeBytes } = require('./support/raw');
const frames = require('./support/frames');
const { Stopwatch } = require('./support/wait');

const ECHO = `
local app = ratchet.App("localhost", 8080)
app:route("/", ratchet.server.EchoServer(), { "*" })
app:run()
`;

// A good handshake with header lines added ("Name: value") or taken away ("Name:").
const good = (...lines) => handshakeBytes('/', lines);
const starting = (line, ...lines) => handshakeBytes('/', lines, line);
const repeat = (count, fn) => Array.from({ length: count }, (_, i) => fn(i));

const BYTEWISE_MAX = 17500; // by then every limit of a head is passed

// name, bytes, expected statuses, options: end (the last byte that is needed; no
// more is sent bytewise), headers (expected ones).
const refused = [
  ['H02 no Host', good('Host:'), [400]],
  ['H03 two Hosts', good('Host: localhost'), [400]],
  ['H45 malformed Host', good('Host:', 'Host: a b/c'), [400]],
  ['H45 Host with a user', good('Host:', 'Host: me@localhost'), [400]],
  ['H04 POST', starting('POST / HTTP/1.1'), [405, 400]],
  ['H05 HTTP/1.0', starting('GET / HTTP/1.0'), [400, 405]],
  ['H48 RTSP', starting('GET / RTSP/1.0'), [400]],
  ['H49 HTTP/0.9', 'GET /\r\n', [400]],
  ['H53 http in small letters', starting('GET / http/1.1'), [400]],
  ['H06 no key', good('Sec-WebSocket-Key:'), [400]],
  ['H07 two keys', good(`Sec-WebSocket-Key: ${KEY}`), [400]],
  ['H08 a key of 15 bytes', good('Sec-WebSocket-Key:',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA'), [400]],
  ['H09 a key that is not base64', good('Sec-WebSocket-Key:',
    'Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=='), [400]],
  ['H10 version 12', good('Sec-WebSocket-Version:', 'Sec-WebSocket-Version: 12'),
    [426], { headers: { 'sec-websocket-version': '13' } }],
  ['H11 no version', good('Sec-WebSocket-Version:'),
    [426], { headers: { 'sec-websocket-version': '13' } }],
  ['H12 versions 13 and 8', good('Sec-WebSocket-Version: 8'), [400]],
  ['H15 Connection without the token', good('Connection:', 'Connection: keep-alive'),
    [426], { headers: { upgrade: 'websocket' } }],
  ['H15 no Upgrade', good('Upgrade:'), [426], { headers: { upgrade: 'websocket' } }],
  ['H16 Upgrade to websocketx', good('Upgrade:', 'Upgrade: websocketx'), [426]],
  ['H17 a folded line', good('X-A: 1\r\n folded'), [400]],
  ['H18 a folded line that hides Upgrade',
    good('Upgrade:', 'X-A: 1,\r\n\tUpgrade: websocket'), [400]],
  ['H19 a space before the colon', good('X-A : 1'), [400]],
  ['H24 an empty name', good(': 1'), [400]],
  ['H25 a leading space', starting('GET / HTTP/1.1\r\n Host: localhost', 'Host:'), [400]],
  ['H20 bare LFs', good().replace(/\r\n/g, '\n'), [400]],
  ['H20 one bare LF', good('X-A: 1\nX-B: 2'), [400]],
  ['H21 a bare CR', good('X-A: 1\rX-B: 2'), [400]],
  ['H22 a head ended by CR X',
    `${good().slice(0, -2)}\rX${good()}`, [400]],
  ['H23 NUL in a value', good('X-A: 1\x002'), [400]],
  ['H42 a control character in the target', starting('GET /\x01 HTTP/1.1'), [400]],
  ['H43 an 8-bit byte in the target', starting('GET /\xe4 HTTP/1.1'), [400]],
  ['H44 a fragment in the target', starting('GET /#a HTTP/1.1'), [400]],
  ['H26 Content-Length', `${good('Content-Length: 5')}hello`, [400]],
  ['H27 chunked', `${good('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`, [400]],
  ['H28 length and chunked',
    `${good('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`, [400]],
  ['H29 two lengths', good('Content-Length: 5', 'Content-Length: 6'), [400]],
  ['H30 a length of +0', good('Content-Length: +0'), [400]],
  ['H31 a target of 64 KiB', starting(`GET /${'a'.repeat(65536)} HTTP/1.1`), [414, 431, 400]],
  ['H32 a header of 1 MiB', good(`X-A: ${'a'.repeat(1 << 20)}`), [431, 400]],
  ['H33 10,000 headers', good(...repeat(10000, (i) => `X-${i}: 1`)), [431, 400]],
  ['H52 20,000 empty lines', '\r\n'.repeat(20000) + good(), [400, 431]],
  ['H38 a protocol list with an empty item', good('Sec-WebSocket-Protocol: a,,b'), [400]],
  ['H38 a protocol that is no token', good('Sec-WebSocket-Protocol: a b'), [400]],
  ['H39 a protocol twice', good('Sec-WebSocket-Protocol: a, a'), [400]],
  ['H39 a protocol twice in two lines',
    good('Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: b, a'), [400]],
  ['H40 malformed extensions', good('Sec-WebSocket-Extensions: a; ; b'), [400]],
  ['H40 an unclosed quote', good('Sec-WebSocket-Extensions: a; b="c'), [400]],
  ['H46 a TLS ClientHello', Buffer.concat([
    Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), Buffer.alloc(500, 7)]), [400]],
  ['H47 an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
  ['H50 random bytes', Buffer.from('9f8e7d1a2b3c4d5e6f708192a3b4c5d6', 'hex'), [400]],
  ['H51 NULs', Buffer.alloc(300), [400]],
];

function single(headers, name) {
  const values = headers[name] || [];
  assert.strictEqual(values.length, 1, `one ${name} header; there are ${values.length}`);
  return values[0];
}

function endsConnection(answer) {
  const values = (answer.headers.connection || []).join(', ').toLowerCase().split(', ');
  return values.includes('close');
}

// What holds for every answer. A client that was refused before anybody was asked
// has lost its connection; another may go on with it.
const MAY_BE_KEPT = [200, 201, 204, 302, 403, 404, 405, 418, 426, 500];
function checkAnswer(answer) {
  assert.match(single(answer.headers, 'date'),
    /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  if (answer.status === 204) { // RFC 9110 8.6 forbids it there
    assert.strictEqual(answer.headers['content-length'], undefined);
  } else {
    assert.match(single(answer.headers, 'content-length'), /^\d+$/);
  }
  assert.ok(endsConnection(answer) || MAY_BE_KEPT.includes(answer.status),
    `Connection: close; it is ${answer.headers.connection}`);
  assert.strictEqual(answer.headers.server, undefined, 'no Server header');
}

function checkStatus(answer, statuses) {
  assert.ok(statuses.includes(answer.status),
    `expected status ${statuses.join(' or ')}; it is ${answer.status}: ${answer.body}`);
}

async function expectRefusal(client, statuses, headers = {}) {
  const answer = await client.answer();
  checkStatus(answer, statuses);
  checkAnswer(answer);
  for (const [name, value] of Object.entries(headers)) {
    assert.strictEqual(single(answer.headers, name), value);
  }
  if (endsConnection(answer)) await client.expectEnd(2000);
}

for (const [name, bytes, statuses, options = {}] of refused) {
  test(`${name} is refused`, async (t) => {
    const server = await t.server(ECHO);
    const whole = await t.raw(server);
    whole.send(bytes);
    await expectRefusal(whole, statuses, options.headers);

    const slow = await t.raw(server);
    slow.sendBytewise(bytes.slice(0, BYTEWISE_MAX));
    await expectRefusal(slow, statuses, options.headers);

    await (await t.open(server)).expectEcho();
  });
}

// name, header lines
const accepted = [
  ['H13 other cases', ['Upgrade:', 'UPGRADE: WebSocket', 'Connection:', 'connection: UPGRADE']],
  ['H14 Connection with a list', ['Connection:', 'Connection: keep-alive, Upgrade']],
  ['H14 several Connection lines', ['Connection:', 'Connection: keep-alive', 'Connection: Upgrade']],
  ['H14 Upgrade with a list', ['Upgrade:', 'Upgrade: h2c, websocket']],
  ['H41 an unknown extension', ['Sec-WebSocket-Extensions: x-none; a=1; b="c", permessage-deflate']],
  ['no white space after the colons', ['X-A:1', 'Upgrade:', 'Upgrade:websocket']],
  ['white space behind the value', ['X-A:  1 \t', 'Upgrade:', 'Upgrade: websocket \t']],
  ['an empty Content-Length body', ['Content-Length: 0']],
];

for (const [name, lines] of accepted) {
  test(`${name} is accepted`, async (t) => {
    const server = await t.server(ECHO);
    const client = await t.raw(server);
    const answer = await client.handshake('/', lines);
    assert.strictEqual(answer.headers['sec-websocket-extensions'], undefined);
    await client.expectEcho();
  });
}

test('H01 a good handshake', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.raw(server);
  const answer = await client.handshake();
  assert.strictEqual(single(answer.headers, 'upgrade').toLowerCase(), 'websocket');
  assert.strictEqual(single(answer.headers, 'connection').toLowerCase(), 'upgrade');
  assert.strictEqual(single(answer.headers, 'sec-websocket-accept'), acceptOf(KEY));
  for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions',
    'content-length', 'server']) {
    assert.strictEqual(answer.headers[name], undefined, `no ${name}`);
  }
  await client.expectEcho();
});

test('H34 a handshake byte by byte', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.raw(server);
  await client.sendBytewise(handshakeBytes());
  assert.strictEqual((await client.answer()).status, 101);
  await client.expectEcho();
});

test('a handshake cut at each place', async (t) => {
  const server = await t.server(ECHO);
  const bytes = handshakeBytes();
  for (let at = 1; at < bytes.length; at += 3) {
    const client = await t.raw(server);
    await client.sendCut(bytes, [at]);
    assert.strictEqual((await client.answer()).status, 101);
    client.destroy();
  }
});

test('one empty line before the request is forgiven', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.raw(server);
  await client.send('\r\n' + handshakeBytes());
  assert.strictEqual((await client.answer()).status, 101);
});

const NOTING = `
local C = {}
function C:onOpen(conn) note("open") conn:send("welcome") end
function C:onMessage(conn, message) note("message", message) conn:send(message) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;

test('H35 a frame in the segment of the handshake comes after onOpen', async (t) => {
  const server = await t.server(NOTING);
  const client = await t.raw(server);
  await client.handshake('/', [], frames.text('early'), frames.text('bird'));
  await client.expectText('welcome');
  await client.expectText('early');
  await client.expectText('bird');
  await server.note('message', 'bird');
  assert.deepStrictEqual(server.notes, [['open'], ['message', 'early'], ['message', 'bird']]);
});

test('H36 the first byte of a frame in the segment of the handshake', async (t) => {
  const server = await t.server(NOTING);
  const client = await t.raw(server);
  const frame = frames.text('early');
  await client.handshake('/', [], frame.subarray(0, 1));
  await client.expectText('welcome');
  await client.sendBytewise(frame.subarray(1));
  await client.expectText('early');
});

test('a handshake and its first frame cut at each place', async (t) => {
  const server = await t.server(NOTING);
  const head = Buffer.from(handshakeBytes());
  const bytes = Buffer.concat([head, frames.text('early')]);
  for (let at = head.length - 6; at < bytes.length; at++) {
    const client = await t.raw(server);
    await client.sendCut(bytes, [at]);
    assert.strictEqual((await client.answer()).status, 101);
    await client.expectText('welcome');
    await client.expectText('early');
    client.destroy();
  }
});

test('H37 a second GET after the 101 is a frame', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.send(handshakeBytes());
  await client.expectClose(1002);
});

test('H54 no 100 Continue', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.raw(server);
  await client.send(good('Expect: 100-continue'));
  const answer = await client.answer();
  assert.ok([101, 400, 417].includes(answer.status), `it is ${answer.status}`);
});

test('H55 markup of the target is not in the answer', async (t) => {
  const server = await t.server(ECHO);
  for (const target of ['/<b>bold</b>', '/%3Cb%3Ebold', '/x?<b>bold</b>']) {
    const client = await t.raw(server);
    await client.send(handshakeBytes(target));
    const answer = await client.answer();
    checkStatus(answer, [400, 404]);
    assert.ok(!/<b>/i.test(JSON.stringify(answer)), `nothing reflected: ${answer.body}`);
  }
});

test('the same key twice is no matter', async (t) => {
  const server = await t.server(ECHO);
  await (await t.open(server)).expectEcho();
  await (await t.open(server)).expectEcho();
});

test('a slow head is answered with 408', async (t) => {
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080, "127.0.0.1", { headerTimeout = 0.3 })
    app:route("/", ratchet.server.EchoServer(), { "*" })
    app:run()`);
  const silent = await t.raw(server);
  const half = await t.raw(server);
  await half.send(good().slice(0, 60));
  const dripping = await t.raw(server);
  const drip = setInterval(() => dripping.send('a'), 50);
  t.atEnd(() => clearInterval(drip));
  dripping.send('GET /');
  for (const client of [half, dripping, silent]) {
    const answer = await client.answer();
    checkStatus(answer, [408]);
    checkAnswer(answer);
    await client.expectGone();
  }
  clearInterval(drip);
  await (await t.open(server)).expectEcho();
});

test('maxHeaderSize: 431, and 414 for the target', async (t) => {
  const server = await t.server(`
    local app = ratchet.App{ port = 8080, maxHeaderSize = 512 }
    app:route("/", ratchet.server.EchoServer(), { "*" })
    app:run()`);
  const large = await t.raw(server);
  await large.send(good(`X-A: ${'a'.repeat(600)}`));
  await expectRefusal(large, [431]);
  const long = await t.raw(server);
  await long.send(starting(`GET /${'a'.repeat(600)} HTTP/1.1`));
  await expectRefusal(long, [414]);
  await (await t.open(server)).expectEcho();
});

// ---- origins

async function statusOf(t, server, lines, target = '/', options = {}) {
  const client = await t.raw(server);
  await client.send(handshakeBytes(target, lines, options.start));
  const answer = await client.answer();
  client.destroy();
  return answer;
}

async function expectStatus(t, server, lines, status, target) {
  const answer = await statusOf(t, server, lines, target);
  assert.strictEqual(answer.status, status,
    `${JSON.stringify(lines)}: expected ${status}; it is ${answer.status}: ${answer.body}`);
  return answer;
}

const ORIGINS = `
local C = {}
function C:onUpgrade(request) note("upgrade", request.origin) end
local app = ratchet.App("localhost", 8080)
app:route("/own", C)
app:route("/missing", C, nil, nil, { allowMissingOrigin = true })
app:route("/list", C, { "good.example", "https://exact.example:8443", "*.wild.example" })
app:route("/all", C, { "*" })
app:run()
`;

const origins = [
  // target, Origin lines, status
  ['/own', ['Origin: http://localhost'], 101],
  ['/own', ['Origin: http://localhost:9999'], 101],
  ['/own', ['Origin: https://127.0.0.1'], 101],
  ['/own', ['Origin: http://[::1]:3000'], 101],
  ['/own', ['Origin: http://evil.example'], 403],
  ['/own', ['Origin: http://localhost.evil.example'], 403],
  ['/own', ['Origin: http://localhost@evil.example'], 403],
  ['/own', ['Origin: null'], 403],
  ['/own', ['Origin: '], 403],
  ['/own', [], 403],
  ['/own', ['Origin: http://localhost', 'Origin: http://evil.example'], 403],
  ['/own', ['Cookie: session=1', 'Origin: http://evil.example'], 403],
  ['/missing', [], 101],
  ['/missing', ['Origin: http://evil.example'], 403],
  ['/list', ['Origin: http://good.example'], 101],
  ['/list', ['Origin: http://GOOD.example:81'], 101],
  ['/list', ['Origin: http://good.example.evil'], 403],
  ['/list', ['Origin: http://good.evil'], 403],
  ['/list', ['Origin: http://notgood.example'], 403],
  ['/list', ['Origin: https://exact.example:8443'], 101],
  ['/list', ['Origin: http://exact.example:8443'], 403],
  ['/list', ['Origin: https://exact.example'], 403],
  ['/list', ['Origin: http://a.wild.example'], 101],
  ['/list', ['Origin: http://wild.example'], 403],
  ['/list', ['Origin: http://localhost'], 403],
  ['/all', ['Origin: http://evil.example'], 101],
  ['/all', [], 101],
];

test('origins: who passes and who is refused with 403', async (t) => {
  const server = await t.server(ORIGINS);
  for (const [target, lines, status] of origins) {
    await expectStatus(t, server, lines, status, target);
  }
});

test('a foreign origin is refused before the component is asked, with a sentence', async (t) => {
  const server = await t.server(ORIGINS);
  const answer = await expectStatus(t, server, ['Origin: http://evil.example'], 403, '/own');
  checkAnswer(answer);
  assert.strictEqual(answer.body, 'Forbidden\n');
  await server.logged(/warn 403 \/own: Origin "http:\/\/evil\.example" is not among/);
  assert.deepStrictEqual(server.notes, []);
});

test('the client is told why in development only', async (t) => {
  const app = (options) => `
    local app = ratchet.App("localhost", 8080, nil, { ${options} })
    app:route("/", ratchet.server.EchoServer())
    app:static("/files", "${t.temporary('')}")
    app:run()`;
  const sentence = 'Origin "http://evil.example" is not among {"localhost"}\n';
  for (const [options, args, isTold] of [['', [], false], ['development = false', [], false],
    ['development = true', [], true], ['', ['--development'], true]]) {
    const server = await t.server(app(options), { args });
    const ask = (...more) => expectStatus(t, server, ...more)
      .then((answer) => answer.body.replace(/\.? RFC \d+ [^\n]*/, ''));
    assert.strictEqual(await ask(['Origin: http://evil.example'], 403), isTold ? sentence : 'Forbidden\n');
    assert.strictEqual(await ask(['Host:', 'Host: b.example'], 404), isTold
      ? 'Host header was "b.example", this route answers to "localhost"\n' : 'Not Found\n');
    assert.strictEqual(await ask([], 404, '/none'), isTold ? 'no route has this path\n' : 'Not Found\n');
    assert.strictEqual(await ask([], 404, '/files/a'), isTold ? 'no file is there\n' : 'Not Found\n');
    assert.strictEqual(await ask(['Origin: http://localhost', 'Upgrade:'], 426), // its own bytes
      `Upgrade does not list "websocket"${isTold ? '' : '.'}\n`);
    await server.logged(/403 \/: Origin "http:\/\/evil\.example" is not among \{"localhost"\}/);
    await server.logged(/404 \/: Host header was "b\.example"/);
    await server.logged(/426 \/: Upgrade does not list "websocket"\. RFC 6455 4\.2\.1: /);
  }
});

// ---- hosts, paths, methods

test('hosts: 404 for another, the loopback names are equal', async (t) => {
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080)
    app:route("/", ratchet.server.EchoServer(), { "*" })
    app:route("/other", ratchet.server.EchoServer(), { "*" }, "chat.example")
    app:route("/any", ratchet.server.EchoServer(), { "*" }, "")
    app:run()`);
  const ask = (host, status, target) =>
    expectStatus(t, server, ['Host:', `Host: ${host}`], status, target);
  for (const host of ['localhost', 'LOCALHOST:99', '127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:1']) {
    await ask(host, 101);
  }
  const answer = await ask('192.168.1.5', 404);
  assert.strictEqual(answer.body, 'Not Found\n');
  await server.logged(/404 \/: Host header was "192\.168\.1\.5", this route answers to "localhost"/);
  await ask('chat.example', 404);
  await ask('chat.example:80', 101, '/other');
  await ask('localhost', 404, '/other');
  await ask('whatever.example', 101, '/any');
});

test('paths: exact, with pieces, decoded; broken percent-encoding is 400', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onOpen(conn, request)
      conn:send(request.path .. " " .. (request.params.name or "-"))
    end
    local app = ratchet.App("localhost", 8080)
    app:route("/chat", C, { "*" })
    app:route("/room/{name}", C, { "*" })
    app:run()`);
  const ok = async (target, text) => (await t.open(server, target)).expectText(text);
  await ok('/chat', '/chat -');
  await ok('/chat?name=x', '/chat -');
  await ok('/room/a%20b?name=evil', '/room/a b a b');
  await ok('/ch%61t', '/chat -');
  for (const target of ['/chat/', '/Chat', '/room/', '/room/a/b', '/']) {
    await expectStatus(t, server, [], 404, target);
  }
  await expectStatus(t, server, [], 400, '/room/%zz');
});

test('405 with Allow, 426 with Sec-WebSocket-Version, HEAD, HTTP/1.0', async (t) => {
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080)
    app:route("/ws", ratchet.server.EchoServer(), { "*" })
    app:get("/page", function() return "<p>page</p>" end)
    app:run()`);
  const ask = async (bytes, isHead) => {
    const client = await t.raw(server);
    await client.send(bytes);
    const answer = await client.answer(undefined, isHead);
    checkAnswer(answer);
    await client.expectEnd();
    return answer;
  };
  const host = 'Host: localhost\r\nConnection: close\r\n\r\n';
  const post = await ask(`POST /ws HTTP/1.1\r\n${host}`);
  assert.strictEqual(post.status, 405);
  assert.strictEqual(single(post.headers, 'allow'), 'GET');
  const remove = await ask(`DELETE /page HTTP/1.1\r\n${host}`);
  assert.strictEqual(remove.status, 405);
  assert.match(single(remove.headers, 'allow'), /\bGET\b/);
  const plain = await ask(`GET /ws HTTP/1.1\r\n${host}`);
  assert.strictEqual(plain.status, 426);
  assert.strictEqual(single(plain.headers, 'sec-websocket-version'), '13');
  const page = await ask(`GET /page HTTP/1.1\r\n${host}`);
  assert.deepStrictEqual([page.status, page.body], [200, '<p>page</p>']);
  assert.match(single(page.headers, 'content-type'), /^text\/html/);
  const old = await ask(`GET /page HTTP/1.0\r\n${host}`);
  assert.deepStrictEqual([old.status, old.body], [200, '<p>page</p>']);
  const head = await ask(`HEAD /page HTTP/1.1\r\n${host}`, true);
  assert.strictEqual(head.status, 200);
  assert.strictEqual(single(head.headers, 'content-length'), '11');
  const none = await ask(`HEAD /none HTTP/1.1\r\n${host}`, true);
  assert.strictEqual(none.status, 404);
  const version = await ask(`GET /page HTTP/3.0\r\n${host}`);
  assert.strictEqual(version.status, 505);
});

test('answers of app:get in each form', async (t) => {
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080)
    app:get("/text", function() return "hello" end)
    app:get("/table", function() return { a = 1 } end)
    app:get("/status", function() return 418, "teapot", { ["X-A"] = { "1", "2" } } end)
    app:get("/nothing", function() end)
    app:get("/fill", function(_, response) response:status(201):header("X-B", "3"):send("made") end)
    app:get("/break", function() return 200, "x", { ["X-A"] = "1\\r\\nX-Evil: 1" } end)
    app:get("/raise", function() error("oh no") end)
    app:get("/wrong", function() return true end)
    app:post("/post", function(request) return request.method end)
    app:run()`);
  const ask = async (target, method = 'GET') => {
    const client = await t.raw(server);
    await client.send(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const answer = await client.answer();
    checkAnswer(answer);
    await client.expectEnd();
    return answer;
  };
  const text = await ask('/text');
  assert.deepStrictEqual([text.status, text.body], [200, 'hello']);
  assert.strictEqual(single(text.headers, 'content-type'), 'text/plain; charset=utf-8');
  const json = await ask('/table');
  assert.deepStrictEqual([json.status, JSON.parse(json.body)], [200, { a: 1 }]);
  const teapot = await ask('/status');
  assert.deepStrictEqual([teapot.status, teapot.body, teapot.headers['x-a']],
    [418, 'teapot', ['1', '2']]);
  assert.strictEqual((await ask('/nothing')).status, 204);
  const filled = await ask('/fill');
  assert.deepStrictEqual([filled.status, filled.body, filled.headers['x-b']], [201, 'made', ['3']]);
  for (const target of ['/break', '/raise', '/wrong']) {
    const answer = await ask(target);
    assert.strictEqual(answer.status, 500, `${target}: ${answer.status}`);
    assert.strictEqual(answer.headers['x-evil'], undefined);
    assert.ok(!/oh no|app\.lua/.test(answer.body), `no details: ${answer.body}`);
  }
  await server.logged(/oh no/);
  assert.strictEqual((await ask('/post', 'POST')).body, 'POST');
});

// ---- sub-protocols

const PROTOCOLS = `
local function component(names)
  local C = {}
  if names then function C:getSubProtocols() return names end end
  function C:onOpen(conn) conn:send("<" .. conn.protocol .. ">") end
  return C
end
local app = ratchet.App("localhost", 8080)
app:route("/named", component { "chat.v1", "chat.v2" }, { "*" })
app:route("/none", component(), { "*" })
local lenient = ratchet.websocket.WsServer(component { "chat.v1" })
lenient:setStrictSubProtocolCheck(false)
app:route("/lenient", lenient, { "*" })
app:run()
`;

async function agreed(t, server, target, offer) {
  const client = await t.raw(server);
  const lines = offer ? [`Sec-WebSocket-Protocol: ${offer}`] : [];
  const answer = await client.handshake(target, lines);
  const chosen = (answer.headers['sec-websocket-protocol'] || []).join();
  await client.expectText(`<${chosen}>`);
  return chosen;
}

test('sub-protocols: the first of the client that is spoken', async (t) => {
  const server = await t.server(PROTOCOLS);
  assert.strictEqual(await agreed(t, server, '/named', 'x, chat.v2, chat.v1'), 'chat.v2');
  assert.strictEqual(await agreed(t, server, '/named', 'chat.v1'), 'chat.v1');
  assert.strictEqual(await agreed(t, server, '/none', 'chat.v1'), '');
  assert.strictEqual(await agreed(t, server, '/none'), '');
  assert.strictEqual(await agreed(t, server, '/lenient', 'x'), '');
  assert.strictEqual(await agreed(t, server, '/lenient'), '');
  assert.strictEqual(await agreed(t, server, '/lenient', 'chat.v1'), 'chat.v1');
});

test('sub-protocols: 426 when there is no common one', async (t) => {
  const server = await t.server(PROTOCOLS);
  for (const lines of [[], ['Sec-WebSocket-Protocol: x'], ['Sec-WebSocket-Protocol: CHAT.V1']]) {
    const answer = await expectStatus(t, server, lines, 426, '/named');
    checkAnswer(answer);
    assert.strictEqual(single(answer.headers, 'sec-websocket-version'), '13');
    assert.ok(answer.body.includes('chat.v1'), answer.body);
  }
});

// ---- onUpgrade

const UPGRADES = `
local C = {}
local say = {}
function say.veto() return 401, "who are you?", { ["WWW-Authenticate"] = "Basic", ["X-A"] = { "1", "2" } } end
function say.bare() return 403 end
function say.raise() error("not today") end
function say.raise_table() error({ code = 7 }) end
function say.wrong() return true end
function say.no() return false end
function say.low() return 99 end
function say.headers(request) request.responseHeaders = { ["X-A"] = "1", ["Set-Cookie"] = { "a=1", "b=2" } } end
function say.fields(request) request.responseHeaders["X-A"] = "1" end
function say.value(request) request.responseHeaders = { ["X-A"] = "1\\r\\nX-Evil: 1" } end
function say.name(request) request.responseHeaders = { ["X-A: 1\\r\\nX-Evil"] = "1" } end
function say.veto_break() return 401, "", { ["X-A"] = "1\\nX-Evil: 1" } end
function say.user(request) request.user = "ada" end
function C:onUpgrade(request)
  note("upgrade", request.path)
  return say[request.path:sub(2)](request)
end
function C:onOpen(conn, request)
  note("open", request.path)
  conn:send(tostring(request.user) .. " " .. tostring(conn.httpRequest == request)
    .. " " .. tostring(conn.httpRequest.user))
end
function C:onClose() note("close") end
local app = ratchet.App("localhost", 8080)
for name in pairs(say) do app:route("/" .. name, C, { "*" }) end
app:run()
`;

test('onUpgrade refuses with a status, a body and headers', async (t) => {
  const server = await t.server(UPGRADES);
  const veto = await expectStatus(t, server, [], 401, '/veto');
  checkAnswer(veto);
  assert.strictEqual(veto.body, 'who are you?');
  assert.strictEqual(single(veto.headers, 'www-authenticate'), 'Basic');
  assert.deepStrictEqual(veto.headers['x-a'], ['1', '2']);
  checkAnswer(await expectStatus(t, server, [], 403, '/bare'));
  await server.note('upgrade', '/bare');
  assert.deepStrictEqual(server.notes, [['upgrade', '/veto'], ['upgrade', '/bare']]);
});

test('onUpgrade that raises or answers nonsense is 500, and the log says why', async (t) => {
  const server = await t.server(UPGRADES);
  for (const name of ['raise', 'raise_table', 'wrong', 'no', 'low']) {
    checkAnswer(await expectStatus(t, server, [], 500, `/${name}`));
  }
  await server.logged(/error .*app\.lua:\d+: not today/);
  await server.logged(/onUpgrade must return nothing, to accept, or a status; it returned a boolean/);
  assert.strictEqual(server.notesLike('open').length, 0);
});

test('response headers of onUpgrade; those with CR or LF are refused with 500', async (t) => {
  const server = await t.server(UPGRADES);
  const answer = await expectStatus(t, server, [], 101, '/headers');
  assert.deepStrictEqual(answer.headers['x-a'], ['1']);
  assert.deepStrictEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  const fields = await expectStatus(t, server, [], 101, '/fields');
  assert.deepStrictEqual(fields.headers['x-a'], ['1']);
  for (const name of ['value', 'name', 'veto_break']) {
    const broken = await expectStatus(t, server, [], 500, `/${name}`);
    assert.strictEqual(broken.headers['x-evil'], undefined);
  }
});

test('onUpgrade chooses the sub-protocol and sets cookies', async (t) => {
  const server = await t.server(`
local C = {}
function C:getSubProtocols() return { "chat.v1", "chat.v2" } end
function C:onUpgrade(request)
  note("agreed", request.protocol)
  if request.query.p then request.protocol = request.query.p end
  request:setCookie("seen", request.query.v or "1", { path = "/", httpOnly = true })
  request:setCookie("second", 2, { sameSite = "Strict" })
end
function C:onOpen(conn) conn:send(conn.protocol) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:get("/page", function(_, response) response:cookie("a", "b", { maxAge = 60 }):send("x") end)
app:run()
`);
  const offer = 'Sec-WebSocket-Protocol: chat.v1, chat.v2';
  for (const [target, expected] of [['/', 'chat.v1'], ['/?p=chat.v2', 'chat.v2'], ['/?p=', '']]) {
    const client = await t.raw(server);
    const answer = await client.handshake(target, [offer]);
    assert.deepStrictEqual(answer.headers['sec-websocket-protocol'],
      expected ? [expected] : undefined, target);
    assert.deepStrictEqual(answer.headers['set-cookie'],
      ['seen=1; Path=/; HttpOnly', 'second=2; SameSite=Strict']);
    await client.expectText(expected);
  }
  await server.note('agreed', 'chat.v1');
  for (const target of ['/?p=wamp', '/?v=a%0D%0AX:y', '/?v=a;b']) {
    const client = await t.raw(server);
    await client.send(handshakeBytes(target, [offer]));
    assert.strictEqual((await client.answer()).status, 500, target);
  }
  await server.logged(/onUpgrade: request\.protocol must be one of those that the client offers/);
  await server.logged(/cookie: the value of "seen" has a space/);
  const page = await t.raw(server);
  await page.send('GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.deepStrictEqual((await page.answer()).headers['set-cookie'], ['a=b; Max-Age=60']);
});

test('a field set in onUpgrade is there in onOpen and in conn.httpRequest', async (t) => {
  const server = await t.server(UPGRADES);
  await (await t.open(server, '/user')).expectText('ada true ada');
});

test('a layer that chooses a protocol with CR LF is answered with 500', async (t) => {
  const server = await t.server(`
    local Ws = ratchet.websocket.WsServer({ onMessage = function() end })
    local layer = { handle = function(_, request)
      local endpoint = Ws:handle(request)
      return endpoint, "a\\r\\nX-Evil: 1"
    end }
    ratchet.server.IoServer.factory(ratchet.http.HttpServer(layer), 8080, "127.0.0.1"):run()`);
  const answer = await expectStatus(t, server, [], 500);
  assert.strictEqual(answer.headers['x-evil'], undefined);
});

test('a refused request that goes on sending gets its answer, then FIN', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.raw(server);
  client.send(starting('GET /none HTTP/1.1'), Buffer.alloc(3 << 20, 65));
  const answer = await client.answer();
  assert.strictEqual(answer.status, 404);
  await client.expectEnd();
});

test('F32 500 half handshakes do not delay a whole one', { alone: true }, async (t) => {
  const server = await t.server(ECHO);
  const halves = [];
  for (let i = 0; i < 500; i++) {
    const client = await t.raw(server);
    client.send(handshakeBytes().slice(0, 40));
    halves.push(client);
  }
  const served = new Stopwatch();
  await (await t.open(server)).expectEcho();
  served.expect('a new client is served at once', 0, 500);
});

test('keep-alive, pipelining and bodies', async (t) => {
  const server = await t.server(`
    local app = ratchet.App{ port = 8080, maxBodySize = 100000 }
    app:get("/get", function(request) return "got " .. request.query.n end)
    app:post("/post", function(request) return #request.body .. " " .. request.body:sub(1, 9) end)
    app:route("/ws", ratchet.server.EchoServer(), { "*" })
    app:run()`);
  const client = await t.raw(server);
  const get = (n) => `GET /get?n=${n} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const post = (lines, body) => `POST /post HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n${body}`;
  client.send(get(1) + post('Content-Length: 5', 'Hello') + get(2)
    + post('Transfer-Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n') + get(3));
  for (const expected of ['got 1', '5 Hello', 'got 2', '3 abc', 'got 3']) {
    const answer = await client.answer();
    assert.deepStrictEqual([answer.status, answer.body], [200, expected]);
    checkAnswer(answer);
    assert.ok(!endsConnection(answer));
  }
  client.send(post('Content-Length: 100000', 'x'.repeat(100000)));
  assert.strictEqual((await client.answer()).body, '100000 xxxxxxxxx');
  client.send('GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await client.answer()).status, 426);
  // The same connection may still become a WebSocket.
  await client.handshake('/ws', [], frames.text('after requests'));
  await client.expectText('after requests');

  const large = await t.raw(server);
  await large.send(post('Content-Length: 100001', ''));
  const refused = await large.answer();
  assert.strictEqual(refused.status, 413);
  checkAnswer(refused);
  await large.expectEnd();
});
