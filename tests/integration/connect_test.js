// ratchet.connect: our client with servers that other people wrote, with our own, and
// with what no server should do.
'use strict';

const assert = require('assert');
const { once } = require('events');
const fs = require('fs');
const net = require('net');
const tls = require('tls');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { pathOf } = require('./support/certificates');
const { pythonUpstream, rawUpstream, wsUpstream } = require('./support/upstream');
const { Stopwatch, poll, sanitized, slow, sleep } = require('./support/wait');

// "/" runs the Lua text that it is sent, in its handler, and answers with what that
// returned. "/echo" echoes, and does what the tests want of a server.
const APP = `
local cjson = require "cjson"
PORT = false
local Driver = {}
function Driver:onMessage(conn, text)
  local function pack(...) return { n = select("#", ...), ... } end
  local results = pack(pcall(assert(loadstring(text, "=test"))))
  for i = 1, results.n do if results[i] == nil then results[i] = cjson.null end end
  results.n = nil
  if not conn.is_quiet then conn:send(cjson.encode(results)) end
end
local Echo = {}
function Echo:getSubProtocols() return { "b", "echo.v1" } end
function Echo:onOpen(conn) note("echo open", conn.protocol) end
function Echo:onMessage(conn, message, is_binary)
  if message == "close me" then conn:close(4002, "as you wish")
  elseif message == "ping me" then conn:ping("from the server")
  elseif message == "die" then conn:terminate()
  else conn:send(message, is_binary) end
end
function Echo:onPong(conn, data) conn:send("pong " .. data) end
function Echo:onClose(conn, code, reason) note("echo close", code, reason) end
local app = ratchet.App("localhost", 8080)
app:route("/", Driver, { "*" }, nil, { maxMessageSize = 4 * 1024 * 1024 })
local echo = ratchet.websocket.WsServer(Echo, { maxMessageSize = 4 * 1024 * 1024 })
echo:setStrictSubProtocolCheck(false)
app:route("/echo", echo, { "*" })
app:get("/401", function() return 401, "shoo" end)
app:run()
`;

// A server to run Lua text in; lua(text) is what it returned.
async function driver(t, options) {
  const server = await t.server(APP, options);
  const client = await t.open(server);
  const other = async () => {
    const more = await t.open(server);
    return (text) => run(more, text);
  };
  return { server, client, other, lua: (text) => run(client, text) };
}

async function run(client, text) {
  await client.text(text);
  const found = await client.nextFrame(15000 * slow, 'what the Lua text returned');
  const [ok, ...results] = JSON.parse(found.payload.toString());
  assert.ok(ok, `no error; it is ${results[0]}`);
  return results;
}

const url = (upstream, path = '/') => `ws://127.0.0.1:${upstream.port}${path}`;

// ---- as a line, with each kind of server

async function checkLine(lua, address) {
  assert.deepStrictEqual(await lua(`
    local ratchet = require "ratchet"
    local conn, err = ratchet.connect("${address}", { protocols = { "x", "echo.v1" },
      maxMessageSize = 4 * 1024 * 1024 })
    assert(conn, err)
    kept = conn
    conn:send("grüße")
    local text, is_text_binary = conn:receive(5)
    conn:sendBinary("\\0\\255")
    local bytes, is_binary = conn:receive(5)
    local large = ("m"):rep(1024 * 1024)
    conn:send(large)
    local came = conn:receive(10)
    return conn.protocol, conn.readyState, text, is_text_binary, #bytes, is_binary,
      came == large, conn.remoteAddress, conn.httpRequest == nil, conn.httpResponse.status,
      conn.httpResponse.headers.Upgrade:lower()`),
  ['echo.v1', 1, 'grüße', false, 2, true, true, '127.0.0.1', true, 101, 'websocket']);
}

const ORDER = `
  for i = 1, 1000 do kept:send(tostring(i)) end
  for i = 1, 1000 do assert(kept:receive(5) == tostring(i)) end
  return true`;

