// Each piece of code in README.md, lua/README.md and apps/README.md is run as it stands
// there: apps and pieces of apps are served and talked to, commands typed, configurations
// given to the programs that they are for, and what a log is said to have is had.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const WebSocket = require('ws');
const { test } = require('./support/runner');
const { blocksOf } = require('./support/blocks');
const { pathOf } = require('./support/certificates');
const { binary, root } = require('./support/paths');
const { program } = require('./support/program');
const { RawClient, handshakeBytes } = require('./support/raw');
const { freePort, redisServer } = require('./support/redis');
const { serveEdited } = require('./support/reloading');
const { environment } = require('./support/server');
const { poll, sleep } = require('./support/wait');

const BLOCKS = ['README.md', 'lua/README.md', 'apps/README.md'].flatMap(blocksOf);

// The block of lua/README.md, or another, with this in it.
function blockWith(part) {
  const found = BLOCKS.find((block) => block.text.includes(part));
  assert.ok(found, `a block with ${part}`);
  return found;
}

// ---- Lua

// What a piece of an app takes for granted.
const GIVEN = `
local Chat = { clients = {}, onMessage = function(self, conn, message) conn:send(message) end }
local app = ratchet.App()
local layer = { handle = function() return 200 end }
`;
const GIVEN_REDIS = 'local redis = assert(ratchet.redis.connect{ host = "127.0.0.1" })\n';

// How a piece is made whole that cannot stand alone: what has `part` in it gets `before`
// and `behind`. Without one, its components are routed.
const WHOLE = [
  { part: 'local function OnlyFrom', behind: `
    ratchet.server.IoServer.factory(ratchet.http.HttpServer(
      OnlyFrom("127.0.0.1", ratchet.websocket.WsServer(Chat))), 8080, "127.0.0.1"):run()` },
  { part: 'local function Timed(', behind: 'app:route("/timed", Timed(Chat))' },
  { part: 'local function TimedAll', before: () => blockWith('local function Timed(').text,
    behind: `ratchet.server.IoServer.factory(ratchet.http.HttpServer(
      TimedAll(ratchet.websocket.WsServer(Chat))), 8080, "127.0.0.1"):run()` },
  { part: 'local list = ', behind: 'app:route("/listed", list)' },
  { part: 'list = ratchet.server.IpBlackList(ratchet.server.Limiter', behind: 'app:route("/listed", list)' },
  { part: 'local limited', behind: 'app:route("/limited", limited)' },
  { part: 'local checked', behind: `ratchet.server.IoServer.factory(
      ratchet.http.HttpServer(checked), 8080, "127.0.0.1"):run()` },
  { part: 'local router', behind: `ratchet.server.IoServer.factory(
      ratchet.http.HttpServer(router), 8080, "127.0.0.1"):run()` },
  { part: 'response:cookie("visits"', before: () => 'app:get("/cookie", function(_, response)\n',
    behind: 'return response:send("here") end)', get: '/cookie' },
  { part: 'app:get("/squares"', get: '/squares' },
  { part: 'local function size_of', behind: `
    app:get("/size", function() return assert(size_of("/etc/hostname")) .. "" end)`, get: '/size' },
  { part: 'local room = ', before: () => 'local Room = {}\nfunction Room:onOpen(conn)\n',
    behind: 'end\napp:route("/room", Room)' },
  { part: 'local server = ratchet.wamp', behind: 'app:route("/wamp", server)' },
  { part: 'local Remote', behind: 'app:route("/session", ratchet.session.SessionProvider(Chat, Remote))' },
  { part: 'local function log_in', behind: `
    app:get("/in", function(request, response) log_in(request, response) return response:send("in") end)
    app:get("/who", function(request) return user_of(request) or "nobody" end)`, get: '/in?name=ada' },
  { part: 'function Chat:onReload', then: (server) => reloaded(server, /reload/) },
  { part: 'ratchet.onReload', then: (server) => reloaded(server, /now [0-9a-f]{8}, before [0-9a-f]{8}/) },
];

