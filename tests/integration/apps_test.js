// Every app of apps/, started and used as its first lines say. (The page of the
// chat is used in clients_test.js.)
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { test } = require('./support/runner');
const WebSocket = require('ws');
const { connect: connectAutobahn } = require('./support/autobahn');
const { launch } = require('./support/browser');
const { apps } = require('./support/paths');
const frames = require('./support/frames');
const { handshakeBytes } = require('./support/raw');
const { phpServer } = require('./support/php');
const { freePort, redisServer } = require('./support/redis');
const { rawUpstream, wsUpstream } = require('./support/upstream');
const { poll, slow, sleep } = require('./support/wait');
const { WampV1 } = require('./support/wamp_v1');

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

const AT_HOME = ['Origin: http://localhost'];

// What one hears in a room, without the order of a room's own business mattering.
async function expectJson(client, wanted) {
  assert.deepStrictEqual(JSON.parse((await client.nextFrame()).payload), wanted);
}

test('rooms: who is there, who comes and goes, and nothing of other rooms', async (t) => {
  const server = await t.server(appOf('rooms'));
  const enter = (where) => t.open(server, `/room/${where}`, AT_HOME);
  const who = (...people) => ({ type: 'who', people });
  const ada = await enter('lobby?name=ada');
  await expectJson(ada, who('ada'));
  const bob = await enter('lobby?name=b%C3%B6b');
  await expectJson(ada, { type: 'join', name: 'b\u00f6b' });
  for (const one of [ada, bob]) await expectJson(one, who('ada', 'b\u00f6b'));
  const eve = await enter('lobb%79%202?name=eve');
  await expectJson(eve, who('eve'));

  await bob.text('{"text":"<b>hi</b>"}');
  for (const one of [ada, bob]) {
    await expectJson(one, { type: 'say', name: 'b\u00f6b', text: '<b>hi</b>' });
  }
  for (const nonsense of ['', 'hi', '7', 'null', '[]', '{"text":7}', '{"text":" "}',
    '{"text":null}', '['.repeat(2000)]) {
    await eve.text(nonsense);
  }
  await eve.frame('binary', Buffer.from('{"text":"\xff\xed\xa0\x80"}', 'latin1'));
  await eve.text('{"text":"\\ud800"}');
  await eve.text('{"text":"alone"}');
  await expectJson(eve, { type: 'say', name: 'eve', text: 'alone' });
  await eve.text(JSON.stringify({ text: 'x'.repeat(2001) }));
  await eve.nextFrame();
  bob.reset();
  await expectJson(ada, { type: 'leave', name: 'b\u00f6b' });
  await expectJson(ada, who('ada'));
  await ada.expectSilence(50);
});

test('ticker: a timer for each room, as fast as it was told', async (t) => {
  const server = await t.server(appOf('ticker'));
  const open = (name) => t.open(server, `/ticker/${name}`,
    [`Origin: http://localhost:${server.port}`]);
  const news = async (client) => {
    const frame = await client.nextFrame();
    return JSON.parse(frame.payload.toString());
  };
  const tea = await open('tea');
  const cocoa = await open('cocoa');
  const first = await news(tea);
  assert.deepStrictEqual([first.name, typeof first.price, first.watching], ['tea', 'number', 1]);
  for (let i = 0; i < 5; i++) await tea.text('faster');
  for (let i = 0; i < 4; i++) assert.strictEqual((await news(tea)).name, 'tea');
  assert.strictEqual((await news(cocoa)).name, 'cocoa');
  const second = await open('tea');
  assert.strictEqual((await news(second)).watching, 2);
  second.destroy();
  while ((await news(tea)).watching !== 1);
  const stranger = await t.raw(server);
  await stranger.send(handshakeBytes('/ticker/NONE', [`Origin: http://localhost:${server.port}`]));
  assert.strictEqual((await stranger.response()).status, 404);
});