test('node ws: text, binary, 1 MiB, order, sub-protocol, headers', async (t) => {
  const upstream = await wsUpstream(t, { handleProtocols: () => 'echo.v1' });
  upstream.on('connection', (socket) => socket.on('message', (data, isBinary) => {
    socket.send(data, { binary: isBinary });
  }));
  const { lua } = await driver(t);
  await checkLine(lua, url(upstream, '/a?b=c'));
  assert.deepStrictEqual(await lua(ORDER), [true]);
  const { request } = upstream.sockets[0];
  assert.strictEqual(request.url, '/a?b=c');
  assert.strictEqual(request.headers.host, `127.0.0.1:${upstream.port}`);
  assert.strictEqual(request.headers['sec-websocket-protocol'], 'x, echo.v1');
  assert.strictEqual(request.headers.origin, undefined);
});

test('node ws: more headers and an origin', async (t) => {
  const upstream = await wsUpstream(t);
  const { lua } = await driver(t);
  await lua(`kept = assert(require("ratchet").connect("${url(upstream)}", {
    origin = "http://app.example", headers = { Authorization = "Bearer x", ["X-A"] = "b" } }))`);
  const { headers } = upstream.sockets[0].request;
  assert.strictEqual(headers.origin, 'http://app.example');
  assert.strictEqual(headers.authorization, 'Bearer x');
  assert.strictEqual(headers['x-a'], 'b');
});

test('node ws: close codes both ways, pings, fragments', async (t) => {
  const upstream = await wsUpstream(t);
  const { lua } = await driver(t);
  const closed = [];
  upstream.on('connection', (socket) => {
    socket.on('close', (code, reason) => closed.push([code, reason.toString()]));
    socket.on('pong', (data) => socket.send(`pong ${data}`));
    socket.on('message', (data) => {
      if (String(data) === 'ping') socket.ping('p');
      if (String(data) === 'close') socket.close(4001, 'from ws');
      if (String(data) !== 'fragments') return;
      socket.send('one, ', { fin: false });
      socket.send('two');
    });
  });
  const open = `local ratchet = require "ratchet"
    local conn = assert(ratchet.connect("${url(upstream)}"))`;
  assert.deepStrictEqual(await lua(`${open}
    conn:send("ping")
    local pong = conn:receive(5)
    conn:send("fragments")
    local message = conn:receive(5)
    conn:send("close")
    return pong, message, conn:receive(5)`), ['pong p', 'one, two', null, 'closed', 4001, 'from ws']);
  assert.deepStrictEqual(await lua(`${open}
    conn:close(4005, "from us")
    local none, why, code, reason = conn:receive(5)
    return why, code, reason, conn:receive(1)`), ['closed', 4005, 'from us', null, 'closed', 4005, 'from us']);
  await lua(`${open} conn:close()`);
  await poll(() => closed.length === 3, () => JSON.stringify(closed));
  await lua(`${open} conn:terminate()`);
  await poll(() => closed.length === 4, () => JSON.stringify(closed));
  assert.deepStrictEqual(closed,
    [[4001, 'from ws'], [4005, 'from us'], [1000, ''], [1006, '']]);
});

test('Python websockets: the same', async (t) => {
  const upstream = await pythonUpstream(t);
  const { lua } = await driver(t);
  await checkLine(lua, url(upstream));
  assert.deepStrictEqual(await lua(ORDER), [true]);
  assert.deepStrictEqual(await lua(`
    kept:send("fragments")
    local message = kept:receive(5)
    kept:send("ping me")
    local ponged = kept:receive(5)
    kept:send("close me")
    return message, ponged, kept:receive(5)`),
  ['one, two', 'ponged', null, 'closed', 4003, 'as you wish']);
});

test('our own server: the same, in one process', async (t) => {
  const { server, lua } = await driver(t);
  await checkLine(lua, url(server, '/echo'));
  await server.note('echo open', 'echo.v1');
  assert.deepStrictEqual(await lua(ORDER), [true]);
  assert.deepStrictEqual(await lua(`
    kept:send("ping me")
    local pong = kept:receive(5)
    kept:send("close me")
    return pong, kept:receive(5)`),
  ['pong from the server', null, 'closed', 4002, 'as you wish']);
  await server.note('echo close', 4002, 'as you wish');
});

