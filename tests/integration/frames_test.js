// After the 101: the rows F01 to F32 (frames) and C01 to C23 (closing) of the
// acceptance list. Every violation ends with its code, and nothing that comes
// after it reaches the app.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { Stopwatch, poll, sanitized, sleep, slow } = require('./support/wait');

const CAP = 1 << 20; // the default maxMessageSize

// Echoes, and notes what it was told.
const ECHO = `
local C = {}
function C:onOpen() note("open") end
function C:onMessage(conn, message, is_binary)
  note("message", #message)
  conn:send(message, is_binary)
end
function C:onClose(_, code, reason) note("close", code, reason) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;

// The same without notes, for what happens very often.
const QUIET = `
local C = {}
function C:onMessage(conn, message, is_binary) conn:send(message, is_binary) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;

const hex = (text) => Buffer.from(text.replace(/\s/g, ''), 'hex');
const f = frames.frame;

function header(first, second, length, bits) {
  const bytes = Buffer.alloc(2 + bits / 8 + 4);
  bytes[0] = first;
  bytes[1] = second;
  if (bits === 16) bytes.writeUInt16BE(Number(length), 2);
  if (bits === 64) bytes.writeBigUInt64BE(BigInt(length), 2);
  frames.KEY.copy(bytes, bytes.length - 4);
  return bytes;
}

test('a violation is a line in the log, with its rule and the cure', async (t) => {
  const server = await t.server(QUIET);
  const client = await t.open(server);
  await client.send(f('text', 'hi', { isMasked: false }));
  await server.logged(new RegExp('info 1002 to 127\\.0\\.0\\.1: A frame from a client is not ' +
    'masked\\. RFC 6455 5\\.1: a client masks every frame; '));
});

// name, the frames, the code, and in which byte of them (counted from 1) the
// violation lies: then the server must answer without the rest.
const violations = [
  ['F01 an unmasked frame', f('text', 'hi', { isMasked: false }), 1002, 2],
  ['F01 an unmasked ping', f('ping', '', { isMasked: false }), 1002, 2],
  ['F02 a length of 5 in 16 bits', f('text', 'hello', { form: 16 }), 1002, 4],
  ['F02 a length of 125 in 16 bits', f('text', 'a'.repeat(125), { form: 16 }), 1002, 4],
  ['F03 a length of 5 in 64 bits', f('text', 'hello', { form: 64 }), 1002, 8],
  ['F03 a length of 65535 in 64 bits', f('text', 'a'.repeat(65535), { form: 64 }), 1002, 8],
  ['F13 a ping of 126 bytes', f('ping', 'a'.repeat(126)), 1002, 2],
  ['F13 a ping of 5 bytes in 16 bits', f('ping', 'hello', { form: 16 }), 1002, 2],
  ['F13 a ping of 5 bytes in 64 bits', f('ping', 'hello', { form: 64 }), 1002, 2],
  ['F04 the top bit of a length', header(0x82, 0xff, 1n << 63n, 64), 1002, 3],
  ['F05 a length of 2^63 - 1', header(0x82, 0xff, (1n << 63n) - 1n, 64), 1009, 10],
  ['F06 a message over the cap', header(0x82, 0xff, CAP + 1, 64), 1009, 10],
  ['F06 4 GiB', header(0x82, 0xff, 1n << 32n, 64), 1009, 10],
  ['F07 over the cap by the sum of two', Buffer.concat([
    f('binary', Buffer.alloc(CAP), { fin: false }), f('continuation', 'a')]), 1009],
  ['F08 a sum that wraps round', Buffer.concat([
    f('binary', 'aaaaaaaa', { fin: false }),
    header(0x80, 0xff, (1n << 63n) - 4n, 64)]), 1009],
  ['F08 a sum that wraps round in 64 bits', Buffer.concat([
    f('binary', 'aaaaaaaa', { fin: false }),
    header(0x80, 0xff, (1n << 64n) - 4n, 64)]), 1002],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
    (opcode) => [`F09 opcode ${opcode}`, f(opcode, 'a'), 1002, 1]),
  ...[1, 2, 4, 7].map((rsv) => [`F10 reserved bits ${rsv}`, f('text', 'a', { rsv }), 1002, 1]),
  ['F10 reserved bits on a ping', f('ping', 'a', { rsv: 4 }), 1002, 1],
  ['F10 reserved bits on a continuation', Buffer.concat([
    f('text', 'a', { fin: false }), f('continuation', 'b', { rsv: 4 })]), 1002],
  ['F11 a fragmented ping', f('ping', 'a', { fin: false }), 1002, 1],
  ['F11 a fragmented close', f('close', hex('03e8'), { fin: false }), 1002, 1],
  ['F12 a continuation of nothing', f('continuation', 'a'), 1002, 1],
  ['F14 a new text inside a message', Buffer.concat([
    f('text', 'a', { fin: false }), f('text', 'b')]), 1002],
  ['F15 a new binary inside a message', Buffer.concat([
    f('text', 'a', { fin: false }), f('binary', 'b', { fin: false })]), 1002],
  ['F16 bad UTF-8 in the first fragment', f('text', hex('61ff'), { fin: false }), 1007],
  ['F16 bad UTF-8 in one frame', f('text', hex('c0af')), 1007],
  ['F16 a surrogate', f('text', hex('eda080')), 1007],
  ['F16 above U+10FFFF', f('text', hex('f4908080')), 1007],
  ['F17 bad UTF-8 in half a frame',
    f('text', hex(`61ff${'61'.repeat(100)}`)), 1007, 8],
  ['F17 an impossible second byte in half a frame',
    f('text', hex(`f490${'61'.repeat(100)}`)), 1007, 8],
  ['F18 the end inside a code point', f('text', hex('61e282')), 1007],
  ['F18 the end inside a code point in the last fragment', Buffer.concat([
    f('text', hex('61'), { fin: false }), f('continuation', hex('f09f98'))]), 1007],
  ['C02 a close of one byte', f('close', hex('03')), 1002, 2],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535].map(
    (code) => [`C03 close code ${code}`, frames.close(code), 1002]),
  ['C18 a reason that is not UTF-8', frames.close(1000, hex('ff')), 1007],
  ['C18 a reason that ends inside a code point', frames.close(1000, hex('e282')), 1007],
];

