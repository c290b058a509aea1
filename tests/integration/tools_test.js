// The commands beside the server: check, new, connect, bench, doctor; at a terminal, as a
// person uses them, and through pipes, as a script does.
'use strict';

const assert = require('assert');
const fs = require('fs');
const http = require('http');
const net = require('net');
const path = require('path');
const { spawn, spawnSync } = require('child_process');
const { test } = require('./support/runner');
const { environment } = require('./support/server');
const { binary, root } = require('./support/paths');
const { rawUpstream, wsUpstream } = require('./support/upstream');
const { Signal, slow } = require('./support/wait');

const COMMANDS = ['bench', 'check', 'connect', 'doctor', 'new', 'test'];

// A program that runs: type into it, wait for what it says, and for its end.
class Run {
  constructor(t, program, args, options) {
    this.stdout = this.stderr = '';
    this.signal = new Signal();
    this.child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'], env: environment(), cwd: options.cwd });
    t.atEnd(() => { if (this.ended === undefined) this.child.kill('SIGKILL'); });
    for (const name of ['stdout', 'stderr']) {
      this.child[name].on('data', (bytes) => {
        this[name] += bytes;
        this.signal.wake();
      });
    }
    this.child.stdin.on('error', () => {});
    this.child.on('close', (status, signal) => {
      this.ended = signal || status;
      this.signal.wake();
    });
  }

  type(text) {
    this.child.stdin.write(text);
    return this;
  }

  end(text = '') {
    this.child.stdin.end(text);
    return this;
  }

  shown() {
    return `${this.stdout}${this.stderr}`;
  }

  says(pattern) {
    return this.signal.until(() => this.shown().match(pattern) || undefined,
      () => `expected ${pattern} in\n${this.shown()}`);
  }

  // Its end, with that status.
  async ends(status) {
    await this.signal.until(() => (this.ended === undefined ? undefined : [this.ended]),
      () => `it did not end; it said\n${this.shown()}`, 15000 * slow);
    assert.strictEqual(this.ended, status, this.shown());
    return this;
  }
}

// As a script: pipes.
function piped(t, args, options = {}) {
  return new Run(t, binary, args, options);
}

// As a person: a terminal.
function typed(t, args, options = {}) {
  const helper = path.join(__dirname, 'support', 'terminal.py');
  return new Run(t, 'python3', [helper, String(options.columns || 80), binary, ...args], options);
}

const echo = (t, options) => wsUpstream(t, options).then((server) => {
  server.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => {
      if (String(message) === 'close me') socket.close(4002, 'as you wish');
      else if (String(message) === 'lose me') socket.terminate();
      else socket.send(message, { binary: isBinary });
    });
  });
  server.url = `ws://127.0.0.1:${server.port}/`;
  return server;
});

// ---- all of them

for (const name of COMMANDS) {
  test(`${name}: --help`, async (t) => {
    const run = await piped(t, [name, '--help']).end().ends(0);
    assert.match(run.stdout, new RegExp(`^[Uu]sage: .*${name === 'test' ? '' : name}`));
    const person = await typed(t, [name, '--help']).ends(0);
    assert.match(person.stdout, /[Uu]sage: /);
  });
}

test('reload, rollback, drain: --help', async (t) => {
  for (const name of ['reload', 'rollback', 'drain']) {
    const run = await piped(t, [name, '--help']).end().ends(0);
    assert.match(run.stdout, new RegExp(`^usage: .*(\\n.*)?(\\n.*)?ratchet-lua ${name} `), name);
  }
});

test('--help names each command', async (t) => {
  const run = await piped(t, ['--help']).end().ends(0);
  for (const name of COMMANDS) assert.match(run.stdout, new RegExp(`^  ${name} .*\\w`, 'm'));
});

