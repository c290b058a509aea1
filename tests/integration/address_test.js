// Where the program listens: several addresses, IPv6, unix sockets, and sockets
// that were handed over to it.
'use strict';

const assert = require('assert');
const fs = require('fs');
const net = require('net');
const os = require('os');
const { spawnSync } = require('child_process');
const WebSocket = require('ws');
const { test } = require('./support/runner');
const { RawClient } = require('./support/raw');
const { deadline, poll, slow } = require('./support/wait');

const hasIPv6 = Object.values(os.networkInterfaces()).flat()
  .some((one) => one.address === '::1');

// An app that says where it listens, with lines that do.
function appWith(lines, port = 'false') {
  return `
local app = ratchet.App("", ${port})
app:get("/hello", function(request) return "hello " .. request.remoteAddress end)
app:route("/echo", ratchet.server.EchoServer(), { "*" })
${lines}
app:run()
for _, bound in ipairs(app.listeners) do note("bound", bound.address, bound.port, bound.path) end`;
}

function curl(...args) {
  const result = spawnSync('curl', ['-sS', '-g', '--max-time', '10', ...args],
    { encoding: 'utf8' });
  assert.strictEqual(result.status, 0, result.stderr);
  return result.stdout;
}

// An echo over `ws`, which takes ws+unix: addresses too.
function echo(t, url) {
  const client = new WebSocket(url);
  t.atEnd(() => client.terminate());
  const answered = new Promise((resolve, reject) => {
    client.on('open', () => client.send('over there'));
    client.on('message', (bytes) => resolve(String(bytes)));
    client.on('error', reject);
  });
  return deadline(answered, 5000 * slow, url);
}

async function get(t, where, host = 'localhost') {
  const client = new RawClient(where);
  t.atEnd(() => client.destroy());
  await client.connected();
  await client.send(`GET /hello HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return (await client.answer()).body;
}

// ---- unix sockets

test('a unix socket: curl, ws, its mode, its end', async (t) => {
  const path = t.temporary('web.sock');
  const server = await t.server(appWith(`app:listen{ unix = "${path}", mode = "0640" }`),
    { port: false });
  assert.deepStrictEqual(server.paths, [path]);
  assert.strictEqual(fs.statSync(path).mode & 0o777, 0o640);
  assert.strictEqual(curl('--unix-socket', path, 'http://localhost/hello'), 'hello ');
  assert.strictEqual(await echo(t, `ws+unix://${path}:/echo`), 'over there');
  await server.stop();
  assert.ok(!fs.existsSync(path), 'the file is gone');
});

test('a unix socket of a killed server is taken over', async (t) => {
  const path = t.temporary('web.sock');
  const app = appWith(`app:listen{ unix = "${path}" }`);
  const first = await t.server(app, { port: false });
  first.kill('SIGKILL');
  await first.exit();
  first.child = null; // it has not ended as servers should
  assert.ok(fs.existsSync(path), 'the file is left');
  await t.server(app, { port: false });
  assert.strictEqual(await get(t, path), 'hello ');
});

// What the second program says that wants the path.
async function refusal(t, path) {
  const { Server } = require('./support/server');
  const file = t.write('second.lua', 'local ratchet = require "ratchet"\n' +
    `ratchet.App("", false):listen{ unix = "${path}" }:run()\n`);
  const server = new Server(file, { port: false, expectStatus: 1 });
  server.spawn();
  assert.strictEqual((await server.exit()).status, 1);
  assert.strictEqual(server.stdout, '');
  return server.stderr;
}

test('a unix socket of a live server is left alone', async (t) => {
  const path = t.temporary('web.sock');
  await t.server(appWith(`app:listen{ unix = "${path}" }`), { port: false });
  assert.match(await refusal(t, path),
    /second\.lua:2: cannot listen on unix:.*: address already in use; a program listens there/);
  assert.strictEqual(await get(t, path), 'hello ');
});

