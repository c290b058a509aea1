// TLS: every version and cipher, certificates good and bad, names, tickets, client
// certificates, reloads; openssl, curl, node and Python as the clients.
'use strict';

const assert = require('assert');
const fs = require('fs');
const https = require('https');
const net = require('net');
const path = require('path');
const tls = require('tls');
const { promisify } = require('util');
const { spawn, execFile, execFileSync } = require('child_process');
const WebSocket = require('ws');
const { test } = require('./support/runner');
const { apps, binary } = require('./support/paths');
const { launch } = require('./support/browser');
const { python } = require('./support/python');
const { pathOf } = require('./support/certificates');
const frames = require('./support/frames');
const { handshakeBytes } = require('./support/raw');
const { deadline, poll, sleep, slow } = require('./support/wait');

const HAS_1_3 = /mbed TLS 3/i.test(execFileSync(binary, ['--version'], { encoding: 'utf8' }));

// Answers with what is known of the client's TLS, and echoes.
const app = (tlsOptions, more = '') => `
local function seen(request)
  local t = request.tls or {}
  return table.concat({ tostring(request.secure), tostring(t.version), tostring(t.cipher),
    tostring(t.serverName), tostring(t.client) }, "|")
end
local C = {}
function C:onOpen(conn, request) note("open", conn.secure, seen(request)) end
function C:onMessage(conn, message, is_binary) conn:send(message, is_binary) end
function C:onClose(_, code) note("close", code) end
local app = ratchet.App{ tls = ${tlsOptions}, ${more} }
app:route("/", C, { "*" }, "")
app:get("/seen", seen, "")
app:run()
`;

const pair = (name, more = '') =>
  `{ cert = "${pathOf(`${name}.pem`)}", key = "${pathOf(`${name}.key`)}", ${more} }`;

// An alert in the log is an event here, and no alarm.
const EXPECTED = { mayAlarm: /alert \d+/ };

// ---- clients

// openssl s_client: { output, status }; `input` is what it sends, then it ends.
async function sClient(server, args, input = '') {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${server.port}`,
    '-CAfile', pathOf('authority.pem'), ...args]);
  let output = '';
  const read = (bytes) => { output += bytes.toString('latin1'); };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise((resolve) => { child.on('close', resolve); });
  const status = await deadline(ended, 10000 * slow, 'openssl s_client');
  return { output, status };
}

async function agreed(server, args) {
  const { output } = await sClient(server, args);
  const found = output.match(/^New, (\S+), Cipher is (\S+)$/m);
  return found && found[2] !== '(NONE)' ? { version: found[1], cipher: found[2], output } : null;
}

async function curl(...args) {
  const child = spawn('curl', ['-s', '-S', '--max-time', '10', ...args]);
  let output = '';
  child.stdout.on('data', (bytes) => { output += bytes; });
  child.stderr.on('data', (bytes) => { output += bytes; });
  await deadline(new Promise((resolve) => { child.on('close', resolve); }), 15000 * slow, 'curl');
  return output;
}

const TRUST = () => ({ ca: fs.readFileSync(pathOf('authority.pem')), servername: 'localhost' });

function seen(server, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port: server.port, host: '127.0.0.1', ...TRUST(), ...options });
    let output = '';
    socket.on('data', (bytes) => { output += bytes; });
    socket.on('error', reject);
    socket.on('end', () => resolve({ body: output.split('\r\n\r\n')[1], socket }));
    socket.write('GET /seen HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  });
}

// The names in the certificate that a client is shown.
function shown(server, servername, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port: server.port, host: '127.0.0.1', servername,
      rejectUnauthorized: false, ...options }, () => {
      const { subject, subjectaltname } = socket.getPeerCertificate();
      socket.end();
      resolve(`${subject.CN} ${subjectaltname}`);
    });
    socket.on('error', reject);
  });
}

async function echoes(t, server, options = {}) {
  const socket = new WebSocket(`wss://localhost:${server.port}/`,
    { ca: fs.readFileSync(pathOf('authority.pem')), rejectUnauthorized: true, ...options });
  t.atEnd(() => socket.terminate());
  const opened = new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  await deadline(opened, 10000 * slow, 'the handshake');
  socket.echo = (message) => deadline(new Promise((resolve) => {
    socket.once('message', (data) => resolve(data.toString()));
    socket.send(message);
  }), 10000 * slow, 'an echo');
  assert.strictEqual(await socket.echo('grüße'), 'grüße');
  return socket;
}