const usages = [
  [['bench'], /bench: URL is missing/],
  [['bench', 'localhost'], /bench: "localhost" is no address/],
  [['bench', '--conections', '3', 'ws://a'], /did you mean --connections\?/],
  [['bench', '--size', 'big', 'ws://a'], /--size takes a whole number from 1, not "big"/],
  [['check'], /check: app\.lua is missing/],
  [['check', 'a', 'b'], /"b" is too much/],
  [['check', '--format', 'xml', 'a'], /--format takes text or json, not "xml"/],
  [['connect'], /connect: URL is missing/],
  [['connect', 'http://localhost'], /begins with ws:\/\//],
  [['connect', '--header', 'Cookie', 'ws://a'], /takes 'NAME: VALUE'/],
  [['connect', '--binary', 'ws://a'], /--binary takes hex, not "ws:\/\/a"/],
  [['doctor', 'none.lua'], /neither a URL nor a file/],
  [['doctor', '--silence', 'x'], /--silence takes a number of seconds/],
  [['new'], /new: NAME is missing/],
  [['new', '--template', 'none', 'x'], /there are chat, dashboard, game, rooms and wamp/],
  [['new', '1x'], /is no name/],
];

for (const [args, pattern] of usages) {
  test(`wrong usage is exit status 2: ${args.join(' ')}`, async (t) => {
    for (const run of [piped(t, args).end(), typed(t, args)]) {
      await run.ends(2);
      assert.match(run.shown(), pattern);
      assert.match(run.shown(), new RegExp(`see ratchet-lua ${args[0]} --help`));
    }
  });
}

// ---- check

test('check: the apps of this repository have no mistake', async (t) => {
  for (const name of fs.readdirSync(path.join(root, 'apps'))) {
    const file = path.join(root, 'apps', name, 'app.lua');
    if (!fs.existsSync(file)) continue;
    const run = await piped(t, ['check', file], { cwd: root }).end().ends(0);
    assert.match(run.stdout, /nothing was found\n$/, name);
  }
});

test('check: finds mistakes, listens nowhere, and speaks JSON', async (t) => {
  const port = await new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      resolve(server.address().port);
    });
    t.atEnd(() => server.close());
  });
  const file = t.app(`
    local Chat = { onMesage = function() end, onOpen = function() end }
    local app = ratchet.App{ port = ${port}, keepAlve = 3 }
    app:route("/chat", Chat)
    app:route("/chat", Chat)
    ratchet.every(0.001, function() print("never") end)
    app:run()`);
  const run = await piped(t, ['check', '--format', 'json', file]).end().ends(1);
  const said = JSON.parse(run.stdout);
  assert.strictEqual(said.ok, false);
  const own = said.findings.map((finding) => finding.message)
    .filter((message) => !message.includes('luacheck') && !message.includes('global'));
  assert.deepStrictEqual(own, [
    'onMesage is no event: did you mean onMessage?',
    'ratchet.App: unknown option "keepAlve"; did you mean "keepAlive"?',
    'GET /chat on host "localhost" has a route already, of line 5; remove one',
  ]);
  const text = await typed(t, ['check', file]).ends(1);
  assert.match(text.stdout, /app\.lua:3: error: onMesage is no event/);
});

// ---- new

// The page at "/", by a connection that ends with it.
function pageOf(server) {
  return new Promise((resolve, reject) => {
    http.get({ port: server.port, host: '127.0.0.1', agent: false, headers: { Host: 'localhost' } },
      (answer) => {
        let text = '';
        answer.on('data', (bytes) => { text += bytes; });
        answer.on('end', () => resolve(text));
      }).on('error', reject);
  });
}

for (const template of ['chat', 'rooms', 'game', 'dashboard', 'wamp']) {
  test(`new: ${template} is checked, tested, and served`, async (t) => {
    const cwd = path.dirname(t.write('beside', ''));
    const name = `my-${template}`;
    await piped(t, ['new', '--template', template, name], { cwd }).end().ends(0);
    const own = { cwd: path.join(cwd, name) };
    const check = await piped(t, ['check', 'app.lua'], own).end().ends(0);
    assert.match(check.stdout, /nothing was found/);
    const specs = await piped(t, ['test'], own).end().ends(0);
    assert.match(specs.stdout, /[34] successes \/ 0 failures \/ 0 errors/);
    const server = await t.server({ file: path.join(own.cwd, 'app.lua') });
    assert.match(await pageOf(server), new RegExp(`<title>${name}</title>`));
    const again = await piped(t, ['new', name], { cwd }).end().ends(2);
    assert.match(again.stderr, /is there already/);
  });
}

