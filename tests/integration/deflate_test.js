// permessage-deflate (RFC 7692): the rows D01 to D32 of the acceptance list, what an app
// can say about it, and clients that other people wrote.
'use strict';

const assert = require('assert');
const zlib = require('zlib');
const WebSocket = require('ws');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { acceptOf } = require('./support/raw');
const { launch } = require('./support/browser');
const { playPython } = require('./support/python');
const { Stopwatch, deadline, sanitized, slow } = require('./support/wait');

// Echoes; "/" shares its contexts, "/own" keeps those of each connection.
const ECHO = `
local C = {}
function C:onOpen(conn) note("open", conn.extensions) end
function C:onMessage(conn, message, is_binary) conn:send(message, is_binary) end
function C:onClose(conn, code, reason) note("close", code, reason, conn.extensions) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" }, nil, { deflate = true })
app:route("/own", C, { "*" }, nil, {
  deflate = { serverContext = "dedicated", clientContext = "dedicated", threshold = 0 },
})
app:route("/plain", C, { "*" })
app:get("/page", function() return "<p>page</p>" end)
app:run()
`;

const PMD = 'permessage-deflate';
const FRESH = `${PMD}; server_no_context_takeover; client_no_context_takeover`;
const TAIL = Buffer.from([0, 0, 255, 255]);
const FLUSH = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const CAP = 1 << 20; // the default maxMessageSize

const hex = (text) => Buffer.from(text.replace(/\s/g, ''), 'hex');
const HELLO = hex('f248cdc9c90700');
const SECOND_HELLO = hex('f200110000'); // refers to the one before
const LONG = 'what is longer than the threshold '.repeat(10);

function compressed(text, options) {
  const bytes = zlib.deflateRawSync(Buffer.from(text), { ...FLUSH, ...options });
  return bytes.subarray(0, bytes.length - TAIL.length);
}

function inflated(bytes, options) {
  return zlib.inflateRawSync(Buffer.concat([bytes, TAIL]), { ...FLUSH, ...options });
}

const deflated = (payload, options) => frames.frame('text', payload, { rsv: 4, ...options });
const deflatedBinary = (payload, options) =>
  frames.frame('binary', payload, { rsv: 4, ...options });

const offerLine = (offer) => `Sec-WebSocket-Extensions: ${offer}`;

// A client behind its handshake, and what the server answered.
async function agree(t, server, offer, target = '/') {
  const lines = (Array.isArray(offer) ? offer : [offer]).map(offerLine);
  const client = await t.raw(server);
  const response = await client.handshake(target, lines);
  const [terms, ...more] = response.headers['sec-websocket-extensions'] || [];
  assert.deepStrictEqual(more, []);
  client.terms = terms;
  return client;
}

// The next frame is a compressed text; returns its bytes.
async function nextDeflated(client) {
  const frame = await client.nextFrame();
  assert.ok(frame.fin && frame.opcode === 1 && frame.rsv === 4,
    `a compressed text; came opcode ${frame.opcode}, rsv ${frame.rsv}`);
  return frame.payload;
}

async function expectDeflated(client, text, options) {
  const payload = await nextDeflated(client);
  assert.strictEqual(inflated(payload, options).toString(), text);
  return payload;
}

// ---- D01 to D14: offers

const agreed = [
  ['D01 the plain offer', PMD, FRESH, PMD],
  ['D01 a browser\'s offer', `${PMD}; client_max_window_bits`, FRESH, PMD],
  ['D13 a bad offer, then a good one', `${PMD}; server_max_window_bits=16, ${PMD}`, FRESH, PMD],
  ['D14 offers over two lines', [`${PMD}; x`, `${PMD}; server_no_context_takeover`],
    FRESH, `${PMD}; server_no_context_takeover`],
  ['D16 server_max_window_bits=9', `${PMD}; server_max_window_bits=9`,
    `${FRESH}; server_max_window_bits=9`, `${PMD}; server_max_window_bits=9`],
  ['D17 server_max_window_bits=10, quoted', `${PMD}; server_max_window_bits="10"`,
    `${FRESH}; server_max_window_bits=10`, `${PMD}; server_max_window_bits=10`],
  ['client_max_window_bits=10', `${PMD}; client_max_window_bits=10`,
    `${FRESH}; client_max_window_bits=10`, `${PMD}; client_max_window_bits=10`],
];