test('rooms: who does not come in; the page', async (t) => {
  const server = await t.server(appOf('rooms'));
  const answered = async (bytes) => {
    const client = await t.raw(server);
    await client.send(bytes);
    return client.answer();
  };
  const refused = [
    ['/room/lobby', 400], ['/room/lobby?name=', 400], ['/room/lobby?name=%20', 400],
    ['/room/lobby?name=%FF', 400], ['/room/lobby?name=%ED%A0%80', 400],
    ['/room/lobby?name=%E0%80%80', 400], ['/room/lobby?name=%F4%90%80%80', 400],
    ['/room/lobby?name=a%0Ab', 400],
    [`/room/lobby?name=${'a'.repeat(31)}`, 400], [`/room/${'a'.repeat(31)}?name=a`, 404],
    ['/room/%FF?name=a', 404], ['/room/?name=a', 404], ['/room/a/b?name=a', 404],
  ];
  for (const [target, status] of refused) {
    assert.strictEqual((await answered(handshakeBytes(target, AT_HOME))).status, status, target);
  }
  const evil = handshakeBytes('/room/lobby?name=eve', ['Origin: http://evil.example']);
  assert.strictEqual((await answered(evil)).status, 403);
  const page = await answered('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.deepStrictEqual([page.status, page.headers['content-type']],
    [200, ['text/html; charset=utf-8']]);
  assert.strictEqual(page.body, fs.readFileSync(path.join(apps, 'rooms', 'page.html'), 'utf8'));
});

async function newTab(browser) {
  const tab = await (await browser.newContext()).newPage();
  tab.setDefaultTimeout(15000 * slow);
  tab.problems = [];
  tab.on('pageerror', (error) => tab.problems.push(String(error)));
  tab.on('console', (message) => {
    if (message.type() === 'error') tab.problems.push(message.text());
  });
  return tab;
}

test('ticker: a browser draws what it hears', { ms: 60000 }, async (t) => {
  const server = await t.server(appOf('ticker'));
  const browser = await launch();
  try {
    const tab = await newTab(browser);
    await tab.goto(`http://localhost:${server.port}/`);
    await tab.click('article:nth-child(2) button[value=faster]');
    await tab.waitForFunction(() => [...document.querySelectorAll('article')].every((card) =>
      card.querySelector('polyline').getAttribute('points').split(' ').length > 1));
    assert.match(await tab.textContent('article:nth-child(1) .price'), /^\d+\.\d\d$/);
    assert.match(await tab.textContent('article:nth-child(3) .watching'), /^1 watching$/);
    assert.deepStrictEqual(tab.problems, []);
  } finally {
    await browser.close();
  }
});

test('rooms: two tabs of a browser', { ms: 60000 }, async (t) => {
  const server = await t.server(appOf('rooms'));
  const browser = await launch();
  t.atEnd(() => browser.close());
  const enter = async (name) => {
    const tab = await newTab(browser);
    await tab.goto(server.url('http', 'localhost'));
    await tab.fill('#name', name);
    await tab.press('#name', 'Enter');
    await tab.waitForSelector('#status[data-open]');
    return tab;
  };
  const name = '<img src=x onerror=fail()>';
  const ada = await enter('ada');
  const bob = await enter(name);
  await ada.waitForSelector(`.note:has-text("${name} came in")`);
  await ada.waitForSelector(`#people li:has-text("${name}")`);
  await bob.waitForSelector('#people li:has-text("ada")');
  await bob.fill('#text', '<script>fail()</script>');
  await bob.press('#text', 'Enter');
  await ada.waitForSelector('#messages li:has-text("<script>fail()</script>")');
  await ada.fill('#room', 'else where: \u00fc?');
  await ada.press('#room', 'Enter');
  await bob.waitForSelector('.note:has-text("ada left")');
  await ada.waitForSelector('#status[data-open]');
  assert.strictEqual(await ada.locator('#people li').count(), 1);
  assert.deepStrictEqual([...ada.problems, ...bob.problems], []);
});

// Readers of the news by `ws` of Node.js: next() is the next piece that a reader hears.
function newsReader(t, server) {
  const socket = new WebSocket(`${server.url('ws', 'localhost')}`, { origin: 'http://localhost' });
  const heard = [];
  const waiting = [];
  t.atEnd(() => socket.terminate());
  socket.on('message', (bytes) => {
    const piece = JSON.parse(bytes);
    if (waiting.length > 0) waiting.shift()(piece);
    else heard.push(piece);
  });
  const next = () => (heard.length > 0 ? Promise.resolve(heard.shift())
    : new Promise((resolve) => { waiting.push(resolve); }));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ next }));
    socket.on('error', reject);
  });
}