test('new: what a person is told works as it stands', async (t) => {
  const cwd = path.dirname(t.write('beside', ''));
  const run = await typed(t, ['new', 'hello'], { cwd }).ends(0);
  assert.match(run.stdout, /cd hello\s+ratchet-lua app\.lua/);
  const unit = fs.readFileSync(path.join(cwd, 'hello', 'hello.service'), 'utf8');
  assert.match(unit, /^ExecStart=\/.*ratchet-lua \/srv\/hello\/app\.lua$/m);
});

// ---- connect

test('connect: lines of a script go there and back', async (t) => {
  const server = await echo(t);
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i} é`).join('\n');
  const run = await piped(t, ['connect', '--count', '2000', server.url]).end(lines).ends(0);
  assert.strictEqual(run.stdout, `${lines}\n`);
  assert.match(run.stderr, /^connected\nclosed: 1000 \(normal closure\)\n$/);
});

test('connect: a file on stdin, and what comes after its end', async (t) => {
  const server = await echo(t);
  const file = t.write('lines', 'one\r\ntwo\n');
  const run = await new Run(t, 'sh', ['-c', `exec "${binary}" connect --wait 0.3 ${server.url} < ${file}`],
    {}).ends(0);
  assert.strictEqual(run.stdout, 'one\ntwo\n');
});

test('connect: headers, origin, sub-protocols, a query, a unix socket', async (t) => {
  const server = await echo(t, { handleProtocols: () => 'b' });
  const run = piped(t, ['connect', '--header', 'Cookie: a=1', '--header=X-Two: 2', '--origin',
    'http://a.example', '--protocol', 'a', '--protocol', 'b', `${server.url}path?q=1`]).end();
  await run.says(/connected, sub-protocol b\n/);
  await run.ends(0);
  const { headers, url } = server.sockets[0].request;
  assert.deepStrictEqual(
    [headers.cookie, headers['x-two'], headers.origin, headers['sec-websocket-protocol'], url],
    ['a=1', '2', 'http://a.example', 'a, b', '/path?q=1']);
  const at = t.temporary('socket');
  const local = await rawUpstream(t, { path: at });
  const other = piped(t, ['connect', '--unix', at, 'ws://a.example/']);
  const peer = await local.next();
  assert.match(await peer.accept(), /Host: a\.example\r\n/);
  await other.says(/connected/);
  other.child.kill('SIGTERM');
  assert.strictEqual((await peer.frame()).opcode, 8);
});

test('connect: binary messages in hexadecimal', async (t) => {
  const server = await echo(t);
  const run = await piped(t, ['connect', '--binary', 'hex', '--count', '1', server.url])
    .end('00 ff\n').ends(0);
  assert.strictEqual(run.stdout, '00ff\n');
  const bad = await piped(t, ['connect', '--binary', 'hex', '--wait', '0.1', server.url])
    .end('0x\n').ends(1);
  assert.match(bad.stderr, /not sent: "x" is no hexadecimal digit/);
});

test('connect: JSON, times and pings on request', async (t) => {
  const server = await echo(t);
  const run = piped(t, ['connect', '--json', '--timestamps', '--ping', '0.05', server.url])
    .type('{"a":[1]}\n');
  await run.says(/^\d\d:\d\d:\d\d\.\d{3} \{\n {2}"a": \[\n {4}1\n {2}\]\n\}\n/m);
  await run.says(/pong after [\d.]+ ms/);
  await run.end().ends(0);
});

test('connect: the codes of a close, and their meaning', async (t) => {
  const server = await echo(t);
  const own = await piped(t, ['connect', server.url]).type('close me\n').ends(1);
  assert.match(own.stderr, /closed: 4002 as you wish \(a code of the application's own\)/);
  const lost = await piped(t, ['connect', server.url]).type('lose me\n').ends(1);
  assert.match(lost.stderr, /closed: 1006 \(lost: .*\)/);
});

test('connect: why there is no connection', async (t) => {
  const nobody = await rawUpstream(t);
  nobody.close();
  const refused = await piped(t, ['connect', `ws://127.0.0.1:${nobody.port}/`]).end().ends(1);
  assert.match(refused.stderr, /cannot connect to .*: connection refused/);
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080)
    app:route("/", ratchet.server.EchoServer())
    app:run()`);
  const forbidden = await piped(t, ['connect', server.url('ws', 'localhost')]).end().ends(1);
  assert.match(forbidden.stderr, /the server answered 403 Forbidden\nForbidden\nno Origin was sent/);
  await piped(t, ['connect', '--origin', 'http://localhost', '--wait', '0.1',
    server.url('ws', 'localhost')]).end().ends(0);
});

test('connect: nobody reads its output any more', async (t) => {
  const server = await echo(t);
  const result = new Run(t, 'sh', ['-c',
    `seq 1 20000 | "${binary}" connect ${server.url} | head -1`], {});
  await result.ends(0);
  assert.strictEqual(result.stdout, '1\n');
});

test('connect: a person talks', async (t) => {
  const server = await echo(t);
  const run = typed(t, ['connect', server.url]);
  await run.says(/connected/);
  run.type('helo\x1b[Dl\r');
  await run.says(/\d\d:\d\d:\d\d\.\d{3} > hello\r\n/);
  await run.says(/\d\d:\d\d:\d\d\.\d{3} < hello\r\n/);
  run.type('{"a":1}\r');
  await run.says(/< \{\r\n {2}"a": 1\r\n\}/);
  run.type('/ping there\r');
  await run.says(/pong there after [\d.]+ ms/);
  run.type('/binary 00ff\r');
  await run.says(/< 2 bytes 00ff/);
  run.type('//slash\r');
  await run.says(/< \/slash/);
  run.type('/nope\r');
  await run.says(/there is no \/nope/);
  run.type('\x1b[A\x1b[A\r');
  await run.says(/< \/slash[^]*< \/slash/);
  server.sockets[0].send('\x1b[31mred');
  await run.says(/< \\x1b\[31mred/);
  run.type('/close 4000 bye\r');
  await run.says(/closed: 4000 bye/);
  await run.ends(0);
});

test('connect: a person leaves by Ctrl+D and by Ctrl+C, and the terminal is as it was', async (t) => {
  const server = await echo(t);
  for (const key of ['\x04', '\x03']) {
    const run = new Run(t, 'python3', [path.join(__dirname, 'support', 'terminal.py'), '80', 'sh', '-c',
      `"${binary}" connect ${server.url}; echo "status $?"; stty -a`], {});
    await run.says(/connected[^]*> /);
    run.type(key);
    await run.says(/closed: 1000/);
    await run.says(/status 0/);
    await run.says(/ icanon/);
    await run.says(/ echo /);
    await run.ends(0);
  }
});

test('connect: SIGTERM says goodbye', async (t) => {
  const server = await echo(t);
  const run = piped(t, ['connect', server.url]);
  await run.says(/connected/);
  run.child.kill('SIGTERM');
  await run.says(/closed: 1000/);
  await run.ends(0);
});

// ---- bench

test('bench: figures of an echo, as text and as JSON', async (t) => {
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080)
    app:route("/", ratchet.server.EchoServer(), { "*" })
    app:run()`);
  const short = ['bench', '--connections', '5', '--duration', '1.2', '--warmup', '0.1'];
  const text = await piped(t, [...short, server.url('ws')]).end().ends(0);
  assert.match(text.stdout, /5 connections, 20 bytes/);
  assert.match(text.stdout, /messages in 1\.\d+ s: [\d,]+ a second/);
  assert.match(text.stdout, /min .* p50 .* p75 .* p90 .* p99 .* p99\.9 .* max /);
  assert.match(text.stdout, /up to .*#/);
  assert.match(text.stderr, /1 s {2}[\d,]+ messages a second, 5 connections/);
  const json = await piped(t, [...short, '--quiet', '--format', 'json', '--rate', '500',
    '--binary', '--size', '1000', server.url('ws')]).end().ends(0);
  assert.strictEqual(json.stderr, '');
  const said = JSON.parse(json.stdout);
  assert.ok(said.rate > 350 && said.rate < 650, `${said.rate} a second; 500 were wanted`);
  assert.strictEqual(said.size, 1000);
  const { min, p50, p99, max } = said.latency;
  assert.ok(min > 0 && min <= p50 && p50 <= p99 && p99 <= max, json.stdout);
  const counted = said.histogram.reduce((sum, row) => sum + row.count, 0);
  assert.ok(Math.abs(counted - said.messages) <= 5, json.stdout);
});