for (const [name, offer, shared, own] of agreed) {
  test(`deflate ${name} is agreed on`, async (t) => {
    const server = await t.server(ECHO);
    for (const [target, wanted] of [['/', shared], ['/own', own], ['/plain', undefined]]) {
      const client = await agree(t, server, offer, target);
      assert.strictEqual(client.terms, wanted);
      await server.note('open', wanted || '');
      await client.close(1000);
      await client.expectClose(1000);
      await server.note('close', 1000, '', wanted || '');
    }
  });
}

const declined = [
  ['D02 server bits 16', '; server_max_window_bits=16'],
  ['D03 server bits 7', '; server_max_window_bits=7'],
  ['D04 server bits 08', '; server_max_window_bits=08'],
  ['D05 server bits without a value', '; server_max_window_bits'],
  ['D06 server bits abc', '; server_max_window_bits=abc'],
  ['D07 server bits -9', '; server_max_window_bits=-9'],
  ['D08 server bits 2^32 + 9', '; server_max_window_bits=4294967305'],
  ['D09 client bits 16', '; client_max_window_bits=16'],
  ['D10 a flag with a value', '; server_no_context_takeover=1'],
  ['D11 a parameter twice', '; client_no_context_takeover; client_no_context_takeover'],
  ['D12 an unknown parameter', '; unknown=1'],
  ['D15 server bits 8', '; server_max_window_bits=8'],
];

for (const [name, parameters] of declined) {
  test(`deflate ${name} is declined, and the connection works`, async (t) => {
    const server = await t.server(ECHO);
    for (const target of ['/', '/own']) {
      const client = await agree(t, server, `${PMD}${parameters}`, target);
      assert.strictEqual(client.terms, undefined);
      await client.expectEcho(LONG);
      await client.send(deflated(HELLO));
      await client.expectClose(1002);
    }
  });
}

// ---- D16 to D19: windows and contexts

// Each repetition is far behind the one before.
const FAR = Array.from({ length: 40 }, (_, i) =>
  Array.from({ length: 300 }, (__, k) => String.fromCharCode(97 + (i * 7 + k * k * 13) % 26))
    .join('') + 'a word that comes again and again').join('');

for (const bits of [9, 10, 12, 15]) {
  test(`deflate D16 D17: with a window of ${bits} bits the answer needs no more`, async (t) => {
    const server = await t.server(ECHO);
    const client = await agree(t, server, `${PMD}; server_max_window_bits=${bits}`);
    for (let i = 0; i < 3; i++) {
      await client.text(FAR);
      await expectDeflated(client, FAR, { windowBits: bits });
    }
  });
}

test('deflate D18: without a context each answer inflates alone', async (t) => {
  const server = await t.server(ECHO);
  for (const target of ['/', '/own']) {
    const client = await agree(t, server, `${PMD}; server_no_context_takeover`, target);
    const sizes = new Set();
    for (let i = 0; i < 3; i++) {
      await client.text(LONG);
      sizes.add((await expectDeflated(client, LONG)).length);
    }
    assert.strictEqual(sizes.size, 1);
  }
});

test('deflate D19: contexts that are kept go over messages, in both directions', async (t) => {
  const server = await t.server(ECHO);
  const client = await agree(t, server, PMD, '/own');
  await client.send(deflated(HELLO), deflated(SECOND_HELLO));
  const first = await expectDeflated(client, 'Hello');
  const second = await nextDeflated(client);
  assert.deepStrictEqual([first, second], [HELLO, SECOND_HELLO]);
});

test('deflate: a context that was not kept is an error', async (t) => {
  const server = await t.server(ECHO);
  const client = await agree(t, server, PMD);
  await client.send(deflated(HELLO), deflated(SECOND_HELLO));
  await client.expectText('Hello');
  await client.expectClose(1007);
});

// ---- D20 to D25: what may not be

