// Layers around components and around what answers requests: of the app's own, and
// IpBlackList, Limiter and FlashPolicy.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const { handshakeBytes } = require('./support/raw');
const { sleep } = require('./support/wait');

const CHAT = `
local Chat = {}
function Chat:onOpen(conn, request) note("open", conn.seen, request.path) conn.inner = "set inside" end
function Chat:onMessage(conn, message, is_binary)
  if message == "raise" then error("raised") end
  if message == "close" then return conn:close(4000, "enough") end
  conn:send(message, is_binary)
end
function Chat:onPing(conn, data) note("ping", data) end
function Chat:onClose(conn, code, reason) note("close", conn.seen, code, reason) end
`;

function appWith(layers, rest = '') {
  return `${CHAT}
local function Outer(next_layer)
  local layer = {}
  function layer:onOpen(conn, request)
    conn.seen = "set outside"
    ratchet.component.tell(self.next, "onOpen", conn, request)
    note("inner", conn.inner)
  end
  return ratchet.component.wrap(next_layer, layer)
end
local Plain = ratchet.component.wrap
local app = ratchet.App("localhost", 8080)
${layers}
${rest}
app:run()
`;
}

test('a connection is the same in every layer; every event goes through', async (t) => {
  const server = await t.server(appWith(`
    app:route("/", Plain(Outer(Plain(Plain(Chat)))), { "*" })
    function Chat:onError(conn, err) note("error", (tostring(err):match("raised"))) end`),
  { mayAlarm: /raised/ });
  const client = await t.open(server, '/');
  await server.note('inner', 'set inside');
  await client.expectEcho('hello');
  await client.frame('ping', 'x');
  await client.expectFrame('pong', 'x');
  await client.text('raise');
  await server.note('error', 'raised');
  await client.expectEcho('still there');
  await client.text('close');
  await expectClosed(client, 4000);
  await server.note('close', 'set outside', 4000);
  assert.deepStrictEqual(server.notes.map((one) => one[0]),
    ['open', 'inner', 'ping', 'error', 'close']);
});

test('without onError behind a layer it is 1011; getSubProtocols and onUpgrade pass', async (t) => {
  const server = await t.server(appWith(`
    function Chat:getSubProtocols() return { "chat" } end
    function Chat:onUpgrade(request) if request.query.no then return 403, "no\\n" end end
    app:route("/", Plain(Outer(Chat)), { "*" })`), { mayAlarm: /raised/ });
  const answered = async (target, lines) => {
    const raw = await t.raw(server);
    await raw.send(handshakeBytes(target, lines));
    return raw.answer();
  };
  assert.strictEqual((await answered('/')).status, 426);
  assert.strictEqual((await answered('/?no=1', ['Sec-WebSocket-Protocol: chat'])).body, 'no\n');
  const client = await t.open(server, '/', ['Sec-WebSocket-Protocol: chat']);
  await client.text('raise');
  await expectClosed(client, 1011);
  await server.note('close', 'set outside', 1011);
});