test('what is no socket is never deleted', async (t) => {
  const path = t.write('precious', 'data');
  assert.match(await refusal(t, path), /: file already exists; what is there is no socket/);
  assert.strictEqual(fs.readFileSync(path, 'utf8'), 'data');
  assert.match(await refusal(t, t.temporary('')), /: file already exists; /);
});

test('a path that cannot be one', async (t) => {
  assert.match(await refusal(t, `/tmp/${'a'.repeat(200)}`),
    /: name too long; the path of a unix socket has 107 bytes at most/);
  assert.match(await refusal(t, '/nowhere/at/all'), /; its folder is not there/);
});

// ---- several, and IPv6

test('several addresses of one app', async (t) => {
  const path = t.temporary('web.sock');
  const server = await t.server(appWith(`
    app:listen{ port = 0 }
    app:listen{ unix = "${path}" }`, '8080'));
  const bound = await server.noted(['bound'], 3);
  assert.deepStrictEqual(bound[2].slice(3), [path]);
  assert.notStrictEqual(bound[0][2], bound[1][2]);
  for (const [, , port] of bound.slice(0, 2)) {
    assert.strictEqual(await get(t, port), 'hello 127.0.0.1');
  }
  assert.strictEqual(await get(t, path), 'hello ');
  assert.strictEqual(server.addresses.length, 4, 'a page and an echo at each port');
  assert.deepStrictEqual(server.paths, [path]);
});

test('IoServer: several addresses, raw bytes', async (t) => {
  const path = t.temporary('raw.sock');
  const server = await t.server(`
    ratchet.server.IoServer(ratchet.server.EchoServer(), 8080, "127.0.0.1")
      :listen{ unix = "${path}" }:run()`);
  for (const where of [server.port, path]) {
    const client = await t.raw(where);
    await client.send('bytes');
    assert.strictEqual(String(await client.bytes(5)), 'bytes');
  }
  assert.deepStrictEqual(server.paths, [path]);
});

if (hasIPv6) {
  test('IPv6: ::1 is announced in brackets', async (t) => {
    const server = await t.server(appWith('app:listen{ address = "::1", port = 0 }'));
    assert.strictEqual(server.addresses[0][2], '[::1]');
    assert.strictEqual(curl(`http://[::1]:${server.port}/hello`), 'hello ::1');
    assert.strictEqual(await echo(t, `ws://[::1]:${server.port}/echo`), 'over there');
    await assert.rejects(get(t, server.port), /ECONNREFUSED/);
  });

  test('IPv6: :: takes IPv4 too', async (t) => {
    const server = await t.server(appWith('app:listen{ address = "::", port = 0 }'));
    assert.strictEqual(curl(`http://[::1]:${server.port}/hello`), 'hello ::1');
    assert.strictEqual(await get(t, server.port), 'hello 127.0.0.1');
  });

  test('IPv6: ipv6Only leaves the port of IPv4 free', async (t) => {
    const server = await t.server(appWith(
      'app:listen{ address = "::", port = 0, ipv6Only = true }'));
    assert.strictEqual(curl(`http://[::1]:${server.port}/hello`), 'hello ::1');
    await assert.rejects(get(t, server.port), /ECONNREFUSED/);
  });

  test('IPv6: ipv6Only with an address of IPv4', async (t) => {
    const { Server } = require('./support/server');
    const server = new Server(t.app(
      'ratchet.App("", false):listen{ address = "127.0.0.1", port = 0, ipv6Only = true }:run()\n'),
    { expectStatus: 1 });
    server.spawn();
    await server.exit();
    assert.match(server.stderr, /127\.0\.0\.1:0: invalid argument; ipv6Only is for addresses/);
  });
}

// ---- sockets that are handed over

