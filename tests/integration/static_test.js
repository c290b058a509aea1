// Files: response:file, app:static; what caches and players ask for, and what people
// ask for who have no business there.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { test } = require('./support/runner');
const { poll, sanitized } = require('./support/wait');

const OLD = new Date('2020-02-29T12:00:00Z');
const OLD_TEXT = 'Sat, 29 Feb 2020 12:00:00 GMT';

// A folder "www" with files in it that are old enough for a strong ETag.
function site(t, files = { 'a.txt': '0123456789' }) {
  for (const [name, text] of Object.entries(files)) {
    fs.utimesSync(t.write(`www/${name}`, text), OLD, OLD);
  }
  return t.temporary('www');
}

const serving = (folder, prefix = '/') => `
local app = ratchet.App("localhost", 8080)
app:get("/page", function() return "page" end)
app:static("${prefix}", "${folder}")
app:run()
note("up")
`;

// Everything below goes over one connection, so that each answer ends where it says.
function asker(client) {
  return async (target, headers = {}, method = 'GET') => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    await client.send(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}\r\n`);
    const answer = await client.answer(undefined, method === 'HEAD');
    for (const name of Object.keys(answer.headers)) answer[name] = answer.headers[name][0];
    return answer;
  };
}

async function started(t, folder, prefix) {
  const server = await t.server(serving(folder, prefix));
  return { server, ask: asker(await t.raw(server)) };
}

test('a file: type, tag, date; the same to HEAD', async (t) => {
  const { ask } = await started(t, site(t, { 'css/a b.css': 'p {}', 'empty.js': '' }));
  const answer = await ask('/css/a%20b.css?v=2');
  assert.strictEqual(answer.status, 200);
  assert.strictEqual(answer.body, 'p {}');
  assert.strictEqual(answer['content-type'], 'text/css; charset=utf-8');
  assert.strictEqual(answer['last-modified'], OLD_TEXT);
  assert.strictEqual(answer['accept-ranges'], 'bytes');
  assert.strictEqual(answer['x-content-type-options'], 'nosniff');
  assert.match(answer.etag, /^"[0-9a-f-]+"$/);
  const head = await ask('/css/a%20b.css', {}, 'HEAD');
  assert.deepStrictEqual([head.status, head['content-length'], head.etag], [200, '4', answer.etag]);
  const empty = await ask('/empty.js');
  assert.deepStrictEqual([empty.status, empty['content-length']], [200, '0']);
  assert.strictEqual((await ask('/page')).body, 'page');
});

test('who has the file gets 304, until it changes', async (t) => {
  const folder = site(t);
  const { ask } = await started(t, folder);
  const { etag } = await ask('/a.txt');
  for (const method of ['GET', 'HEAD']) {
    for (const headers of [{ 'If-None-Match': etag }, { 'If-None-Match': `"x", W/${etag}` },
      { 'If-Modified-Since': OLD_TEXT }]) {
      const answer = await ask('/a.txt', headers, method);
      assert.deepStrictEqual([answer.status, answer.body, answer.etag, answer['content-length']],
        [304, '', etag, undefined]);
    }
  }
  assert.strictEqual((await ask('/a.txt', { 'If-None-Match': '"x"' })).status, 200);
  fs.writeFileSync(path.join(folder, 'a.txt'), 'changed');
  const changed = await ask('/a.txt', { 'If-None-Match': etag });
  assert.deepStrictEqual([changed.status, changed.body], [200, 'changed']);
  assert.match(changed.etag, /^W\//, 'a file that was just written may change again');
  assert.strictEqual((await ask('/a.txt', { 'If-None-Match': changed.etag })).status, 304);
});

test('ranges', async (t) => {
  const { ask } = await started(t, site(t));
  const { etag } = await ask('/a.txt');
  const table = [
    ['bytes=0-3', {}, 206, '0123', 'bytes 0-3/10'],
    ['bytes=8-', {}, 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', {}, 206, '789', 'bytes 7-9/10'],
    ['bytes=5-99', {}, 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', {}, 416, '', 'bytes */10'],
    ['bytes=-0', {}, 416, '', 'bytes */10'],
    ['bytes=0-1,4-5', {}, 200, '0123456789', undefined],
    ['bytes=3-1', {}, 200, '0123456789', undefined],
    ['lines=1-2', {}, 200, '0123456789', undefined],
    ['bytes=0-0', { 'If-Range': etag }, 206, '0', 'bytes 0-0/10'],
    ['bytes=0-0', { 'If-Range': OLD_TEXT }, 206, '0', 'bytes 0-0/10'],
    ['bytes=0-0', { 'If-Range': '"other"' }, 200, '0123456789', undefined],
    ['bytes=0-0', { 'If-Range': `W/${etag}` }, 200, '0123456789', undefined],
    ['bytes=0-0', { 'If-None-Match': etag }, 304, '', undefined],
  ];
  for (const [range, headers, status, body, contentRange] of table) {
    const answer = await ask('/a.txt', { Range: range, ...headers });
    assert.deepStrictEqual([answer.status, answer.body, answer['content-range']],
      [status, body, contentRange], `${range} ${JSON.stringify(headers)}`);
  }
});

test('curl gets the rest of a file', async (t) => {
  const text = 'line of a file\n'.repeat(200000); // 3 MB: several pieces from the disk
  const { server } = await started(t, site(t, { 'large.txt': text }));
  const url = `http://localhost:${server.port}/large.txt`;
  const run = (...args) => execFileSync('curl',
    ['-sS', '--max-time', '10', ...args, url], { maxBuffer: 1 << 24 });
  assert.ok(run().equals(Buffer.from(text)));
  const where = t.write('part', text.slice(0, 1000003));
  run('-C', '-', '-o', where);
  assert.strictEqual(fs.readFileSync(where, 'latin1'), text);
});

