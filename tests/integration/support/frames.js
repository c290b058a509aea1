// frames - WebSocket frames as bytes (RFC 6455 5.2), right ones and wrong ones.
'use strict';

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

function bytesOf(value) {
  return Buffer.isBuffer(value) ? value : Buffer.from(value || '', 'utf8');
}

function masked(payload, key) {
  const copy = Buffer.from(payload);
  for (let i = 0; i < copy.length; i++) copy[i] ^= key[i & 3];
  return copy;
}

// form: 7, 16 or 64 bits for the length; the shortest when not given.
function lengthBytes(length, maskBit, form) {
  const bits = form || (length < 126 ? 7 : length < 65536 ? 16 : 64);
  if (bits === 7) return Buffer.from([maskBit | Number(length)]);
  if (bits === 16) return Buffer.from([maskBit | 126, Number(length) >> 8, Number(length) & 255]);
  const bytes = Buffer.alloc(9);
  bytes[0] = maskBit | 127;
  bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

// A frame from a client. options: fin (true), rsv (0..7), isMasked (true), key,
// form (as above), length (what the header says, over the payload's own).
function frame(opcode, payload, options = {}) {
  const { fin = true, rsv = 0, isMasked = true, key = KEY, form } = options;
  const body = bytesOf(payload);
  const number = typeof opcode === 'number' ? opcode : OPCODES[opcode];
  const length = options.length === undefined ? body.length : options.length;
  return Buffer.concat([
    Buffer.from([(fin ? 0x80 : 0) | rsv << 4 | number]),
    lengthBytes(length, isMasked ? 0x80 : 0, form),
    isMasked ? key : Buffer.alloc(0),
    isMasked ? masked(body, key) : body,
  ]);
}

function text(payload, options) {
  return frame('text', payload, options);
}

function close(code, reason = '') {
  if (code === undefined) return frame('close', '');
  const body = Buffer.concat([Buffer.from([code >> 8, code & 255]), bytesOf(reason)]);
  return frame('close', body);
}

// The first frame of what a server sent: { fin, rsv, opcode, payload, size }, or
// undefined when it is not all there.
function parse(bytes) {
  if (bytes.length < 2) return undefined;
  if (bytes[1] & 0x80) throw new Error('the server sent a masked frame');
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = bytes.readUInt16BE(2);
    if (length < 126) throw new Error('the server sent a length that is not minimal');
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(bytes.readBigUInt64BE(2));
    if (length < 65536) throw new Error('the server sent a length that is not minimal');
    at = 10;
  }
  if (bytes.length < at + length) return undefined;
  return {
    fin: bytes[0] >= 0x80,
    rsv: bytes[0] >> 4 & 7,
    opcode: bytes[0] & 15,
    payload: Buffer.from(bytes.subarray(at, at + length)),
    size: at + length,
  };
}

module.exports = { KEY, OPCODES, close, frame, parse, text };