const violations = [
  ['D20 RSV1 where nothing was agreed on', deflated(HELLO), 1002, '/plain'],
  ['D21 RSV1 on a continuation', Buffer.concat([
    deflated(HELLO.subarray(0, 3), { fin: false }),
    frames.frame('continuation', HELLO.subarray(3), { rsv: 4 })]), 1002],
  ['D22 RSV1 on a ping', frames.frame('ping', '', { rsv: 4 }), 1002],
  ['D22 RSV1 on a close', frames.frame('close', hex('03e8'), { rsv: 4 }), 1002],
  ['D23 RSV2', frames.text('a', { rsv: 2 }), 1002],
  ['D23 RSV3', frames.text('a', { rsv: 1 }), 1002],
  ['D23 RSV1 and RSV2', deflated(HELLO, { rsv: 6 }), 1002],
  ['D24 a corrupt stream', deflatedBinary(hex('ffffffff')), 1007],
  ['D24 a stream that is cut', deflatedBinary(compressed(LONG).subarray(0, 20)), 1007],
  ['D25 inflates to what is not UTF-8', deflated(compressed(Buffer.from([0x61, 0xff]))), 1007],
  ['D25 ends inside a code point', deflated(compressed(Buffer.from([0x61, 0xe2, 0x82]))), 1007],
  ['one byte over the limit', deflatedBinary(compressed(Buffer.alloc(CAP + 1))), 1009],
];

for (const [name, bytes, code, only] of violations) {
  test(`deflate ${name} is ${code}`, async (t) => {
    const server = await t.server(ECHO);
    for (const target of only ? [only] : ['/', '/own']) {
      for (const isCut of [false, true]) {
        const client = await agree(t, server, PMD, target);
        await client.text('before');
        await client.nextFrame();
        if (isCut) await client.sendBytewise(bytes.subarray(0, 2000));
        await client.send(isCut ? bytes.subarray(2000) : bytes, frames.text('behind'));
        await client.expectClose(code);
      }
      const other = await t.open(server, '/plain');
      await other.expectEcho();
    }
  });
}

// ---- D26, D27: bombs

async function playBomb(t, pieces) {
  const server = await t.server(ECHO);
  const other = await t.open(server, '/plain');
  const warm = await agree(t, server, PMD);
  await warm.send(deflatedBinary(compressed(Buffer.alloc(CAP))));
  await warm.nextFrame();
  const [memory, cpu] = [server.memory(), server.cpu()];
  const client = await agree(t, server, PMD);
  for (const piece of pieces) await client.send(piece);
  await client.expectClose(1009);
  await other.expectEcho();
  if (sanitized) return;
  assert.ok(server.memory() - memory < 1 << 20, `${server.memory() - memory} bytes more`);
  assert.ok(server.cpu() - cpu <= 0.2, `${server.cpu() - cpu} s of CPU`);
}

const bomb = () => compressed(Buffer.alloc(64 << 20), { level: 9 });

test('deflate D26: 64 MiB in 64 KiB are stopped at the limit', async (t) => {
  await playBomb(t, [deflatedBinary(bomb())]);
});

test('deflate D27: the same in frames of one byte', { ms: 30000 }, async (t) => {
  const bytes = bomb();
  const all = Array.from(bytes, (byte, i) => frames.frame(i ? 'continuation' : 'binary',
    Buffer.from([byte]), { fin: i === bytes.length - 1, rsv: i ? 0 : 4 }));
  const pieces = [];
  for (let at = 0; at < all.length; at += 4096) {
    pieces.push(Buffer.concat(all.slice(at, at + 4096)));
  }
  await playBomb(t, pieces);
});

test('deflate: many large messages in few bytes let others have their turn', async (t) => {
  const server = await t.server(ECHO);
  const other = await t.open(server, '/plain');
  const client = await agree(t, server, PMD);
  const one = deflatedBinary(compressed(Buffer.alloc(CAP)));
  await client.send(Buffer.concat(Array.from({ length: 50 }, () => one)));
  const echoed = new Stopwatch();
  await other.expectEcho();
  echoed.expect('an echo beside it', 0, 1000 * slow);
  for (let i = 0; i < 50; i++) assert.strictEqual((await client.nextFrame()).rsv, 4);
});

// ---- D28 to D32: what has to be taken

const accepted = [
  ['D28 a last block (BFINAL)', [deflated(hex('f348cdc9c9070000'))], ['Hello']],
  ['D28 a last block and nothing behind it', [deflated(hex('f348cdc9c90700'))], ['Hello']],
  ['D29 a stored block', [deflated(hex('000500faff48656c6c6f00'))], ['Hello']],
  ['D29 two blocks', [deflated(hex('f24805000000ffffcac9c90700'))], ['Hello']],
  ['D30 an empty message', [deflated(hex('00'))], ['']],
  ['D32 messages that are not compressed', [frames.text('one'), deflated(HELLO),
    frames.text('two')], ['one', 'Hello', 'two']],
  ['an empty fragment first', [deflated('', { fin: false }),
    frames.frame('continuation', HELLO)], ['Hello']],
  ['an empty fragment last', [deflated(HELLO, { fin: false }),
    frames.frame('continuation', '')], ['Hello']],
  ['exactly the largest size', [deflated(compressed('a'.repeat(CAP)))], ['a'.repeat(CAP)]],
];