// ---- versions and ciphers

const SUITES = {
  ECDSA: ['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384'],
  RSA: ['ECDHE-RSA-CHACHA20-POLY1305', 'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384'],
};
const REFUSED = ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-RSA-AES128-SHA', 'AES128-GCM-SHA256',
  'DHE-RSA-AES128-GCM-SHA256', 'AES128-SHA', 'ECDHE-ECDSA-AES128-CCM'];

test('each cipher of TLS 1.2 on offer, and no other', { ms: 60000 }, async (t) => {
  const server = await t.server(app(pair('local', `sni = { ${pair('local-rsa')} }`)), EXPECTED);
  for (const suite of [...SUITES.ECDSA, ...SUITES.RSA]) {
    const found = await agreed(server, ['-tls1_2', '-cipher', suite, '-servername', 'localhost']);
    assert.ok(found && found.cipher === suite, `${suite} was not agreed on`);
    assert.match(found.output, /Verify return code: 0/);
    assert.match(found.output, /Secure Renegotiation IS supported/);
  }
  for (const suite of REFUSED) {
    const found = await agreed(server, ['-tls1_2', '-cipher', `${suite}:@SECLEVEL=0`]);
    assert.strictEqual(found, null, `${suite} was agreed on`);
  }
});

test('none of all other ciphers that openssl has', { ms: 60000 }, async (t) => {
  const server = await t.server(app(pair('local', `sni = { ${pair('local-rsa')} }`)), EXPECTED);
  const all = execFileSync('openssl', ['ciphers', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'],
    { encoding: 'utf8' }).trim().split(':');
  const wanted = [...SUITES.ECDSA, ...SUITES.RSA];
  const others = all.filter((name) => !wanted.includes(name) && !name.startsWith('TLS_'));
  assert.ok(others.length > 50);
  const refuse = async (suite) => {
    const found = await agreed(server, ['-no_tls1_3', '-cipher', `${suite}:@SECLEVEL=0`,
      '-servername', 'localhost']);
    assert.strictEqual(found, null, `${suite} was agreed on`);
  };
  for (let i = 0; i < others.length; i += 8) {
    await Promise.all(others.slice(i, i + 8).map(refuse));
  }
});

test('the server chooses: the cheapest first', async (t) => {
  const server = await t.server(app(pair('local')), EXPECTED);
  const found = await agreed(server, ['-tls1_2', '-cipher', [...SUITES.ECDSA].reverse().join(':')]);
  assert.strictEqual(found.cipher, SUITES.ECDSA[0]);
});

test('TLS 1.0 and 1.1 are refused, 1.3 is there where mbedTLS has it', async (t) => {
  const server = await t.server(app(pair('local')), EXPECTED);
  for (const version of ['-tls1', '-tls1_1']) {
    assert.strictEqual(await agreed(server, [version, '-cipher', 'ALL:@SECLEVEL=0']), null);
  }
  const found = await agreed(server, ['-tls1_3']);
  assert.strictEqual(found !== null, HAS_1_3);
  for (const suite of HAS_1_3 ? ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256'] : []) {
    assert.strictEqual((await agreed(server, ['-tls1_3', '-ciphersuites', suite])).cipher, suite);
  }
  assert.ok(await agreed(server, ['-tls1_2']));
  await server.logged(/127\.0\.0\.1: the TLS handshake failed: .*sent alert 70, protocol_version/);
});

test('the profile "modern" is TLS 1.3 alone', async (t) => {
  for (const option of ['profile = "modern"', 'minVersion = "1.3"']) {
    const server = await started(t, app(pair('local', option)));
    if (HAS_1_3) {
      assert.ok(await agreed(server, ['-tls1_3']));
      assert.strictEqual(await agreed(server, ['-tls1_2']), null);
    } else {
      assert.match(server, /no TLS on .*TLS 1\.3 alone is asked for, and mbed TLS 2/);
    }
  }
});

test('ALPN: http/1.1', async (t) => {
  const server = await t.server(app(pair('local')), EXPECTED);
  const { output } = await sClient(server, ['-alpn', 'h2,http/1.1']);
  assert.match(output, /ALPN protocol: http\/1\.1/);
  const none = await sClient(server, ['-alpn', 'h2']);
  assert.match(none.output, /alert no application protocol|alert number 120/);
});

test('renegotiation is refused, and the connection goes on', async (t) => {
  const server = await t.server(app(pair('local')), EXPECTED);
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${server.port}`, '-tls1_2']);
  t.atEnd(() => child.kill());
  let output = '';
  child.stdout.on('data', (bytes) => { output += bytes; });
  child.stderr.on('data', (bytes) => { output += bytes; });
  child.stdin.on('error', () => {});
  await poll(() => /Verify return code/.test(output), () => output);
  child.stdin.write('R\n');
  await poll(() => /RENEGOTIATING/.test(output), () => output);
  await poll(() => /no renegotiation|no_renegotiation/.test(output), () => output);
});

// ---- what a client sees

test('curl, node ws and Python websockets, with the chain verified', async (t) => {
  const server = await t.server(app(pair('local')));
  assert.match(server.stdout, /https:\/\/localhost:\d+\/seen\n/);
  assert.match(server.stdout, /wss:\/\/localhost:\d+\/\n/);
  const page = await curl('--cacert', pathOf('authority.pem'), `https://localhost:${server.port}/seen`);
  assert.match(page, /^true\|TLSv1\.[23]\|TLS_\w+_SHA\d+\|localhost\|nil$/);
  const socket = await echoes(t, server);
  await server.note('open', true);
  const large = 'm'.repeat(1 << 20);
  assert.strictEqual(await socket.echo(large), large);
  socket.close(1000);
  await server.note('close', 1000);
  const { stdout } = await promisify(execFile)(await python(), [
    path.join(__dirname, 'support', 'client.py'), 'order',
    `wss://localhost:${server.port}/`, pathOf('authority.pem')]);
  assert.deepStrictEqual(JSON.parse(stdout).result, true);
});

test('bytes cut anywhere: a handshake and frames, byte by byte', { ms: 60000 }, async (t) => {
  const server = await t.server(app(pair('local')));
  const chopper = net.createServer((from) => {
    const to = net.connect(server.port, '127.0.0.1');
    to.setNoDelay(true);
    from.on('data', (bytes) => { for (const byte of bytes) to.write(Buffer.from([byte])); });
    from.on('end', () => to.end());
    to.pipe(from);
    for (const socket of [from, to]) socket.on('error', () => {});
    t.atEnd(() => { from.destroy(); to.destroy(); });
  });
  t.atEnd(() => chopper.close());
  await new Promise((resolve) => { chopper.listen(0, '127.0.0.1', resolve); });
  const socket = await echoes(t, { port: chopper.address().port });
  const message = 'x'.repeat(3000);
  assert.strictEqual(await socket.echo(message), message);
});

test('a slow reader gets it all', async (t) => {
  const server = await t.server(`
local C = {}
function C:onOpen(conn) for i = 1, 60 do conn:send(("%06d"):format(i) .. ("x"):rep(100000)) end end
local app = ratchet.App{ tls = ${pair('local')}, maxBufferedAmount = 10000000 }
app:route("/", C, { "*" }, "")
app:run()
`);
  const client = await t.raw(server, TRUST());
  await client.send(handshakeBytes('/'));
  client.socket.pause();
  await sleep(300);
  client.socket.resume();
  await client.answer();
  for (let i = 1; i <= 60; i++) {
    const frame = await client.nextFrame(10000 * slow);
    assert.strictEqual(frame.payload.length, 100006);
    assert.strictEqual(frame.payload.subarray(0, 6).toString(), String(i).padStart(6, '0'));
  }
});

// ---- names

test('SNI: wildcards, several certificates, the first for everybody else', async (t) => {
  const server = await t.server(app(
    pair('local', `sni = { ${pair('wild')}, ${pair('other')}, ${pair('local-rsa')} }`)));
  assert.match(await shown(server, 'a.example.org'), /^wild /);
  assert.match(await shown(server, 'A.EXAMPLE.org'), /^wild /);
  assert.match(await shown(server, 'other.example.net'), /^other /);
  assert.match(await shown(server, 'a.b.example.org'), /^local /);
  assert.match(await shown(server, 'example.org'), /^local /);
  assert.match(await shown(server, 'localhost'), /^local /);
  assert.match(await shown(server, ''), /^local /);
  const rsa = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' };
  assert.match(await shown(server, 'localhost', rsa), /^local-rsa /);
  assert.match((await seen(server)).body, /\|localhost\|nil$/);
});

// ---- tickets

test('a session is taken up again by its ticket', async (t) => {
  const server = await t.server(app(pair('local')));
  for (const version of HAS_1_3 ? ['-tls1_2', '-tls1_3'] : ['-tls1_2']) {
    const session = t.temporary('session.pem');
    const request = 'GET /seen HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const args = [version, '-servername', 'localhost', '-ign_eof'];
    const first = await sClient(server, [...args, '-sess_out', session], request);
    assert.match(first.output, /^New, /m);
    const second = await sClient(server, [...args, '-sess_in', session], request);
    assert.match(second.output, /^Reused, TLSv1\.\d, Cipher is \S+$/m);
    server.kill('SIGHUP'); // new keys
    await server.logged(/loaded anew/);
    const third = await sClient(server, [...args, '-sess_in', session], request);
    assert.match(third.output, /^New, /m);
    server.stderr = '';
  }
});

// ---- client certificates

const shows = (name) => ({ cert: fs.readFileSync(pathOf(`${name}.pem`)),
  key: fs.readFileSync(pathOf(`${name}.key`)) });

test('client certificates: asked for', async (t) => {
  const server = await t.server(
    app(pair('local', `clientCa = "${pathOf('authority.pem')}"`)), EXPECTED);
  assert.match((await seen(server)).body, /\|nil$/);
  assert.match((await seen(server, shows('ada'))).body, /\|O=Example, CN=ada$/);
  await assert.rejects(seen(server, shows('eve')));
  await server.logged(/the client's certificate is not accepted: .*not correctly signed/);
  await assert.rejects(seen(server, shows('local'))); // a server's
});

test('client certificates: required', async (t) => {
  const server = await t.server(app(pair('local',
    `clientCa = "${pathOf('authority.pem')}", requireClientCert = true`)), EXPECTED);
  assert.match((await seen(server, shows('ada'))).body, /CN=ada$/);
  await assert.rejects(seen(server));
  await assert.rejects(seen(server, shows('eve')));
  await assert.rejects(seen(server, shows('local')));
  const socket = await echoes(t, server, shows('ada'));
  assert.match((await server.note('open'))[2], /CN=ada$/);
  socket.terminate();
});

// ---- files

// The running server, or what it said when it did not start.
async function started(t, text, options = {}) {
  try {
    return await t.server(text, { ...EXPECTED, ...options });
  } catch (error) {
    const server = t.servers.pop();
    return server.stderr;
  }
}

test('a key with a passphrase', async (t) => {
  const locked = (more) =>
    app(`{ cert = "${pathOf('local.pem')}", key = "${pathOf('locked.key')}", ${more} }`);
  const server = await t.server(locked('passphrase = "opensesame"'));
  assert.match(await shown(server, 'localhost'), /^local /);
  assert.match(await started(t, locked('')),
    /locked\.key: the key is encrypted: a passphrase is missing/);
  assert.match(await started(t, locked('passphrase = "sesame"')),
    /locked\.key: the passphrase is wrong/);
});

test('what cannot be loaded is named, with its cause', async (t) => {
  const rows = [
    [`{ cert = "/nowhere.pem" }`, /\/nowhere\.pem: No such file or directory/],
    [`{ cert = "${pathOf('local.key')}" }`, /local\.key: there is no certificate in PEM in it/],
    [`{ cert = "${pathOf('local.pem')}" }`, /local\.pem: there is no private key in PEM in it/],
    [`{ cert = "${pathOf('broken.pem')}" }`, /broken\.pem: /],
    [`{ cert = "${pathOf('half-broken.pem')}" }`,
      /half-broken\.pem: 1 of its certificates cannot be read/],
    [`{ cert = "${pathOf('local.pem')}", key = "${pathOf('wild.key')}" }`,
      /wild\.key: it is not the key of the certificate .*local\.pem/],
    [pair('local', 'clientCa = "/nowhere.pem"'), /\/nowhere\.pem: No such file/],
    [pair('local', 'sni = { { cert = "/not-here.pem" } }'), /\/not-here\.pem: No such file/],
    [`{ cert = "/" }`, /\/: Is a directory/],
    [`{ key = "x" }`, /ratchet\.App: tls: option "cert" is missing/],
    [pair('local', 'ciphers = "x"'), /ratchet\.App: tls: unknown option "ciphers"/],
    [pair('local', 'requireClientCert = true'), /"requireClientCert" needs "clientCa"/],
    [pair('local', 'sni = { "a" }'), /sni\[1\] must be a table with cert and key/],
  ];
  for (const [options, expected] of rows) {
    const text = await started(t, app(options));
    assert.match(String(text), expected);
  }
});

function put(t, name) {
  for (const kind of ['pem', 'key']) {
    fs.copyFileSync(pathOf(`${name}.${kind}`), t.temporary(`mine.${kind}`));
  }
}

test('SIGHUP: new handshakes get the new certificate, nobody is dropped', async (t) => {
  t.write('mine.pem', '');
  put(t, 'local');
  const server = await t.server(
    app(`{ cert = "${t.temporary('mine.pem')}", key = "${t.temporary('mine.key')}" }`));
  const before = await echoes(t, server);
  put(t, 'renewed');
  server.kill('SIGHUP');
  await server.logged(/mine\.pem is loaded anew/);
  assert.match(await shown(server, 'localhost'), /^renewed /);
  assert.strictEqual(await before.echo('still here'), 'still here');
  fs.writeFileSync(t.temporary('mine.pem'), 'nonsense');
  server.kill('SIGHUP');
  await server.logged(/error .*mine\.pem: there is no certificate.*; the certificates of before stay/);
  assert.match(await shown(server, 'localhost'), /^renewed /);
  assert.strictEqual(await before.echo('still here'), 'still here');
});

test('certificates are swapped under handshakes: none of them fails', async (t) => {
  t.write('mine.pem', '');
  put(t, 'local');
  const server = await t.server(
    app(`{ cert = "${t.temporary('mine.pem')}", key = "${t.temporary('mine.key')}" }`));
  let isOver = false;
  let count = 0;
  const dial = async () => {
    while (!isOver) {
      assert.match(await shown(server, 'localhost'), /^(local|renewed) /);
      count++;
    }
  };
  const dialing = [dial(), dial(), dial()];
  for (let i = 1; i <= 10; i++) {
    const name = i % 2 ? 'renewed' : 'local';
    const before = count;
    put(t, name);
    server.kill('SIGHUP');
    await poll(() => (server.stderr.match(/loaded anew/g) || []).length >= i, 'no reload');
    assert.match(await shown(server, 'localhost'), new RegExp(`^${name} `));
    await poll(() => count > before + 5, () => `${count} handshakes`);
  }
  isOver = true;
  await Promise.all(dialing);
});

test('a certificate that has expired is a warning', async (t) => {
  const server = await t.server(app(pair('expired')));
  await server.logged(/warn .*expired\.pem: the certificate has expired/);
});

// RFC 6125 6.4.4: the common name counts where there are no others.
test('SNI: the common name of a certificate without names', async (t) => {
  const server = await t.server(app(pair('local', `sni = { ${pair('nameless')} }`)));
  assert.match(await shown(server, 'a.example.com'), /^\*\.example\.com /);
  assert.match(await shown(server, 'a.example.org'), /^local /);
});

test('a key that everybody may read is a warning', async (t) => {
  t.write('mine.pem', '');
  put(t, 'local');
  fs.chmodSync(t.temporary('mine.key'), 0o644);
  const server = await t.server(
    app(`{ cert = "${t.temporary('mine.pem')}", key = "${t.temporary('mine.key')}" }`));
  await server.logged(/warn .*mine\.key: everybody on this machine may read the key/);
});

test('frames and records need not agree', async (t) => {
  const server = await t.server(app(pair('local')));
  const client = await t.raw(server, TRUST());
  await client.send(handshakeBytes('/'));
  await client.answer();
  const one = frames.text('one');
  const long = frames.text('x'.repeat(300));
  await client.send(one, one, long.subarray(0, 1));
  await client.expectText('one');
  await client.expectText('one');
  for (const at of [1, 2, 3, 5, 9]) await client.send(long.subarray(at, { 1: 2, 2: 3, 3: 5, 5: 9 }[at]));
  await client.expectText('x'.repeat(300));
});

test('files that change are loaded by themselves', async (t) => {
  t.write('mine.pem', '');
  put(t, 'local');
  const server = await t.server(
    app(`{ cert = "${t.temporary('mine.pem')}", key = "${t.temporary('mine.key')}" }`));
  const before = await echoes(t, server);
  put(t, 'renewed');
  await poll(() => /loaded anew/.test(server.stderr), 'no reload', 10000 * slow);
  assert.match(await shown(server, 'localhost'), /^renewed /);
  assert.strictEqual(await before.echo('still here'), 'still here');
});

// ---- who does not speak TLS

test('plain HTTP gets a 400 that says so', async (t) => {
  const server = await t.server(app(pair('local')));
  const client = await t.raw(server);
  await client.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n');
  await client.send('x'.repeat(5));
  await poll(() => /use https:\/\/ or wss:\/\//.test(client.gather().toString()),
    () => client.describe());
  assert.match(client.gather().toString(), /^HTTP\/1\.1 400 Bad Request\r\n/);
  await client.expectGone();
  await server.logged(/127\.0\.0\.1: 400: plain HTTP on a port that speaks TLS/);
});

test('a handshake that stalls is ended by headerTimeout', async (t) => {
  const server = await t.server(app(pair('local'), 'headerTimeout = 1'));
  const silent = await t.raw(server);
  const begun = await t.raw(server);
  await begun.send(Buffer.from([22, 3, 1, 2, 0, 1, 0]));
  const start = Date.now();
  await begun.expectGone(4000 * slow);
  await silent.expectGone(4000 * slow);
  assert.ok(Date.now() - start > 500, `after ${Date.now() - start} ms`);
  await server.logged(/closed: the TLS handshake took too long/);
  await echoes(t, server);
});

test('nonsense gets an alert and a line in the log, a flood of it ten a second',
  async (t) => {
    const server = await t.server(app(pair('local')), EXPECTED);
    const clients = [];
    for (let i = 0; i < 40; i++) {
      const client = await t.raw(server);
      clients.push(client);
      await client.send(Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]));
    }
    for (const client of clients) await client.expectGone();
    assert.strictEqual(clients[0].gather()[0], 21);
    const lines = server.stderr.match(/the TLS handshake failed/g);
    assert.ok(lines.length >= 10 && lines.length <= 30, `${lines.length} lines`);
    await echoes(t, server);
  });

