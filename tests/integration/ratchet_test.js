// Ratchet's own test cases, and those of RFC6455, its protocol library, that make sense
// here and that nothing else plays. spec/README.md says of each where it is.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { handshakeBytes } = require('./support/raw');

const ECHO = `
local C = {}
function C:onOpen(conn) note("open") end
function C:onMessage(conn, message, is_binary) conn:send(message, is_binary) end
function C:onClose(conn, code) note("close", code) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" }, nil, { OPTIONS })
app:run()
`;
const echo = (t, options = '') => t.server(ECHO.replace('OPTIONS', options));

// ---- AbstractConnectionDecorator: nothing decorates a connection, so that all levels
// are one.

const LEVELS = `
local wrap, tell = ratchet.component.wrap, ratchet.component.tell
local inner = {}
function inner:onMessage(conn, message) BODY end
local level2 = wrap(inner, { onMessage = function(self, conn, message)
  conn.level2, conn.layer2 = message, self
  tell(self.next, "onMessage", conn, message)
end })
local level1 = wrap(level2, { onMessage = function(self, conn, message)
  conn.level1, conn.same = message, conn
  tell(self.next, "onMessage", conn, message)
  note("after", conn.inside, conn.level1, conn.level2)
end })
local app = ratchet.App("localhost", 8080)
app:route("/", level1, { "*" })
app:run()
`;
const levels = async (t, body) => {
  const server = await t.server(LEVELS.replace('BODY', body));
  await (await t.open(server)).text('x');
  return server;
};

test('fields at every level (Ratchet: testGet, testSet, testSetLevel2)', async (t) => {
  const server = await levels(t,
    'note("fields", conn.level1, conn.level2, conn.remoteAddress) conn.inside = "y"');
  await server.note('after', 'y', 'x', 'x');
  await server.note('fields', 'x', 'x', '127.0.0.1');
});

test('is a field set? (Ratchet: testIsSetTrue, testIsSetFalse, testWarningGettingNothing, '
  + 'testWarningGettingNothingLevel1, testWarningGettingNothingLevel2)', async (t) => {
  const server = await levels(t,
    'note("fields", conn.level1 ~= nil, conn.nothing == nil, conn.nothing2 ~= nil)');
  await server.note('fields', true, true, false);
});

test('unset, everywhere (Ratchet: testUnset, testUnsetLevel2)', async (t) => {
  const server = await levels(t, 'conn.level1, conn.level2, conn.inside = nil, nil, "gone"');
  await server.note('after', 'gone');
  assert.deepStrictEqual(server.notesLike('after')[0].slice(0, 2), ['after', 'gone']);
});

test('one connection at all levels, which may hold itself and its layers (Ratchet: '
  + 'testGetConnection, testGetConnectionLevel2, testWrapperCanStoreSelfInDecorator, '
  + 'testDecoratorRecursion, testDecoratorRecursionLevel2)', async (t) => {
  const server = await levels(t, `conn.me = conn
    note("same", conn.same == conn, conn.me.me.same == conn, conn.layer2.next == self)`);
  await server.note('same', true, true, true);
});

// ---- IoServer, IoConnection

