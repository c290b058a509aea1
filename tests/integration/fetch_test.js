// ratchet.fetch against real servers (of Node.js, nginx, Python) and against one that
// sends what no server should.
'use strict';

const assert = require('assert');
const fs = require('fs');
const http = require('http');
const net = require('net');
const path = require('path');
const { spawn } = require('child_process');
const { test } = require('./support/runner');
const { handshakeBytes } = require('./support/raw');
const { lua } = require('./support/paths');
const { Server } = require('./support/server');
const { Stopwatch, poll, sanitized, slow } = require('./support/wait');

// POST / with { address, options } fetches; so does a WebSocket message.
const APP = `
local json = require "cjson"
local function ask(text)
  local asked = json.decode(text)
  local answer, err, code = ratchet.fetch(asked.address, asked.options)
  if not answer then return { err = err, code = code } end
  local status, body, headers = answer.status, answer.body, answer.headers
  return { status = status, reason = answer.reason, version = answer.version, body = body,
    url = answer.url, type = headers["Content-Type"], location = headers.location, ok = answer.ok }
end
local C = {}
function C:onMessage(conn, message) conn:send(json.encode(ask(message))) end
local app = ratchet.App("", 8080, nil, { maxBodySize = 8 * 1024 * 1024 })
app:post("/", function(request) return ask(request.body) end)
app:get("/here", function() return "it is me" end)
app:route("/ws", C, { "*" })
app:run()
`;

// ---- who asks

// The outcome of ratchet.fetch(address, options) in a handler of the server.
function fetched(server, address, options) {
  const text = JSON.stringify({ address, options });
  return new Promise((resolve, reject) => {
    const request = http.request({
      port: server.port, host: '127.0.0.1', method: 'POST', agent: false,
    }, (answer) => {
      const parts = [];
      answer.on('data', (bytes) => parts.push(bytes));
      answer.on('end', () => {
        const body = Buffer.concat(parts).toString();
        if (answer.statusCode === 200) resolve(JSON.parse(body));
        else resolve({ refused: answer.statusCode, body });
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}

// ---- who is asked

// A server of Node.js; counts its connections.
async function node(t, onRequest, where = { port: 0, host: '127.0.0.1' }) {
  const server = http.createServer(onRequest);
  server.connections = 0;
  server.on('connection', () => { server.connections++; });
  await new Promise((resolve) => server.listen(where, resolve));
  t.atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  server.address_ = where.path ? 'http://localhost/' : `http://127.0.0.1:${server.address().port}/`;
  return server;
}

// A server that does with each request (its head, as text) what it is told to, and has
// the number of connections. It answers until its sockets are destroyed.
async function raw(t, onRequest) {
  const sockets = new Set();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const number = ++server.connections;
    let text = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('end', () => socket.end());
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      let end;
      while ((end = text.indexOf('\r\n\r\n')) >= 0) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        onRequest(socket, head, number);
      }
    });
  });
  server.connections = 0;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.address_ = `http://127.0.0.1:${server.address().port}/`;
  return server;
}

function daemonOf(name) {
  const found = ['/usr/sbin', '/usr/bin'].map((folder) => `${folder}/${name}`)
    .find((file) => fs.existsSync(file));
  if (!found) throw new Error(`${name} is missing: sh .ci/install test`);
  return found;
}

// Runs a program until the test ends; resolves when its output matches.
async function program(t, file, args, pattern, options = {}) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => { output += bytes; });
  }
  const ended = new Promise((resolve) => { child.on('close', resolve); });
  child.on('error', (error) => { output += error; });
  t.atEnd(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return poll(() => {
    if (child.exitCode !== null) throw new Error(`${file} ended: ${output}`);
    return output.match(pattern);
  }, () => `${file} is ready: ${output}`);
}

// ---- answers of Node.js