async function expectTextOf(client, text) {
  const frame = await client.nextFrame();
  assert.strictEqual(frame.opcode, 1);
  const bytes = frame.rsv === 4 ? inflated(frame.payload) : frame.payload;
  assert.ok(bytes.toString() === text, `the echo of ${text.slice(0, 20)}`);
}

for (const [name, bytes, texts] of accepted) {
  test(`deflate ${name} is taken`, async (t) => {
    const server = await t.server(ECHO);
    const client = await agree(t, server, PMD);
    await client.send(...bytes);
    for (const text of texts) await expectTextOf(client, text);
    await client.sendBytewise(Buffer.concat(bytes).subarray(0, 5000));
    await client.send(Buffer.concat(bytes).subarray(5000));
    for (const text of texts) await expectTextOf(client, text);
  });
}

test('deflate D31 frames of one byte with pings between them are taken', async (t) => {
  const server = await t.server(ECHO);
  const client = await agree(t, server, PMD);
  for (let i = 0; i < HELLO.length; i++) {
    await client.send(frames.frame(i ? 'continuation' : 'text', HELLO.subarray(i, i + 1),
      { rsv: i ? 0 : 4, fin: i === HELLO.length - 1 }));
    if (i === HELLO.length - 1) break;
    await client.frame('ping', String(i));
    await client.expectFrame('pong', String(i));
  }
  await client.expectText('Hello');
});

test('deflate: closing inside of a compressed message', async (t) => {
  const server = await t.server(ECHO);
  for (const target of ['/', '/own']) {
    const client = await agree(t, server, PMD, target);
    await client.send(deflated(HELLO), deflated(HELLO.subarray(0, 3), { fin: false }));
    await client.nextFrame();
    await client.close(1001, 'bye');
    await client.expectClose(1001);
  }
});

// ---- what an app can say

const SAYS = `
local C = {}
function C:onMessage(conn, message)
  conn:send(message)
  conn:send(message, false, false)
  conn:send(message, true, true)
  conn:sendBinary(message, false)
  ratchet.topic("all"):add(conn):broadcast(message)
end
local app = ratchet.App{ host = "localhost", port = 8080, deflate = { threshold = 20 } }
app:route("/", C, { "*" })
app:route("/off", C, { "*" }, nil, { deflate = false })
app:route("/layer", ratchet.websocket.WsServer(C, { deflate = { windowBits = 9, level = 9,
  memLevel = 1 } }), { "*" })
app:run()
`;

test('deflate: options, and a message that goes as it is', async (t) => {
  const server = await t.server(SAYS);
  const client = await agree(t, server, PMD);
  for (const [length, rsvs] of [[19, [0, 0, 0, 0, 0]], [40, [4, 0, 4, 0, 4]]]) {
    await client.text('a'.repeat(length));
    for (const rsv of rsvs) assert.strictEqual((await client.nextFrame()).rsv, rsv);
  }
  const off = await agree(t, server, PMD, '/off');
  assert.strictEqual(off.terms, undefined);
  const layer = await agree(t, server, PMD, '/layer');
  assert.strictEqual(layer.terms, `${FRESH}; server_max_window_bits=9`);
});

test('deflate: what cannot be compressed goes as it is', async (t) => {
  const server = await t.server(ECHO);
  const client = await agree(t, server, PMD);
  const noise = require('crypto').randomBytes(1000);
  await client.send(frames.frame('binary', noise));
  await client.expectFrame('binary', noise);
});

test('deflate: a wrong option is an error that names it', async (t) => {
  const server = await t.server(`
    local C = { onMessage = function() end }
    note(select(2, pcall(ratchet.websocket.WsServer, C, { deflate = { levle = 1 } })))
    note(select(2, pcall(ratchet.websocket.WsServer, C, { deflate = { windowBits = 8 } })))
    ratchet.App("localhost", 8080):get("/", function() return "" end):run()`);
  await server.signal.until(() => server.notes.length >= 2 || undefined, 'two notes');
  assert.match(server.notes[0][0], /option "deflate": unknown option "levle"; did you mean "level"/);
  assert.match(server.notes[1][0], /"windowBits" must be a whole number from 9 to 15; it is 8/);
});