test('a name, IPv6, a unix socket', async (t) => {
  const { server, lua } = await driver(t);
  const path = t.temporary('upstream.sock');
  const upstream = await rawUpstream(t, path);
  const asked = lua(`local ratchet = require "ratchet"
    local conn = assert(ratchet.connect("ws://localhost:${server.port}/echo"))
    conn:close()
    kept = assert(ratchet.connect("ws://any.example/x", { unix = "${path}" }))
    return kept.remoteAddress, (kept:receive(5))`);
  const peer = await upstream.next();
  const head = await peer.accept();
  assert.match(head, /^GET \/x HTTP\/1.1\r\nHost: any.example\r\n/);
  peer.write(frames.text('hi', { isMasked: false }));
  assert.deepStrictEqual(await asked, ['', 'hi']);
  const six = net.createServer().listen(0, '::1');
  const isThere = await new Promise((resolve) => {
    six.once('listening', () => resolve(true));
    six.once('error', () => resolve(false));
  });
  if (!isThere) return;
  const { port } = six.address();
  await new Promise((resolve) => six.close(resolve));
  const over6 = await wsUpstream(t, { host: '::1', port });
  assert.deepStrictEqual(await lua(`
    local conn = assert(require("ratchet").connect("ws://[::1]:${port}/"))
    return conn.remoteAddress`), ['::1']);
  assert.strictEqual(over6.sockets[0].request.headers.host, `[::1]:${port}`);
});

// ---- what goes wrong

const failed = (address, options = '') => `
  local conn, err, answer = require("ratchet").connect("${address}", { ${options} })
  return conn == nil, err, answer and answer.status, answer and answer.body`;

test('what is no server is said to be none', async (t) => {
  const { server, lua, client } = await driver(t);
  const free = await rawUpstream(t);
  free.close();
  for (const [address, pattern, status] of [
    [url(free), /^cannot connect to ws:\/\/127.0.0.1:\d+\/: 127.0.0.1 port \d+: connection refused$/],
    [`ws://localhost:${free.port}/`, /localhost port \d+ \((127.0.0.1|::1)\): /],
    ['ws://no.such.host.invalid/', /no.such.host.invalid port 80: /],
    [`ws://localhost:${server.port}/401`, /the server answered 401 Unauthorized$/, 401],
    [`ws://localhost:${server.port}/nowhere`, /the server answered 404 Not Found$/, 404],
    [`wss://localhost:${server.port}/echo`, /TLS/],
    ['http://localhost/', /is no address of a WebSocket/],
    ['ws://b\\195\\188cher.example/', /is not ASCII; write a host in its xn-- form/],
  ]) {
    const [isNil, err, found, body] = await lua(failed(address));
    assert.ok(isNil);
    assert.match(err, pattern);
    assert.strictEqual(found || undefined, status);
    if (status === 401) assert.strictEqual(body, 'shoo');
  }
  const [, err] = await lua(failed('ws://x', 'unix = "/nowhere/socket"'));
  assert.match(err, /\/nowhere\/socket: no such file or directory/);
  await client.text('return "still there"');
});

// Each row: the server's certificate, and the alert that says what is wrong with it.
const UNTRUSTED = [
  ['local', 'the system', /UNKNOWN_CA|unknown ca/],
  ['other', 'authority', /BAD_CERTIFICATE|bad certificate/],
  ['expired', 'authority', /CERTIFICATE_EXPIRED|certificate expired/],
];

test('a server hears why its certificate is refused, whatever its TLS', async (t) => {
  const { lua } = await driver(t);
  for (const [name, trusted, alert] of UNTRUSTED) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      const server = tls.createServer({ maxVersion, key: fs.readFileSync(pathOf(`${name}.key`)),
        cert: fs.readFileSync(pathOf(`${name}.pem`)) });
      t.atEnd(() => server.close());
      await once(server.listen(0, 'localhost'), 'listening');
      const { port } = server.address();
      const ca = trusted === 'authority' ? `ca = "${pathOf('authority.pem')}"` : '';
      for (const ask of [failed(`wss://localhost:${port}/`, ca),
        `return nil, select(2, require("ratchet").fetch("https://localhost:${port}/", { ${ca} }))`]) {
        const heard = once(server, 'tlsClientError');
        const [, reason] = await lua(ask);
        assert.match(reason, /the server's certificate is not accepted/);
        const [error] = await heard;
        assert.match(`${error.code} ${error.message}`, alert, `${name}, ${maxVersion}`);
      }
    }
  }
});