// Alone: their peer lives in this process, which other tests hold up.
test('bench: a person sees how far it is', { alone: true }, async (t) => {
  const server = await echo(t);
  const run = typed(t, ['bench', '--connections', '2', '--duration', '1.5', server.url]);
  await run.says(/\r\x1b\[K {2}1 s {2}[\d,]+ messages a second, 2 connections/);
  await run.ends(0);
});

test('bench: no connection, and lost ones, are exit status 1', { alone: true }, async (t) => {
  const nobody = await rawUpstream(t);
  nobody.close();
  const none = await piped(t, ['bench', `ws://127.0.0.1:${nobody.port}/`]).end().ends(1);
  assert.match(none.stderr, /connection refused/);
  const server = await echo(t);
  const run = piped(t, ['bench', '--connections', '2', '--duration', '2', '--quiet', server.url]);
  setTimeout(() => server.sockets[0].terminate(), 1300);
  await run.ends(1);
  assert.match(run.stdout, /1 connections failed: closed with 1006/);
});

// ---- doctor

test('doctor: this machine, an app, and an address', async (t) => {
  const here = piped(t, ['doctor', '--format', 'json']).end();
  await here.signal.until(() => (here.ended === undefined ? undefined : [here.ended]), 'its end');
  const found = JSON.parse(here.stdout).findings;
  assert.match(found[0].what, /ratchet-lua \d.*LuaJIT.*libuv/);
  for (const finding of found) assert.ok(finding.level === 'ok' || finding.cure, finding.what);
  const app = piped(t, ['doctor', path.join(root, 'apps', 'chat', 'app.lua')]).end();
  await app.says(/8080 is for this machine only/);
  const server = await echo(t);
  const good = piped(t, ['doctor', '--silence', '0.2', server.url]).end();
  await good.says(/a connection that sends nothing is there after/);
});

test('doctor: a proxy that ends silent connections', async (t) => {
  const server = await rawUpstream(t);
  const run = piped(t, ['doctor', '--silence', '20', `ws://127.0.0.1:${server.port}/`]).end();
  const peer = await server.next();
  await peer.accept();
  setTimeout(() => peer.socket.destroy(), 300);
  await run.ends(1);
  assert.match(run.stdout, /the connection ended after \d\.\d s in which it sent nothing: 1006/);
  assert.match(run.stdout, /-> .*proxy_read_timeout in nginx/);
});

test('doctor, connect: TLS, and for how long the certificate is good', async (t) => {
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080)
    app:route("/", ratchet.server.EchoServer(), { "*" })
    app:run()`, { args: ['--dev-tls'], mayAlarm: /sent alert 48/ });
  const url = server.url('wss', 'localhost');
  const run = piped(t, ['doctor', '--insecure', '--silence', '0.2', url]).end();
  await run.says(/ok {6}localhost:\d+: the certificate ends on \d{4}-\d\d-\d\d, in \d+ days/);
  const echoed = await piped(t, ['connect', '--insecure', '--count', '1', url]).end('hi\n').ends(0);
  assert.strictEqual(echoed.stdout, 'hi\n');
  const refused = await piped(t, ['connect', url]).end().ends(1);
  assert.match(refused.stderr, /the server's certificate is not accepted/);
  await server.logged(/the TLS handshake failed: .*; RFC 8446 6\.2: /);
});

// ---- man page, completion, installation

// The options that a command's --help tells of.
function optionsOf(name) {
  const { stdout } = spawnSync(binary, [...(name ? [name] : []), '--help'],
    { encoding: 'utf8', env: environment() });
  return [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map((match) => match[1]);
}

test('the man page has every command and every option', () => {
  const page = fs.readFileSync(path.join(root, '.package', 'ratchet-lua.1.in'), 'utf8')
    .replace(/\\-/g, '-');
  for (const name of ['', 'bench', 'check', 'connect', 'doctor', 'drain', 'new', 'reload', 'rollback']) {
    const options = optionsOf(name);
    assert.ok(options.length > 1, `${name} --help`);
    for (const option of options) {
      assert.match(page, new RegExp(`^\\.BI? ${option}\\b`, 'm'), `${name} ${option}`);
    }
    if (name) assert.match(page, new RegExp(`^\\.SS (.*, )?${name}\\b`, 'm'));
  }
});

test('completion knows commands, options and their values', async (t) => {
  const file = path.join(root, '.package', 'ratchet-lua.bash');
  const complete = (...words) => {
    const script = `. "${file}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ratchet_lua; ` +
      'printf "%s\\n" "${COMPREPLY[@]}"';
    const result = spawnSync('bash', ['-c', script, 'bash', binary, ...words],
      { encoding: 'utf8', env: environment(), cwd: path.join(root, 'apps', 'chat') });
    assert.strictEqual(result.stderr, '');
    return result.stdout.trim().split('\n');
  };
  assert.deepStrictEqual(complete('c'), ['check', 'connect']);
  assert.deepStrictEqual(complete('app'), ['app.lua']);
  assert.deepStrictEqual(complete('check', 'app'), ['app.lua']);
  assert.deepStrictEqual(complete('new', '--template', 'r'), ['rooms']);
  assert.deepStrictEqual(complete('--log-level', 'd'), ['debug']);
  for (const name of ['bench', 'check', 'connect', 'doctor', 'drain', 'new', 'reload', 'rollback']) {
    assert.deepStrictEqual(complete(name, '--').sort(), optionsOf(name).sort());
  }
  assert.deepStrictEqual(complete('--').sort(), optionsOf('').sort());
  const names = fs.readFileSync(path.join(root, '.package', '_ratchet-lua'), 'utf8');
  for (const name of COMMANDS) assert.match(names, new RegExp(`'${name}:`));
});

