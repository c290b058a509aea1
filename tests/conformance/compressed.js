// What groups 12 and 13 are made of: data of several kinds, cut into messages of
// 18 sizes, sent compressed one after the other, each echoed before the next.

'use strict';

const { answers, gotBinary, gotText, send, OP } = require('./steps');

const DATA_SIZE = 256 * 1024;
const TOTAL = 512 * 1024; // bytes of a case, as far as MOST and LEAST allow
const MOST = 1000;
const LEAST = 4;
const SMALL = 1024; // bytes; a server need not compress less

// [bytes of a message, bytes of a fragment; 0 for no fragments]
const SIZES = [
  [16, 0], [64, 0], [256, 0], [1024, 0], [4096, 0], [8192, 0], [16384, 0], [32768, 0],
  [65536, 0], [131072, 0], [8192, 256], [16384, 256], [32768, 256], [65536, 256],
  [131072, 256], [131072, 1024], [131072, 4096], [131072, 32768],
];

// The same numbers in every run.
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 4294967296 * below);
  };
}

// Pieces of text up to the size of the data; ASCII, so that it may be cut anywhere.
function pieces(seed, piece) {
  const next = numbers(seed);
  const parts = [];
  for (let length = 0; length < DATA_SIZE;) {
    const part = piece(next);
    parts.push(part);
    length += part.length;
  }
  return Buffer.from(parts.join('').slice(0, DATA_SIZE), 'latin1');
}

const WORDS = ('the river runs behind old mills where nobody works now and in the evening '
  + 'children throw stones at windows that have been broken for longer than they live')
  .split(' ');

function sentence(next) {
  const words = Array.from({ length: 5 + next(12) }, () => WORDS[next(WORDS.length)]);
  return `${words.join(' ')}. `;
}

const json = (next) => `${JSON.stringify({
  id: next(1e9), name: WORDS[next(WORDS.length)], tags: [next(100), next(100)], text: sentence(next),
})},\n`;

const html = (next) => `<tr class="row${next(2)}"><td>${next(1e6)}</td>`
  + `<td><a href="/item/${next(1e4)}">${sentence(next)}</a></td></tr>\n`;

// A picture of 512 octets a line: soft shades and a little noise.
function picture() {
  const next = numbers(3);
  return Buffer.from({ length: DATA_SIZE }, (_, i) => {
    const [x, y] = [i % 512, i >> 9];
    return (128 + 60 * Math.sin(x / 40) + 60 * Math.cos(y / 25) + next(4)) & 255;
  });
}

// As in a file that is compressed already: noise between a few words.
function packed() {
  const next = numbers(5);
  const bytes = Buffer.from({ length: DATA_SIZE }, () => next(256));
  for (let at = 0; at < DATA_SIZE - 64; at += 2048) bytes.write('endstream endobj obj stream', at);
  return bytes;
}

const DATA = [
  { name: 'JSON', isText: true, bytes: pieces(1, json) },
  { name: 'a picture', isText: false, bytes: picture() },
  { name: 'a text', isText: false, bytes: pieces(2, sentence) },
  { name: 'HTML', isText: true, bytes: pieces(4, html) },
  { name: 'what is compressed already', isText: false, bytes: packed() },
];

// The n-th message; the data is used round and round.
function messageOf(data, size, n) {
  const from = n * size % (DATA_SIZE - size);
  return data.bytes.subarray(from, from + size);
}

function framesOf(opcode, payload, fragment) {
  const size = fragment || payload.length;
  const frames = [];
  for (let at = 0; at < payload.length; at += size) {
    frames.push({
      opcode: at === 0 ? opcode : OP.CONT,
      rsv: at === 0 ? 4 : 0,
      payload: payload.subarray(at, at + size),
      fin: at + size >= payload.length,
    });
  }
  return frames;
}

// Each message waits for the echo of the one before.
function exchange(data, size, fragment, count) {
  return async (client, { limit }) => {
    if (!client.deflate) return 'the server did not agree to compress';
    const opcode = data.isText ? OP.TEXT : OP.BINARY;
    for (let n = 0; n < count && !client.over; n++) {
      const payload = client.deflate.compress(messageOf(data, size, n));
      await send(...framesOf(opcode, payload, fragment))(client);
      const came = await client.until(() => client.over || client.events.length > n, limit);
      if (!came) return `no echo of message ${n + 1}`;
    }
    const isDone = client.sawCompressed || client.over || size < SMALL;
    return isDone ? null : 'no echo was compressed';
  };
}

function caseOf(subgroup, data, offer, [size, fragment], index) {
  const count = Math.max(LEAST, Math.min(MOST, Math.floor(TOTAL / size)));
  const got = data.isText ? gotText : gotBinary;
  const ok = Array.from({ length: count }, (_, n) => got(() => messageOf(data, size, n)));
  const cut = fragment ? ` in fragments of ${fragment}` : '';
  const title = `${count} times ${size} octets of ${data.name}${cut}, on "${offer}"`;
  return answers(`${subgroup}.${index + 1}`, title, [exchange(data, size, fragment, count)], ok,
    { limit: 10000, offer });
}

// The 18 cases of one kind of data and one offer.
function series(subgroup, data, offer) {
  return SIZES.map((size, i) => caseOf(subgroup, data, offer, size, i));
}

module.exports = { DATA, series };