// The code and a reason that says something, then FIN; the echo that was there
// before it came first, and what follows is not heard.
async function expectViolation(client, code) {
  const found = await client.expectClose(code);
  assert.ok(found.reason.length > 10, `a reason; it is "${found.reason}"`);
}

for (const [name, bytes, code, at] of violations) {
  test(`${name} is ${code}`, async (t) => {
    const server = await t.server(ECHO);
    const whole = await t.open(server);
    await whole.send(frames.text('before'), bytes, frames.text('behind'));
    await whole.expectText('before');
    await expectViolation(whole, code);

    const slowly = await t.open(server);
    await slowly.text('before');
    await slowly.expectText('before');
    if (bytes.length < 2000) await slowly.sendBytewise(bytes);
    else await slowly.send(bytes);
    slowly.text('behind');
    await expectViolation(slowly, code);

    if (at) {
      const early = await t.open(server);
      await early.sendBytewise(bytes.subarray(0, at - 1));
      await early.expectSilence(20);
      await early.send(bytes.subarray(at - 1, at));
      await expectViolation(early, code);
    }

    const other = await t.open(server);
    await other.expectEcho();
    const count = at ? 3 : 2;
    await server.noted(['close', code], count);
    assert.strictEqual(server.notesLike('message', 6).length, 2, 'nothing but "before"');
  });
}

test('F19 a code point over four frames with pings between', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  const bytes = hex('f09f9880');
  for (let i = 0; i < 4; i++) {
    await client.frame(i === 0 ? 'text' : 'continuation', bytes.subarray(i, i + 1),
      { fin: i === 3 });
    await client.frame('ping', `p${i}`);
  }
  for (let i = 0; i < 3; i++) await client.expectFrame('pong', `p${i}`);
  await client.expectText('\u{1f600}');
  await client.expectFrame('pong', 'p3');
});

test('F20 a 14-byte header byte by byte', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  const payload = Buffer.alloc(70000, 'x');
  const bytes = f('binary', payload);
  await client.sendBytewise(bytes.subarray(0, 14));
  await client.send(bytes.subarray(14));
  await client.expectFrame('binary', payload);
});

test('F21 a masking key of zeros', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.text('plain', { key: Buffer.alloc(4) });
  await client.expectText('plain');
});

test('F22 NUL in a text', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.expectEcho('a\0b\0');
});

test('F23 text, text, close in one segment: both echoes come before the close', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.send(frames.text('one'), frames.text('two'), frames.close(1000, 'bye'));
  await client.expectText('one');
  await client.expectText('two');
  await client.expectClose(1000);
  await server.note('close', 1000, 'bye');
});

test('F24 half-close behind a message: the echo is delivered, then FIN', { alone: true }, async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.text('last');
  client.half();
  const ended = new Stopwatch();
  await client.expectText('last');
  await client.expectEnd();
  ended.expect('FIN', 0, 1000 * slow);
  await server.note('close', 1006);
});

