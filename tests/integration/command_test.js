// The command: options, what it says when an app cannot be run, signals.
'use strict';

const assert = require('assert');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const { spawn, spawnSync } = require('child_process');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { handshakeBytes } = require('./support/raw');
const { Server, environment } = require('./support/server');
const { binary, root } = require('./support/paths');
const { Stopwatch, deadline, poll, sleep, slow } = require('./support/wait');

const ECHO = `
local app = ratchet.App("localhost", 8080)
app:route("/", ratchet.server.EchoServer(), { "*" })
app:run()
`;

// Runs the program to its end: { status, stdout, stderr }.
function command(args, options = {}) {
  const child = spawn(binary, args, {
    stdio: ['ignore', 'pipe', 'pipe'], env: environment(), ...options });
  const result = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes) => { result.stdout += bytes; });
  child.stderr.on('data', (bytes) => { result.stderr += bytes; });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ ...result, status, signal }));
  });
  return deadline(ended, 10000 * slow, args.join(' ')).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
}

async function expectCommand(args, status, pattern, options) {
  const result = await command(args, options);
  const shown = `${args.join(' ')}: status ${result.status} ${result.signal || ''}\n` +
    `${result.stdout}${result.stderr}`;
  assert.strictEqual(result.status, status, `expected status ${status}; ${shown}`);
  assert.match(status === 0 ? result.stdout : result.stderr, pattern, shown);
  return result;
}

test('--help and --version', async () => {
  const help = await expectCommand(['--help'], 0, /^usage: ratchet-lua /);
  for (const option of ['--host', '--port', '--development', '--watch', '--log-level', '--log-format', '--version']) {
    assert.ok(help.stdout.includes(option), `${option} is named`);
  }
  assert.strictEqual(help.stderr, '');
});