// One byte each time: that cannot come in two pieces.
test('raw TCP (Ratchet: IoServer testOnOpen, testOnData, testOnClose, '
  + 'testOnErrorPassesException; IoConnection testSendBubbles, testSendReturnsSelf, '
  + 'testCloseBubbles)', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onOpen(conn) note("open", conn.remoteAddress, conn.resourceId > 0) end
    function C:onMessage(conn, bytes)
      if bytes == "!" then error({ "thrown" }) end
      note("data", bytes, conn:send(bytes) == conn)
      if bytes == "." then note("closed", conn:close() == conn) end
    end
    function C:onClose(conn) note("close") end
    function C:onError(conn, err) note("error", err[1]) end
    ratchet.server.IoServer.factory(C, 8080, "127.0.0.1"):run()`, { mayAlarm: /onMessage/ });
  const client = await t.raw(server);
  await client.send('!');
  await server.note('error', 'thrown');
  await client.send('.');
  assert.strictEqual(String(await client.bytes(1)), '.');
  await client.expectEnd();
  await server.note('close');
  assert.deepStrictEqual(server.notes, [['open', '127.0.0.1', true], ['error', 'thrown'],
    ['data', '.', true], ['closed', true], ['close']]);
});

// ---- HttpServer, HttpRequestParser, Router

test('HttpServer and a plain component (Ratchet: testOpen, testBufferHeaders, '
  + 'testOnMessageAfterHeaders, testCloseIfNotEstablished, testOnClose, testOnError)', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onOpen(conn, request) note("open", request.path, request.headers.Host) end
    function C:onMessage(conn, bytes)
      if bytes == "!" then error({ "thrown" }) end
      note("data", bytes)
    end
    function C:onClose(conn) note("close") end
    function C:onError(conn, err) note("error", err[1]) end
    ratchet.server.IoServer.factory(ratchet.http.HttpServer(C), 8080, "127.0.0.1"):run()`,
  { mayAlarm: /onMessage/ });
  const early = await t.raw(server);
  await early.send('GET / HTTP/1.1\r\nHo');
  early.reset();
  const client = await t.raw(server);
  await client.sendBytewise('GET /path HTTP/1.1\r\nHost: a\r\n\r\n');
  await server.note('open', '/path', 'a');
  await client.send('?');
  await server.note('data', '?');
  await client.send('!');
  await server.note('error', 'thrown');
  client.half();
  await server.note('close');
  assert.deepStrictEqual(server.notes.map((one) => one[0]), ['open', 'data', 'error', 'close']);
});

test('where the head ends (Ratchet: testIsEom)', async (t) => {
  const server = await echo(t);
  const cases = [
    ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\nthe rest', true],
    ['GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n\r\n', true],
    ['GET / HTTP/1.1\r\nHost: localhost\r\n', false],
    ['GET / HTTP/1.1\r\nHost: localhost', false],
    ['\r\n', false],
  ];
  for (const [bytes, isWhole] of cases) {
    const client = await t.raw(server);
    await client.send(bytes);
    if (isWhole) assert.strictEqual((await client.answer()).status, 426, JSON.stringify(bytes));
    else await client.expectSilence(30);
  }
});