test('garbage after the handshake ends that connection alone', async (t) => {
  const server = await t.server(app(pair('local')), EXPECTED);
  const good = await echoes(t, server);
  const socket = net.connect(server.port, '127.0.0.1');
  t.atEnd(() => socket.destroy());
  const secure = tls.connect({ socket, ...TRUST() });
  secure.on('error', () => {});
  await new Promise((resolve) => { secure.on('secureConnect', resolve); });
  secure.write(handshakeBytes('/'));
  await server.noted(['open'], 2);
  socket.write(Buffer.from([23, 3, 3, 0, 32, ...Buffer.alloc(32, 7)]));
  await server.note('close', 1006);
  assert.strictEqual(await good.echo('fine'), 'fine');
});

// ---- other listeners

test('raw TCP over TLS: open when TLS is, and how it ends', async (t) => {
  const server = await t.server(`
local C = {}
function C:onOpen(conn) note("open", conn.secure); conn:send("hello\\n") end
function C:onMessage(conn, message) conn:send(message:upper()) end
function C:onClose(_, code) note("close", code) end
ratchet.server.IoServer.factory(C, 8080, "127.0.0.1", { tls = ${pair('local')} }):run()
`);
  assert.match(server.stdout, /tls:\/\/localhost:\d+\n/);
  const silent = await t.raw(server);
  const client = await t.raw(server, TRUST());
  await client.send('abc');
  await poll(() => client.gather().toString() === 'hello\nABC', () => client.describe());
  assert.strictEqual(server.notesLike('open').length, 1);
  client.half(); // with close_notify
  await server.note('close', 1000);
  silent.destroy();
  const socket = net.connect(server.port, '127.0.0.1');
  const cut = tls.connect({ socket, ...TRUST() });
  cut.on('error', () => {});
  await server.noted(['open'], 2);
  socket.end(); // FIN, without
  await server.note('close', 1006);
});