const ANSWERS = [
  ['garbage', 'SSH-2.0-OpenSSH_9.2\r\n', /The answer is not HTTP/],
  ['TLS', '\x15\x03\x01\x00\x02\x02\x46', /The answer is not HTTP/],
  ['a bare LF', 'HTTP/1.1 101 X\nUpgrade: websocket\n\n', /does not end in CR LF/],
  ['a wrong accept', ['HTTP/1.1 101 X', 'Upgrade: websocket', 'Connection: Upgrade',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', '', ''].join('\r\n'),
  /Sec-WebSocket-Accept is not that of the key/],
  ['no accept', 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    /no Sec-WebSocket-Accept/],
  ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage', /answered 200 OK/, 200, 'page'],
  ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n',
    /answered 302 Found/, 302, ''],
  ['chunks', 'HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nlater\r\n0\r\n\r\n',
    /answered 503 Busy/, 503, 'later'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\npage',
    /Content-Length/],
  ['an endless head', `HTTP/1.1 200 ${'a'.repeat(20000)}`, /larger than allowed/],
];

test('what is no handshake is refused', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  for (const [name, bytes, pattern, status, body] of ANSWERS) {
    const asked = lua(failed(url(upstream)));
    const peer = await upstream.next();
    await peer.head();
    peer.write(bytes);
    const [isNil, err, found, foundBody] = await asked;
    assert.ok(isNil, name);
    assert.match(err, pattern, name);
    assert.strictEqual(found || undefined, status, name);
    if (status) assert.strictEqual(foundBody, body, name);
    await peer.ended();
  }
});

test('extensions and sub-protocols that were not asked for', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  for (const [line, pattern] of [
    ['Sec-WebSocket-Extensions: permessage-deflate', /an extension that was not asked for/],
    ['Sec-WebSocket-Protocol: chat', /a sub-protocol that was not asked for/],
  ]) {
    const asked = lua(failed(url(upstream)));
    await (await upstream.next()).accept([line]);
    assert.match((await asked)[1], pattern);
  }
});

test('an upstream that closes, resets or says nothing during the handshake', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  for (const [how, pattern] of [
    ['end', /closed during the handshake/],
    ['half', /closed during the handshake/],
    ['reset', /was lost/],
    ['silence', /no answer to the handshake in time/],
    ['a slow body', /answered 500 No/],
  ]) {
    const asked = lua(failed(url(upstream), 'handshakeTimeout = 0.3'));
    const peer = await upstream.next();
    await peer.head();
    if (how === 'half') peer.write('HTTP/1.1 101 Switching');
    if (how === 'a slow body') peer.write('HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nabc');
    if (how === 'reset') peer.socket.resetAndDestroy();
    if (how === 'end' || how === 'half') peer.socket.end();
    assert.match((await asked)[1], pattern, how);
    await peer.ended();
  }
});

test('whoever is called off leaves no attempt behind', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`local ratchet = require "ratchet"
    return ratchet.timeout(0.2, ratchet.connect, "${url(upstream)}")`);
  const peer = await upstream.next();
  await peer.head();
  assert.deepStrictEqual(await asked, [null, 'timeout']);
  await peer.ended();
});

test('a handler that waits for a handshake holds nobody up', async (t) => {
  const { lua, other } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`return (assert(require("ratchet").connect("${url(upstream)}"))).readyState`);
  const peer = await upstream.next();
  assert.deepStrictEqual(await (await other())('return "meanwhile"'), ['meanwhile']);
  await peer.accept();
  assert.deepStrictEqual(await asked, [1]);
});

test('a client masks, with another key each time', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`local conn = assert(require("ratchet").connect("${url(upstream)}"))
    kept = conn
    for i = 1, 50 do conn:send("the same") end
    require("ratchet").topic("room"):add(conn):broadcast("to the room")
    conn:close(1000, "bye")`);
  const peer = await upstream.next();
  await peer.accept();
  await asked;
  const keys = new Set();
  for (let i = 0; i < 50; i++) {
    const frame = await peer.frame();
    assert.strictEqual(frame.payload.toString(), 'the same');
    keys.add(frame.key);
  }
  assert.ok(keys.size >= 49, `${keys.size} keys`);
  assert.strictEqual((await peer.frame()).payload.toString(), 'to the room');
  const close = await peer.frame();
  assert.deepStrictEqual([close.opcode, close.payload.toString('latin1')], [8, '\x03\xe8bye']);
});

