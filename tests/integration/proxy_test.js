// Behind a proxy: nginx, HAProxy, Caddy and Apache from Debian, as lua/README.md would have them;
// the PROXY protocol; headers that are invented; and limits of connections.
'use strict';

const assert = require('assert');
const fs = require('fs');
const http = require('http');
const net = require('net');
const path = require('path');
const { spawn } = require('child_process');
const WebSocket = require('ws');
const { test } = require('./support/runner');
const { handshakeBytes } = require('./support/raw');
const { Server } = require('./support/server');
const { binary, lua } = require('./support/paths');
const { poll, sleep, slow } = require('./support/wait');

const README = fs.readFileSync(path.join(lua, 'README.md'), 'utf8');

// Tells each client what is known of it.
const APP = (options) => `
local function seen(of)
  return table.concat({ of.remoteAddress, tostring(of.remotePort),
    of.peerAddress, tostring(of.secure) }, " ")
end
local C = {}
function C:onOpen(conn, request)
  conn:send(seen(conn) .. " | " .. seen(request))
end
function C:onMessage(conn, message) conn:send(message) end
local app = ratchet.App("", 8080, "127.0.0.1", { ${options} })
app:route("/ws", C, { "*" })
app:get("/", function(request) return seen(request) end)
app:run()
`;

// ---- daemons

function daemonOf(name) {
  const found = ['/usr/sbin', '/usr/bin', '/usr/local/sbin']
    .map((folder) => `${folder}/${name}`).find((file) => fs.existsSync(file));
  if (!found) throw new Error(`${name} is missing: sh .ci/install test`);
  return found;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function isReachable(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// Runs in the foreground until the test ends.
async function daemon(t, name, args, port, env = {}) {
  const child = spawn(daemonOf(name), args, {
    stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  child.stdout.on('data', (bytes) => { output += bytes; });
  child.stderr.on('data', (bytes) => { output += bytes; });
  const ended = new Promise((resolve) => { child.on('close', resolve); });
  child.on('error', (error) => { output += error; });
  t.atEnd(async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 2000);
    await ended;
    clearTimeout(late);
  });
  await poll(() => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${output}`);
    return isReachable(port);
  }, () => `${name} does not listen: ${output}`);
  return port;
}

// The n-th block of a kind in lua/README.md, with other ports.
function fromReadme(kind, n, port, behind) {
  const blocks = [...README.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter((found) => found[1] === kind).map((found) => found[2]);
  assert.ok(blocks[n], `block ${n} of ${kind} in lua/README.md`);
  return blocks[n]
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('bind :80', `bind 127.0.0.1:${port}`)
    .replace('*:80', `127.0.0.1:${port}`)
    .replace('example.org {', `http://127.0.0.1:${port} {`)
    .replace('127.0.0.1:8080', `127.0.0.1:${behind}`);
}

async function nginx(t, server) {
  const port = await freePort();
  const file = t.write('nginx/nginx.conf', `
    daemon off;
    master_process off;
    pid ${t.temporary('nginx/pid')};
    error_log stderr;
    events {}
    http {
      access_log off;
      client_body_temp_path ${t.temporary('nginx/body')};
      proxy_temp_path ${t.temporary('nginx/proxy')};
      fastcgi_temp_path ${t.temporary('nginx/fastcgi')};
      uwsgi_temp_path ${t.temporary('nginx/uwsgi')};
      scgi_temp_path ${t.temporary('nginx/scgi')};
      ${fromReadme('nginx', 0, port, server.port)}
    }`);
  return daemon(t, 'nginx', ['-c', file, '-e', 'stderr', '-p', t.temporary('nginx')], port);
}

const HEADERS = 0; // of the blocks in the README
const PROXY = 1;

async function haproxy(t, server, block, edit = (text) => text) {
  const port = await freePort();
  const file = t.write('haproxy.cfg', edit(fromReadme('haproxy', block, port, server.port)));
  return daemon(t, 'haproxy', ['-db', '-q', '-f', file], port);
}

async function caddy(t, server) {
  const port = await freePort();
  const file = t.write('caddy/Caddyfile', `{\n  admin off\n  auto_https off\n}\n${
    fromReadme('caddy', 0, port, server.port)}`);
  return daemon(t, 'caddy', ['run', '--config', file, '--adapter', 'caddyfile'], port,
    { XDG_DATA_HOME: t.temporary('caddy'), XDG_CONFIG_HOME: t.temporary('caddy') });
}

const APACHE_MODULES = ['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http'];

async function apache(t, server) {
  const port = await freePort();
  const file = t.write('apache/apache.conf', [
    ...APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    `ServerRoot ${t.temporary('apache')}`, 'ServerName example.org', 'ErrorLog log',
    'PidFile pid', 'DefaultRuntimeDir .', 'Mutex posixsem', 'User www-data', 'Group www-data', `Listen 127.0.0.1:${port}`,
    fromReadme('apache', 0, port, server.port), ''].join('\n'));
  return daemon(t, 'apache2', ['-D', 'FOREGROUND', '-f', file], port);
}

const sending = (words) => (text) => text.replace('send-proxy-v2', words);

// ---- clients

function get(port, options = {}) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', agent: false, ...options },
      (response) => {
        let body = '';
        response.on('data', (bytes) => { body += bytes; });
        response.on('end', () => resolve({ status: response.statusCode, body }));
      });
    request.on('error', reject);
  });
}