test('--version is that of CMakeLists.txt, with those of the libraries', async () => {
  const [, version] = fs.readFileSync(path.join(root, 'CMakeLists.txt'), 'utf8')
    .match(/^project\(ratchet-lua VERSION (\S+)/m);
  const { stdout, stderr } = await expectCommand(['--version'], 0, /^/);
  const [first, second, end] = stdout.split('\n');
  assert.strictEqual(first, `ratchet-lua ${version}`);
  const libraries = second.split(', ').map((library) => library.match(/^(.*) (\d+\.\d+\S*)$/));
  assert.deepStrictEqual(libraries.map((library) => library && library[1].toLowerCase()),
    ['luajit', 'luv', 'cjson', 'libuv', 'llhttp', 'zlib', 'mbed tls', 'hiredis'], second);
  assert.strictEqual(end + stderr, '');
});

const usages = [
  ['no app', [], /app\.lua is missing/],
  ['an unknown option', ['--prot', '1', 'app.lua'], /prot/],
  ['a port that is none', ['--port', 'http', 'app.lua'], /--port takes a number .* not http/],
  ['a port too high', ['--port', '65536', 'app.lua'], /65536/],
  ['a negative port', ['--port', '-1', 'app.lua'], /-1/],
  ['an empty port', ['--port', '', 'app.lua'], /--port/],
  ['a port without a value', ['--port'], /port/],
  ['reload of two', ['reload', 'a.lua', 'b.lua'], /one --pid N or one app\.lua .* reload/],
  ['rollback of no process', ['rollback', '--pid', '0'], /--pid takes .* not 0/],
  ['drain in no time', ['drain', '--seconds', 'x'], /--seconds takes .* not x/],
  ['a reload behind an option', ['--log-level', 'off', 'reload', '--pid', 'x'], /--pid takes .* not x/],
  ['a time for a reload', ['reload', '--seconds', '1'], /one --pid N or one app\.lua .* reload/],
  ['an unknown level', ['--log-level', 'loud', 'app.lua'], /debug, info, warn, error or off, not loud/],
  ['an unknown format', ['--log-format', 'xml', 'app.lua'], /text or json, not xml/],
];

for (const [name, args, pattern] of usages) {
  test(`wrong usage: ${name} is exit status 2`, () => expectCommand(args, 2, pattern));
}

// name, text of the app, what stderr has
const broken = [
  ['a syntax error', 'local x = = 1\n', /app\.lua:2: unexpected symbol near '='/],
  ['an error', 'error("broken here")\n', /app\.lua:2: broken here\n$/],
  ['a call of nil', 'undefined_function()\n', /app\.lua:2: attempt to call .*undefined_function/],
  ['a thrown table', 'error({ code = 7 })\n', /app\.lua.*table/],
  ['a thrown nil', 'error()\n', /app\.lua.*nil/],
  ['a bare yield', 'coroutine.yield()\n', /app\.lua/],
  ['no run', 'ratchet.App("localhost", 8080)\n', /app\.lua listens nowhere: .*app:run\(\)/],
  ['nothing at all', '', /listens nowhere/],
  ['a module that is not there', 'require "none_such"\n', /app\.lua:2: module 'none_such' not found/],
  ['an unknown option of App', 'ratchet.App{ prot = 1 }\n',
    /app\.lua:2: .*unknown option "prot"; did you mean "port"\?/],
  ['an unknown member', 'ratchet.Ap()\n', /app\.lua:2: .*"?App"?/],
  ['an unknown option of a route',
    'ratchet.App():route("/", { onOpen = print }, nil, nil, { keepAlife = 1 })\n',
    /app\.lua:2: .*"keepAlife"; did you mean "keepAlive"\?/],
  ['an address that is not this machine\'s',
    'ratchet.App("localhost", 8080, "192.0.2.1"):run()\n',
    /app\.lua:2: cannot listen on 192\.0\.2\.1:0: .*127\.0\.0\.1 for this machine only/],
  ['an address that is none', 'ratchet.App("localhost", 8080, "nonsense"):run()\n',
    /app\.lua:2: cannot listen on nonsense:0: /],
  ['an open timer and an error', 'require("luv").new_timer():start(1, 1, print)\nerror("late")\n',
    /app\.lua:3: late/],
];

for (const [name, text, pattern] of broken) {
  test(`an app with ${name} is exit status 1`, async (t) => {
    const result = await expectCommand(['--port', '0', t.app(text)], 1, pattern);
    assert.strictEqual(result.stdout, '', 'nothing is announced');
  });
}

test('an error of an app has its traceback at --log-level debug', async (t) => {
  const app = t.app('local function f() error("broken here") end\nf()\n');
  await expectCommand(['--log-level', 'debug', app], 1,
    /app\.lua:2: broken here\n[^]*stack traceback:[^]*app\.lua:3/);
});

test('an app that is not there, a folder, an unreadable one', async (t) => {
  await expectCommand(['none.lua'], 1, /none\.lua: No such file or directory/);
  await expectCommand([root], 1, /directory/i);
});

// Root may read everything, so it runs a copy as somebody who may not.
function runUnprivileged(t, file) {
  if (process.getuid() !== 0) return spawnSync(binary, [file], { encoding: 'utf8' });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ratchet-lua-nobody-'));
  t.atEnd(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.chmodSync(folder, 0o755);
  const copy = path.join(folder, 'ratchet-lua');
  fs.copyFileSync(binary, copy);
  fs.chmodSync(copy, 0o755);
  fs.copyFileSync(file, path.join(folder, 'app.lua'));
  fs.chmodSync(path.join(folder, 'app.lua'), 0);
  return spawnSync(copy, [path.join(folder, 'app.lua')],
    { uid: 65534, gid: 65534, encoding: 'utf8', timeout: 10000 });
}

test('an app that may not be read', async (t) => {
  const file = t.app(ECHO);
  fs.chmodSync(file, 0);
  const run = runUnprivileged(t, file);
  assert.strictEqual(run.status, 1, run.stderr);
  assert.match(run.stderr, /app\.lua: Permission denied/);
});

test('bytecode is refused as an app, as a module, and by load', async (t) => {
  const chunk = spawnSync(binary, [t.write('dump.lua',
    'io.stdout:write(string.dump(function() end)) io.stdout:flush() os.exit(0)')],
  { env: environment() }).stdout;
  assert.ok(chunk.length > 10 && chunk[0] === 0x1b, 'bytecode was made');
  const file = t.write('code.lua', chunk);
  await expectCommand([file], 1, /code\.lua.*(bytecode|binary|mode)/);
  const app = t.app(`
    local code = string.dump(function() return 1 end)
    note("load", load(code) == nil, load(function() local c = code code = nil return c end) == nil)
    code = string.dump(function() return 1 end)
    note("mode", load(code, "x", "b") == nil, loadstring(code) == nil)
    note("file", loadfile("${file}") == nil, pcall(dofile, "${file}"))
    note("module", (pcall(require, "code")))
    note("text", load("return 5")(), loadstring("return 6")(), load("return x", "n", "t", { x = 7 })())
    ${ECHO}`);
  const server = await t.server({ file: app });
  await server.note('load', true, true);
  await server.note('mode', true, true);
  await server.note('file', true, false);
  await server.note('module', false);
  await server.note('text', 5, 6, 7);
});

test('a port in use: one line that names a cure', async (t) => {
  const other = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.on('listening', resolve));
  t.atEnd(() => other.close());
  const { port } = other.address();
  const result = await expectCommand(['--port', String(port), t.app(ECHO)], 1,
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: address already in use; .*--port`));
  assert.ok(result.stderr.trimEnd().split('\n').length <= 6, `short: ${result.stderr}`);
});

test('--host and --port outrank the app', async (t) => {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.on('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const server = await t.server(ECHO, { args: ['--host', '127.0.0.2', '--port', String(port)],
    port: false });
  assert.strictEqual(server.port, port);
  assert.strictEqual(server.addresses[0][2], '127.0.0.2');
  await assert.rejects(t.raw(server), /ECONNREFUSED/, 'not on 127.0.0.1');
});

test('--host with a name: the routes answer to it, too', async (t) => {
  const server = await t.server(ECHO, { args: ['--host', 'chat.example'] });
  assert.strictEqual(server.addresses[0][2], 'chat.example');
  for (const host of ['chat.example', 'localhost']) {
    const client = await t.raw(server);
    await client.handshake('/', ['Host:', `Host: ${host}`]);
  }
});

test('--host ::1', async (t) => {
  const server = await t.server(ECHO, { args: ['--host', '::1'] });
  const client = net.connect({ host: '::1', port: server.port });
  t.atEnd(() => client.destroy());
  await new Promise((resolve, reject) => client.on('connect', resolve).on('error', reject));
});

test('arguments behind the app reach arg and ...', async (t) => {
  const server = await t.server(`local first, second = ...
    note("dots", first, second, select("#", ...))
    note("arg", arg[1], arg[2], arg[3], #arg)
    note("zero", arg[0]:match("app%.lua$"))
    ${ECHO}`, { after: ['--port', 'two words', ''] });
  await server.note('dots', '--port', 'two words', 3);
  await server.note('arg', '--port', 'two words', '', 3);
  await server.note('zero', 'app.lua');
});

test('modules beside the app are found, whatever the current folder is', async (t) => {
  t.write('beside.lua', 'return { word = "found" }');
  t.write('folder/init.lua', 'return { word = "init" }');
  const server = await t.server(`note(require("beside").word, require("folder").word)\n${ECHO}`,
    { cwd: '/' });
  await server.note('found', 'init');
});

// ---- the log

const LOGGING = `
local C = {}
function C:onMessage(conn, m)
  ratchet.log("debug", "a debug line")
  ratchet.log("info", 'with "quotes" and \\\\ \\1 \\27[31m')
  ratchet.log("warn", "two\\nlines")
  ratchet.log("error", "last")
  if m == "raise" then error("raised") end
  conn:send("logged")
end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;

async function logOf(t, args, message = 'x') {
  const server = await t.server(LOGGING, { args });
  const client = await t.open(server);
  await client.text(message);
  await client.nextFrame();
  client.destroy();
  await server.settled();
  await server.stop();
  return server.stderr;
}

test('--log-format json: each line is an object', async (t) => {
  const log = await logOf(t, ['--log-format', 'json', '--log-level', 'debug'], 'raise');
  const lines = log.trimEnd().split('\n').map((line) => JSON.parse(line));
  for (const line of lines) {
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.match(line.level, /^(debug|info|warn|error)$/);
    assert.strictEqual(typeof line.message, 'string');
  }
  const messages = lines.map((line) => line.message);
  assert.ok(messages.includes('with "quotes" and \\ \u0001 \u001b[31m'), log);
  assert.ok(messages.includes('two\nlines'), log);
  assert.ok(messages.some((text) => /raised\n[^]*traceback/.test(text)), log);
});

test('--log-format json holds for bytes that are not UTF-8', async (t) => {
  const server = await t.server(`ratchet.log("info", "byte \\255 end")\n${ECHO}`,
    { args: ['--log-format', 'json'] });
  await server.logged(/end/);
  const bytes = Buffer.from(server.stderr, 'latin1');
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  assert.match(JSON.parse(text.split('\n')[0]).message, /^byte .* end$/);
});

test('--log-format text: control characters are escaped', async (t) => {
  const log = await logOf(t, []);
  assert.match(log, /^\d{4}-\S+Z info with "quotes" and \\ \\x01 \\x1b\[31m \[[0-9a-f]{8}\]$/m);
  assert.match(log, /warn two \[[0-9a-f]{8}\]\n {4}lines/);
});

test('--log-level', async (t) => {
  assert.match(await logOf(t, ['--log-level', 'debug']), /a debug line/);
  assert.doesNotMatch(await logOf(t, []), /a debug line/);
  assert.doesNotMatch(await logOf(t, ['--log-level', 'error']), /two/);
  assert.match(await logOf(t, ['--log-level', 'error']), /last/);
  assert.strictEqual(await logOf(t, ['--log-level', 'off']), '');
});

// ---- signals

const DRAIN = `
local C = {}
function C:onMessage(conn, m)
  if m == "large" then for _ = 1, 20 do conn:send(("x"):rep(100000)) end end
  conn:send(m)
end
function C:onClose(_, code) note("close", code) end
local app = ratchet.App("localhost", 8080, "127.0.0.1", { closeTimeout = CLOSE,
  maxBufferedAmount = 100000000 })
app:route("/", C, { "*" })
app:run()
`;

const draining = (closeTimeout) => DRAIN.replace('CLOSE', String(closeTimeout));

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal}: 1001 to all, then exit 0 within a second`, { alone: true }, async (t) => {
    const server = await t.server(draining(5));
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await t.open(server));
    for (const client of clients) await client.expectEcho();
    const ended = new Stopwatch();
    server.kill(signal);
    await Promise.all(clients.map(async (client) => {
      assert.strictEqual((await client.closeFrame()).code, 1001);
      await client.close(1001);
      await client.expectEnd();
    }));
    await server.exit();
    ended.expect('the end', 0, 1000 * slow);
    assert.strictEqual(server.notesLike('close', 1001).length, 5, 'onClose of each');
  });
}

test('SIGTERM without clients: exit 0 at once', { alone: true }, async (t) => {
  const server = await t.server(draining(5));
  const ended = new Stopwatch();
  server.kill();
  await server.exit();
  ended.expect('the end', 0, 500 * slow);
});

test('SIGTERM: everything sent before arrives, in order, before the 1001', async (t) => {
  const server = await t.server(draining(5));
  const client = await t.open(server);
  client.socket.pause();
  await client.text('large');
  const other = await t.open(server);
  await other.expectEcho();
  server.kill();
  await server.logged(/signal 15/);
  client.socket.resume();
  for (let i = 0; i < 20; i++) await client.expectText('x'.repeat(100000));
  await client.expectText('large');
  assert.strictEqual((await client.closeFrame()).code, 1001);
  await client.close(1001);
  await client.expectEnd();
  other.destroy();
  await server.exit();
});

test('SIGTERM: clients that do not answer are dropped after closeTimeout', { alone: true }, async (t) => {
  const server = await t.server(draining(0.5));
  const client = await t.open(server);
  const ended = new Stopwatch();
  server.kill();
  assert.strictEqual((await client.closeFrame()).code, 1001);
  await server.exit();
  ended.expect('closeTimeout of 0.5 s', 250, 1500 * slow);
});

test('SIGTERM: half heads and raw connections do not hold it up', { alone: true }, async (t) => {
  const server = await t.server(draining(0.5));
  const half = await t.raw(server);
  await half.send('GET / HTTP/1.1\r\n');
  const silent = await t.raw(server);
  await (await t.open(server)).expectEcho();
  const ended = new Stopwatch();
  server.kill();
  await server.exit();
  ended.expect('the end', 0, 2500 * slow);
  await half.expectGone();
  await silent.expectGone();
});

test('a second signal ends at once', { alone: true }, async (t) => {
  const server = await t.server(draining(60));
  const client = await t.open(server);
  server.kill();
  assert.strictEqual((await client.closeFrame()).code, 1001);
  const ended = new Stopwatch();
  server.kill('SIGINT');
  await server.exit();
  ended.expect('the end', 0, 1000 * slow);
  assert.strictEqual(server.notesLike('close').length, 1, 'onClose all the same');
});

// Handlers that wait for a minute: in "message" of a connection, in "upgrade".
const WAITING = `
local core, uv = require "ratchet.core", require "luv"
local function wait()
  local ticket, timer = core.ticket(), uv.new_timer()
  timer:start(60000, 0, function() core.wake(ticket) end)
  note("waiting")
  core.wait(ticket)
end
local C = {}
function C:onUpgrade(request) if request.query.wait == "upgrade" then wait() end end
function C:onMessage() wait() end
local app = ratchet.App("localhost", 8080, "127.0.0.1", { closeTimeout = 0.3 })
app:route("/", C, { "*" })
app:run()
`;

async function startWaiting(t, where) {
  const server = await t.server(WAITING, { descriptors: false });
  const client = await t.raw(server);
  await client.send(handshakeBytes(`/?wait=${where}`));
  if (where === 'message') {
    await client.answer();
    await client.text('x');
  }
  await server.note('waiting');
  return server;
}

for (const where of ['message', 'upgrade']) {
  test(`a second signal ends at once when a handler waits (${where})`, async (t) => {
    const server = await startWaiting(t, where);
    server.kill();
    await server.logged(/signal 15/);
    server.kill('SIGINT');
    await server.exit(2000 * slow);
  });

  test(`the drain timeout ends the server when a handler waits (${where})`, async (t) => {
    const server = await startWaiting(t, where);
    server.kill();
    await server.exit(11500 * slow);
  });
}

test('the drain timeout ends the server when clients do not answer', async (t) => {
  const server = await t.server(draining(60));
  const client = await t.open(server);
  const started = Date.now();
  server.kill();
  assert.strictEqual((await client.closeFrame()).code, 1001);
  const ended = await server.exit(11500 * slow);
  assert.ok(ended.at - started > 8000, `it waits for them; it was ${ended.at - started} ms`);
});

test('new connections are refused while it drains', async (t) => {
  const server = await t.server(draining(60));
  const client = await t.open(server);
  server.kill();
  await client.closeFrame();
  await assert.rejects(t.raw(server), /ECONNREFUSED/);
  await client.close(1001);
  await server.exit();
});

test('signals in quick succession end with status 0', async (t) => {
  const server = await t.server(draining(60));
  await t.open(server);
  server.kill();
  await server.logged(/signal 15/);
  const again = setInterval(() => server.kill(), 1);
  t.atEnd(() => clearInterval(again));
  const ended = await server.exit();
  assert.deepStrictEqual([ended.status, ended.signal], [0, null]);
});

test('SIGPIPE is ignored; a closed stdout and stderr end nothing', async (t) => {
  const server = await t.server(draining(5));
  server.kill('SIGPIPE');
  await (await t.open(server)).expectEcho();
  server.child.stdout.destroy();
  server.child.stderr.destroy();
  const client = await t.open(server);
  await client.close(); // noted, into the closed stdout
  await client.closeFrame();
  const bad = await t.raw(server);
  await bad.send('nonsense\r\n\r\n'); // logged, into the closed stderr
  assert.strictEqual((await bad.answer()).status, 400);
  await (await t.open(server)).expectEcho();
  server.descriptorsAtStart = server.descriptors();
  server.options.descriptors = false;
});

test('a client that vanishes while it is written to', async (t) => {
  const server = await t.server(draining(5));
  for (let i = 0; i < 10; i++) {
    const client = await t.open(server);
    await client.text('large');
    client.reset();
  }
  await server.noted(['close', 1006], 10);
  await (await t.open(server)).expectEcho();
});

test('a server out of descriptors sheds load and recovers', async (t) => {
  const file = t.app(ECHO);
  const limit = 100;
  const server = new Server(file, {});
  const own = server.arguments();
  const spawnBinary = server.spawn.bind(server);
  server.arguments = () => ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, binary, ...own];
  server.spawn = () => spawnBinary('/bin/sh');
  t.servers.push(server);
  await server.start();
  const clients = [];
  for (let i = 0; i < limit + 20; i++) {
    const client = await t.raw(server);
    client.socket.on('error', () => {});
    clients.push(client);
  }
  // Half of the descriptors are for connections, of which the first few more are
  // told why they are not served.
  const answer = await clients[limit / 2 + 5].answer();
  assert.strictEqual(answer.status, 503);
  assert.ok(answer.headers['retry-after'], 'Retry-After');
  await clients[clients.length - 1].expectGone();
  const idle = server.cpu();
  await sleep(200);
  assert.ok(server.cpu() - idle < 0.1, 'it does not spin');
  for (const client of clients) client.destroy();
  await poll(async () => {
    const client = await t.raw(server);
    await client.send(handshakeBytes());
    return (await client.answer()).status === 101;
  }, 'new clients are served again');
});

test('frames that come while it drains are not delivered', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onMessage(conn, m) note("message", m) end
    local app = ratchet.App("localhost", 8080)
    app:route("/", C, { "*" })
    app:run()`);
  const client = await t.open(server);
  server.kill();
  assert.strictEqual((await client.closeFrame()).code, 1001);
  await client.send(frames.text('late'), frames.close(1001));
  await client.expectEnd();
  await server.exit();
  assert.deepStrictEqual(server.notes, []);
});