test('F25 half-close alone ends within a second', { alone: true }, async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  client.half();
  const ended = new Stopwatch();
  await client.expectEnd();
  ended.expect('FIN', 0, 1000 * slow);
  await server.note('close', 1006);
});

test('F26 50 resets inside a frame: onClose(1006) 50 times', async (t) => {
  const server = await t.server(ECHO);
  for (let i = 0; i < 50; i++) {
    const client = await t.open(server);
    await client.send(f('text', 'a'.repeat(1000)).subarray(0, 1 + i));
    client.reset();
  }
  await server.noted(['close', 1006], 50);
  await server.settled();
  await server.stop();
  assert.strictEqual(server.notesLike('close').length, 50, 'onClose once each');
});

test('messages of all sizes round the length forms are echoed', async (t) => {
  const server = await t.server(QUIET);
  const client = await t.open(server);
  for (const size of [0, 1, 125, 126, 127, 65535, 65536, 65537, CAP]) {
    const payload = Buffer.alloc(size, 'abcdefg');
    await client.send(f('binary', payload));
    await client.expectFrame('binary', payload);
    await client.send(f('text', payload));
    await client.expectFrame('text', payload);
  }
});

test('the same messages whatever way they are cut', async (t) => {
  const server = await t.server(QUIET);
  const payloads = ['', 'a', 'héllo', 'x'.repeat(126), 'y'.repeat(300)];
  const bytes = Buffer.concat(payloads.map((payload) => frames.text(payload)));
  for (const step of [1, 2, 3, 5, 7, 11, 64]) {
    const client = await t.open(server);
    const cuts = [];
    for (let at = step; at < bytes.length; at += step) cuts.push(at);
    await client.sendCut(bytes, cuts);
    for (const payload of payloads) await client.expectText(payload);
    client.destroy();
  }
});

test('fragments: empty ones, control frames between, type of the first', async (t) => {
  const server = await t.server(QUIET);
  const client = await t.open(server);
  await client.send(
    f('binary', '', { fin: false }), f('ping', '1'),
    f('continuation', 'abc', { fin: false }), f('pong', 'unasked'),
    f('continuation', '', { fin: false }), f('ping', '2'), f('continuation', 'def'));
  await client.expectFrame('pong', '1');
  await client.expectFrame('pong', '2');
  await client.expectFrame('binary', 'abcdef');
});

// ---- floods

const MEBIBYTE = 1 << 20;

// Runs `work`, and expects that the server's memory has not grown by more than a
// mebibyte (a sanitized one keeps what was freed: there only survival counts).
async function withinMemory(server, work) {
  const before = server.memory();
  let most = before;
  const watch = setInterval(() => {
    if (!server.ended) most = Math.max(most, server.memory());
  }, 20);
  try {
    await work();
    most = Math.max(most, server.memory());
  } finally {
    clearInterval(watch);
  }
  const growth = most - before;
  if (!sanitized) {
    assert.ok(growth < MEBIBYTE, `memory grew by less than 1 MiB; it grew by ${growth} bytes`);
  }
}

// A server that has served once, so that what is set up lazily is there.
async function warmServer(t, app) {
  const server = await t.server(app);
  const first = await t.open(server);
  await first.expectEcho();
  await first.expectEcho('a'.repeat(100000));
  first.destroy();
  return server;
}

function manyFragments(count, payload) {
  const one = f('continuation', payload, { fin: false });
  return Buffer.concat([
    f('text', payload, { fin: false }),
    Buffer.concat(Array.from({ length: count - 2 }, () => one)),
    f('continuation', payload),
  ]);
}

test('F27 200,000 empty fragments', { alone: true }, async (t) => {
  const server = await warmServer(t, QUIET);
  const client = await t.open(server);
  await withinMemory(server, async () => {
    await client.send(manyFragments(200000, ''));
    await client.expectText('', 20000);
  });
  await client.expectEcho();
});

test('F28 131,000 fragments of one byte', { alone: true }, async (t) => {
  const server = await warmServer(t, QUIET);
  const client = await t.open(server);
  await withinMemory(server, async () => {
    await client.send(manyFragments(131000, 'a'));
    await client.expectText('a'.repeat(131000), 20000);
  });
  await client.expectEcho();
});

test('F29 100,000 pings to a server whose pongs are not read', { alone: true }, async (t) => {
  const server = await warmServer(t, QUIET);
  const client = await t.open(server);
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => f('ping', 'x'.repeat(125))));
  await withinMemory(server, async () => {
    await client.stuff(pings, 100);
    await (await t.open(server)).expectEcho();
  });
  client.socket.resume();
  await client.expectFrame('pong', 'x'.repeat(125));
});