async function bodyOf(port, options) {
  const answer = await get(port, options);
  assert.strictEqual(answer.status, 200, answer.body);
  return answer.body;
}

// What a WebSocket is told, after an echo.
async function greetingOf(t, port, options = {}) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, options);
  const messages = [];
  const failed = new Promise((_, reject) => ws.on('error', reject));
  failed.catch(() => {});
  t.atEnd(() => ws.terminate());
  ws.on('message', (bytes) => messages.push(String(bytes)));
  await Promise.race([failed, new Promise((resolve) => ws.on('open', resolve))]);
  ws.send('echo');
  await poll(() => messages.length >= 2, 'a greeting and an echo');
  assert.strictEqual(messages[1], 'echo');
  ws.close();
  return messages[0];
}

const twice = (text) => `${text} | ${text}`;

// ---- X-Forwarded-For, by nginx and HAProxy

const TRUSTED = 'trustedProxies = { "127.0.0.1", "::1" }';
// Another address of this machine, so that the proxy is not its own client.
const FROM = { localAddress: '127.0.0.2' };

test('nginx: the client is whom nginx names', async (t) => {
  const server = await t.server(APP(TRUSTED));
  const port = await nginx(t, server);
  assert.strictEqual(await bodyOf(port, FROM), '127.0.0.2 0 127.0.0.1 false');
  assert.strictEqual(await greetingOf(t, port, FROM), twice('127.0.0.2 0 127.0.0.1 false'));
});

const INVENTED = {
  'X-Forwarded-For': '203.0.113.7',
  Forwarded: 'for=203.0.113.7;proto=https',
  'X-Forwarded-Proto': 'https',
};

test('nginx: what the client invents is not believed', async (t) => {
  const server = await t.server(APP(TRUSTED));
  const port = await nginx(t, server);
  const options = { ...FROM, headers: INVENTED };
  assert.strictEqual(await bodyOf(port, options), '127.0.0.2 0 127.0.0.1 false');
  assert.strictEqual(await greetingOf(t, port, options),
    twice('127.0.0.2 0 127.0.0.1 false'));
});

test('nginx: not trusted, it is the client itself', async (t) => {
  const server = await t.server(APP('trustedProxies = { "10.0.0.0/8" }'));
  const port = await nginx(t, server);
  assert.match(await bodyOf(port, FROM), /^127\.0\.0\.1 [1-9]\d* 127\.0\.0\.1 false$/);
});

test('HAProxy: the client is whom X-Forwarded-For names', async (t) => {
  const server = await t.server(APP(TRUSTED));
  const port = await haproxy(t, server, HEADERS);
  const options = { ...FROM, headers: INVENTED };
  assert.strictEqual(await bodyOf(port, FROM), '127.0.0.2 0 127.0.0.1 false');
  assert.strictEqual(await bodyOf(port, options), '127.0.0.2 0 127.0.0.1 false');
  assert.strictEqual(await greetingOf(t, port, options),
    twice('127.0.0.2 0 127.0.0.1 false'));
});

for (const [name, start] of [['Caddy', caddy], ['Apache', apache]]) {
  test(`${name}: the client is whom X-Forwarded-For names`, async (t) => {
    const server = await t.server(APP(TRUSTED));
    const port = await start(t, server);
    const options = { ...FROM, headers: INVENTED };
    assert.strictEqual(await bodyOf(port, FROM), '127.0.0.2 0 127.0.0.1 false');
    assert.strictEqual(await greetingOf(t, port, FROM), twice('127.0.0.2 0 127.0.0.1 false'));
    assert.strictEqual(await bodyOf(port, options), '127.0.0.2 0 127.0.0.1 false');
  });
}

test('nginx behind HAProxy: both are trusted, the client is before them', async (t) => {
  const server = await t.server(APP(TRUSTED));
  const inner = await nginx(t, server);
  const port = await haproxy(t, { port: inner }, HEADERS);
  assert.strictEqual(await bodyOf(port, { ...FROM, headers: INVENTED }),
    '127.0.0.2 0 127.0.0.1 false');
});

// ---- the PROXY protocol, by HAProxy