test('plain and TLS side by side, and a unix socket', async (t) => {
  const server = await t.server(`
local app = ratchet.App("", 8080)
app:get("/", function(request) return tostring(request.secure) end)
app:listen{ port = 0, tls = ${pair('local')} }
app:listen{ unix = "${t.temporary('tls.sock')}", tls = ${pair('local')} }
app:run()
`);
  assert.strictEqual(await curl(server.url('http')), 'false');
  const secure = server.url('https', 'localhost');
  assert.strictEqual(await curl('--cacert', pathOf('authority.pem'), secure), 'true');
  assert.strictEqual(await curl('--cacert', pathOf('authority.pem'), '--unix-socket',
    t.temporary('tls.sock'), 'https://localhost/'), 'true');
});

test('a PROXY header comes before TLS', async (t) => {
  const server = await t.server(app(pair('local'), 'proxyProtocol = true'), EXPECTED);
  const hello = await helloOf();
  for (const cuts of [[], [20], [60]]) {
    const socket = net.connect(server.port, '127.0.0.1');
    t.atEnd(() => socket.destroy());
    const all = Buffer.concat([Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.9 1 2\r\n'), hello]);
    let from = 0;
    for (const to of [...cuts, all.length]) {
      socket.write(all.subarray(from, to));
      from = to;
      await sleep(20);
    }
    const answer = await new Promise((resolve) => { socket.once('data', resolve); });
    assert.strictEqual(answer[0], 22);
    socket.destroy();
  }
  await server.logged(/203\.0\.113\.7: the client broke the TLS handshake off/);
  const socket = net.connect(server.port, '127.0.0.1');
  socket.write('PROXY TCP4 203.0.113.7 192.0.2.9 1 2\r\n');
  const secure = tls.connect({ socket, ...TRUST() });
  secure.write('GET /seen HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  let output = '';
  secure.on('data', (bytes) => { output += bytes; });
  await new Promise((resolve) => { secure.on('end', resolve); });
  assert.match(output, /true\|TLSv1/);
});

// The first bytes of a client of node's.
function helloOf() {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      tls.connect({ port: server.address().port, host: '127.0.0.1' }).on('error', () => {});
    });
  });
}

