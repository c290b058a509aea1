// messages - what clients send: each message follows from who sends it, its number, its
// length and its kind, so that whoever has it can tell whether it is whole.
//
// A message is a head, "e.k12s3.57.1024;" (what the server shall do, the session, the
// number, the length), and a piece of a block of 2 MiB, of UTF-8 for text and of random
// bytes for binary. One of under 8 bytes has no room for a head: it is the last digits
// of its number; an empty one is nothing, and known by those before and behind it.
//
// In a history a message is its *token*, "T:" or "B:" and the head, or the length and
// the digits: "B:0:". What is not as it was made begins with "!".
'use strict';

const fs = require('fs');
const path = require('path');
const { Random } = require('./random');

const BLOCK = 2 * 1024 * 1024;
const LONGEST = 1024 * 1024; // the default of maxMessageSize
const STARTS = BLOCK / 8; // places, in 4 bytes, where a piece of LONGEST may begin
const SHORT = 8;
const HEAD = /^[a-z]\.k(\d+)s\d+\.(\d+)\.(\d+);/;
// Each has 4 bytes, so that a piece that begins and ends between them is UTF-8.
const UNITS = ['abcd', 'efg ', 'the ', '{"":', '0123', 'éü', '€.', 'ж ж', '☃z', '😀', '𝄞', '\n\t\0x']
  .map((unit) => Buffer.from(unit)).filter((unit) => unit.length === 4);

// Writes the blocks to files of this folder.
function writeBlocks(folder) {
  const random = new Random('blocks');
  const text = Buffer.alloc(BLOCK);
  for (let at = 0; at < BLOCK; at += 4) random.one(UNITS).copy(text, at);
  const binary = Buffer.alloc(BLOCK);
  for (let at = 0; at < BLOCK; at += 4) binary.writeUInt32LE(random.next() * 4294967296 >>> 0, at);
  fs.writeFileSync(path.join(folder, 'text.block'), text);
  fs.writeFileSync(path.join(folder, 'binary.block'), binary);
}

class Messages {
  constructor(folder) {
    this.text = fs.readFileSync(path.join(folder, 'text.block'));
    this.binary = fs.readFileSync(path.join(folder, 'binary.block'));
  }

  // deed: a letter (app.lua). A length between is raised to that of the head. Returns
  // { bytes, token, isBinary }.
  make(deed, name, number, length, isBinary) {
    const kind = isBinary ? 'B' : 'T';
    if (length < SHORT) {
      const digits = length === 0 ? '' : String(number).padStart(length, '0').slice(-length);
      return { bytes: Buffer.from(digits), token: `${kind}:${length}:${digits}`, isBinary };
    }
    const start = `${deed}.${name}.${number}.`;
    const real = Math.max(length, start.length + 3);
    const head = `${start}${real};`;
    const bytes = Buffer.alloc(Math.max(real, head.length), '.');
    bytes.write(head, 'latin1');
    this.piece(head, bytes.length, isBinary).copy(bytes, head.length);
    return { bytes, token: `${kind}:${head}`, isBinary };
  }

  // The part of a block that stands behind this head; up to three dots follow it.
  piece(head, length, isBinary) {
    const [, slot, number] = head.match(HEAD);
    const start = (number * 7919 + slot * 104729) % STARTS * 4;
    const size = length - head.length;
    return (isBinary ? this.binary : this.text).subarray(start, start + size - size % 4);
  }

  token(bytes, isBinary) {
    const kind = isBinary ? 'B' : 'T';
    if (bytes.length < SHORT) return `${kind}:${bytes.length}:${bytes.toString('latin1')}`;
    const found = bytes.toString('latin1', 0, 64).match(HEAD);
    if (!found) return `!${kind}: no head: ${JSON.stringify(bytes.toString('latin1', 0, 40))}`;
    const head = found[0];
    if (Number(found[3]) !== bytes.length) return `!${kind}:${head} has ${bytes.length} bytes`;
    const piece = this.piece(head, bytes.length, isBinary);
    const end = head.length + piece.length;
    const isSame = bytes.subarray(head.length, end).equals(piece) &&
      bytes.toString('latin1', end) === '...'.slice(0, bytes.length - end);
    return isSame ? `${kind}:${head}` : `!${kind}:${head} has other bytes`;
  }
}

module.exports = { LONGEST, Messages, writeBlocks };