for (const version of ['send-proxy', 'send-proxy-v2']) {
  test(`HAProxy: ${version} names the client`, async (t) => {
    const server = await t.server(APP(`${TRUSTED}, proxyProtocol = true`));
    const port = await haproxy(t, server, PROXY, sending(version));
    const options = { ...FROM, headers: INVENTED };
    assert.match(await bodyOf(port, options), /^127\.0\.0\.2 [1-9]\d+ 127\.0\.0\.1 false$/);
    assert.match(await greetingOf(t, port, options),
      /^(127\.0\.0\.2 [1-9]\d+ 127\.0\.0\.1 false) \| \1$/);
  });

  test(`HAProxy: ${version} before raw TCP`, async (t) => {
    const server = await t.server(`
      local C = {}
      function C:onOpen(conn) conn:send(conn.remoteAddress .. " " .. conn.peerAddress .. "\\n") end
      function C:onMessage(conn, bytes) conn:send(bytes) end
      ratchet.server.IoServer(C, 8080, "127.0.0.1", { proxyProtocol = true }):run()`);
    const port = await haproxy(t, server, PROXY, sending(version));
    const socket = net.connect({ port, host: '127.0.0.1', ...FROM });
    t.atEnd(() => socket.destroy());
    let got = '';
    socket.on('data', (bytes) => { got += bytes; });
    socket.write('hello');
    await poll(() => got.includes('hello'), () => `an echo, not ${got}`);
    assert.strictEqual(got, '127.0.0.2 127.0.0.1\nhello');
  });
}

test('HAProxy: its health checks by LOCAL do no harm', async (t) => {
  const server = await t.server(APP('proxyProtocol = true'));
  const port = await haproxy(t, server, PROXY,
    sending('send-proxy-v2 check-send-proxy check inter 100ms'));
  await sleep(300);
  assert.match(await bodyOf(port, FROM), /^127\.0\.0\.2 /);
});

// ---- headers that a client writes itself

const request = (...lines) => ['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n');

async function askRaw(t, server, ...lines) {
  const client = await t.raw(server);
  await client.send(request(...lines));
  const answer = await client.answer();
  client.destroy();
  return answer.body;
}

test('headers of a peer that is not trusted are nothing', async (t) => {
  const server = await t.server(APP(''));
  const expected = /^127\.0\.0\.1 [1-9]\d* 127\.0\.0\.1 false$/;
  const lines = Object.entries(INVENTED).map(([name, value]) => `${name}: ${value}`);
  assert.match(await askRaw(t, server, ...lines), expected);
  const client = await t.raw(server);
  await client.handshake('/ws', lines);
  const [own, asked] = (await client.nextFrame()).payload.toString().split(' | ');
  assert.match(own, expected);
  assert.strictEqual(own, asked);
});

test('headers of a proxy that is trusted', async (t) => {
  const server = await t.server(APP(TRUSTED));
  assert.strictEqual(
    await askRaw(t, server, 'X-Forwarded-For: 1.1.1.1, 203.0.113.7', 'X-Forwarded-Proto: https'),
    '203.0.113.7 0 127.0.0.1 true');
  assert.strictEqual(
    await askRaw(t, server, 'Forwarded: for=1.1.1.1, for="[2001:db8::7]:99";proto=https'),
    '2001:db8::7 99 127.0.0.1 true');
  const client = await t.raw(server);
  await client.handshake('/ws', ['X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: https']);
  assert.strictEqual((await client.nextFrame()).payload.toString(),
    twice('203.0.113.7 0 127.0.0.1 true'));
});

test('Forwarded and X-Forwarded-For that differ are not believed, and logged', async (t) => {
  const server = await t.server(APP(TRUSTED));
  assert.match(
    await askRaw(t, server, 'X-Forwarded-For: 203.0.113.7', 'Forwarded: for=1.1.1.1'),
    /^127\.0\.0\.1 [1-9]\d* 127\.0\.0\.1 false$/);
  await server.logged(/127\.0\.0\.1: Forwarded and X-Forwarded-For name different clients/);
});

test('the log names the client', async (t) => {
  const server = await t.server(APP(`${TRUSTED}, maxBodySize = 1`));
  await askRaw(t, server, 'X-Forwarded-For: 203.0.113.7', 'Content-Length: 2');
  await server.logged(/413 to 203\.0\.113\.7: /);
});

test('without a PROXY header the connection is closed and logged', async (t) => {
  const server = await t.server(APP('proxyProtocol = true, headerTimeout = 0.3'));
  const wrong = await t.raw(server);
  await wrong.send(request());
  await wrong.expectGone();
  assert.strictEqual(wrong.total, 0);
  await server.logged(/127\.0\.0\.1: closed: it does not begin with a PROXY header/);
  const slowOne = await t.raw(server);
  await slowOne.send('PROXY TCP4 ');
  await slowOne.expectGone();
  await server.logged(/127\.0\.0\.1: closed: the PROXY header took too long/);
});