function publisher(server) {
  return async (body, type = 'application/json') => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/publish`,
      { method: 'POST', body, headers: { 'Content-Type': type } });
    return [answer.status, await answer.json()];
  };
}

test('push: a POST and a channel of Redis reach every reader', async (t) => {
  const redis = await redisServer(t);
  const server = await t.server(appOf('push'), { after: [redis.socket], descriptors: false });
  const readers = [];
  for (let i = 0; i < 3; i++) readers.push(await newsReader(t, server));
  const post = publisher(server);
  const told = async (piece) => {
    for (const reader of readers) assert.deepStrictEqual(await reader.next(), piece);
  };
  const piece = (text) => ({ title: 'T', text });
  assert.deepStrictEqual(await post(JSON.stringify(piece('by POST'))), [202, { readers: 3 }]);
  await told(piece('by POST'));
  await redis.listened('news');
  await redis.cli('publish', 'news', JSON.stringify(piece('by Redis')));
  await told(piece('by Redis'));

  for (const bad of ['', 'x', '7', '[]', '{"title":"T"}', '{"title":"T","text":7}', '['.repeat(2000),
    JSON.stringify(piece('x'.repeat(2001))), Buffer.from('{"title":"T","text":"\xff"}', 'latin1')]) {
    assert.strictEqual((await post(bad))[0], 400, String(bad));
    if (typeof bad === 'string') await redis.cli('publish', 'news', bad);
  }
  assert.strictEqual((await post('{}', 'text/plain'))[0], 415);
  await server.logged(/what Redis told is no news/);

  await redis.stop();
  assert.strictEqual((await post(JSON.stringify(piece('without Redis'))))[0], 202);
  await told(piece('without Redis'));
  await redis.start();
  await redis.listened('news');
  await redis.cli('publish', 'news', JSON.stringify(piece('again')));
  await told(piece('again'));
});

test('push: Redis is not there; the page in a browser', { ms: 60000 }, async (t) => {
  const server = await t.server(appOf('push'), { after: [`localhost:${await freePort()}`] });
  await server.logged(/connection refused; trying again/);
  const browser = await launch();
  t.atEnd(() => browser.close());
  const tab = await newTab(browser);
  await tab.goto(server.url('http', 'localhost'));
  await tab.waitForSelector('#status[data-open]');
  await tab.fill('#title', '<img src=x onerror=fail()>');
  await tab.fill('#text', 'first');
  await tab.press('#text', 'Enter');
  await tab.waitForSelector('#news h2:has-text("<img src=x onerror=fail()>")');
  await publisher(server)('{"title":"second","text":"by POST"}');
  await tab.waitForSelector('#news li:first-child h2:has-text("second")');
  assert.deepStrictEqual(tab.problems, []);
});

test('message_logger: what goes in and out is in the log, and only there', async (t) => {
  const server = await t.server(appOf('message_logger'));
  const logged = await t.open(server, '/echo');
  await logged.expectEcho('hello\tada');
  await logged.expectEcho('x'.repeat(100));
  await logged.frame('binary', Buffer.from([0, 255]));
  await logged.expectFrame('binary', Buffer.from([0, 255]));
  await logged.close(4001);
  await server.logged(/went: 4001/);
  await (await t.open(server, '/quiet')).expectEcho('not logged');
  const lines = server.stderr.split('\n').map((line) =>
    line.match(/info (\d+ 127\.0\.0\.1) (.*?)(?: \[\w+\])?$/)).filter(Boolean);
  assert.deepStrictEqual(lines.map((found) => found[2]), [
    'came', 'said "hello?ada"', 'hears "hello?ada"',
    `said "${'x'.repeat(60)}"... 100 bytes`, `hears "${'x'.repeat(60)}"... 100 bytes`,
    'said 2 bytes', 'hears 2 bytes', 'went: 4001',
  ]);
});

// Says it, and expects the answers of these types, in this order; returns the last.
async function says(client, message, ...types) {
  await client.text(typeof message === 'string' ? message : JSON.stringify(message));
  return hears(client, ...types);
}

async function hears(client, ...types) {
  let last;
  for (const type of types) {
    last = JSON.parse((await client.nextFrame()).payload);
    assert.strictEqual(last.type, type, JSON.stringify(last));
  }
  return last;
}

test('website_chatroom: rooms, names, who is online, words for one', async (t) => {
  const server = await t.server(appOf('website_chatroom'));
  const [ada, bob, eve] = [await t.open(server, '/chatroom', AT_HOME),
    await t.open(server, '/chatroom', AT_HOME), await t.open(server, '/chatroom', AT_HOME)];
  await says(ada, { type: 'hello', name: 'ada' }, 'welcome', 'online', 'rooms');
  assert.deepStrictEqual((await says(bob, { type: 'hello', name: 'b\u00f6b' },
    'welcome', 'online')).people, ['ada', 'b\u00f6b']);
  assert.deepStrictEqual((await hears(bob, 'rooms')).rooms, {});
  await hears(ada, 'online');
  await says(ada, { type: 'join', room: 'lobby' }, 'join', 'who');
  assert.deepStrictEqual((await hears(ada, 'rooms')).rooms, { lobby: 1 });
  await hears(bob, 'rooms');
  assert.deepStrictEqual((await says(bob, { type: 'join', room: 'lobby' }, 'join', 'who')).people,
    ['ada', 'b\u00f6b']);
  await hears(bob, 'rooms');
  assert.deepStrictEqual((await hears(ada, 'join', 'who', 'rooms')).rooms, { lobby: 2 });

  assert.deepStrictEqual(await says(ada, { type: 'say', room: 'lobby', text: '<b>hi</b>' }, 'say'),
    { type: 'say', room: 'lobby', name: 'ada', text: '<b>hi</b>' });
  await hears(bob, 'say');
  const whisper = { type: 'whisper', to: 'ada', text: 'psst' };
  assert.deepStrictEqual(await says(bob, whisper, 'whisper'), { ...whisper, name: 'b\u00f6b' });
  assert.strictEqual((await hears(ada, 'whisper')).text, 'psst');
  await says(ada, { type: 'join', room: 'lobby' });
  await says(ada, { type: 'join', room: 'attic' }, 'join', 'who', 'rooms');
  await hears(bob, 'rooms');
  await says(ada, { type: 'leave', room: 'attic' }, 'rooms');
  assert.deepStrictEqual((await hears(bob, 'rooms')).rooms, { lobby: 2 });

  const refused = async (client, message, text) => assert.strictEqual(
    (await says(client, message, 'error')).text, text);
  await refused(eve, { type: 'say', room: 'lobby', text: 'x' }, 'say hello first');
  await refused(eve, { type: 'hello', name: 'ada' }, 'somebody has that name');
  for (const name of ['', ' ', 7, null, ['a'], 'a'.repeat(31), 'a\nb']) {
    await refused(eve, { type: 'hello', name }, 'a name has 1 to 30 bytes');
  }
  for (const nonsense of ['', 'x', '7', 'null', '[]', '{}', '{"type":7}', '{"type":"x"}',
    '{"type":"hello","name":"\\ud800"}', '['.repeat(2000)]) {
    await refused(eve, nonsense, 'this is not understood');
  }
  await refused(bob, { type: 'hello', name: 'eve' }, 'you have a name already');
  await refused(bob, { type: 'say', room: 'attic', text: 'x' }, 'you are not in that room');
  await refused(bob, { type: 'leave', room: 'attic' }, 'you are not in that room');
  await refused(bob, { type: 'join', room: '' }, "a room's name has 1 to 30 bytes");
  await refused(bob, { type: 'say', room: 'lobby', text: 'x'.repeat(2001) },
    'a text has 1 to 2000 bytes');
  await refused(bob, { type: 'whisper', to: 'ada', text: ' ' }, 'a text has 1 to 2000 bytes');
  await refused(bob, { type: 'whisper', to: 'eve', text: 'x' }, 'nobody has that name');

  ada.reset();
  assert.deepStrictEqual((await hears(bob, 'online')).people, ['b\u00f6b']);
  assert.deepStrictEqual((await hears(bob, 'leave', 'who')).people, ['b\u00f6b']);
  assert.deepStrictEqual((await hears(bob, 'rooms')).rooms, { lobby: 1 });
  await bob.close(1000);
  await bob.closeFrame();
  await bob.expectEnd();
  await says(eve, { type: 'hello', name: 'ada' }, 'welcome', 'online');
  assert.deepStrictEqual((await hears(eve, 'rooms')).rooms, {});
});

test('website_chatroom: nobody is in more than 20 rooms, nobody floods', async (t) => {
  const server = await t.server(appOf('website_chatroom'));
  const ada = await t.open(server, '/chatroom', AT_HOME);
  await says(ada, { type: 'hello', name: 'ada' }, 'welcome', 'online', 'rooms');
  for (let i = 0; i < 20; i++) {
    await says(ada, { type: 'join', room: `r${i}` }, 'join', 'who', 'rooms');
  }
  assert.strictEqual((await says(ada, { type: 'join', room: 'x' }, 'error')).text,
    '20 rooms at most');
  await ada.send(...Array(40).fill(frames.text('x')));
  await hears(ada, ...Array(28).fill('error'));
  await ada.expectSilence(60);
});

test('website_chatroom: two tabs of a browser', { ms: 60000 }, async (t) => {
  const server = await t.server(appOf('website_chatroom'));
  const browser = await launch();
  t.atEnd(() => browser.close());
  const enter = async (name) => {
    const tab = await newTab(browser);
    await tab.goto(server.url('http', 'localhost'));
    await tab.waitForSelector('#greet:not([disabled])');
    await tab.fill('#name', name);
    await tab.press('#name', 'Enter');
    await tab.waitForSelector('#text:not([disabled])');
    return tab;
  };
  const ada = await enter('ada');
  const bob = await enter('<i>bob</i>');
  await ada.waitForSelector('#online li:has-text("<i>bob</i>")');
  await ada.waitForSelector('#who li:has-text("<i>bob</i>")');
  await bob.fill('#text', '<b>hello</b>');
  await bob.press('#text', 'Enter');
  await ada.waitForSelector('#messages li:has-text("<i>bob</i>: <b>hello</b>")');
  await ada.click('#online button:has-text("<i>bob</i>")');
  await ada.fill('#text', 'psst');
  await ada.press('#text', 'Enter');
  await bob.waitForSelector('#messages li.whisper:has-text("ada to <i>bob</i>: psst")');
  await ada.fill('#room', 'attic');
  await ada.press('#room', 'Enter');
  await bob.click('#rooms button:has-text("attic (1)")');
  await ada.waitForSelector('#who li:has-text("<i>bob</i>")');
  await bob.click('#leave');
  await ada.waitForSelector('#messages li:has-text("<i>bob</i> left")');
  await bob.close();
  await ada.waitForSelector('#online:not(:has(li:nth-child(2)))');
  assert.strictEqual(await ada.locator('#messages b b, #messages i').count(), 0);
  assert.deepStrictEqual([...ada.problems, ...bob.problems], []);
});

test('http_beside: health, JSON, files, a cookie', async (t) => {
  const server = await t.server(appOf('http_beside'));
  const client = await t.raw(server);
  const ask = async (method, target, lines = [], body = '') => {
    await client.send([`${method} ${target} HTTP/1.1`, 'Host: localhost', ...lines,
      `Content-Length: ${body.length}`, '', body].join('\r\n'));
    return client.answer();
  };
  const health = async () => JSON.parse((await ask('GET', '/healthz')).body);
  assert.strictEqual((await health()).status, 'ok');
  assert.strictEqual((await health()).connections, 0);

  const sent = (body, type = 'application/json; charset=utf-8') =>
    ask('POST', '/api/echo', [`Content-Type: ${type}`], body);
  assert.deepStrictEqual(JSON.parse((await sent('{"a":[1,null]}')).body),
    { you_sent: { a: [1, null] } });
  assert.strictEqual((await sent('{"a"')).status, 400);
  assert.strictEqual((await sent('')).status, 400);
  assert.strictEqual((await sent('1e999')).status, 400);
  assert.strictEqual((await sent('['.repeat(1000) + ']'.repeat(1000))).status, 400);
  assert.strictEqual((await sent('{}', 'text/plain')).status, 415);
  assert.strictEqual((await ask('GET', '/api/echo')).status, 404);

  for (const [target, file, type] of [['/', 'index.html', /^text\/html/],
    ['/style.css', 'style.css', /^text\/css/], ['/script.js', 'script.js', /^text\/javascript/]]) {
    const answer = await ask('GET', target);
    assert.strictEqual(answer.body,
      fs.readFileSync(path.join(apps, 'http_beside', 'files', file), 'utf8'));
    assert.match(answer.headers['content-type'][0], type);
  }
  assert.strictEqual((await ask('GET', '/../app.lua')).status, 404);

  const visit = async (cookie) => {
    const one = await t.raw(server);
    const answer = await one.handshake('/visits', cookie ? [...AT_HOME, cookie] : AT_HOME);
    return [answer.headers['set-cookie'][0].split(';')[0],
      String((await one.nextFrame()).payload)];
  };
  assert.deepStrictEqual(await visit(), ['visits=1', 'Welcome.']);
  assert.deepStrictEqual(await visit('Cookie: a=b; visits=41'),
    ['visits=42', 'Welcome back. This is visit 42.']);
  assert.deepStrictEqual(await visit('Cookie: visits=1e99'), ['visits=1', 'Welcome.']);
  assert.strictEqual((await health()).connections, 3);
});

test('http_beside: in a browser', { ms: 60000 }, async (t) => {
  const server = await t.server(appOf('http_beside'));
  const browser = await launch();
  t.atEnd(() => browser.close());
  const tab = await newTab(browser);
  await tab.goto(server.url('http', 'localhost').replace(/\/healthz$/, '/'));
  await tab.waitForSelector('#visits:has-text("Welcome.")');
  await tab.waitForSelector('#health:has-text("ok")');
  await tab.click('button');
  await tab.waitForSelector('#echo:has-text("200")');
  assert.deepStrictEqual(await tab.evaluate('document.cookie'), '', 'httpOnly');
  await tab.reload();
  await tab.waitForSelector('#visits:has-text("This is visit 2.")');
  assert.deepStrictEqual(tab.problems, []);
});

async function proxyTo(t, upstream) {
  return t.server(appOf('proxy'), { after: [`ws://127.0.0.1:${upstream.port}/feed`] });
}