test('a server that breaks the protocol is closed with the code for it', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  for (const [bytes, code] of [
    [frames.text('masked'), 1002],
    [frames.frame('text', '\xff', { isMasked: false, rsv: 4 }), 1002],
    [frames.frame('text', Buffer.from([0xff]), { isMasked: false }), 1007],
    [frames.frame('binary', '', { isMasked: false, length: 2 * 1024 * 1024 }), 1009],
  ]) {
    const asked = lua(`local conn = assert(require("ratchet").connect("${url(upstream)}"))
      return select(3, conn:receive(5))`);
    const peer = await upstream.next();
    await peer.accept([], bytes);
    assert.strictEqual((await asked)[0], code);
    const close = await peer.frame();
    assert.strictEqual(close.payload.readUInt16BE(0), code);
    await peer.ended();
  }
});

test('an upstream that dies is noticed', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  for (const how of ['reset', 'end', 'silence']) {
    const asked = lua(`local conn = assert(require("ratchet").connect("${url(upstream)}",
        { keepAlive = 0.3 }))
      conn:send("here")
      return conn:receive(10)`);
    const peer = await upstream.next();
    await peer.accept();
    await peer.frame(); // it has read the whole of what a reset would throw away
    if (how === 'reset') peer.socket.resetAndDestroy();
    if (how === 'end') peer.socket.end();
    assert.deepStrictEqual(await asked, [null, 'closed', 1006, ''], how);
  }
});

test('a close that nobody waited for is told by the next receive', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`local ratchet = require "ratchet"
    local conn = assert(ratchet.connect("${url(upstream)}"))
    conn:send("hi")
    while conn.readyState == 1 do ratchet.sleep(0.01) end
    collectgarbage()
    return select(2, conn:receive(1))`);
  const peer = await upstream.next();
  await peer.accept();
  await peer.frame();
  peer.write(frames.frame('close', Buffer.from('\x0f\xa1gone', 'latin1'), { isMasked: false }));
  assert.deepStrictEqual(await asked, ['closed', 4001, 'gone']);
});

test('what nobody receives keeps no connection', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`local ratchet = require "ratchet"
    local seen = setmetatable({}, { __mode = "k" })
    local function ask()
      local conn = assert(ratchet.connect("${url(upstream)}"))
      seen[conn] = true
      local message = conn:receive(5)
      conn:close()
      return message
    end
    local message = ask()
    for _ = 1, 1000 do
      ratchet.sleep(0.01)
      collectgarbage()
      if not next(seen) then return message end
    end
    return "the connection is still there"`);
  const peer = await upstream.next();
  const hello = (text) => frames.text(text, { isMasked: false });
  await peer.accept([], Buffer.concat([hello('one'), hello('two'), hello('three')]));
  await peer.frame();
  peer.write(frames.frame('close', Buffer.from([0x03, 0xe8]), { isMasked: false }));
  peer.socket.end();
  assert.deepStrictEqual(await asked, ['one']);
});

test('frames right behind the 101 are not lost', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`local ratchet = require "ratchet"
    local conn = assert(ratchet.connect("${url(upstream)}"))
    ratchet.sleep(0.05)
    return conn:receive(1), conn:receive(1), conn:receive(1)`);
  const peer = await upstream.next();
  const hello = (text) => frames.text(text, { isMasked: false });
  await peer.accept([], Buffer.concat([hello('one'), hello('two'),
    frames.frame('close', Buffer.from([0x0f, 0xa0]), { isMasked: false })]));
  const found = await asked;
  assert.strictEqual(found[0], 'one');
  assert.deepStrictEqual(found.slice(1), ['two', null, 'closed', 4000, '']);
});

test('a slow upstream: what is sent waits, and is bounded', async (t) => {
  const { lua } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`local ratchet = require "ratchet"
    local conn = assert(ratchet.connect("${url(upstream)}", { maxBufferedAmount = 100000 }))
    local chunk, sent = ("x"):rep(60000), 0
    while conn.readyState == 1 and sent < 1000 do
      conn:send(chunk)
      sent = sent + 1
      ratchet.sleep(0)
    end
    return sent, select(3, conn:receive(5))`);
  const peer = await upstream.next();
  await peer.accept();
  peer.socket.pause();
  const [sent, code, reason] = await asked;
  assert.ok(sent > 2 && sent < 1000, `${sent} were sent`);
  assert.deepStrictEqual([code, reason], [1013, 'the peer reads too slowly']);
});

