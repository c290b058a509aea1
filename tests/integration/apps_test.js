// Every app of apps/, started and used as its first lines say. (The page of the
// chat is used in clients_test.js.)
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { test } = require('./support/runner');
const { apps } = require('./support/paths');

const appOf = (name) => ({ file: path.join(apps, name, 'app.lua') });

test('each app has a test here, and a row in the README', () => {
  const names = fs.readdirSync(apps, { withFileTypes: true })
    .filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const own = fs.readFileSync(__filename, 'utf8');
  const readme = fs.readFileSync(path.join(apps, 'README.md'), 'utf8');
  for (const name of names) {
    assert.ok(own.includes(`appOf('${name}')`), `a test of ${name}`);
    assert.ok(readme.includes(`(${name}/app.lua)`), `${name} in the README`);
  }
});

test('echo: what is said comes back, text as text, binary as binary', async (t) => {
  const server = await t.server(appOf('echo'));
  assert.strictEqual(server.url('ws', 'localhost'), `ws://localhost:${server.port}/`);
  const client = await t.open(server, '/', ['Origin: http://anywhere.example']);
  await client.expectEcho('hello');
  await client.frame('binary', Buffer.from([0, 255]));
  await client.expectFrame('binary', Buffer.from([0, 255]));
});

test('chat: everybody else hears it; the page and the addresses', async (t) => {
  const server = await t.server(appOf('chat'));
  assert.deepStrictEqual(server.addresses.map((found) => found[0].trim()), [
    `http://localhost:${server.port}/`,
    `ws://localhost:${server.port}/chat`,
    `ws://localhost:${server.port}/echo`,
  ]);
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await t.open(server, '/chat'));
  await clients[0].text('ada: hello');
  await clients[1].expectText('ada: hello');
  await clients[2].expectText('ada: hello');
  clients[1].reset();
  await clients[2].text('bob: hi');
  await clients[0].expectText('bob: hi');
  await clients[2].expectSilence(50);
  await (await t.open(server, '/echo')).expectEcho();

  const page = await t.raw(server);
  await page.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const answer = await page.answer();
  assert.strictEqual(answer.status, 200);
  assert.match(answer.headers['content-type'][0], /^text\/html/);
  assert.strictEqual(answer.body,
    fs.readFileSync(path.join(apps, 'chat', 'page.html'), 'utf8'));
});

test('chat: the folder one is in does not matter', async (t) => {
  const server = await t.server({ file: 'app.lua' }, { cwd: path.join(apps, 'chat') });
  const page = await t.raw(server);
  await page.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await page.answer()).status, 200);
});

test('telnet_chat: lines, names, /quit', async (t) => {
  const server = await t.server(appOf('telnet_chat'));
  const ada = await t.raw(server);
  assert.match(await ada.upTo('\r\n'), /^You are guest \d+\. Type a line/);
  const bob = await t.raw(server);
  await bob.upTo('\r\n');
  assert.match(await ada.upTo('\r\n'), /^\* guest \d+ came in\r\n$/);

  await ada.send('/name ada\r\n');
  assert.match(await bob.upTo('\r\n'), /^\* guest \d+ is now ada\r\n$/);
  await ada.sendBytewise('hel');
  await bob.expectSilence(30);
  await ada.send('lo\r\nsecond\nthird, cut ');
  assert.strictEqual(await bob.upTo('\r\n'), 'ada: hello\r\n');
  assert.strictEqual(await bob.upTo('\r\n'), 'ada: second\r\n');
  await ada.send('here\n\n');
  assert.strictEqual(await bob.upTo('\r\n'), 'ada: third, cut here\r\n');
  await bob.send('\x1b[31mred\x07\r\n');
  assert.match(await ada.upTo('\r\n'), /^guest \d+: \[31mred\r\n$/);

  await ada.send('/quit\r\n');
  await ada.expectEnd();
  assert.strictEqual(await bob.upTo('\r\n'), '* ada left\r\n');
  await bob.send('x'.repeat(2000));
  assert.strictEqual(await bob.upTo('\r\n'), 'That line is too long.\r\n');
  await bob.expectEnd();
});