test('proxy: both directions, text and binary, 1 MiB, in order', async (t) => {
  const upstream = await t.server(appOf('echo'));
  const proxy = await t.server(appOf('proxy'), { after: [`ws://127.0.0.1:${upstream.port}/`] });
  const client = await t.raw(proxy);
  await client.handshake('/', [], frames.text('early'), frames.text('and early'));
  await client.expectText('early');
  await client.expectText('and early');
  await client.frame('binary', Buffer.from([0, 255]));
  await client.expectFrame('binary', Buffer.from([0, 255]));
  const large = Buffer.alloc(1024 * 1024, 'x');
  await client.send(frames.text(large));
  await client.expectFrame('text', large, 15000 * slow);
  for (let i = 0; i < 500; i++) await client.text(String(i));
  for (let i = 0; i < 500; i++) await client.expectText(String(i));
  await client.close(4000, 'bye');
  await client.expectClose(4000);
});

test('proxy: closes are passed on, lost ones as 1014 and 1001', async (t) => {
  const upstream = await wsUpstream(t);
  const proxy = await proxyTo(t, upstream);
  const ends = [];
  upstream.on('connection', (socket) => socket.on('close', (code, reason) => {
    ends.push([code, String(reason)]);
  }));
  const join = async () => {
    const before = upstream.sockets.length;
    const client = await t.open(proxy);
    await poll(() => upstream.sockets.length > before, 'a connection to the upstream');
    return [client, upstream.sockets[before]];
  };
  let [client, socket] = await join();
  assert.strictEqual(socket.request.url, '/feed');
  assert.strictEqual(socket.request.headers['x-forwarded-for'], '127.0.0.1');
  socket.close(4001, 'from behind');
  assert.deepStrictEqual(await client.closeFrame(), { code: 4001, reason: 'from behind' });
  await client.close(4001);
  await client.expectEnd();
  [client, socket] = await join();
  socket.terminate();
  assert.strictEqual((await client.closeFrame()).code, 1014);
  await client.close(1014);
  await client.expectEnd();
  [client] = await join();
  await client.close(4002, 'from the front');
  await client.expectClose(4002);
  [client] = await join();
  client.reset();
  await poll(() => ends.length === 4, () => JSON.stringify(ends));
  assert.deepStrictEqual(ends,
    [[4001, 'from behind'], [1006, ''], [4002, 'from the front'], [1001, '']]);
});