test('all ways that a body ends, and where there is none', async (t) => {
  const upstream = await node(t, (request, response) => {
    const does = {
      '/length': () => response.end('Hello'),
      '/chunks': () => {
        response.write('Hel');
        setTimeout(() => response.end('lo'), 20);
      },
      '/end': () => {
        response.useChunkedEncodingByDefault = false;
        response.setHeader('Connection', 'close');
        response.removeHeader('Transfer-Encoding');
        response.write('Hel');
        response.end('lo');
      },
      '/204': () => { response.statusCode = 204; response.end(); },
      '/304': () => { response.statusCode = 304; response.end(); },
      '/404': () => { response.statusCode = 404; response.end('no'); },
      '/trailer': () => {
        response.writeHead(200, { Trailer: 'X-A' });
        response.write('Hello');
        response.addTrailers({ 'X-A': 'b' });
        response.end();
      },
      '/hints': () => {
        response.writeContinue();
        response.writeProcessing();
        response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('Hello'));
      },
    };
    does[request.url]();
  });
  const server = await t.server(APP);
  const at = async (path, options) => {
    const { status, body, err } = await fetched(server, upstream.address_ + path, options);
    return err || `${status} ${body}`;
  };
  for (const path of ['length', 'chunks', 'end', 'trailer', 'hints']) {
    assert.strictEqual(await at(path), '200 Hello', path);
  }
  assert.strictEqual(await at('204'), '204 ');
  assert.strictEqual(await at('304'), '304 ');
  assert.strictEqual(await at('404'), '404 no');
  assert.strictEqual(await at('length', { method: 'HEAD' }), '200 ');
  assert.strictEqual(await at('chunks', { method: 'HEAD' }), '200 ');
  assert.strictEqual(await at('length'), '200 Hello');
});

test('the request is as it should be', async (t) => {
  const upstream = await node(t, (request, response) => {
    const parts = [];
    request.on('data', (bytes) => parts.push(bytes));
    request.on('end', () => response.end(JSON.stringify({
      line: `${request.method} ${request.url} ${request.httpVersion}`,
      headers: request.rawHeaders, body: Buffer.concat(parts).toString(),
    })));
  });
  const server = await t.server(APP);
  const { host } = new URL(upstream.address_);
  const get = JSON.parse((await fetched(server, `${upstream.address_}a?b=c#d`)).body);
  assert.deepStrictEqual(get, {
    line: 'GET /a?b=c 1.1', headers: ['Host', host, 'Accept-Encoding', 'identity'], body: '',
  });
  const post = JSON.parse((await fetched(server, upstream.address_,
    { method: 'POST', body: { user: 'ada' }, headers: { 'X-A': ['1', '2'] } })).body);
  assert.deepStrictEqual(post, {
    line: 'POST / 1.1',
    headers: ['Host', host, 'Accept-Encoding', 'identity', 'X-A', '1', 'X-A', '2',
      'Content-Type', 'application/json', 'Content-Length', '14'],
    body: '{"user":"ada"}',
  });
});

test('what would forge a request is never sent', async (t) => {
  const upstream = await node(t, (request, response) => response.end('x'));
  const server = await t.server(APP);
  for (const options of [
    { headers: { 'X-A': 'b\r\n\r\nGET /admin HTTP/1.1\r\nHost: a' } },
    { headers: { 'X-A\r\nX-B': 'b' } },
    { headers: { 'X-A': 'b\nc' } },
    { headers: { 'X-A': 'b\0' } },
    { headers: { 'Transfer-Encoding': 'chunked' } },
    { headers: { 'content-length': '0' } },
    { method: 'GET / HTTP/1.1\r\nX-A: b\r\n' },
  ]) {
    const { refused } = await fetched(server, upstream.address_, options);
    assert.strictEqual(refused, 500, JSON.stringify(options));
  }
  for (const rest of ['a b', 'a\r\nX-A: b', 'a\0b', '\u00e4']) {
    const { code } = await fetched(server, upstream.address_ + rest);
    assert.strictEqual(code, 'EINVAL', JSON.stringify(rest));
  }
  assert.strictEqual(upstream.connections, 0);
});

test('a connection is used again', async (t) => {
  const upstream = await node(t, (request, response) => {
    if (request.url === '/chunks') response.write('a');
    if (request.url === '/close') response.setHeader('Connection', 'close');
    response.end('b');
  });
  const server = await t.server(APP);
  for (let i = 0; i < 20; i++) {
    const answer = await fetched(server, upstream.address_ + (i % 2 ? 'chunks' : ''));
    assert.strictEqual(answer.status, 200);
  }
  assert.strictEqual(upstream.connections, 1);
  await Promise.all(Array.from({ length: 8 }, () => fetched(server, upstream.address_)));
  assert.ok(upstream.connections <= 8, `${upstream.connections} connections`);
  const before = upstream.connections;
  await fetched(server, `${upstream.address_}close`);
  assert.strictEqual(upstream.connections, before);
});