test('F30 100,000 pongs that nobody asked for', { alone: true }, async (t) => {
  const server = await warmServer(t, QUIET);
  const client = await t.open(server);
  const pongs = Buffer.concat(Array.from({ length: 1000 }, () => f('pong', 'x'.repeat(125))));
  await withinMemory(server, async () => {
    for (let i = 0; i < 100; i++) await client.send(pongs);
    await client.expectEcho();
  });
});

test('F31 64 MiB echoed to a client that does not read', { alone: true }, async (t) => {
  const server = await warmServer(t, QUIET);
  const client = await t.open(server);
  const message = f('binary', Buffer.alloc(65536, 'z'));
  let result;
  await withinMemory(server, async () => {
    result = await client.stuff(message, 1024);
    await (await t.open(server)).expectEcho();
  });
  assert.ok(result.isStuck, `the server stopped reading; ${client.describe()}`);
  const before = server.cpu();
  await sleep(200);
  assert.ok(server.cpu() - before < 0.1, 'it does not spin meanwhile');
  client.socket.resume();
  await poll(() => client.total >= (result.sent - 1) * 65540, 'all echoes come once it reads', 20000);
});

// ---- closing

test('C01 a close without a body is answered, onClose has 1005', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.close();
  const found = await client.closeFrame();
  assert.ok(found.code === null || found.code === 1000, `the answer's code is ${found.code}`);
  await client.expectEnd();
  await server.note('close', 1005, '');
});

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
  3000, 3999, 4000, 4999]) {
  test(`C10 close code ${code} is echoed`, async (t) => {
    const server = await t.server(ECHO);
    const client = await t.open(server);
    await client.close(code, 'why not');
    await client.expectClose(code);
    await server.note('close', code, 'why not');
  });
}

test('C19 a reason of 123 bytes', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  const reason = 'é'.repeat(61) + '!';
  await client.close(1000, reason);
  await client.expectClose(1000);
  // Notes are read as bytes.
  await server.note('close', 1000, Buffer.from(reason).toString('latin1'));
});

test('C20 frames after the close are ignored', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.send(frames.close(1000), frames.text('late'), f('ping', 'late'), hex('ffff'));
  await client.expectClose(1000);
  await server.note('close', 1000);
  await server.stop();
  assert.strictEqual(server.notesLike('message').length, 0);
  assert.strictEqual(server.notesLike('close').length, 1);
});

test('C21 the server ends TCP at once after both close frames', { alone: true }, async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.close(1000);
  const ended = new Stopwatch();
  await client.expectClose(1000);
  ended.expect('FIN', 0, 200 * slow);
});

test('C22 unread data behind the close: FIN, not RST', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  client.send(frames.close(1000), Buffer.alloc(1 << 20, 1));
  assert.strictEqual((await client.closeFrame()).code, 1000);
  await client.signal.until(() => client.isEnded || undefined, 'FIN');
  await client.send(Buffer.alloc(1 << 16, 1));
  await sleep(50);
  assert.strictEqual(client.error, null, 'no reset');
});

test('C22 unread data behind a violation: the close frame arrives', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  client.send(f(3, 'bad'), Buffer.alloc(1 << 20, 1));
  await client.expectClose(1002);
});

// What the system has taken for the peer is not with the peer yet: the bytes that it sends
// behind the close would destroy it, had the server closed by then.
test('a slow peer that sends on gets all that was sent before a close frame', { ms: 30000 }, async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onMessage(conn)
      for _ = 1, 40 do conn:sendBinary(("x"):rep(10000)) end
    end
    local app = ratchet.App("localhost", 8080)
    app:route("/", C, { "*" })
    app:run()`);
  const client = await t.open(server);
  client.socket.pause();
  await client.send(frames.text('begin'), f(3, 'no such opcode'));
  for (let i = 0; i < 25; i++) {
    await sleep(100);
    await client.text('still sending');
  }
  client.socket.resume();
  for (let i = 0; i < 40; i++) assert.strictEqual((await client.nextFrame()).payload.length, 10000);
  await client.expectClose(1002);
});

test('C23 a close inside a message is echoed, the message is not delivered', async (t) => {
  const server = await t.server(ECHO);
  const client = await t.open(server);
  await client.send(f('text', 'half', { fin: false }), frames.close(1001));
  await client.expectClose(1001);
  await server.note('close', 1001);
  assert.strictEqual(server.notesLike('message').length, 0);
});

test('a peer that vanishes behind the close handshake leaves nothing', async (t) => {
  const server = await t.server(ECHO);
  for (let i = 0; i < 10; i++) {
    const client = await t.open(server);
    await client.close(1000);
    client.reset();
  }
  await server.noted(['close'], 10);
});