// ---- other people's clients

function once(emitter, event) {
  return deadline(new Promise((resolve, reject) => {
    emitter.once(event, (...all) => resolve(all));
    if (event !== 'error') emitter.once('error', reject);
  }), 10000 * slow, `the event ${event}`);
}

async function echoed(socket, message) {
  const answer = once(socket, 'message');
  socket.send(message);
  const [data, isBinary] = await answer;
  return isBinary ? data : data.toString();
}

const MESSAGES = ['', 'short', LONG, LONG, 'grüße '.repeat(5000), '0123456789'.repeat(20000),
  require('crypto').randomBytes(50000).toString('base64')];

async function playWs(t, server, target, options) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${target}`,
    { perMessageDeflate: { threshold: 0, ...options } });
  t.atEnd(() => socket.terminate());
  await once(socket, 'open');
  const isAgreed = options.serverMaxWindowBits !== 8;
  assert.strictEqual(socket.extensions, isAgreed ? PMD : '');
  for (const message of MESSAGES) {
    assert.ok(await echoed(socket, message) === message, JSON.stringify(options));
  }
  const total = Buffer.byteLength(MESSAGES.join(''));
  const { bytesRead } = socket._socket;
  assert.strictEqual(bytesRead < total / 2, isAgreed, `${bytesRead} of ${total} bytes`);
  const closed = once(socket, 'close');
  socket.close(1000);
  assert.strictEqual((await closed)[0], 1000);
}

for (const target of ['/', '/own']) {
  test(`deflate: node ws on ${target}, every combination of parameters`, { ms: 60000 }, async (t) => {
    const server = await t.server(ECHO);
    for (const serverNoContextTakeover of [undefined, true]) {
      for (const clientNoContextTakeover of [undefined, true]) {
        for (const serverMaxWindowBits of [undefined, 8, 9, 12, 15]) {
          for (const clientMaxWindowBits of [undefined, 8, 9, 15]) {
            await playWs(t, server, target, {
              serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits,
              clientMaxWindowBits,
            });
          }
        }
      }
    }
  });
}

test('deflate: node ws takes part in a broadcast', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onOpen(conn) ratchet.topic("all"):add(conn) end
    function C:onMessage(_, message) ratchet.topic("all"):broadcast(message) end
    local app = ratchet.App("localhost", 8080)
    app:route("/", C, { "*" }, nil, { deflate = true })
    app:run()`);
  const offers = [true, { serverMaxWindowBits: 9 }, { serverMaxWindowBits: 12 }, false, true];
  const sockets = [];
  for (const perMessageDeflate of offers) {
    const socket = new WebSocket(server.url('ws'), { perMessageDeflate });
    t.atEnd(() => socket.terminate());
    await once(socket, 'open');
    sockets.push(socket);
  }
  for (const message of MESSAGES) {
    const all = Promise.all(sockets.map((socket) => once(socket, 'message')));
    sockets[0].send(message);
    for (const [data] of await all) assert.ok(data.toString() === message);
  }
});

for (const target of ['', 'own']) {
  for (const scenario of ['compressed', 'compressed_small', 'compressed_fresh']) {
    test(`deflate: python websockets on /${target}, ${scenario}`, async (t) => {
      const server = await t.server(ECHO);
      assert.strictEqual(await playPython(scenario, `${server.url('ws')}${target}`), true);
    });
  }
}

// ---- ratchet.connect, where we are the client

const ASKS = (url, deflate) => `
local app = ratchet.App("localhost", 8080)
app:get("/ask", function(request)
  local conn, why = ratchet.connect("${url}", { deflate = ${deflate} })
  if not conn then return 502, why end
  local json = require("cjson")
  local answers = { conn.extensions }
  for _, message in ipairs{ "short", ("long "):rep(100), ("long "):rep(100),
    ("grüße "):rep(20000) } do
    conn:send(message)
    answers[#answers + 1] = conn:receive(5) == message
  end
  conn:close()
  return json.encode(answers)
end)
app:run()
`;

async function ask(t, url, deflate) {
  const server = await t.server(ASKS(url, deflate));
  const response = await fetch(`http://localhost:${server.port}/ask`);
  return [response.status, await response.text()];
}