test('route takes every kind of component, and layers around each', async (t) => {
  const server = await t.server(appWith(`
    local Page = { handle = function() return 200, "page" end }
    local Echo = ratchet.server.EchoServer()
    app:route("/plain", Echo, { "*" })
    app:route("/wrapped", Plain(Plain(Echo)), { "*" })
    app:route("/ws", ratchet.websocket.WsServer(Plain(Echo)), { "*" })
    app:route("/http", ratchet.http.HttpServer(Plain(ratchet.websocket.WsServer(Echo))), { "*" })
    app:route("/around", Plain(ratchet.websocket.WsServer(Echo)), { "*" })
    app:route("/list", ratchet.server.IpBlackList(ratchet.websocket.WsServer(Echo)), { "*" })
    app:route("/both", ratchet.server.Limiter(ratchet.server.IpBlackList(
      ratchet.websocket.WsServer(Echo), { kick = true }), { messages = 100 }), { "*" })
    app:route("/page", Plain(Page), { "*" })
    local Line = { run = function(_, conn)
      for message, binary in conn:messages() do conn:send(message, binary) end
    end }
    app:route("/run", Plain(Line), { "*" })`));
  for (const where of ['/plain', '/wrapped', '/ws', '/http', '/around', '/list', '/both', '/run']) {
    await (await t.open(server, where)).expectEcho(where);
  }
  const page = await t.raw(server);
  await page.send('GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await page.answer()).body, 'page');
  const urls = server.addresses.map((found) => found[0].trim().replace(/:\d+/, ''));
  assert.ok(urls.includes('ws://localhost/around') && urls.includes('http://localhost/page'));
});

test('onSend and onReceive: all that goes in and out, and only there', async (t) => {
  const server = await t.server(`
    local room = ratchet.topic("room")
    local Line = {}
    function Line:run(conn)
      room:add(conn)
      for message, binary in conn:messages() do
        conn:send("re " .. message, binary)
        room:broadcast("all")
        room:broadcast("others", { exclude = conn })
      end
    end
    local app = ratchet.App("localhost", 8080)
    app:route("/seen", ratchet.component.wrap(Line, {
      onSend = function(_, _, message, binary) note("out", message, binary) end,
      onReceive = function(_, _, message, binary)
        note("in", message, binary)
        return message ~= "secret"
      end,
    }), { "*" })
    app:route("/unseen", ratchet.component.wrap(Line), { "*" })
    app:run()`);
  const seen = await t.open(server, '/seen');
  await seen.text('one');
  await seen.expectText('re one');
  await seen.expectText('all');
  await seen.text('secret');
  const unseen = await t.open(server, '/unseen');
  await unseen.text('two');
  await unseen.expectText('re two');
  await unseen.expectText('all');
  await seen.expectText('all');
  await seen.expectText('others');
  for (const client of [unseen, seen]) {
    await client.close(1000);
    await client.expectClose(1000);
  }
  await server.settled();
  assert.deepStrictEqual(server.notes, [
    ['in', 'one', false], ['out', 're one', false], ['out', 'all', false],
    ['in', 'secret', false], ['out', 'all', false], ['out', 'others', false],
  ]);
});

// The server's close frame, which is answered.
async function expectClosed(client, code) {
  assert.strictEqual((await client.closeFrame()).code, code);
  await client.close(code);
  await client.expectEnd();
}

// ---- IpBlackList

const ask = async (t, server, target, lines) => {
  const raw = await t.raw(server);
  await raw.send(handshakeBytes(target, lines));
  return raw.answer();
};

test('IpBlackList: 403 before the upgrade, by the client that a proxy names', async (t) => {
  const server = await t.server(`${CHAT}
    local list = ratchet.server.IpBlackList(Chat, { blocked = { "10.0.0.0/8", "2001:db8::1" } })
    local app = ratchet.App("localhost", 8080, nil, { trustedProxies = { "127.0.0.1" } })
    app:route("/", list, { "*" })
    app:get("/block", function(request) list:blockAddress(request.query.a) return "done" end)
    app:run()`);
  const as = (address) => [`X-Forwarded-For: ${address}`];
  for (const address of ['10.1.2.3', '2001:db8::1', '[2001:db8::1]:80', '10.0.0.1:99']) {
    assert.strictEqual((await ask(t, server, '/', as(address))).status, 403, address);
  }
  await (await t.open(server, '/', as('11.0.0.1'))).expectEcho('hello');
  await server.logged(/403 \/: the address is blocked/);
  const curl = await t.raw(server);
  await curl.send('GET /block?a=11.0.0.1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await curl.answer()).status, 200);
  assert.strictEqual((await ask(t, server, '/', as('11.0.0.1'))).status, 403);
  assert.deepStrictEqual(server.notes.map((one) => one[0]).sort(), ['open']);
});

test('IpBlackList: kick, around a component and around a whole App', async (t) => {
  const server = await t.server(`${CHAT}
    local inner = ratchet.server.IpBlackList(Chat, { kick = true })
    local app = ratchet.App("localhost", 8080, nil, { trustedProxies = { "127.0.0.1" } })
    app:route("/inner", inner, { "*" })
    app:route("/outer", Chat, { "*" })
    local outer = ratchet.server.IpBlackList(app, { kick = true })
    app:get("/block", function(request)
      local list = request.query.outer and outer or inner
      list:blockAddress(request.query.a, tonumber(request.query.s))
      return tostring(list:isBlocked(request.query.a))
    end)
    require("ratchet.native").options().port = 0
    ratchet.server.IoServer(outer, 0, "127.0.0.1", { trustedProxies = { "127.0.0.1" } }):run()`);
  const as = (address) => [`X-Forwarded-For: ${address}`];
  const block = async (query) => {
    const raw = await t.raw(server);
    await raw.send(`GET /block?${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return (await raw.answer()).body;
  };
  const one = await t.open(server, '/inner', as('10.0.0.1'));
  const two = await t.open(server, '/outer', as('10.0.0.1'));
  const other = await t.open(server, '/outer', as('10.0.0.2'));
  assert.strictEqual(await block('a=10.0.0.1'), 'true');
  await expectClosed(one, 1008);
  await server.noted(['close'], 1);
  await two.expectEcho('the other list');
  assert.strictEqual(await block('outer=1&a=10.0.0.1&s=0.05'), 'true');
  await expectClosed(two, 1008);
  await server.noted(['close'], 2);
  assert.strictEqual((await ask(t, server, '/outer', as('10.0.0.1'))).status, 403);
  await other.expectEcho('not blocked');
  await sleep(80);
  await (await t.open(server, '/outer', as('10.0.0.1'))).expectEcho('let in again');
  assert.strictEqual(server.notesLike('close').filter((one) => one[2] === 1008).length, 2);
});

test('IpBlackList: raw connections are closed without a byte', async (t) => {
  const server = await t.server(`
    local Raw = { onOpen = function(_, conn) note("open") conn:send("hello") end,
      onMessage = function(_, conn, bytes) note("bytes") end,
      onClose = function() note("close") end }
    local list = ratchet.server.IpBlackList(Raw)
    list:blockAddress("127.0.0.1", 0.3)
    ratchet.server.IoServer.factory(list, 8080, "127.0.0.1"):run()`);
  const blocked = await t.raw(server);
  await blocked.send('hello');
  await blocked.expectEnd();
  assert.deepStrictEqual(server.notes, []);
  await sleep(350);
  const later = await t.raw(server);
  assert.strictEqual(String(await later.bytes(5)), 'hello');
});

// ---- Limiter

test('Limiter: delay loses nothing and holds the rate', async (t) => {
  const server = await t.server(appWith(`
    app:route("/", ratchet.server.Limiter(Chat, { messages = 10, interval = 0.2 }), { "*" })`));
  const client = await t.open(server, '/');
  const begin = Date.now();
  for (let i = 0; i < 40; i++) await client.text(`message ${i}`);
  for (let i = 0; i < 40; i++) await client.expectText(`message ${i}`);
  const took = Date.now() - begin;
  assert.ok(took >= 550, `30 messages at 50 in a second: ${took} ms`);
});

test('Limiter: who is delayed can be closed, and others go on', async (t) => {
  const server = await t.server(appWith(`
    app:route("/", ratchet.server.Limiter(Chat, { bytes = 10, interval = 3600 }), { "*" })`));
  const [greedy, other] = [await t.open(server, '/'), await t.open(server, '/')];
  await greedy.text('0123456789');
  await greedy.expectText('0123456789');
  await greedy.text('never heard');
  await other.expectEcho('hello');
  await greedy.expectSilence(50);
  greedy.reset();
  await other.expectEcho('x');
  await server.stop();
  assert.deepStrictEqual(server.notesLike('close').length, 2);
});

test('Limiter: drop and close; run and receive are counted too', async (t) => {
  const server = await t.server(appWith(`
    local Line = { run = function(_, conn)
      for message in conn:messages() do conn:send(message) end
    end, onClose = function(_, conn, code) note("line", code) end }
    local limits = { messages = 2, interval = 3600, over = "drop" }
    app:route("/drop", ratchet.server.Limiter(Chat, limits), { "*" })
    app:route("/run", ratchet.server.Limiter(Line, limits), { "*" })
    limits = { messages = 2, interval = 3600, over = "close" }
    app:route("/close", ratchet.server.Limiter(Chat, limits), { "*" })
    app:route("/close-run", ratchet.server.Limiter(Line, limits), { "*" })
    app:route("/ping", ratchet.server.Limiter(Chat, limits), { "*" })
  `));
  for (const where of ['/drop', '/run']) {
    const client = await t.open(server, where);
    for (let i = 0; i < 4; i++) await client.text(`${i}`);
    for (let i = 0; i < 2; i++) await client.expectText(`${i}`);
    await client.expectSilence(50);
    await client.close(1000);
  }
  for (const where of ['/close', '/close-run']) {
    const client = await t.open(server, where);
    for (let i = 0; i < 4; i++) await client.text(`${i}`);
    for (let i = 0; i < 2; i++) await client.expectText(`${i}`);
    await expectClosed(client, 1008);
  }
  const pinging = await t.open(server, '/ping');
  for (let i = 0; i < 3; i++) await pinging.frame('ping', '');
  for (let i = 0; i < 3; i++) await pinging.expectFrame('pong', '');
  await expectClosed(pinging, 1008);
});

test('Limiter: connections of an address; how long they stay; around an App', async (t) => {
  const server = await t.server(`${CHAT}
    local app = ratchet.App("localhost", 8080)
    app:route("/", Chat, { "*" })
    app:get("/page", function() return "page" end)
    local limiter = ratchet.server.Limiter(app, { maxConnectionsPerAddress = 2, maxDuration = 0.4,
      onLimit = function(who, what) note("limit", what) end })
    require("ratchet.native").options().port = 0
    ratchet.server.IoServer(limiter, 0, "127.0.0.1"):run()`);
  const [one, two] = [await t.open(server, '/'), await t.open(server, '/')];
  const refused = await ask(t, server, '/');
  assert.deepStrictEqual([refused.status, refused.headers['retry-after']], [429, ['1']]);
  const page = await t.raw(server);
  await page.send('GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await page.answer()).body, 'page');
  await server.note('limit', 'connections');
  await expectClosed(one, 1008);
  await expectClosed(two, 1008);
  await server.noted(['close'], 2);
  await (await t.open(server, '/')).expectEcho('room again');
  assert.deepStrictEqual(server.notesLike('limit').map((found) => found[1]),
    ['connections', 'duration', 'duration']);
});

// ---- FlashPolicy

test('FlashPolicy: the policy, a NUL, the end; and errors end nothing else', async (t) => {
  const server = await t.server(`
    local policy = ratchet.server.FlashPolicy()
    policy:addAllowedAccess("example.org", "80,8080-8090"):setSiteControl("master-only")
    ratchet.server.IoServer.factory(policy, 843, "127.0.0.1"):run()
    require("ratchet.native").options().port = 0
    ratchet.server.IoServer.factory(ratchet.server.FlashPolicy(), 0, "127.0.0.1"):run()`,
  { mayAlarm: /there must be a domain/ });
  const flash = await t.raw(server);
  await flash.send('<policy-file-request/>\0');
  const text = await flash.upTo('\0');
  assert.match(text, /master-only/);
  assert.match(text, /domain="example.org" to-ports="80,8080-8090" secure="false"\/>/);
  await flash.expectEnd();
  const empty = await t.raw(Number(server.addresses[1][3]));
  await empty.send('x');
  await empty.expectEnd();
  await server.logged(/there must be a domain/);
});