test('proxy: nobody behind it is 1014; one who goes early leaves nothing', async (t) => {
  const upstream = await rawUpstream(t);
  const proxy = await proxyTo(t, upstream);
  const client = await t.open(proxy);
  const peer = await upstream.next();
  await peer.head();
  client.destroy();
  peer.write('HTTP/1.1 503 Busy\r\n\r\n');
  peer.socket.end();
  await peer.ended();
  const next = await t.open(proxy);
  const other = await upstream.next();
  next.destroy();
  await other.accept();
  assert.strictEqual((await other.frame()).payload.readUInt16BE(0), 1001);
  upstream.close();
  assert.strictEqual((await (await t.open(proxy)).closeFrame()).code, 1014);
  await proxy.logged(/cannot connect to ws:\/\/127.0.0.1:\d+\/feed: .*connection refused/);
});

test('proxy: a side that does not read holds the other one up', async (t) => {
  const upstream = await rawUpstream(t);
  const proxy = await proxyTo(t, upstream);
  const client = await t.open(proxy);
  const peer = await upstream.next();
  await peer.accept();
  peer.socket.pause();
  const chunk = frames.frame('binary', Buffer.alloc(60000, 1));
  const { isStuck } = await client.stuff(chunk, 2000);
  assert.ok(isStuck, 'the client is held up');
  peer.socket.resume();
  await peer.frame();

  const slowly = await t.open(proxy);
  const source = await upstream.next();
  await source.accept();
  slowly.socket.pause();
  const plain = frames.frame('binary', Buffer.alloc(60000, 1), { isMasked: false });
  let sent = 0;
  while (source.socket.write(plain) || source.socket.writableLength < 40e6) sent++;
  await sleep(500 * slow);
  assert.ok(source.socket.writableLength > 1e6, `the upstream is held up after ${sent}`);
  slowly.socket.resume();
  for (let i = 0; i < sent; i++) await slowly.nextFrame(15000 * slow);
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

test('php_login: who logs in on a page of PHP has that name in the chat', { ms: 60000 }, async (t) => {
  const folder = t.temporary('sessions');
  fs.mkdirSync(folder, { recursive: true });
  const server = await t.server(appOf('php_login'), { after: [folder] });
  const refused = await t.raw(server);
  await refused.send(handshakeBytes('/chat', [...AT_HOME, 'Cookie: PHPSESSID=guessed']));
  const answer = await refused.answer();
  assert.deepStrictEqual([answer.status, answer.body], [403, 'Log in first.\n']);

  const port = await phpServer(t, { 'session.save_path': folder },
    path.join(apps, 'php_login', 'site', 'index.php'), { CHAT: server.url('ws', 'localhost') });
  const browser = await launch();
  t.atEnd(() => browser.close());
  const enter = async (name) => {
    const tab = await newTab(browser);
    await tab.goto(`http://localhost:${port}/`);
    await tab.fill('#name', name);
    await tab.press('#name', 'Enter');
    await tab.waitForSelector(`#messages li:has-text("Welcome, ${name}.")`);
    return tab;
  };
  const say = async (tab, text) => {
    await tab.fill('#text', text);
    await tab.press('#text', 'Enter');
  };
  const ada = await enter('ada');
  const bob = await enter('<b>b\u00f6b</b>');
  await ada.waitForSelector('#messages li:has-text("<b>b\u00f6b</b> came in")');
  for (const text of ['hi', '<i>there</i>']) {
    await say(ada, text);
    await bob.waitForSelector(`#messages li:has-text("ada: ${text}")`);
  }
  await ada.reload(); // the page knows what the chat has written
  await bob.waitForSelector('#messages li:has-text("ada left")');
  await ada.waitForSelector('#messages li:has-text("Welcome, ada.")');
  assert.strictEqual(await ada.textContent('#said'), '2');

  const second = await ada.context().newPage();
  await second.goto(`http://localhost:${port}/`);
  await second.click('button[name=logout]');
  await second.waitForSelector('#name');
  await ada.waitForSelector('#status:has-text("You were logged out.")');
  assert.deepStrictEqual([...ada.problems, ...bob.problems], []);
});

// A copy of the app, where no AutobahnJS is, serves its own client.
function withoutAutobahn(t) {
  const from = path.join(apps, 'wamp_pubsub');
  for (const name of fs.readdirSync(from)) {
    if (name !== 'node_modules') t.write(name, fs.readFileSync(path.join(from, name)));
  }
  return { file: t.temporary('app.lua') };
}

async function playPubSub(t, app, isAutobahn) {
  const server = await t.server(app);
  const browser = await launch();
  t.atEnd(() => browser.close());
  const enter = async (name) => {
    const tab = await newTab(browser);
    await tab.goto(server.url('http', 'localhost').replace(/[^/]*$/, ''));
    await tab.waitForSelector('#status[data-open]');
    await tab.fill('#name', name);
    await tab.press('#name', 'Enter');
    await tab.waitForSelector('#topics li:has-text("news")');
    return tab;
  };
  const name = '<img src=x onerror=fail()>';
  const ada = await enter('ada');
  const bob = await enter(name);
  await bob.waitForSelector('#status:has-text("news: 2 subscribed")');
  assert.strictEqual(await ada.evaluate('"version" in autobahn'), isAutobahn);
  await bob.fill('#text', '<script>fail()</script>');
  await bob.press('#text', 'Enter');
  for (const tab of [ada, bob]) {
    await tab.waitForSelector(`#events li:has-text("${name}: <script>fail()</script>")`);
  }
  await ada.click('#topics button');
  await ada.waitForSelector('#topics:not(:has(li))', { state: 'attached' });
  await ada.fill('#topic', 'else where');
  await ada.press('#topic', 'Enter');
  await ada.waitForSelector('#status:has-text("else where: 1 subscribed")');
  await ada.fill('#text', 'on news');
  await ada.press('#text', 'Enter');
  await bob.waitForSelector('#events li:has-text("ada: on news")');
  assert.strictEqual(await ada.locator('#events li').count(), 1);
  assert.deepStrictEqual([...ada.problems, ...bob.problems], []);
}

test('wamp_pubsub: two tabs of a browser, by AutobahnJS', { ms: 60000 },
  (t) => playPubSub(t, appOf('wamp_pubsub'), true));

test('wamp_pubsub: two tabs of a browser, by its own client', { ms: 60000 },
  (t) => playPubSub(t, withoutAutobahn(t), false));

test('wamp_pubsub: v1 and v2 clients, and what is no text', async (t) => {
  const server = await t.server(appOf('wamp_pubsub'));
  const url = `ws://localhost:${server.port}/wamp`;
  const two = await connectAutobahn(t, url, {
    transports: [{ type: 'websocket', url, headers: { origin: 'http://localhost' } }],
  });
  const one = await WampV1.connect(t, server, '/wamp', AT_HOME);
  await one.subscribe('news');
  assert.strictEqual(await one.call('name', 'ada'), 'ada');
  assert.strictEqual(await two.call('count', ['news']), 1);
  await one.publish('news', 'hello');
  await one.expectEvent('news', { from: 'ada', text: 'hello' });
  for (const bad of [7, null, [], {}, ' ', 'x'.repeat(501)]) {
    await assert.rejects(two.publish('news', [bad], {}, { acknowledge: true }),
      (error) => error.error === 'wamp.error.not_authorized');
  }
  await assert.rejects(one.call('name', []), { uri: 'bad_argument' });
  await assert.rejects(one.call('name', 'x'.repeat(31)), { uri: 'bad_argument' });
  await assert.rejects(one.call('count'), { uri: 'bad_argument' });
  await assert.rejects(one.call('other'), { uri: 'no_such_procedure' });
  await one.expectNothing();
});