test('--dev-tls: a certificate for localhost on each listener', async (t) => {
  const server = await t.server(app('{ cert = "/production.pem" }'), { args: ['--dev-tls'] });
  assert.match(await shown(server, 'localhost'), /localhost.*IP Address:127\.0\.0\.1/);
  assert.match((await seen(server, { rejectUnauthorized: false })).body, /^true\|/);
});

test('Chromium: the chat by https and wss', { ms: 60000 }, async (t) => {
  const server = await t.server({ file: path.join(apps, 'chat', 'app.lua') },
    { ...EXPECTED, args: ['--dev-tls'] });
  const browser = await launch();
  t.atEnd(() => browser.close());
  const enter = async (name) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const tab = await context.newPage();
    await tab.goto(server.url('https', 'localhost'));
    await tab.fill('#name', name);
    await tab.press('#name', 'Enter');
    await tab.waitForSelector('#status[data-open]');
    return tab;
  };
  const [ada, bob] = [await enter('ada'), await enter('bob')];
  await ada.fill('#text', 'hello over TLS');
  await ada.press('#text', 'Enter');
  await bob.waitForSelector('text=hello over TLS');
});

// ---- as a client

// GET /?<address> fetches it; the options are the app's.
const asker = (options) => `
local app = ratchet.App("", 8080)
app:get("/", function(request)
  local address = request.target:match("%?(.*)")
  local answer, err, code = ratchet.fetch(address, { ${options} })
  return answer and answer.body or code .. " " .. err
end)
app:run()
`;