test('two of ours that send each other much do not wait for each other', async (t) => {
  const { server, lua } = await driver(t);
  assert.deepStrictEqual(await lua(`
    local ratchet = require "ratchet"
    local conn = assert(ratchet.connect("${url(server, '/echo')}",
      { maxBufferedAmount = 2 ^ 30, maxMessageSize = 2 ^ 22 }))
    local chunk, count = ("x"):rep(1000000), 60
    for _ = 1, count do conn:sendBinary(chunk) end
    for i = 1, count do assert(conn:receive(10) == chunk, i) end
    conn:close()
    return true`), [true]);
});

test('a fast upstream is not read faster than it is received from', async (t) => {
  const { lua, server } = await driver(t);
  const upstream = await rawUpstream(t);
  const asked = lua(`kept = assert(require("ratchet").connect("${url(upstream)}"))`);
  const peer = await upstream.next();
  await peer.accept();
  await asked;
  const frame = frames.frame('binary', Buffer.alloc(50000, 1), { isMasked: false });
  const before = server.memory();
  for (let i = 0; i < 400; i++) peer.socket.write(frame);
  await sleep(300);
  assert.ok(peer.socket.writableLength > 1000000, 'the upstream is held up');
  if (!sanitized) assert.ok(server.memory() - before < 10e6, 'and memory is bounded');
  assert.deepStrictEqual(await lua(`
    local count, bytes = 0, 0
    while count < 400 do
      local message = assert(kept:receive(5))
      count, bytes = count + 1, bytes + #message
    end
    return count, bytes`), [400, 400 * 50000]);
});

// ---- as events

const EVENTS = (options = '') => `
  local ratchet = require "ratchet"
  local C = {}
  function C:onOpen(conn) note("open", conn.protocol, client and client.conn == conn) end
  function C:onMessage(conn, message, is_binary) note("message", message, is_binary) end
  function C:onPing(conn, data) note("ping", data) end
  function C:onClose(conn, code, reason) note("close", code, reason, client.conn == nil) end
  function C:onError(conn, err, answer) note("error", conn == nil, err, answer and answer.status) end
  client = ratchet.connect(URL, { events = C, ${options} })
  return client.conn == nil`;

test('events: open, messages, pings, close; nothing waits', async (t) => {
  const upstream = await wsUpstream(t);
  upstream.on('connection', (socket) => socket.on('message', (data, isBinary) => {
    socket.ping('p');
    socket.send(data, { binary: isBinary });
  }));
  const { lua, server } = await driver(t);
  assert.deepStrictEqual(await lua(`URL = "${url(upstream)}" ${EVENTS()}`), [true]);
  await server.note('open', '', true);
  await lua('client.conn:send("hi") client.conn:sendBinary("b")');
  await server.note('ping', 'p');
  await server.note('message', 'hi', false);
  await server.note('message', 'b', true);
  await lua('client:close(4000, "enough")');
  await server.note('close', 4000, 'enough', true);
  await sleep(100);
  assert.strictEqual(upstream.sockets.length, 1);
});

test('events: a failure goes to onError, without a connection', async (t) => {
  const { lua, server } = await driver(t);
  await lua(`URL = "ws://127.0.0.1:${server.port}/401" ${EVENTS()}`);
  const [, isNil, err, status] = await server.note('error', true);
  assert.ok(isNil);
  assert.match(err, /the server answered 401 Unauthorized/);
  assert.strictEqual(status, 401);
});

test('events: a failing handler is that connection\'s failure only', async (t) => {
  const upstream = await wsUpstream(t);
  const { lua, server } = await driver(t);
  await lua(`require("ratchet").connect("${url(upstream)}", { events = {
    onOpen = function() error("broken on purpose") end,
    onClose = function(_, _, code) note("closed", code) end } })`);
  await server.note('closed', 1011);
  await server.logged(/broken on purpose/);
});