test('folders: index.html, and the slash', async (t) => {
  const folder = site(t, { 'index.html': 'home', 'docs/index.html': 'docs', 'bare/a.txt': 'a' });
  const { server, ask } = await started(t, folder, '/site');
  assert.deepStrictEqual(server.addresses.map((found) => found[0].trim()), [
    `http://localhost:${server.port}/page`, `http://localhost:${server.port}/site/`]);
  assert.strictEqual((await ask('/site/')).body, 'home');
  assert.strictEqual((await ask('/site/docs/')).body, 'docs');
  const expected = { '/site': '/site/', '/site/docs': '/site/docs/',
    '/site/docs?a=%20b': '/site/docs/?a=%20b', '/site/d%6fcs': '/site/docs/' };
  for (const [target, location] of Object.entries(expected)) {
    const answer = await ask(target);
    assert.deepStrictEqual([answer.status, answer.location], [301, location], target);
  }
  for (const target of ['/site/bare/', '/site/bare/a.txt/', '/site/none', '/site//docs', '/',
    '/sitex', '/site/docs/index.html/']) {
    assert.strictEqual((await ask(target)).status, 404, target);
  }
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const answer = await ask('/site/docs/', {}, method);
    assert.deepStrictEqual([answer.status, answer.allow], [405, 'GET, HEAD'], method);
  }
});

test('nothing but the folder\'s own files', async (t) => {
  const folder = site(t,
    { 'a.txt': 'a', 'docs/b.txt': 'b', '.env': 'SECRET', '.git/config': 'SECRET' });
  t.write('secret.txt', 'SECRET');
  t.write('www-other/secret.txt', 'SECRET');
  fs.symlinkSync('../secret.txt', path.join(folder, 'out.txt'));
  fs.symlinkSync('/etc', path.join(folder, 'etc'));
  fs.symlinkSync('../www-other', path.join(folder, 'sibling'));
  fs.symlinkSync('.env', path.join(folder, 'env.txt'));
  fs.symlinkSync('loop', path.join(folder, 'loop'));
  fs.symlinkSync('docs/b.txt', path.join(folder, 'inside.txt'));
  execFileSync('mkfifo', [path.join(folder, 'pipe')]);
  for (const prefix of ['/', '/s/']) {
    const { server, ask } = await started(t, folder, prefix);
    assert.strictEqual((await ask(`${prefix}inside.txt`)).body, 'b');
    for (const target of [
      '../secret.txt', '%2e%2e/secret.txt', '%2E%2E%2Fsecret.txt', '..%2fsecret.txt',
      '.%2e/secret.txt', '%252e%252e/secret.txt', '..%252fsecret.txt', '..%c0%afsecret.txt',
      '%c0%ae%c0%ae/secret.txt', '..\\secret.txt', '..%5csecret.txt', 'docs/../../secret.txt',
      'docs/%2e%2e/%2e%2e/secret.txt', '....//secret.txt', '/etc/passwd', '//etc/passwd',
      '%2fetc%2fpasswd', 'out.txt', 'etc/passwd', 'sibling/secret.txt', '../www-other/secret.txt',
      '.env', '%2eenv', 'env.txt', '.git/config', 'loop', 'pipe', '.', '..', './a.txt',
      'docs/./b.txt', 'docs/../a.txt', 'a.txt%00', '..%00/secret.txt', 'a.txt%00.html',
      'a.txt%0a', `${'a'.repeat(300)}`, 'a/'.repeat(3000), 'a.txt/', 'a.txt/b',
    ]) {
      const answer = await ask(prefix + target);
      assert.ok([400, 404].includes(answer.status), `${target}: ${answer.status}`);
      assert.ok(!/SECRET|root:/.test(answer.body), target);
      assert.ok(!answer.body.includes(folder), `${target} tells of the machine: ${answer.body}`);
    }
    assert.strictEqual((await ask(`${prefix}%zz`)).status, 400);
    await server.logged(/404 \S*out\.txt: a symbolic link leads out of the folder/);
  }
});