// An https server of Node.js with that certificate.
async function upstream(t, name) {
  const server = https.createServer({ ...shows(name) },
    (request, response) => response.end(`hello from ${name}`));
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.atEnd(() => { server.close(); server.closeAllConnections(); });
  server.on('tlsClientError', () => {});
  return server.address().port;
}

async function asked(t, options, port, host = 'localhost', env = {}) {
  const server = await t.server(asker(options), { env });
  return curl(`${server.url('http')}?https://${host}:${port}/`);
}

test('fetch: the chain and the name are verified', async (t) => {
  const port = await upstream(t, 'local');
  const ca = `ca = "${pathOf('authority.pem')}"`;
  assert.strictEqual(await asked(t, ca, port), 'hello from local');
  assert.strictEqual(await asked(t, ca, port, '127.0.0.1'), 'hello from local');
  assert.strictEqual(await asked(t, '', port, 'localhost',
    { SSL_CERT_FILE: pathOf('authority.pem') }), 'hello from local');
  assert.match(await asked(t, '', port), /^ECONNABORTED .*the server's certificate is not accepted: /);
  assert.match(await asked(t, `ca = "${pathOf('stranger.pem')}"`, port),
    /^ECONNABORTED .*not accepted: .*not correctly signed/);
  assert.match(await asked(t, 'ca = "/nowhere.pem"', port), /^EINVAL .*\/nowhere\.pem: No such file/);
  assert.strictEqual(await asked(t, 'insecure = true', port), 'hello from local');
  assert.match(await asked(t, `${ca}, serverName = "other.example.net"`, port),
    /^ECONNABORTED .*not accepted: .*name/i);
});

test('fetch: another name, a client\'s certificate, a handshake that hangs', async (t) => {
  const ca = `ca = "${pathOf('authority.pem')}"`;
  const other = await upstream(t, 'other');
  assert.match(await asked(t, ca, other), /^ECONNABORTED .*not accepted: .*name/i);
  assert.strictEqual(await asked(t, `${ca}, serverName = "other.example.net"`, other),
    'hello from other');
  assert.match(await asked(t, `${ca}, serverName = "ada"`, await upstream(t, 'ada')),
    /^ECONNABORTED .*(not accepted|sent alert 43, unsupported_certificate)/);
  const silent = net.createServer(() => {});
  await new Promise((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
  t.atEnd(() => silent.close());
  assert.match(await asked(t, `${ca}, timeout = 0.3`, silent.address().port), /^ETIMEDOUT /);
});

test('fetch: our own server, kept and large', async (t) => {
  const server = await t.server(`
local app = ratchet.App{ host = "", tls = ${pair('local')} }
app:get("/large", function() return ("x"):rep(3000000) end)
app:get("/", function(request) return request.tls.serverName end)
app:run()
`);
  const client = await t.server(`
local app = ratchet.App("", 8080)
local options = { ca = "${pathOf('authority.pem')}", maxBodySize = 4000000 }
app:get("/", function()
  local base, bodies = "https://localhost:${server.port}/", {}
  for i = 1, 20 do bodies[i] = assert(ratchet.fetch(base, options)).body end
  return table.concat(bodies, " ") .. " " .. #assert(ratchet.fetch(base .. "large", options)).body
end)
app:run()
`);
  assert.strictEqual(await curl(client.url('http')), `${'localhost '.repeat(20)}3000000`);
});

test('connect: wss to node ws and to ourselves, verified; events that come back', async (t) => {
  const https_ = https.createServer(shows('local'));
  const upstream_ = new WebSocket.Server({ server: https_ });
  upstream_.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(`${data} from ws`));
  });
  await new Promise((resolve) => { https_.listen(0, '127.0.0.1', resolve); });
  t.atEnd(() => { upstream_.close(); https_.close(); https_.closeAllConnections(); });
  const ours = await t.server(app(pair('local')), EXPECTED);
  const client = await t.server(`
local ca = { ca = "${pathOf('authority.pem')}" }
local app = ratchet.App("", 8080)
app:get("/", function(request)
  local port = request.query.port
  local conn, err = ratchet.connect("wss://localhost:" .. port .. "/", request.query.blind and {} or ca)
  if not conn then return err end
  local long = ("x"):rep(200000)
  conn:send(long)
  local answer = conn:receive(5)
  conn:send("hello")
  local last = conn:receive(5)
  local secure = conn.secure
  conn:close()
  return tostring(secure) .. " " .. #answer .. " " .. last
end)
app:run()
`);
  const url = client.url('http');
  assert.strictEqual(await curl(`${url}?port=${https_.address().port}`), 'true 200008 hello from ws');
  assert.strictEqual(await curl(`${url}?port=${ours.port}`), 'true 200000 hello');
  assert.match(await curl(`${url}?blind=1&port=${ours.port}`),
    /^cannot connect to wss:.*: the server's certificate is not accepted: /);
  await ours.note('close', 1000);
});

test('goodbye: close_notify comes before FIN', async (t) => {
  const server = await t.server(app(pair('local')));
  const { output } = await sClient(server, ['-ign_eof', '-msg'],
    'GET /seen HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  assert.match(output, /<<< TLS 1\.[23], .*Alert \[length 0002\], warning close_notify/);
});