// A parent as sd_listen_fds(3) describes it: binds each of its arguments (a port,
// a path) to a descriptor from 3 on, and becomes the rest of them.
const PARENT = `
import os, socket, sys
count, names = int(sys.argv[1]), sys.argv[2]
places, command = sys.argv[3:3 + count], sys.argv[3 + count:]
for i, place in enumerate(places):
    if place.isdigit():
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", int(place)))
    else:
        s = socket.socket(socket.AF_UNIX)
        s.bind(place)
    s.listen(16)
    fd = os.dup2(s.fileno(), 3 + i) if s.fileno() != 3 + i else s.detach()
    os.set_inheritable(3 + i, True)
os.environ.update(LISTEN_FDS=str(count), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(command[0], command)
`;

function parent(t, names, ...places) {
  const file = t.write('parent.py', PARENT);
  return ['/usr/bin/python3', file, String(places.length), names, ...places.map(String)];
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a socket that was handed over, by its number', async (t) => {
  const port = await freePort();
  const server = await t.server(appWith('app:listen{ fd = 3 }'),
    { port: false, through: parent(t, 'web', port) });
  assert.strictEqual(server.port, port);
  assert.strictEqual(await get(t, port), 'hello 127.0.0.1');
});

test('sockets that were handed over, by their name', async (t) => {
  const ports = [await freePort(), await freePort(), await freePort()];
  const server = await t.server(appWith('app:listen{ systemd = "web" }'),
    { port: false, through: parent(t, 'web:other:web', ...ports) });
  const bound = await server.noted(['bound'], 2);
  assert.deepStrictEqual(bound.map((one) => one[2]), [ports[0], ports[2]]);
  assert.strictEqual(await get(t, ports[2]), 'hello 127.0.0.1');
  await server.logged(/warn descriptor 4 \(other\) was handed over, and the app does not/);
});

test('a socket that was handed over is used for its port, or path', async (t) => {
  const port = await freePort();
  const path = t.temporary('web.sock');
  const server = await t.server(
    appWith(`app:listen{ unix = "${path}" }`, String(port)),
    { port: false, through: parent(t, '', port, path) });
  assert.strictEqual(server.port, port);
  assert.strictEqual(await get(t, port), 'hello 127.0.0.1');
  assert.strictEqual(await get(t, path), 'hello ');
  await server.stop();
  assert.ok(fs.existsSync(path), 'the file is its maker\'s');
});

test('what is no socket that was handed over', async (t) => {
  const { Server } = require('./support/server');
  const cases = [
    ['fd = 77', /cannot listen on descriptor 77: bad file descriptor; no listening socket has/],
    ['systemd = "web"', /systemd:web: no socket was handed over; start the program by its \.socket/],
  ];
  for (const [given, pattern] of cases) {
    const file = t.app(`ratchet.App("", false):listen{ ${given} }:run()\n`);
    const server = new Server(file, { port: false, expectStatus: 1 });
    server.spawn();
    await server.exit();
    assert.match(server.stderr, pattern);
  }
});

const ACTIVATE = '/usr/bin/systemd-socket-activate';
if (fs.existsSync(ACTIVATE)) {
  test('systemd-socket-activate', async (t) => {
    const port = await freePort();
    const first = t.server(appWith('app:listen{ systemd = "chat" }'), {
      port: false,
      through: [ACTIVATE, `--listen=127.0.0.1:${port}`, '--fdname=chat'],
    });
    // It starts the program for the first client, whose connection waits meanwhile.
    let client;
    await poll(async () => {
      client = new RawClient(port);
      return client.connected().then(() => true, () => false);
    }, 'systemd-socket-activate does not listen');
    t.atEnd(() => client.destroy());
    await client.send('GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.strictEqual((await client.answer()).body, 'hello 127.0.0.1');
    client.destroy();
    const server = await first;
    server.options.descriptors = false; // the first client was there at the start
    assert.strictEqual(server.port, port);
    assert.strictEqual(await get(t, port), 'hello 127.0.0.1');
  });
}