const DEDICATED = '{ serverContext = "dedicated", clientContext = "dedicated", threshold = 0 }';
const echoesOf = (extensions) => [200, JSON.stringify([extensions, true, true, true, true])];

for (const [name, perMessageDeflate, deflate, extensions] of [
  ['contexts that are shared', true, 'true', FRESH],
  ['contexts that are kept', true, DEDICATED, PMD],
  ['small windows', { serverMaxWindowBits: 9, clientMaxWindowBits: 8 }, DEDICATED,
    `${PMD}; server_max_window_bits=9; client_max_window_bits=8`],
  ['a server that declines', false, 'true', ''],
  ['no offer', true, 'false', ''],
]) {
  test(`deflate: as a client of node ws, ${name}`, async (t) => {
    const upstream = new WebSocket.Server({ host: '127.0.0.1', port: 0, perMessageDeflate });
    t.atEnd(() => upstream.close());
    upstream.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await once(upstream, 'listening');
    const url = `ws://127.0.0.1:${upstream.address().port}/`;
    const [status, text] = await ask(t, url, deflate);
    const [wantedStatus, wanted] = echoesOf(extensions);
    const [said, ...echoes] = status === 200 ? JSON.parse(text) : [text];
    const sorted = (terms) => terms.split('; ').sort().join('; ');
    assert.strictEqual(status, wantedStatus, text);
    assert.strictEqual(sorted(said), sorted(extensions));
    assert.deepStrictEqual(echoes, JSON.parse(wanted).slice(1));
  });
}

test('deflate: as a client of our own', async (t) => {
  const server = await t.server(ECHO);
  for (const [target, deflate, extensions] of [['', 'true', FRESH], ['own', DEDICATED, PMD],
    ['own', 'true', FRESH], ['plain', 'true', '']]) {
    assert.deepStrictEqual(await ask(t, `${server.url('ws')}${target}`, deflate),
      echoesOf(extensions));
  }
});

test('deflate: as a client, what was not offered is refused', async (t) => {
  for (const [terms, deflate, why] of [
    [PMD, 'true', /permessage-deflate is not what was asked for/],
    [`${PMD}; x`, DEDICATED, /unknown, repeated or bad parameter/],
    ['x-other', 'true', /an extension that was not asked for/],
    [PMD, 'false', /an extension that was not asked for/],
  ]) {
    const upstream = require('net').createServer((socket) => {
      socket.on('error', () => {});
      let head = '';
      socket.on('data', (bytes) => {
        head += bytes;
        if (!head.endsWith('\r\n\r\n')) return;
        const key = head.match(/Sec-WebSocket-Key: (\S+)/)[1];
        socket.write(['HTTP/1.1 101 OK', 'Upgrade: websocket', 'Connection: Upgrade',
          `Sec-WebSocket-Accept: ${acceptOf(key)}`, `Sec-WebSocket-Extensions: ${terms}`,
          '', ''].join('\r\n'));
      });
    });
    t.atEnd(() => upstream.close());
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const [status, text] = await ask(t, `ws://127.0.0.1:${upstream.address().port}/`, deflate);
    assert.strictEqual(status, 502);
    assert.match(text, why);
  }
});

test('deflate: a browser', { ms: 60000 }, async (t) => {
  const server = await t.server(ECHO);
  const browser = await launch();
  t.atEnd(() => browser.close());
  const tab = await browser.newPage();
  await tab.goto(`http://localhost:${server.port}/page`);
  for (const [target, extensions] of [['', FRESH], ['own', PMD]]) {
    const found = await tab.evaluate(async ([url, messages]) => {
      const socket = new WebSocket(url);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error('no connection'));
      });
      const echoes = [];
      for (const message of messages) {
        const answer = new Promise((resolve) => {
          socket.onmessage = (event) => resolve(event.data);
        });
        socket.send(message);
        echoes.push(await answer);
      }
      const closed = new Promise((resolve) => {
        socket.onclose = (event) => resolve([event.code, event.wasClean]);
      });
      socket.close(1000);
      return {
        isSame: echoes.every((echo, i) => echo === messages[i]),
        extensions: socket.extensions,
        closed: await closed,
      };
    }, [`${server.url('ws', 'localhost')}${target}`, MESSAGES]);
    assert.deepStrictEqual(found, { isSame: true, extensions, closed: [1000, true] });
  }
});
