// kinds - what abusive clients do. Each kind is a function that is given the crowd of
// clients, all connected, and ends when the server has dealt with all that they sent, or
// has stopped to read them; it may return a function that has them read the rest.
'use strict';

const assert = require('assert');
const zlib = require('zlib');
const frames = require('../../integration/support/frames');

const MIB = 1024 * 1024;
const RSV1 = 4;
const PING_SIZE = 120;
const PONG_SIZE = 2 + PING_SIZE;
const STALL_MS = 1500; // what is not taken by then is not taken
const DEFLATE = ['Sec-WebSocket-Extensions: permessage-deflate'];

function each(crowd, fn) {
  return Promise.all(crowd.map(fn));
}

// The server has read all that came before.
async function isRead(client) {
  await client.frame('ping', 'read?');
  await client.expectFrame('pong', 'read?');
}

// All clients have all but the end of their message on the way at the same time.
async function inFragments(crowd, bytes, end, answered) {
  await each(crowd, (client) => client.send(bytes));
  await each(crowd, isRead);
  await each(crowd, (client) => client.send(end));
  await each(crowd, answered);
}

// One message, in `count` frames that are `piece` long.
async function fragments(crowd, count, piece) {
  const first = frames.frame('binary', piece, { fin: false });
  const more = frames.frame('continuation', piece, { fin: false });
  const end = frames.frame('continuation', piece);
  const bytes = Buffer.concat([first, ...new Array(count - 2).fill(more)]);
  const echo = Buffer.alloc(count * piece.length, piece);
  await inFragments(crowd, bytes, end, (client) => client.expectFrame('binary', echo));
}

// `total` bytes of messages of `size`, whose echoes nobody reads.
async function unread(crowd, total, size) {
  const message = frames.frame('binary', Buffer.alloc(size, 'x'));
  const count = Math.ceil(MIB / size);
  const bytes = Buffer.concat(new Array(count).fill(message));
  const stuffed = await each(crowd, (client) =>
    client.stuff(bytes, Math.ceil(total / (count * size)), STALL_MS));
  const free = stuffed.filter(({ isStuck }) => !isStuck).length;
  assert.strictEqual(free, 0, `${free} clients were read to the end`);
}

function bomb(size) {
  const deflated = zlib.deflateRawSync(Buffer.alloc(size), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  return deflated.subarray(0, deflated.length - 4);
}

async function wholeBombs(crowd, size) {
  const bytes = frames.frame('binary', bomb(size), { rsv: RSV1 });
  await each(crowd, async (client) => {
    await client.send(bytes);
    await client.expectClose(1009);
  });
}

async function bombsByteByByte(crowd, size) {
  const [first, ...rest] = [...bomb(size)].map((byte) => Buffer.from([byte]));
  const last = rest.pop();
  const bytes = Buffer.concat([
    frames.frame('binary', first, { rsv: RSV1, fin: false }),
    ...rest.map((byte) => frames.frame('continuation', byte, { fin: false })),
  ]);
  await inFragments(crowd, bytes, frames.frame('continuation', last),
    (client) => client.expectClose(1009));
}

// Takes the pongs that are there, whose numbers grow; returns the last one's.
function takePongs(client, last) {
  const bytes = client.gather();
  const end = bytes.length - bytes.length % PONG_SIZE;
  for (let at = 0; at < end; at += PONG_SIZE) {
    const number = Number(bytes.toString('latin1', at + 2, at + PONG_SIZE));
    assert.ok(bytes[at] === 0x8a && number > last, `pong ${number} behind pong ${last}`);
    last = number;
  }
  client.take(end);
  return last;
}

// Numbered pings, whose pongs are read only when the server takes no more of them: not
// each has to be answered, but the last (RFC 6455 5.5.3).
async function unreadPings(crowd, count) {
  const numbers = Array.from({ length: count }, (_, i) => String(i + 1).padStart(PING_SIZE, '0'));
  const bytes = Buffer.concat(numbers.map((number) => frames.frame('ping', number)));
  await each(crowd, (client) => client.stuff(bytes, 1, STALL_MS));
  return () => each(crowd, (client) => {
    let last = 0;
    client.socket.resume();
    return client.wait(() => {
      last = takePongs(client, last);
      return last === count || undefined;
    }, 'the last pong', 30000);
  });
}

// name, header lines of the handshake, what is done. `part` is 1 for the full size.
const kinds = [
  ['200,000 empty fragments', [],
    (crowd, part) => fragments(crowd, 200000 * part, Buffer.alloc(0))],
  ['131,000 one-byte fragments', [],
    (crowd, part) => fragments(crowd, 131000 * part, Buffer.from('x'))],
  ['64 MiB of echoes of 20 B unread', [], (crowd) => unread(crowd, 64 * MIB, 20)],
  ['64 MiB of echoes of 1 KiB unread', [], (crowd) => unread(crowd, 64 * MIB, 1024)],
  ['64 MiB of echoes of 64 KiB unread', [], (crowd) => unread(crowd, 64 * MIB, 65536)],
  ['zip bombs of 64 MiB, whole', DEFLATE, (crowd) => wholeBombs(crowd, 64 * MIB)],
  ['zip bombs of 64 MiB, byte by byte', DEFLATE, (crowd) => bombsByteByByte(crowd, 64 * MIB)],
  ['100,000 pings unread', [], (crowd, part) => unreadPings(crowd, 100000 * part)],
];

module.exports = { kinds };