test('a head that is too large (Ratchet: testBufferOverflow, testBufferOverflowResponse)',
  async (t) => {
    const server = await echo(t);
    for (const [bytes, status] of [
      [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20000)}`, 431],
      [`GET /${'x'.repeat(20000)}`, 414]]) {
      const client = await t.raw(server);
      await client.send(bytes);
      assert.strictEqual((await client.answer()).status, status);
    }
  });

test('routes hand the connection over (Ratchet: testControllerOnMessageBubbles, '
  + 'testControllerOnCloseBubbles, testControllerOnErrorBubbles)', async (t) => {
  const server = await t.server(`
    local function named(name)
      return {
        onMessage = function(_, conn, message)
          note("message", name, message)
          if message == "raise" then error("raised") end
        end,
        onClose = function() note("close", name) end,
        onError = function(_, conn) note("error", name) end,
      }
    end
    local app = ratchet.App("localhost", 8080)
    app:route("/a", named("a"), { "*" })
    app:route("/b", named("b"), { "*" })
    app:run()`, { mayAlarm: /raised/ });
  for (const name of ['a', 'b']) {
    const client = await t.open(server, `/${name}`);
    await client.text('raise');
    await server.note('error', name);
    await client.close(1000);
    await server.note('close', name);
  }
});

test('bytes behind a 404 are nobody\'s (Ratchet: testImpatientClientOverflow)', async (t) => {
  const server = await echo(t);
  const client = await t.raw(server);
  await client.send(handshakeBytes('/none'), frames.text('impatient'), frames.text('x'));
  assert.strictEqual((await client.answer()).status, 404);
  await (await t.open(server)).expectEcho();
  client.destroy();
  await server.note('open');
  assert.strictEqual(server.notesLike('open').length, 1);
});

// ---- RFC6455: RequestVerifier, ServerNegotiator

const KEYS = [
  [['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='], 101],
  [['Sec-WebSocket-Key:'], 400],
  [['Sec-WebSocket-Key: '], 400],
  [['Sec-WebSocket-Key: 12345678901234567890123456789012'], 400],
  [['Sec-WebSocket-Key: c29vcnJ5'], 400],
  [['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA'], 400],
  [['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAA==='], 400],
  [['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB=='], 400],
  [['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA*A=='], 400],
];

const verified = {
  'testMethodMustBeGet': [['POST / HTTP/1.1', [], 405], ['get / HTTP/1.1', [], 501]],
  'testHttpVersionIsAtLeast1Point1': [['GET / HTTP/1.1', [], 101], ['GET / HTTP/1.0', [], 400],
    ['GET / HTTP/2.0', [], 505], ['GET / HTTP/0.9', [], 505], ['GET / HTTP/1', [], 400],
    ['GET / HTTP/lemon', [], 400]],
  'testRequestUri': [['GET / HTTP/1.1', [], 101], ['GET /?a=b HTTP/1.1', [], 101],
    ['GET /chat HTTP/1.1', [], 404], ['GET chat HTTP/1.1', [], 400], ['GET /#a HTTP/1.1', [], 400],
    ['GET /\u00e9 HTTP/1.1', [], 400]],
  'testVerifyHostIsSet': [[null, ['Host:'], 400], [null, ['Host: localhost'], 400]],
  'testVerifyUpgradeIsWebSocket, testNoUpgradeRequested': [[null, ['Upgrade:'], 426],
    [null, ['Upgrade:', 'Upgrade: WebSocket'], 101], [null, ['Upgrade:', 'Upgrade: h2c'], 426]],
  'testConnectionHeaderVerification, testNoConnectionUpgradeRequested': [
    [null, ['Connection:', 'Connection: keep-alive, Upgrade'], 101],
    [null, ['Connection:', 'Connection: UPGRADE'], 101],
    [null, ['Connection:', 'Connection: keep-alive'], 426], [null, ['Connection:'], 426],
    [null, ['Connection:', 'Connection: keep-alive', 'Connection: upgrade'], 101],
    [null, ['Connection:', 'Connection: upgraded'], 426]],
  'testKeyIsBase64Encoded16BitNonce, testInvalidSecWebsocketKey':
    KEYS.map(([lines, status]) => [null, ['Sec-WebSocket-Key:', ...lines], status]),
  'testVersionEquals13, testInvalidSecWebsocketVersion': [
    [null, ['Sec-WebSocket-Version:', 'Sec-WebSocket-Version: 13'], 101],
    [null, ['Sec-WebSocket-Version:'], 426],
    [null, ['Sec-WebSocket-Version:', 'Sec-WebSocket-Version: 12'], 426],
    [null, ['Sec-WebSocket-Version:', 'Sec-WebSocket-Version: 113'], 426],
    [null, ['Sec-WebSocket-Version:', 'Sec-WebSocket-Version: lemon'], 426]],
};

for (const [name, cases] of Object.entries(verified)) {
  test(`handshakes (RFC6455: ${name})`, async (t) => {
    const server = await echo(t);
    for (const [start, lines, status] of cases) {
      const client = await t.raw(server);
      await client.send(handshakeBytes('/', lines, start || undefined));
      const what = JSON.stringify([start, lines]);
      if (status === 101) {
        await client.wait(() => client.gather().includes('101') || undefined, what);
      } else {
        assert.strictEqual((await client.answer()).status, status, what);
      }
      client.destroy();
    }
  });
}

// ---- RFC6455: Frame, MessageBuffer

test('a thousand frames in one piece (RFC6455: testProcessingLotsOfFramesInASingleChunk)',
  async (t) => {
    const client = await t.open(await echo(t));
    await client.send(Buffer.concat(Array.from({ length: 1000 }, (_, i) => frames.text(`${i}`))));
    for (let i = 0; i < 1000; i++) await client.expectText(`${i}`);
  });

test('messages come while a handler waits (RFC6455: '
  + 'testProcessingMessagesAsynchronouslyWhileBlockingInMessageHandler)', async (t) => {
  const server = await t.server(`
    local C, inside = {}, 0
    function C:onMessage(conn, message)
      inside = inside + 1
      ratchet.sleep(message == "first" and 0.1 or 0)
      conn:send(message .. " " .. inside)
      inside = inside - 1
    end
    local app = ratchet.App("localhost", 8080)
    app:route("/", C, { "*" })
    app:run()`);
  const client = await t.open(server);
  await client.text('first');
  await client.text('second');
  await client.expectText('first 1');
  await client.expectText('second 1');
});

test('a length with its first bit set (RFC6455: testInvalidFrameLength)', async (t) => {
  const client = await t.open(await echo(t));
  await client.send(Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1]));
  await client.expectClose(1002);
});

test('lengths over the limit (RFC6455: testFrameLengthTooBig, '
  + 'testFrameLengthBiggerThanMaxMessagePayload, '
  + 'testSecondFrameLengthPushesPastMaxMessagePayload)', async (t) => {
  const server = await echo(t, 'maxMessageSize = 100');
  for (const bytes of [
    [frames.text('', { length: 2n ** 62n, form: 64 })],
    [frames.text('', { length: 101 })],
    [frames.text('x'.repeat(60), { fin: false }), frames.frame(0, '', { length: 41 })],
  ]) {
    const client = await t.open(server);
    await client.send(...bytes);
    await client.expectClose(1009);
  }
});

test('frames in any pieces (RFC6455: testFrameDeliveredOneByteAtATime, testUnframeFullMessage, '
  + 'testCheckPiecingTogetherMessage, testExtractOverflow, testEmptyExtractOverflow, testMasking, '
  + 'testUnMaskPayload)', async (t) => {
  const client = await t.open(await echo(t));
  // Each form of the length.
  const made = [['', 7], ['Hello World!', 7], ['x'.repeat(126), 16], ['y'.repeat(65536), 64]];
  for (const [payload, form] of made.slice(0, 3)) {
    await client.sendBytewise(frames.text(payload, { form }));
    await client.expectText(payload);
  }
  const all = made.map(([payload, form], i) =>
    frames.text(payload, { form, key: Buffer.from([i, 255 - i, 7 * i, 0]) }));
  await client.send(Buffer.concat(all));
  for (const [payload] of made) await client.expectText(payload);
});

test('long messages go out (RFC6455: testLongCreate, testReallyLongCreate)', async (t) => {
  const client = await t.open(await echo(t));
  for (const length of [125, 126, 65535, 65575]) {
    const payload = 'z'.repeat(length);
    await client.text(payload);
    await client.expectText(payload);
  }
});

test('fragments are put together (RFC6455: Message testFragmentationPayload, '
  + 'testUnbufferedFragment, testGetOpCode)', async (t) => {
  const client = await t.open(await echo(t));
  await client.send(frames.frame('binary', 'Hello ', { fin: false }));
  await client.send(frames.frame('continuation', 'Wor', { fin: false }).subarray(0, 7));
  await client.expectSilence(20);
  await client.send(frames.frame('continuation', 'Wor', { fin: false }).subarray(7),
    frames.frame('continuation', 'ld!'));
  await client.expectFrame('binary', 'Hello World!');
});