test('events while the app is loaded, and with a class as the component', async (t) => {
  const upstream = await wsUpstream(t);
  upstream.on('connection', (socket) => socket.send('welcome'));
  const server = await t.server(`
    local C = {}
    C.__index = C
    function C:onMessage(conn, message) note(self.name, message) end
    ratchet.connect("${url(upstream)}", { events = setmetatable({ name = "ada" }, C) })
    local app = ratchet.App("localhost", 8080)
    app:get("/", function() return 200, "" end)
    app:run()`);
  await server.note('ada', 'welcome');
});

test('events: run in place of onMessage', async (t) => {
  const upstream = await wsUpstream(t);
  upstream.on('connection', (socket) => {
    socket.send('one');
    socket.send('two');
    socket.on('close', (code) => { upstream.code = code; });
  });
  const { lua, server } = await driver(t);
  await lua(`require("ratchet").connect("${url(upstream)}", { events = {
    run = function(self, conn)
      for message in conn:messages() do
        note("got", message)
        if message == "two" then return end
      end
    end } })`);
  await server.note('got', 'two');
  await poll(() => upstream.code === 1000, () => `code ${upstream.code}`);
});

test('events: reconnection, when the upstream goes and comes back', async (t) => {
  const first = await wsUpstream(t);
  const { port } = first;
  const { lua, server } = await driver(t);
  await lua(`URL = "${url(first)}" ${EVENTS('reconnect = { min = 0.05, max = 0.2 }')}`);
  await server.note('open', '', true);
  await first.end();
  await server.note('close', 1006, '', true);
  await server.note('error', true);
  const second = await wsUpstream(t, { port });
  await server.noted(['open'], 2);
  second.sockets[0].close(1012);
  await server.note('close', 1012);
  await server.noted(['open'], 3);
  await lua('client:close()');
  await server.note('close', 1000);
  await sleep(300);
  assert.strictEqual(second.sockets.length, 2);
});

test('events: reconnection is given up after so many attempts', async (t) => {
  const upstream = await rawUpstream(t);
  upstream.close();
  const { lua, server } = await driver(t);
  await lua(`URL = "${url(upstream)}"
    ${EVENTS('reconnect = { min = 0.02, max = 0.05, attempts = 3 }')}`);
  await server.noted(['error'], 4);
  await sleep(200);
  assert.strictEqual(server.notesLike('error').length, 4);
});

// ---- the end

test('SIGTERM: clients first, then the upstream is closed with 1001', async (t) => {
  const upstream = await wsUpstream(t);
  upstream.on('connection', (socket) => socket.on('close', (code) => { upstream.code = code; }));
  const { lua, server, client } = await driver(t);
  await lua(`kept = assert(require("ratchet").connect("${url(upstream)}"))`);
  server.kill();
  await client.closeFrame();
  assert.strictEqual(upstream.code, undefined);
  await client.close(1001);
  client.half();
  await server.exit();
  await poll(() => upstream.code === 1001, () => `code ${upstream.code}`);
});

test('SIGTERM does not wait for an upstream that is silent, nor for attempts', async (t) => {
  const upstream = await rawUpstream(t);
  const { lua, server, client, other } = await driver(t);
  const asked = lua(`kept = assert(require("ratchet").connect("${url(upstream)}"))`);
  await (await upstream.next()).accept();
  await asked;
  const second = await other();
  second(`require("ratchet").connect("${url(upstream)}")`).catch(() => {});
  const half = await upstream.next();
  await half.head();
  await lua(`require("ratchet").connect("${url(upstream)}",
    { events = { onClose = print }, reconnect = true, handshakeTimeout = 60 }) return true`);
  const ended = new Stopwatch();
  server.kill();
  await client.closeFrame();
  await client.close(1001);
  client.half();
  server.kill();
  await server.exit();
  ended.expect('the end', 0, 4000 * slow);
});

test('outgoing connections are no clients of maxConnections', async (t) => {
  const { server } = await driver(t, { descriptors: false });
  const limited = await t.server(`
    kept = {}
    local C = {}
    function C:onMessage(conn)
      for i = 1, 5 do
        kept[i] = assert(ratchet.connect("${url(server, '/echo')}"))
      end
      conn:send("connected")
    end
    local app = ratchet.App{ host = "localhost", port = 8080, maxConnections = 2 }
    app:route("/", C, { "*" })
    app:run()`, { descriptors: false });
  const client = await t.open(limited);
  await client.text('go');
  await client.expectText('connected');
  await t.open(limited);
});