test('cmake --install puts everything in its place, and it runs there', { ms: 60000 }, async (t) => {
  const build = path.dirname(binary);
  const prefix = t.temporary('prefix');
  const result = spawnSync('cmake', ['--install', build, '--prefix', prefix], { encoding: 'utf8' });
  assert.strictEqual(result.status, 0, result.stderr);
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' })
    .stdout.match(/\d+\.\d+\.\d+/)[0];
  for (const file of ['bin/ratchet-lua', 'share/lua/5.1/ratchet/init.lua',
    'share/lua/5.1/ratchet/meta/core.lua', 'share/lua/5.1/ratchet/command/templates/chat/app.lua',
    'share/man/man1/ratchet-lua.1', 'share/bash-completion/completions/ratchet-lua',
    'share/zsh/site-functions/_ratchet-lua', 'lib/systemd/system/ratchet-lua@.service']) {
    assert.ok(fs.existsSync(path.join(prefix, file)), file);
  }
  const page = fs.readFileSync(path.join(prefix, 'share/man/man1/ratchet-lua.1'), 'utf8');
  assert.ok(page.includes(`"ratchet-lua ${version}"`));
  const cwd = path.dirname(t.write('beside', ''));
  const installed = path.join(prefix, 'bin', 'ratchet-lua');
  const run = (args, where) => spawnSync(installed, args, { encoding: 'utf8', cwd: where });
  assert.strictEqual(run(['new', 'there'], cwd).status, 0);
  const check = run(['check', 'app.lua'], path.join(cwd, 'there'));
  assert.strictEqual(check.status, 0, check.stdout + check.stderr);
  const settings = JSON.parse(fs.readFileSync(path.join(cwd, 'there', '.luarc.json'), 'utf8'));
  assert.ok(settings['workspace.library'][0].startsWith(fs.realpathSync(prefix)));
});

test('the package has a maintainer that can be set', () => {
  const read = (name) => fs.readFileSync(path.join(path.dirname(binary), name), 'utf8');
  const [, maintainer] = read('CMakeCache.txt').match(/^MAINTAINER:STRING=(.+ <.+@.+>)$/m);
  assert.ok(read('CPackConfig.cmake').includes(`set(CPACK_PACKAGE_CONTACT "${maintainer}")`));
});