// Each piece differs from the others.
function largeText(bytes) {
  const parts = [];
  for (let i = 0; i < bytes / 16; i++) parts.push(`${String(i).padStart(15, '0')}\n`);
  return parts.join('');
}

test('a large file comes piece by piece and holds up nobody', async (t) => {
  const text = largeText(16 << 20);
  const { server, ask } = await started(t, site(t, { large: text, '64k': text.slice(0, 65536),
    '64k1': text.slice(0, 65537) }));
  const url = `http://localhost:${server.port}`;
  const others = [];
  for (let i = 0; i < 6; i++) {
    others.push(fetch(`${url}/large`).then((answer) => answer.text()));
  }
  assert.strictEqual((await ask('/page')).body, 'page');
  for (const found of await Promise.all(others)) {
    assert.ok(found === text, `${found.length} bytes as in the file`);
  }
  assert.ok(sanitized || server.memory() < 60e6, `${server.memory()} bytes`);
  for (const name of ['64k', '64k1']) {
    assert.ok((await ask(`/${name}`)).body === text.slice(0, name === '64k' ? 65536 : 65537), name);
  }
  const head = await ask('/large', {}, 'HEAD');
  assert.deepStrictEqual([head.status, head['content-length'], head['transfer-encoding']],
    [200, '16777216', undefined]);
  const part = await ask('/large', { Range: 'bytes=70000-299999' });
  assert.deepStrictEqual([part.status, part['content-length'], part['content-range']],
    [206, '230000', 'bytes 70000-299999/16777216']);
  assert.ok(part.body === text.slice(70000, 300000));
  const last = await ask('/large', { Range: 'bytes=-100000' });
  assert.ok(last.body === text.slice(-100000));
});

test('a file of many gigabytes', async (t) => {
  const folder = site(t, { huge: '' });
  const size = 5 * 2 ** 30; // most of it a hole
  fs.truncateSync(path.join(folder, 'huge'), size);
  const { server, ask } = await started(t, folder);
  assert.strictEqual((await ask('/huge', {}, 'HEAD'))['content-length'], String(size));
  const part = await ask('/huge', { Range: 'bytes=-70000' });
  assert.deepStrictEqual([part.status, part['content-range'], part.body.length],
    [206, `bytes ${size - 70000}-${size - 1}/${size}`, 70000]);
  const answer = await fetch(`http://localhost:${server.port}/huge`);
  const reader = answer.body.getReader();
  for (let length = 0; length < 8 << 20;) length += (await reader.read()).value.length;
  await reader.cancel();
  await poll(() => openFiles(server, folder).length === 0, 'the file is closed');
  assert.ok(sanitized || server.memory() < 60e6, `${server.memory()} bytes`);
});