test('a connection that rests too long is closed, by us', async (t) => {
  let closed;
  const upstream = await node(t, (request, response) => response.end('x'));
  upstream.keepAliveTimeout = 60000;
  upstream.on('connection', (socket) => socket.on('close', () => { closed = Date.now(); }));
  const server = await t.server(APP);
  await fetched(server, upstream.address_);
  const start = Date.now();
  await poll(() => closed, 'the connection is closed', 8000);
  assert.ok(closed - start > 3000, `after ${closed - start} ms`);
});

// ---- connections that end

test('one that was dead already is tried anew, where that is safe', async (t) => {
  const requests = [];
  const upstream = await raw(t, (socket, head, number) => {
    requests.push(head.split(' ')[0]);
    // The second request on a connection is answered by its end.
    if (socket.isUsed) return socket.destroy();
    socket.isUsed = true;
    return socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${number}`);
  });
  const server = await t.server(APP);
  assert.strictEqual((await fetched(server, upstream.address_)).body, '1');
  assert.strictEqual((await fetched(server, upstream.address_)).body, '2');
  assert.deepStrictEqual(requests, ['GET', 'GET', 'GET']);
  const post = await fetched(server, upstream.address_, { method: 'POST' });
  assert.strictEqual(post.code, 'ECONNRESET', JSON.stringify(post));
  assert.match(post.err, /: the connection was lost before an answer came$/);
  assert.deepStrictEqual(requests.slice(3), ['POST']);
});

test('a fresh one that ends is not tried again', async (t) => {
  const upstream = await raw(t, (socket) => socket.end());
  const server = await t.server(APP);
  const { err } = await fetched(server, upstream.address_);
  assert.match(err, /the connection was lost before an answer came/);
  assert.strictEqual(upstream.connections, 1);
});

test('one that its server has ended is not used', async (t) => {
  const upstream = await raw(t, (socket, head, number) => {
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${number}`);
  });
  const server = await t.server(APP);
  for (let i = 1; i <= 3; i++) {
    const answer = await fetched(server, upstream.address_, { method: 'POST' });
    assert.strictEqual(answer.body, String(i));
  }
});

// ---- failures

test('refused, no such name, no TLS there, too late: a reason and a code', async (t) => {
  const upstream = await node(t, () => {}); // never answers
  const closed = await node(t, () => {});
  await new Promise((resolve) => closed.close(resolve));
  const server = await t.server(APP);
  const { port } = new URL(closed.address_);
  const failure = async (address, options) => {
    const { err, code } = await fetched(server, address, options);
    return `${code} ${err}`;
  };
  assert.match(await failure(closed.address_),
    new RegExp(`^ECONNREFUSED http://127.0.0.1:${port}/: .*connection refused$`));
  assert.match(await failure('http://there-is-none.invalid/x?token=1'),
    /^EAI_\w+ http:\/\/there-is-none\.invalid\/x: there-is-none\.invalid port 80: /);
  assert.match(await failure(upstream.address_.replace('http:', 'https:')),
    /^ECONNABORTED https:\/\/127\.0\.0\.1:\d+\/: .*the TLS handshake failed/);
  assert.match(await failure('gopher://a/'), /^EINVAL /);
  assert.match(await failure('http://a/', { unix: t.temporary('none.sock') }), /^ENOENT .*none\.sock/);
  const answered = new Stopwatch();
  assert.strictEqual(await failure(upstream.address_, { timeout: 0.3 }),
    `ETIMEDOUT ${upstream.address_}: no answer within 0.3 seconds`);
  answered.expect('a limit of 0.3 s', 290, 2000 * slow);
});

test('a body that drips in is late too', async (t) => {
  const upstream = await node(t, (request, response) => {
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  });
  const server = await t.server(APP);
  const { code } = await fetched(server, upstream.address_, { timeout: 0.5 });
  assert.strictEqual(code, 'ETIMEDOUT');
});

test('bodies over the limit, by length, in chunks, until the end', async (t) => {
  const upstream = await node(t, (request, response) => {
    const body = 'x'.repeat(Number(new URL(request.url, 'http://a').searchParams.get('n')));
    if (request.url.startsWith('/chunks')) {
      for (let i = 0; i < body.length; i += 1000) response.write(body.slice(i, i + 1000));
      return response.end();
    }
    if (request.url.startsWith('/end')) response.useChunkedEncodingByDefault = false;
    if (request.url.startsWith('/end')) response.setHeader('Connection', 'close');
    return response.end(body);
  });
  const server = await t.server(APP);
  for (const path of ['length', 'chunks', 'end']) {
    const at = (n, options) => fetched(server, `${upstream.address_}${path}?n=${n}`, options);
    assert.strictEqual((await at(5000, { maxBodySize: 5000 })).body.length, 5000, path);
    const over = await at(5001, { maxBodySize: 5000 });
    assert.strictEqual(over.code, 'EMSGSIZE', path);
    assert.match(over.err, /the body is larger than maxBodySize, 5000 bytes$/);
    assert.strictEqual((await at(1048576)).body.length, 1048576, path);
    assert.strictEqual((await at(1048577)).code, 'EMSGSIZE', path);
  }
});