test('a PROXY header byte by byte, then a request', async (t) => {
  const server = await t.server(APP('proxyProtocol = true'));
  const client = await t.raw(server);
  await client.sendBytewise(`PROXY TCP6 2001:db8::7 ::1 99 80\r\n${request()}`);
  assert.strictEqual((await client.answer()).body, '2001:db8::7 99 127.0.0.1 false');
});

test('a PROXY header of a peer that is not among trustedProxies is refused', async (t) => {
  const server = await t.server(APP('trustedProxies = { "10.0.0.1" }, proxyProtocol = true'));
  const client = await t.raw(server);
  await client.send(`PROXY TCP4 203.0.113.7 192.0.2.9 1 2\r\n${request()}`);
  await client.expectGone();
  await server.logged(/closed: its PROXY header is not that of a trusted proxy/);
});

test('trustedProxies that are none stop the app', async (t) => {
  const server = new Server(t.app(APP('trustedProxies = { "10.0.0.0/33" }')),
    { expectStatus: 1 });
  t.servers.push(server);
  server.spawn();
  await server.exit();
  assert.match(server.stderr,
    /app\.lua:\d+: trustedProxies: "10\.0\.0\.0\/33" is neither an address nor a network/);
});

// ---- limits

async function isServed(t, server) {
  const client = await t.raw(server);
  await client.send(handshakeBytes('/ws'));
  return (await client.answer()).status === 101;
}

async function expectRefusal(t, server, status) {
  const client = await t.raw(server);
  const answer = await client.answer();
  assert.strictEqual(answer.status, status);
  assert.ok(answer.headers['retry-after'], 'Retry-After');
  await client.expectEnd();
}

test('maxConnections: 503 with Retry-After, and then room again', async (t) => {
  const server = await t.server(APP('maxConnections = 2'));
  const first = await t.open(server, '/ws');
  await t.open(server, '/ws');
  await expectRefusal(t, server, 503);
  first.destroy();
  await poll(() => isServed(t, server), 'there is room again');
});

test('maxConnectionsPerAddress: 429 with Retry-After, others are served', async (t) => {
  const server = await t.server(APP('maxConnectionsPerAddress = 2'));
  const first = await t.open(server, '/ws');
  await t.open(server, '/ws');
  await expectRefusal(t, server, 429);
  await server.logged(/429 to 127\.0\.0\.1: /);
  assert.match(await bodyOf(server.port, FROM), /^127\.0\.0\.2 /);
  first.destroy();
  await poll(() => isServed(t, server), 'there is room again');
});

test('maxConnectionsPerAddress does not hold for proxies', async (t) => {
  const server = await t.server(APP(`${TRUSTED}, maxConnectionsPerAddress = 1`));
  for (let i = 0; i < 3; i++) await t.open(server, '/ws');
});

// In a shell that lowers the limit.
async function serverWithLimit(t, limit, app) {
  const server = new Server(t.app(app), { descriptors: false });
  const own = server.arguments();
  const spawnBinary = server.spawn.bind(server);
  server.arguments = () => ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, binary, ...own];
  server.spawn = () => spawnBinary('/bin/sh');
  t.servers.push(server);
  await server.start();
  return server;
}

test('with the descriptors used up by the app everybody is told 503', async (t) => {
  const server = await serverWithLimit(t, 100, `${APP('')}
    local files = {}
    repeat files[#files + 1] = io.open("/dev/null") until not io.open("/dev/null")
    collectgarbage()
    for _ = 1, 3 do table.remove(files):close() end
    _G.files = files`);
  const clients = [];
  await poll(async () => {
    const client = await t.raw(server);
    clients.push(client);
    await client.send(handshakeBytes('/ws'));
    return (await client.answer()).status === 503;
  }, 'the descriptors are used up', 20000 * slow); // some fifty clients, one by one
  assert.ok(clients.length > 1, 'some were served');
  for (let i = 0; i < 30; i++) {
    const client = await t.raw(server);
    assert.strictEqual((await client.answer()).status, 503, `refused ${i}`);
  }
  for (const client of clients) client.destroy();
  await poll(() => isServed(t, server), 'there is room again');
});

test('with 64 descriptors everybody is told 503, however many come', async (t) => {
  const server = await serverWithLimit(t, 64, APP(''));
  await server.logged(/file limit 64: 32 connections at most/);
  const clients = [];
  for (let i = 0; i < 32; i++) clients.push(await t.open(server, '/ws'));
  for (let i = 0; i < 60; i++) {
    const client = await t.raw(server);
    const answer = await client.answer();
    assert.strictEqual(answer.status, 503, `refused ${i}`);
    clients.push(client);
  }
  for (const client of clients) client.destroy();
  await poll(() => isServed(t, server), 'there is room again', 10000 * slow);
});