async function reloaded(server, pattern) {
  fs.appendFileSync(server.file, '\n-- changed\n');
  server.kill('SIGHUP');
  await server.logged(pattern);
}

// What stands for a machine of the reader's is given one here.
function here(t, text) {
  const sessions = t.temporary('sessions');
  fs.mkdirSync(sessions, { recursive: true });
  return text
    .replace('/etc/letsencrypt/live/chat.example.org/fullchain.pem', pathOf('local.pem'))
    .replace('/etc/letsencrypt/live/chat.example.org/privkey.pem', pathOf('local.key'))
    .replace('/etc/chat/ca.pem', pathOf('authority.pem'))
    .replace('/run/chat/web.sock', t.temporary('web.sock'))
    .replace('/var/lib/php/sessions', sessions)
    .replace('https://api.example.org/', 'https://localhost:1/')
    .replace('127.0.0.1:9000', '127.0.0.1:1')
    .replace('0.0.0.0', '127.0.0.1')
    .replace('port = 80,', 'port = 0,')
    .replace(/(address = "::1", )?port = 8080/, (_, address) => `${address || ''}port = 0`);
}

const isWholeApp = (text) => text.includes('local ratchet = require') && /:run\(\)\s*$/.test(text);

// The tables with events, and with run, that a piece makes.
function componentsIn(text) {
  const names = [...text.matchAll(/^function (\w+):(?:on[A-Z]\w*|run)\(/gm)].map((found) => found[1]);
  return [...new Set(names)].filter((name) => name === 'Chat' || text.includes(`local ${name} = {`));
}

function wholeOf(t, text, how) {
  const lines = [how.before ? how.before() : '', text, how.behind || ''];
  const body = here(t, lines.join('\n').replace('local ratchet = require "ratchet"', ''));
  if (/:run\(\)\s*$/.test(body)) return isWholeApp(text) ? body : GIVEN + body;
  const routes = how.behind ? [] : componentsIn(text)
    .map((name) => `if not package.loaded.routed_${name} then app:route("/${name}", ${name}) end`);
  return [GIVEN, text.includes('redis:') && !text.includes('local redis') ? GIVEN_REDIS : '', body,
    ...routes, 'app:get("/here", function() return "here" end)', 'app:run()'].join('\n');
}

async function withRedis(t, text) {
  if (!text.includes('ratchet.redis.connect')) return text;
  const { options } = await redisServer(t, { port: true });
  return text.replace('host = "127.0.0.1"', `host = "127.0.0.1", port = ${options.port}`);
}

const FINE = [101, 200, 303, 401, 403, 404, 405, 426];

// The name in an address does not tell whether it is IPv4 or 6.
async function reach(t, port, secure) {
  const client = new RawClient({ host: '::1', port }, secure);
  t.atEnd(() => client.destroy());
  return client.connected().then(() => client, () => t.raw(port, secure));
}

// Asks at an address that the server has printed, and talks where it is let in.
async function visit(t, server, [, scheme, host, port, target]) {
  const secure = /^(wss|https)$/.test(scheme) ? { ca: fs.readFileSync(pathOf('authority.pem')), servername: 'localhost' } : undefined;
  const client = await reach(t, Number(port), secure);
  const asked = `${target || '/'}?name=ada&token=x`;
  const lines = [`Host: ${host}:${port}`, `Origin: http://${host}`];
  if (/^ws/.test(scheme)) await client.send(handshakeBytes(asked, ['Host:', ...lines]));
  else await client.send(`GET ${asked} HTTP/1.1\r\n${lines[0]}\r\n\r\n`);
  const answer = await client.answer();
  const isAfterwards = answer.status === 503 && answer.body === 'try again later\n';
  assert.ok(FINE.includes(answer.status) || isAfterwards, `${scheme} ${target}: ${answer.status} ${answer.body}`);
  if (answer.status === 101) await client.text('hello');
  return client;
}

async function serveLua(t, block) {
  const how = WHOLE.find(({ part }) => block.text.includes(part)) || {};
  const text = await withRedis(t, wholeOf(t, block.text, how));
  const server = await t.server(text, { env: { SECRET: 'a secret that is long enough for HS256' } });
  const clients = [];
  for (const address of server.addresses.filter(([, scheme]) => scheme !== 'tcp')) {
    clients.push(await visit(t, server, address));
  }
  if (how.get) assert.strictEqual((await ask(t, server, how.get)).status, 200);
  await sleep(30); // so that what handlers do has been done
  if (how.then) await how.then(server);
  assert.doesNotMatch(server.stderr, /^\S+ error /m, block.where);
  for (const client of clients) client.destroy();
}

async function ask(t, server, target) {
  const client = await t.raw(server);
  await client.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return client.answer();
}

// A spec, or what can be said in one.
async function runSpec(t, block) {
  const isSpec = block.text.includes('describe(');
  const text = isSpec ? block.text : `it("runs", function()\n${block.text}\nend)\n`;
  t.write('spec/a_spec.lua', text);
  const { stdout } = await ratchet(t, ['test', t.temporary('spec')]);
  assert.match(stdout, /[1-9]\d* success(es)? \/ 0 failures \/ 0 errors/);
}

// Names with what they take: are there such functions?
async function callName(t, block) {
  const names = [...block.text.matchAll(/^(ratchet\.[\w.]+)/gm)].map((found) => found[1]);
  t.write('spec/a_spec.lua', `local ratchet = require "ratchet"\n${names.map((name) => `
    it("${name}", function() assert(getmetatable(${name}) or type(${name}) == "function") end)`).join('')}`);
  await ratchet(t, ['test', t.temporary('spec')]);
}

// ---- commands

function ratchet(t, args) {
  return shell(t, `ratchet-lua ${args.join(' ')}`);
}

// A line as somebody types it, with ratchet-lua where a shell finds it.
function shell(t, line, more = {}) {
  const folder = t.temporary('bin');
  fs.mkdirSync(folder, { recursive: true });
  if (!fs.existsSync(path.join(folder, 'ratchet-lua'))) {
    fs.symlinkSync(binary, path.join(folder, 'ratchet-lua'));
  }
  const env = environment({ XDG_RUNTIME_DIR: t.temporary('.'), ...more });
  return program('env', [...Object.entries({ ...env, PATH: `${folder}:${process.env.PATH}` })
    .map(([name, value]) => `${name}=${value}`), 'sh', '-ec', line]);
}

const app = (name) => ({ file: path.join(root, 'apps', name, 'app.lua') });

const atPort = (text, server) => text.replace('localhost:8080', `localhost:${server.port}`);

// The README's first command, without what has been done already: installed and built.
async function talkCommand(t, block) {
  const [, args] = block.text.match(/^sh \.ci\/install run && cmake -B build && cmake --build build -j 4 && build\/ratchet-lua (.*)\n$/);
  const server = await t.server({ file: path.join(root, args) });
  const told = blockWith('serves apps/chat/app.lua').text;
  const seen = server.stdout.replaceAll(`:${server.port}`, ':8080').replace(`${root}/`, '');
  assert.strictEqual(seen, told);
}

// .ci/run does these: a test that installs packages would do it to whoever runs it.
async function isOfCi(t, block) {
  const ci = fs.readFileSync(path.join(root, '.ci', 'run'), 'utf8');
  const word = block.text.includes('cpack') ? 'cpack' : '.*ctest ';
  assert.ok(ci.includes(word), `${word} in .ci/run`);
  await program('sh', ['-n', '-c', block.text]);
}

async function curlUnix(t, block) {
  const socket = t.temporary('web.sock');
  await t.server(here(t, blockWith('app:listen{ unix').text.replace(/local ratchet.*\n/, '')));
  const { stdout } = await shell(t, block.text.replace('/run/chat/web.sock', socket));
  assert.strictEqual(stdout, 'hello');
}

async function connectCommand(t, block) {
  const server = await t.server(app('chat'));
  const { stdout } = await shell(t, atPort(block.text, server));
  assert.strictEqual(stdout, 'hello\n');
}

async function devTls(t) {
  const server = await t.server('local app = ratchet.App() app:get("/", function() return "here" end) app:run()',
    { args: ['--dev-tls'] });
  const { stdout } = await shell(t, `curl -sk https://localhost:${server.port}/`);
  assert.strictEqual(stdout, 'here');
}

async function reloadCommands(t, block) {
  const lines = block.text.trim().split('\n').map((line) => line.replace(/ *#.*/, ''));
  assert.deepStrictEqual(lines.map((line) => line.split(' ')[1]), ['--watch', 'reload', 'rollback']);
  const text = (word) => `local ratchet = require "ratchet"
    local app = ratchet.App() app:get("/", function() return "${word}" end) app:run()`;
  const edited = await serveEdited(t, { 'app.lua': text('one') });
  const said = async (word) => assert.strictEqual((await ask(t, edited.server, '/')).body, word);
  edited.edit({ 'app.lua': text('two') });
  for (const [line, word] of [[lines[1], 'two'], [lines[2], 'one']]) {
    for (const target of [`--pid ${edited.server.pid}`, edited.path('app.lua')]) {
      await shell(t, line.replace(/\[.*\]/, target), edited.env).catch((error) => {
        if (!/nothing|no code before/.test(error.message)) throw error; // done by the first
      });
    }
    await said(word);
  }
  const watched = await t.server({ file: edited.path('app.lua') }, { args: [lines[0].split(' ')[1]], env: edited.env });
  edited.edit({ 'app.lua': text('three') });
  await poll(async () => (await ask(t, watched, '/')).body === 'three', '--watch has seen the change');
}

// systemd itself is not here to ask; what takes its place starts the unit, and says who.
async function drainCommand(t, block) {
  const server = await t.server(app('echo'), { env: { XDG_RUNTIME_DIR: t.temporary('.') } });
  t.write('bin/systemctl', `#!/bin/sh\n[ "$1" = start ] || echo ${server.pid}\n`);
  fs.chmodSync(t.temporary('bin/systemctl'), 0o755);
  const client = await t.open(server);
  await shell(t, block.text.replace('--seconds 60', '--seconds 1'));
  const { payload } = await client.nextFrame();
  assert.strictEqual(payload.readUInt16BE(0), 1012);
  client.destroy();
  await server.exit();
}

async function curlBeside(t, block) {
  const server = await t.server(app('http_beside'));
  const lines = block.text.trim().split('\n');
  const healthy = await shell(t, atPort(lines[0], server));
  assert.match(healthy.stdout, /^HTTP\/1\.1 200 OK\r\n/);
  const echoed = await shell(t, atPort(lines[1], server));
  assert.deepStrictEqual(JSON.parse(echoed.stdout), { you_sent: { a: [1, 2] } });
}

async function watchChat(t, block) {
  const [before, after] = BLOCKS.filter(({ file, text }) => file === 'apps/README.md' && text.startsWith('function Chat:onOpen'));
  assert.match(block.text, /^ratchet-lua --watch apps\/chat\/app\.lua\n$/);
  const text = fs.readFileSync(app('chat').file, 'utf8');
  assert.ok(text.includes(before.text), 'the chat has that line');
  const folder = t.temporary('chat');
  fs.cpSync(path.dirname(app('chat').file), folder, { recursive: true });
  const file = path.join(folder, 'app.lua');
  const server = await t.server({ file }, { args: ['--watch'], env: { XDG_RUNTIME_DIR: t.temporary('.') } });
  const first = await t.open(server, '/chat');
  fs.writeFileSync(file, text.replace(before.text, after.text));
  await server.logged(/functions replaced: Chat:onOpen/);
  const third = await t.open(server, '/chat');
  const greeting = (await third.nextFrame()).payload.toString();
  assert.match(greeting, /^server: welcome, you are running [0-9a-f]{8}$/);
  await third.text('third: hi');
  await first.expectText('third: hi');
}

async function console_(t, block) {
  const server = await t.server(app('chat'));
  const other = await t.open(server, '/chat');
  const sockets = [];
  class Socket extends WebSocket {
    constructor(...args) { super(...args); sockets.push(this); }
  }
  t.atEnd(() => sockets.forEach((socket) => socket.terminate()));
  const logged = [];
  new Function('WebSocket', 'console', atPort(block.text, server))(Socket, { log: (line) => logged.push(line) });
  await other.expectText('console: hello');
  await other.text('other: hi');
  await poll(() => logged.includes('other: hi'), 'the console heard it');
}

async function redisCli(t, block) {
  const redis = await redisServer(t, { port: true });
  const server = await t.server(app('push'), { after: [redis.socket] });
  const url = server.addresses.find(([, scheme]) => scheme === 'ws');
  const client = await t.open(server, url[4], ['Origin: http://localhost']);
  await redis.listened('news');
  await shell(t, block.text.replace('redis-cli', `redis-cli -p ${redis.options.port}`));
  assert.match((await client.nextFrame()).payload.toString(), /"from anywhere"/);
}

// ---- what logs say

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// A line with other numbers.
const likeLine = (text) => new RegExp(escaped(text.trim()).replace(/\d+(?= ms)/, '\\d+'));

async function slowLine(t, block) {
  const file = t.write('chat.lua', `local ratchet = require "ratchet"
local app = ratchet.App("localhost", 8080)
local Chat = {}



function Chat:onMessage(conn)
  local till = os.clock() + 0.2
  -- What takes long:


  while os.clock() < till do end
  conn:send("done")
end
app:route("/", Chat, { "*" })
app:run()
`);
  const server = await t.server({ file });
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('done');
  await server.logged(likeLine(block.text.replace('chat.lua', file)));
}

async function refusalLine(t, block) {
  const server = await t.server(`local app = ratchet.App("localhost", 8080)
    app:route("/chat", ratchet.server.EchoServer()) app:run()`);
  const client = await t.raw(server);
  await client.send(handshakeBytes('/chat', ['Origin: http://evil.example']));
  assert.strictEqual((await client.answer()).status, 403);
  await server.logged(likeLine(block.text));
}

async function violationLine(t, block) {
  const server = await t.server(app('echo'));
  const client = await t.open(server);
  await client.frame('text', 'x', { isMasked: false });
  await client.expectClose(1002);
  await server.logged(likeLine(block.text.replace('203.0.113.7', '127.0.0.1')));
}

// An app whose change makes the report of the README, line by line.
async function reportLines(t, block) {
  const text = (word, change) => `local ratchet = require "ratchet"
local Chat = {}
local GREETING = "${word}"
local seen = 0
local app = ratchet.App("localhost", 8080)


-- Greets.
function Chat:onMessage(conn, message)
  seen = seen + 1
  if message == "wait" then ratchet.sleep(30) end
  conn:send(GREETING .. seen${change ? ' .. message' : ''})
end
app:route("/chat", Chat, { "*" })




${change ? '' : 'local function tick() return seen end'}

ratchet.every(60, function() return app end)
${change ? 'app:route("/rooms", require "rooms")' : 'ratchet.every(60, tick) app:route("/old", Chat)'}
app:run()
`;
  const edited = await serveEdited(t, { 'app.lua': text('hi') });
  const waiting = await edited.open('/chat');
  await waiting.text('wait');
  const second = await edited.open('/chat');
  await second.text('x');
  await second.expectText('hi2');
  edited.edit({ 'app.lua': text('hello', true), 'rooms.lua': 'return { onOpen = print }\n' });
  const report = (await edited.reload()).replaceAll(`${edited.folder}/`, '').trim().split('\n').map((line) => line.trim());
  const shape = (line) => line.replace(/\S+Z info /, '').replace(/\b[0-9a-f]{8}\b/g, 'VERSION')
    .replace(/[\d.]+ ms.*/, 'TIME').replace(/:\d+\)/g, ':LINE)').replace(/connection \d+/, 'connection N').trim();
  assert.deepStrictEqual(report.map(shape), block.text.trim().split('\n').map(shape));
}

// ---- configurations

// proxy_test.js has nginx, HAProxy, Caddy and Apache run theirs.
async function isOfProxies(t, block) {
  const text = fs.readFileSync(path.join(__dirname, 'proxy_test.js'), 'utf8');
  assert.ok(text.includes(`fromReadme('${block.kind}'`), `proxy_test.js runs ${block.kind}`);
}

async function unit(t, block) {
  const name = block.text.includes('[Socket]') ? 'chat.socket' : 'chat.service';
  const text = block.text.replace(/(?<=ExecStart=)\S+ \S+/, `${binary} ${app('chat').file}`);
  const file = t.write(`units/${name}`, text);
  if (name === 'chat.socket') t.write('units/chat.service', '[Service]\nExecStart=/bin/true\n');
  if (text.includes('Sockets=')) t.write('units/chat.socket', blockWith('[Socket]').text);
  const { stderr } = await program('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', file],
    { missing: 'systemd-analyze is missing: sh .ci/install test', any: true });
  const own = stderr.split('\n').filter((line) => line.includes('units/chat'));
  assert.deepStrictEqual(own, []);
}

// As in Ratchet's README; that it is PHP is all that can be seen without Ratchet.
async function php(t, block) {
  const file = t.write('chat.php', `<?php\nuse Ratchet\\MessageComponentInterface;
use Ratchet\\ConnectionInterface;\n${block.text}`);
  await program('php', ['-l', file], { missing: 'php is missing: sh .ci/install test' });
}

// ---- who runs what: the first whose word the text has

const SIGNATURE = /^(ratchet\.[\w.]+(\([\w, ]*\)|\{.*\.\.\. \})\n)+$/;
const LUA = /^(local |--|function |ratchet\.|response:|app:|redis:)/;

const RUNNERS = [
  [({ kind }) => kind === 'ini', unit],
  [({ kind }) => ['nginx', 'haproxy', 'caddy', 'apache'].includes(kind), isOfProxies],
  [({ kind }) => kind === 'php', php],
  [({ text }) => text.startsWith('sh .ci/install run'), talkCommand],
  [({ text }) => /^sh \.ci\/install test|cpack/.test(text), isOfCi],
  [({ text }) => text.includes('serves apps/chat/app.lua'), talkCommand_],
  [({ text }) => text.startsWith('warn slow handler'), slowLine],
  [({ text }) => text.startsWith('403 /chat'), refusalLine],
  [({ text }) => text.startsWith('1002 to '), violationLine],
  [({ text }) => text.includes('info reload '), reportLines],
  [({ text }) => text.startsWith('curl --unix-socket'), curlUnix],
  [({ text }) => text.includes('ratchet-lua connect'), connectCommand],
  [({ text }) => text.startsWith('ratchet-lua --dev-tls'), devTls],
  [({ text }) => text.startsWith('ratchet-lua --watch app.lua'), reloadCommands],
  [({ text }) => text.includes('ratchet-lua drain'), drainCommand],
  [({ text }) => text.startsWith('ratchet-lua --watch apps/chat'), watchChat],
  [({ file, text }) => file === 'apps/README.md' && text.startsWith('function Chat:onOpen'), watchChat_],
  [({ text }) => text.startsWith('const socket'), console_],
  [({ text }) => text.startsWith('curl -i'), curlBeside],
  [({ text }) => text.startsWith('redis-cli'), redisCli],
  [({ text }) => text.includes('require "ratchet.testing"'), runSpec],
  [({ text }) => SIGNATURE.test(text), callName],
  [({ kind, text }) => kind === 'lua' || (kind === '' && LUA.test(text)), serveLua],
];

function talkCommand_(t) {
  return talkCommand(t, blockWith('build/ratchet-lua apps/chat/app.lua'));
}

function watchChat_(t) {
  return watchChat(t, blockWith('ratchet-lua --watch apps/chat'));
}

for (const block of BLOCKS) {
  test(`${block.where} runs: ${block.text.split('\n')[0].slice(0, 40)}`, async (t) => {
    const found = RUNNERS.find(([isFor]) => isFor(block));
    assert.ok(found, 'nothing runs this: say in readme_test.js how it is run');
    await found[1](t, block);
  });
}