// The server's descriptors of files in that folder.
function openFiles(server, folder) {
  return fs.readdirSync(`/proc/${server.pid}/fd`).filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/${server.pid}/fd/${fd}`).startsWith(folder);
    } catch (error) {
      return false; // just closed
    }
  });
}

test('who leaves while a file is read leaves nothing open', async (t) => {
  const folder = site(t, { large: '' });
  fs.truncateSync(path.join(folder, 'large'), 64 << 20);
  const { server, ask } = await started(t, folder);
  const clients = [];
  for (let i = 0; i < 20; i++) {
    const client = await t.raw(server);
    clients.push(client);
    client.socket.pause();
    await client.send('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
  }
  await poll(() => openFiles(server, folder).length === 20, 'each waits for its client');
  clients.forEach((client, i) => (i % 2 ? client.reset() : client.destroy()));
  await poll(() => openFiles(server, folder).length === 0, 'each file is closed');
  for (let i = 0; i < 40; i++) { // wherever it was just then
    const client = await t.raw(server);
    await client.send('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    if (i % 2) await client.bytes(1);
    client.reset();
  }
  assert.strictEqual((await ask('/page')).body, 'page');
  await poll(() => openFiles(server, folder).length === 0, 'each file is closed');
}); // the descriptors are compared at the end

test('a file that changes while it is sent ends the connection', async (t) => {
  const folder = site(t, { short: '', other: '' });
  const { server } = await started(t, folder);
  fs.truncateSync(path.join(folder, 'short'), 64 << 20);
  const client = await t.raw(server);
  await client.send('GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await client.response();
  client.socket.pause();
  await poll(() => openFiles(server, folder).length === 1, 'it is being sent');
  fs.truncateSync(path.join(folder, 'short'), 1 << 20);
  client.socket.resume();
  await client.expectGone();
  assert.ok(client.total < 64 << 20);
  await server.logged(/body: file: \S*short: it became shorter while it was read/);
  await poll(() => openFiles(server, folder).length === 0, 'the file is closed');
});

test('a server that ends while files are read', async (t) => {
  const folder = site(t, { large: '' });
  fs.truncateSync(path.join(folder, 'large'), 32 * 1048576);
  const { server } = await started(t, folder);
  for (let i = 0; i < 8; i++) {
    const client = await t.raw(server);
    await client.send('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
  }
  server.kill();
  server.kill();
  await server.exit();
});

test('response:file: a path, a root, an error page, a POST', async (t) => {
  const folder = site(t, { 'a.txt': 'a', 'sorry.html': '<p>sorry' });
  t.write('secret.txt', 'SECRET');
  const server = await t.server(`
    local folder = "${folder}"
    local app = ratchet.App("localhost", 8080)
    app:get("/one", function(_, response) return response:file(folder .. "/a.txt") end)
    app:get("/none", function(_, response) return response:file(folder .. "/none") end)
    app:get("/folder", function(_, response) return response:file(folder) end)
    app:get("/files/{name:.*}", function(request, response)
      response:file(request.params.name, { root = folder, maxAge = 3600 })
    end)
    app:get("/sorry", function(_, response)
      return response:status(404):file(folder .. "/sorry.html")
    end)
    app:get("/type", function(_, response)
      return response:header("Content-Type", "text/x-own"):file(folder .. "/a.txt")
    end)
    app:post("/one", function(_, response) return response:file(folder .. "/a.txt") end)
    app:get("/bad", function(_, response) response:file(folder, { rot = 1 }) end)
    app:get("/co", function(_, response)
      local ok, why = coroutine.resume(coroutine.create(function()
        response:file(folder .. "/a.txt")
      end))
      return tostring(ok) .. " " .. tostring(why)
    end)
    app:run()`);
  const ask = asker(await t.raw(server));
  const one = await ask('/one');
  assert.deepStrictEqual([one.status, one.body], [200, 'a']);
  assert.strictEqual((await ask('/one', { 'If-None-Match': one.etag })).status, 304);
  assert.strictEqual((await ask('/one', { 'If-None-Match': one.etag, 'Content-Length': '0' },
    'POST')).status, 200);
  for (const target of ['/none', '/folder', '/files/..%2fsecret.txt', '/files/']) {
    assert.strictEqual((await ask(target)).status, 404, target);
  }
  assert.strictEqual((await ask('/files/a.txt'))['cache-control'], 'max-age=3600');
  const sorry = await ask('/sorry', { Range: 'bytes=0-0' });
  assert.deepStrictEqual([sorry.status, sorry.body], [404, '<p>sorry']);
  assert.strictEqual((await ask('/type'))['content-type'], 'text/x-own');
  assert.strictEqual((await ask('/bad')).status, 500);
  await server.logged(/app\.lua:\d+: response:file: unknown option "rot"; did you mean "root"/);
  assert.match((await ask('/co')).body, /^false /);
});

test('a folder that is not there: one line at the start', async (t) => {
  const { spawnSync } = require('child_process');
  const { binary } = require('./support/paths');
  const { environment } = require('./support/server');
  const ran = spawnSync(binary, ['--port', '0', t.app(serving('/none/at/all'))],
    { env: environment(), encoding: 'utf8', timeout: 10000 });
  assert.strictEqual(ran.status, 1);
  assert.match(ran.stderr, /app\.lua:\d+: static: \/none\/at\/all is no folder that can be read/);
});