test('a large request goes out, and an answer may come before its end', async (t) => {
  const upstream = await node(t, (request, response) => {
    if (request.url === '/early') {
      response.writeHead(413, { Connection: 'close' });
      response.end('enough');
      return;
    }
    let length = 0;
    setTimeout(() => request.on('data', (bytes) => { length += bytes.length; }), 50);
    request.on('end', () => response.end(String(length)));
  });
  const server = await t.server(APP);
  const body = 'x'.repeat(6000000);
  const post = (path) => fetched(server, upstream.address_ + path, { method: 'POST', body });
  assert.strictEqual((await post('')).body, '6000000');
  const early = await post('early');
  // The rest of the request may have cost the answer: a reset destroys it.
  assert.ok(early.status === 413 || early.code === 'ECONNRESET', JSON.stringify(early));
  assert.strictEqual((await post('')).body, '6000000');
});

// ---- what no server should send

const OK = 'HTTP/1.1 200 OK\r\n';
const LENGTH = (n) => `${OK}Content-Length: ${n}\r\n\r\n`;
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const SECOND = `${LENGTH(6)}forged`;

// name, bytes, and the code; or the body of an answer that is taken, after which the
// connection is not used again.
const hostile = [
  ['no HTTP', '220 mail ESMTP\r\n', 'EPROTO'],
  ['HTTP/0.9', '<html>hello', 'EPROTO'],
  ['a TLS alert', '\x15\x03\x01\x00\x02\x02\x46', 'EPROTO'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n', 'EPROTO'],
  ['HTTP/1.10', 'HTTP/1.10 200 OK\r\n\r\n', 'EPROTO'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'EPROTO'],
  ['a status of letters', 'HTTP/1.1 abc OK\r\n\r\n', 'EPROTO'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n', 'EPROTO'],
  ['an empty line first', `\r\n${LENGTH(0)}`, 'EPROTO'],
  ['a status line of 20,000 bytes', `HTTP/1.1 200 ${'a'.repeat(20000)}`, 'EPROTO'],
  ['a header line of 20,000 bytes', `${OK}A: ${'a'.repeat(20000)}`, 'EPROTO'],
  ['101 header lines', `${OK}${'A: b\r\n'.repeat(101)}\r\n`, 'EPROTO'],
  ['a bare LF behind the status line', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n', 'EPROTO'],
  ['a bare LF behind a header', `${OK}Content-Length: 0\n\r\n`, 'EPROTO'],
  ['a head ended by LF LF', `${OK}Content-Length: 0\n\n`, 'EPROTO'],
  ['a bare CR in a value', `${OK}A: b\rc\r\n\r\n`, 'EPROTO'],
  ['a NUL in the phrase', 'HTTP/1.1 200 O\0K\r\n\r\n', 'EPROTO'],
  ['a NUL in a name', `${OK}A\0: b\r\n\r\n`, 'EPROTO'],
  ['a NUL in a value', `${OK}A: b\0\r\n\r\n`, 'EPROTO'],
  ['a folded line', `${OK}A: b\r\n c\r\n\r\n`, 'EPROTO'],
  ['a folded length', `${OK}Content-Length:\r\n 5\r\n\r\nHello`, 'EPROTO'],
  ['a space before the colon', `${OK}Content-Length : 5\r\n\r\nHello`, 'EPROTO'],
  ['no colon', `${OK}Content-Length\r\n\r\n`, 'EPROTO'],
  ['two lengths that differ', `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nHello!`, 'EPROTO'],
  ['two lengths in one line', `${OK}Content-Length: 5, 6\r\n\r\nHello!`, 'EPROTO'],
  ['a negative length', LENGTH(-1), 'EPROTO'],
  ['a length with a sign', `${LENGTH('+5')}Hello`, 'EPROTO'],
  ['a length in hex', `${LENGTH('0x5')}Hello`, 'EPROTO'],
  ['a length of 1e1', LENGTH('1e1'), 'EPROTO'],
  ['a length that overflows', LENGTH('18446744073709551621'), 'EPROTO'],
  ['a length and chunks', `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'EPROTO'],
  ['chunks and a length', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    'EPROTO'],
  ['gzip as a transfer coding', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 'EPROTO'],
  ['chunked, then identity', `${OK}Transfer-Encoding: chunked, identity\r\n\r\n`, 'EPROTO'],
  ['chunked in HTTP/1.0', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'EPROTO'],
  ['101', 'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', 'EPROTO'],
  ['nine times 100', 'HTTP/1.1 100 x\r\n\r\n'.repeat(9), 'EPROTO'],
  ['a chunk size that is none', `${CHUNKED}x\r\n`, 'EPROTO'],
  ['a negative chunk size', `${CHUNKED}-1\r\n`, 'EPROTO'],
  ['an overlong chunk size', `${CHUNKED}${'0'.repeat(17)}1\r\na\r\n0\r\n\r\n`, 'EPROTO'],
  ['a chunk size over the limit', `${CHUNKED}fffffffffffffff\r\na`, 'EMSGSIZE'],
  ['a chunk that is longer than it says', `${CHUNKED}1\r\nab\r\n0\r\n\r\n`, 'EPROTO'],
  ['a bare LF behind a chunk size', `${CHUNKED}1\na\r\n0\r\n\r\n`, 'EPROTO'],
  ['a NUL in a chunk extension', `${CHUNKED}1;\0\r\na\r\n0\r\n\r\n`, 'EPROTO'],
  ['a chunk extension of 20,000 bytes', `${CHUNKED}1;${'a'.repeat(20000)}\r\n`, 'EPROTO'],
  ['a length over the limit', LENGTH(1048577), 'EMSGSIZE'],
  ['a second answer behind the first', `${LENGTH(5)}Hello${SECOND}`, '200 Hello'],
  ['a second answer behind chunks', `${CHUNKED}5\r\nHello\r\n0\r\n\r\n${SECOND}`, '200 Hello'],
  ['a second answer behind 204', `HTTP/1.1 204 x\r\n\r\n${SECOND}`, '204 '],
  ['a body with 304', `HTTP/1.1 304 x\r\nContent-Length: ${SECOND.length}\r\n\r\n${SECOND}`, '304 '],
  ['a byte behind a body', `${LENGTH(5)}Hello\0`, '200 Hello'],
];

test('what no server should send is refused, and forges nothing', { ms: 60000 }, async (t) => {
  let bytes = '';
  const upstream = await raw(t, (socket, head) => {
    if (head.startsWith('GET /next')) socket.write(`${LENGTH(4)}next`);
    else socket.write(Buffer.from(bytes, 'latin1'));
  });
  const server = await t.server(APP);
  for (const [name, text, expected] of hostile) {
    bytes = text;
    const { status, body, code } = await fetched(server, upstream.address_);
    assert.strictEqual(code || `${status} ${body}`, expected, name);
    const next = await fetched(server, `${upstream.address_}next`);
    assert.strictEqual(next.body, 'next', name);
  }
  assert.ok(upstream.connections > hostile.length, 'a bad connection is not used again');
});

test('an answer that is cut off', async (t) => {
  let bytes = '';
  const upstream = await raw(t, (socket) => socket.end(bytes));
  const server = await t.server(APP);
  for (const text of ['HTTP/1.1', OK, `${OK}A: b\r\n`, `${LENGTH(5)}Hell`, `${CHUNKED}5\r\nHell`,
    `${CHUNKED}5\r\nHello\r\n`, `${CHUNKED}5\r\nHello\r\n0\r\n`, 'HTTP/1.1 100 x\r\n\r\n']) {
    bytes = text;
    const { code, err } = await fetched(server, upstream.address_);
    assert.strictEqual(code, 'ECONNRESET', JSON.stringify(text));
    assert.match(err, /the connection was lost in the middle of the answer$/);
  }
});

// ---- other servers, other ways there

test('Python\'s http.server', async (t) => {
  fs.mkdirSync(t.temporary('files'), { recursive: true });
  fs.writeFileSync(t.temporary('files/a.txt'), 'Hello');
  const [, port] = await program(t, daemonOf('python3'),
    ['-u', '-m', 'http.server', '--bind', '127.0.0.1', '0'], /port (\d+)/,
    { cwd: t.temporary('files') });
  const server = await t.server(APP);
  const answer = await fetched(server, `http://127.0.0.1:${port}/a.txt`);
  assert.deepStrictEqual([answer.status, answer.version, answer.body, answer.type],
    [200, '1.0', 'Hello', 'text/plain']);
  assert.strictEqual((await fetched(server, `http://127.0.0.1:${port}/b`)).status, 404);
});

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

test('nginx: gzip is not asked for, SSI comes in chunks, the connection is kept', async (t) => {
  const port = await freePort();
  const folder = t.write('html/a.html', `${'Hello '.repeat(500)}<!--# echo var="host" -->`)
    .replace(/\/a\.html$/, '');
  const config = t.write('nginx.conf', `
    daemon off; master_process off; pid ${t.temporary('nginx.pid')};
    error_log stderr; events {}
    http {
      access_log off; default_type text/html; gzip on; gzip_min_length 1;
      client_body_temp_path ${t.temporary('1')}; proxy_temp_path ${t.temporary('2')};
      fastcgi_temp_path ${t.temporary('3')}; uwsgi_temp_path ${t.temporary('4')};
      scgi_temp_path ${t.temporary('5')};
      server {
        listen 127.0.0.1:${port}; root ${folder};
        location = /count { return 200 "$connection_requests"; }
        location = /ssi { ssi on; try_files /a.html =404; }
      }
    }`);
  await program(t, daemonOf('nginx'), ['-c', config, '-e', 'stderr', '-p', t.temporary('')], /^/);
  const server = await t.server(APP);
  const at = (path, options) => fetched(server, `http://127.0.0.1:${port}/${path}`, options);
  await poll(async () => (await at('count')).status === 200, 'nginx is ready');
  const first = Number((await at('count')).body);
  assert.match((await at('a.html')).body, /^(Hello ){500}<!--/);
  assert.match((await at('ssi')).body, /^(Hello ){500}127\.0\.0\.1$/);
  assert.strictEqual((await at('a.html', { method: 'HEAD' })).body, '');
  assert.strictEqual((await at('none')).status, 404);
  assert.strictEqual(Number((await at('count')).body), first + 5, 'on one connection');
});

test('a unix socket', async (t) => {
  const path = t.temporary('web.sock');
  await node(t, (request, response) => response.end(request.headers.host + request.url), { path });
  const server = await t.server(APP);
  const answer = await fetched(server, 'http://some.example/x', { unix: path });
  assert.strictEqual(answer.body, 'some.example/x');
});

test('the server asks itself', async (t) => {
  const server = await t.server(APP);
  const answer = await fetched(server, `http://localhost:${server.port}/here`);
  assert.strictEqual(answer.body, 'it is me');
});

test('redirects are answers, or followed', async (t) => {
  const other = await node(t, (request, response) =>
    response.end(`${request.method} ${request.headers.authorization}`));
  const upstream = await node(t, (request, response) => {
    const to = { '/a': 'b', '/b': '/c/../d', '/away': other.address_, '/round': '/round' };
    if (!to[request.url]) return response.end(`${request.method} ${request.headers.authorization}`);
    response.writeHead(request.url === '/b' ? 307 : 303, { Location: to[request.url] });
    return response.end('elsewhere');
  });
  const server = await t.server(APP);
  const options = { redirect: 'follow', headers: { Authorization: 'x' }, method: 'POST', body: 'y' };
  const manual = await fetched(server, `${upstream.address_}a`);
  assert.deepStrictEqual([manual.status, manual.location, manual.body], [303, 'b', 'elsewhere']);
  const followed = await fetched(server, `${upstream.address_}a`, options);
  assert.deepStrictEqual([followed.url, followed.body], [`${upstream.address_}d`, 'GET x']);
  const away = await fetched(server, `${upstream.address_}away`, options);
  assert.deepStrictEqual([away.url, away.body], [other.address_, 'GET undefined']);
  const round = await fetched(server, `${upstream.address_}round`, options);
  assert.strictEqual(round.code, 'ELOOP');
  assert.strictEqual(upstream.connections, 1);
});

// ---- in handlers

// The app in lua/README.md that has this in it.
function fromReadme(part) {
  const text = fs.readFileSync(path.join(lua, 'README.md'), 'utf8');
  const block = text.split(/\n(?=\S)/).find((found) => found.includes(`    ${part}`));
  assert.ok(block, `${part} in lua/README.md`);
  return block.split('\n').filter((line) => /^( {4}|$)/.test(line))
    .map((line) => line.slice(4)).join('\n');
}

test('onUpgrade asks a service, and lets in, refuses, or says that it cannot tell', async (t) => {
  const service = await node(t, (request, response) => {
    let body = '';
    request.on('data', (bytes) => { body += bytes; });
    request.on('end', () => {
      response.statusCode = JSON.parse(body).token === '4711' ? 200 : 401;
      response.end(JSON.stringify({ name: 'Ada' }));
    });
  });
  const server = await t.server(fromReadme('function Room:onUpgrade')
    .replace('http://127.0.0.1:8081/', service.address_)
    .replace('local ratchet = require "ratchet"', ''));
  const client = await t.open(server, '/room?token=4711');
  await client.expectText('Welcome, Ada.');
    const stranger = await t.raw(server);
  await stranger.send(handshakeBytes('/room?token=x'));
  assert.strictEqual((await stranger.answer()).status, 403);
  await new Promise((resolve) => { service.close(resolve); service.closeAllConnections(); });
  const late = await t.raw(server);
  await late.send(handshakeBytes('/room?token=4711'));
  const refusal = await late.answer();
  assert.strictEqual(refusal.status, 503);
  await server.logged(/warn .*:\d+\/check: .*connection refused/);
});

test('in a WebSocket handler, while others go on', async (t) => {
  let answer;
  const upstream = await node(t, (request, response) => { answer = () => response.end('at last'); });
  const server = await t.server(APP);
  const client = await t.open(server, '/ws');
  const asked = JSON.stringify({ address: upstream.address_ });
  await client.text(asked);
  await poll(() => answer, 'the service was asked');
  assert.strictEqual((await fetched(server, `http://127.0.0.1:${server.port}/here`)).body, 'it is me');
  await client.expectSilence(20);
  answer();
  const { payload } = await client.nextFrame();
  assert.strictEqual(JSON.parse(payload).body, 'at last');
});

test('where nobody can wait it says so', async (t) => {
  const upstream = await node(t, (request, response) => response.end('x'));
  const server = await t.server(`
    local uv = require "luv"
    local app = ratchet.App("", 8080)
    app:get("/", function()
      local inner = coroutine.wrap(function() return ratchet.fetch("${upstream.address_}") end)
      return select(2, pcall(inner))
    end)
    app:run()
    local timer = uv.new_timer()
    timer:start(0, 0, function()
      timer:close()
      note("timer", select(2, pcall(ratchet.fetch, "${upstream.address_}")))
    end)`);
  const [, message] = await server.note('timer');
  assert.match(message, /app\.lua:\d+: ratchet\.fetch: nothing can wait here/);
  const client = await t.raw(server);
  await client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.match((await client.answer()).body, /ratchet\.fetch: only a handler can wait/);
});

test('an app file cannot fetch while it is loaded', async (t) => {
  const upstream = await node(t, (request, response) => response.end('x'));
  const server = new Server(t.app(`ratchet.fetch("${upstream.address_}")`), {});
  server.spawn();
  const { status } = await server.exit();
  assert.strictEqual(status, 1);
  assert.match(server.stderr, /an app file cannot wait while it is loaded/);
});

test('in tasks and timers; and a task that is cancelled, or late, drops its exchange', async (t) => {
  let open = 0;
  const upstream = await node(t, (request, response) => {
    if (request.url === '/') return response.end('x');
    open++;
    return request.socket.on('close', () => { open--; });
  });
  const server = await t.server(`
    local app = ratchet.App("", 8080)
    app:get("/", function() return "x" end)
    app:run()
    ratchet.spawn(function() note("task", ratchet.fetch("${upstream.address_}").body) end)
    ratchet.after(0.01, function() note("timer", ratchet.fetch("${upstream.address_}").body) end)
    local slow = "${upstream.address_}slow"
    local task = ratchet.spawn(function()
      note("cancelled", select(2, pcall(ratchet.fetch, slow)))
      note("again", select(2, pcall(ratchet.fetch, slow)))
    end)
    ratchet.after(0.3, function()
      task:cancel()
      note("late", select(2, ratchet.timeout(0.3, ratchet.fetch, slow)))
    end)`);
  await server.note('task', 'x');
  await server.note('timer', 'x');
  await poll(() => open === 1, 'the service is asked');
  await server.note('cancelled', 'cancelled');
  await server.note('again', 'cancelled');
  await server.note('late', 'timeout');
  await poll(() => open === 0, 'both exchanges are dropped');
});

test('the collector takes nothing away that somebody waits for', async (t) => {
  const upstream = await node(t, (request, response) => {
    setTimeout(() => response.end(request.url), 100);
  });
  const server = await t.server(`${APP.replace('app:run()', '')}
    app:run()
    ratchet.after(0, function() -- from here on each allocation collects all there is
      collectgarbage("setpause", 0)
      collectgarbage("setstepmul", 10000000)
    end)`);
  const one = async (i) => {
    for (let n = 0; n < 2; n++) {
      const path = `${i}-${n}`;
      const { body, err } = await fetched(server, upstream.address_ + path);
      assert.strictEqual(body, `/${path}`, err);
    }
  };
  await Promise.all(Array.from({ length: 10 }, (_, i) => one(i)));
});

test('an answer that nobody waits for any more is dropped, with its connection', async (t) => {
  const upstream = await node(t, (request, response) => response.end('x'.repeat(1000000)));
  const { port } = new URL(upstream.address_);
  const server = await t.server(`
    local core = require "ratchet.core"
    local function forget()
      local ticket = core.ticket()
      local caller = core.caller({ host = "127.0.0.1", port = ${port} }, ticket, 5)
      assert(core.wait(ticket))
      local text = "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
      assert(caller:ask(core.ticket(), text, 5, 2000000, false))
    end
    local app = ratchet.App("", 8080)
    app:get("/", function()
      -- From here on each allocation collects all there is.
      collectgarbage("setpause", 0)
      collectgarbage("setstepmul", 10000000)
      for _ = 1, 4 do ratchet.spawn(forget) end
      ratchet.sleep(0.2)
      return "done"
    end)
    app:run()`);
  for (let i = 0; i < 5; i++) {
    const client = await t.raw(server);
    await client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.strictEqual((await client.answer()).body, 'done');
  }
  await poll(() => upstream.connections === 20, () => `${upstream.connections} connections`);
});

test('a client that is gone while its handler waits', async (t) => {
  let answer;
  const upstream = await node(t, (request, response) => { answer = () => response.end('x'); });
  const server = await t.server(APP);
  const client = await t.open(server, '/ws');
  await client.text(JSON.stringify({ address: upstream.address_ }));
  await poll(() => answer, 'the service was asked');
  client.reset();
  answer();
  assert.strictEqual((await fetched(server, `http://127.0.0.1:${server.port}/here`)).body, 'it is me');
});

test('the server ends while a handler waits for an answer', async (t) => {
  let isAsked;
  const upstream = await node(t, () => { isAsked = true; });
  const server = await t.server(APP);
  const client = await t.open(server, '/ws');
  await client.text(JSON.stringify({ address: upstream.address_, options: { timeout: 100 } }));
  await poll(() => isAsked, 'the service was asked');
  server.kill();
  await server.logged(/saying goodbye/);
  server.kill(); // does not wait for it
  const { status, signal } = await server.exit();
  assert.deepStrictEqual([status, signal], [0, null]);
});

test('the server ends while a task waits for an answer', async (t) => {
  let isAsked;
  const upstream = await node(t, () => { isAsked = true; });
  const server = await t.server(`
    local app = ratchet.App("", 8080)
    app:get("/", function() return "x" end)
    app:run()
    ratchet.spawn(ratchet.fetch, "${upstream.address_}", { timeout = 100 })`);
  await poll(() => isAsked, 'the service was asked');
  server.kill();
  const { status, signal } = await server.exit(2000 * slow);
  assert.deepStrictEqual([status, signal], [0, null]);
});

test('1,000 at once', { alone: true, ms: 60000 }, async (t) => {
  const COUNT = 1000;
  const waiting = [];
  const upstream = await node(t, (request, response) => {
    waiting.push(() => response.end(request.url));
    if (waiting.length === COUNT) for (const go of waiting) go();
  }, { port: 0, host: '127.0.0.1', backlog: 2048 });
  const server = await t.server(`
    local C = { left = 0, bad = 0 }
    function C:onMessage(conn, message)
      local answer, err = ratchet.fetch("${upstream.address_}" .. message, { timeout = 50 })
      if not answer or answer.body ~= "/" .. message then note("bad", tostring(err)) end
      conn:send("done")
    end
    local app = ratchet.App("", 8080)
    app:route("/", C, { "*" })
    app:run()`);
  const clients = [];
  for (let i = 0; i < COUNT; i++) clients.push(await t.open(server));
  for (let i = 0; i < COUNT; i++) clients[i].text(String(i));
  for (const client of clients) await client.expectText('done', 40000);
  assert.deepStrictEqual(server.notesLike('bad'), []);
  assert.strictEqual(upstream.connections, COUNT);
  if (!sanitized) assert.ok(server.memory() < 100e6, `${server.memory()} bytes`);
});
