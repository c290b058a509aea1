// A raw WebSocket client on a TCP socket. It can send any frame with any bits,
// in one write or chopped into small ones, and it keeps a record of what the
// server did: the messages, Pings and Pongs that came (`events`), its Close
// frame (`remoteClose`), how TCP ended (`gone`), and the first rule of RFC 6455
// it broke, if any (`violation`). It judges nothing else; grade.js does.

'use strict';

const crypto = require('crypto');
const net = require('net');
const { TextDecoder } = require('util');
const { Deflate } = require('./deflate');

const OP = { CONT: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const MAX_INCOMING = 64 * 1024 * 1024;
const MAX_HANDSHAKE = 16 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true });

function isUtf8(bytes) {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

// Masking keys come from a refilled pool: one system call per frame would be
// felt in the cases that send a message in 65,536 fragments.
const pool = Buffer.alloc(16 * 1024);
let poolAt = pool.length;

function maskingKey() {
  if (poolAt === pool.length) {
    crypto.randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += 4;
  return Buffer.from(pool.subarray(poolAt - 4, poolAt));
}

function maskInto(out, at, payload, key) {
  for (let i = 0; i < payload.length; i++) out[at + i] = payload[i] ^ key[i & 3];
}

// Table entries may hold a string, a Buffer, or a function that makes the
// Buffer, so that the 16 MiB payloads exist only while their case runs.
function bytesOf(payload) {
  if (typeof payload === 'function') return payload();
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload || '', 'utf8');
}

function lengthField(length) {
  if (length < 126) return Buffer.from([length]);
  if (length < 65536) {
    const short = Buffer.alloc(3, 126);
    short.writeUInt16BE(length, 1);
    return short;
  }
  const long = Buffer.alloc(9, 127);
  long.writeBigUInt64BE(BigInt(length), 1);
  return long;
}

// One frame as octets. `fin`, `rsv` (0-7) and `opcode` (0-15) go out as given,
// legal or not.
function encodeFrame({ opcode, payload, fin = true, rsv = 0, masked = true }) {
  const body = bytesOf(payload);
  const length = lengthField(body.length);
  const keyAt = 1 + length.length;
  const out = Buffer.allocUnsafe(keyAt + (masked ? 4 : 0) + body.length);
  out[0] = (fin ? 0x80 : 0) | ((rsv & 7) << 4) | (opcode & 15);
  length.copy(out, 1);
  if (!masked) {
    body.copy(out, keyAt);
    return out;
  }
  out[1] |= 0x80;
  const key = maskingKey();
  key.copy(out, keyAt);
  maskInto(out, keyAt + 4, body, key);
  return out;
}

function encodeFrames(frames) {
  return frames.length === 1 ? encodeFrame(frames[0]) : Buffer.concat(frames.map(encodeFrame));
}

function closePayload(code, reason = '') {
  if (code === undefined) return bytesOf(reason);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code, 0);
  return Buffer.concat([head, bytesOf(reason)]);
}

// Cuts the stream from the server into frames. A payload is copied into one
// buffer of its announced size, so long messages cost no repeated joining.
class FrameReader {
  constructor(onFrame, onViolation) {
    this.onFrame = onFrame;
    this.onViolation = onViolation;
    this.head = Buffer.alloc(10);
    this.reset();
  }

  reset() {
    this.headFill = 0;
    this.headNeed = 2;
    this.payload = null;
    this.payloadFill = 0;
  }

  get insideFrame() {
    return this.headFill > 0;
  }

  push(chunk) {
    let at = 0;
    while (at < chunk.length && !this.broken) {
      at += this.payload ? this.fillPayload(chunk, at) : this.fillHead(chunk, at);
    }
  }

  fail(what) {
    this.broken = true;
    this.onViolation(what);
  }

  fillHead(chunk, at) {
    const taken = chunk.copy(this.head, this.headFill, at, at + this.headNeed - this.headFill);
    this.headFill += taken;
    if (this.headFill === 2 && this.headNeed === 2) this.headNeed += this.extraLength();
    if (this.headFill === this.headNeed) this.startPayload();
    return taken;
  }

  extraLength() {
    const short = this.head[1] & 0x7f;
    return short === 126 ? 2 : short === 127 ? 8 : 0;
  }

  startPayload() {
    if (this.head[1] & 0x80) return this.fail('a masked frame');
    const length = this.announcedLength();
    if (lengthField(length).length !== this.headNeed - 1) {
      return this.fail(`a length of ${length} not in its shortest form`);
    }
    if (length > MAX_INCOMING) return this.fail(`a frame of ${length} octets`);
    this.payload = Buffer.allocUnsafe(length);
    if (length === 0) this.finish();
  }

  announcedLength() {
    if (this.headNeed === 2) return this.head[1] & 0x7f;
    if (this.headNeed === 4) return this.head.readUInt16BE(2);
    return Number(this.head.readBigUInt64BE(2));
  }

  fillPayload(chunk, at) {
    const taken = chunk.copy(this.payload, this.payloadFill, at);
    this.payloadFill += taken;
    if (this.payloadFill === this.payload.length) this.finish();
    return taken;
  }

  finish() {
    const first = this.head[0];
    const payload = this.payload;
    this.reset();
    this.onFrame({ fin: first >= 0x80, rsv: (first >> 4) & 7, opcode: first & 15, payload });
  }
}

class Client {
  constructor(socket) {
    this.socket = socket;
    this.events = [];
    this.remoteClose = null; // { code, reason }; code undefined if it had none
    this.closeSent = false;
    this.closedByMe = false; // our Close went out before the server's came
    this.gone = null; // 'fin' or 'reset': the server ended TCP
    this.violation = null;
    this.fragments = null; // { opcode, isDeflated, parts } of the message being received
    this.deflate = null; // once the server has agreed to compress
    this.sawCompressed = false; // a message of the server's
    this.waiters = new Set();
    this.reader = new FrameReader((f) => this.onFrame(f), (what) => this.onViolation(what));
    socket.on('data', (chunk) => this.onData(chunk));
    socket.on('end', () => this.onEnd());
    socket.on('error', () => this.onGone('reset'));
    socket.on('close', () => this.onGone('reset'));
  }

  // Whether nothing more is to be expected of the server but the end of TCP.
  get over() {
    return Boolean(this.remoteClose || this.gone || this.violation);
  }

  onData(chunk) {
    if (this.violation) return;
    this.reader.push(chunk);
    this.changed();
  }

  onEnd() {
    if (this.reader.insideFrame && !this.violation) this.violation = 'the end of TCP inside a frame';
    this.onGone('fin');
    this.socket.end();
  }

  onGone(how) {
    if (!this.gone && !this.destroyed) this.gone = how;
    this.changed();
  }

  onViolation(what) {
    if (!this.violation) this.violation = what;
    this.destroy();
    this.changed();
  }

  onFrame({ fin, rsv, opcode, payload }) {
    if (this.violation) return;
    if (this.remoteClose) return this.onViolation('a frame after its Close');
    const isDeflated = rsv === 4 && this.deflate && (opcode === OP.TEXT || opcode === OP.BINARY);
    if (rsv && !isDeflated) return this.onViolation(`a frame with RSV = ${rsv}`);
    if (opcode >= 8) this.onControl(fin, opcode, payload);
    else this.onDataFrame(fin, opcode, payload, isDeflated);
  }

  onControl(fin, opcode, payload) {
    if (!fin) return this.onViolation('a fragmented control frame');
    if (payload.length > 125) return this.onViolation('a control frame of over 125 octets');
    if (opcode === OP.CLOSE) return this.onClose(payload);
    if (opcode === OP.PONG) return this.record('pong', payload);
    if (opcode !== OP.PING) return this.onViolation(`opcode ${opcode}`);
    this.record('ping', payload);
    this.write(encodeFrame({ opcode: OP.PONG, payload }));
  }

  onDataFrame(fin, opcode, payload, isDeflated) {
    if (opcode > 2) return this.onViolation(`opcode ${opcode}`);
    if (opcode === OP.CONT && !this.fragments) return this.onViolation('a lone continuation');
    if (opcode !== OP.CONT && this.fragments) return this.onViolation('an interrupted message');
    if (!this.fragments) this.fragments = { opcode, isDeflated, parts: [] };
    this.fragments.parts.push(payload);
    if (fin) this.onMessage(this.fragments);
  }

  onMessage({ opcode, isDeflated, parts }) {
    this.fragments = null;
    let data = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    if (isDeflated) {
      try {
        data = this.deflate.inflate(data);
        this.sawCompressed = true;
      } catch (error) {
        return this.onViolation(`a message that does not inflate: ${error.message}`);
      }
    }
    if (opcode === OP.TEXT && !isUtf8(data)) return this.onViolation('text that is not UTF-8');
    this.record(opcode === OP.TEXT ? 'text' : 'binary', data);
  }

  onClose(payload) {
    if (payload.length === 1) return this.onViolation('a Close frame of one octet');
    const reason = payload.subarray(2);
    if (!isUtf8(reason)) return this.onViolation('a Close reason that is not UTF-8');
    this.remoteClose = { code: payload.length ? payload.readUInt16BE(0) : undefined, reason };
    if (!this.closeSent) this.sendClose(closePayload(this.remoteClose.code));
  }

  record(type, data) {
    this.events.push({ type, data });
  }

  changed() {
    for (const waiter of [...this.waiters]) waiter();
  }

  // Resolves true as soon as `test()` holds, false after `ms`. A last turn of
  // the event loop before giving up lets in what the kernel already holds, so a
  // busy runner does not blame the server for its own lateness.
  until(test, ms) {
    if (test()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.waiters.delete(check);
        resolve(Boolean(test()));
      };
      const check = () => test() && finish();
      const timer = setTimeout(() => setImmediate(() => setImmediate(finish)), ms);
      this.waiters.add(check);
    });
  }

  // Resolves once the kernel has taken the octets; false if TCP is gone.
  write(bytes) {
    if (this.socket.destroyed || !this.socket.writable) return Promise.resolve(false);
    return new Promise((resolve) => this.socket.write(bytes, (error) => resolve(!error)));
  }

  // Writes in pieces of `chop` octets. Each piece waits for the one before to
  // be flushed and for one poll of the socket: what the server has already said
  // is then read before a write to a closed connection can throw it away.
  async writeChopped(bytes, chop) {
    for (let at = 0; at < bytes.length && !this.over; at += chop) {
      if (!(await this.write(bytes.subarray(at, at + chop)))) return false;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return !this.over;
  }

  // A well-formed Close frame, and with it our side of the closing handshake.
  sendClose(payload) {
    this.markClosing();
    return this.write(encodeFrame({ opcode: OP.CLOSE, payload }));
  }

  markClosing() {
    if (!this.closeSent) this.closedByMe = !this.remoteClose;
    this.closeSent = true;
  }

  destroy() {
    this.destroyed = true;
    this.socket.destroy();
  }
}

// 'localhost' may stand for either loopback address, and the server may be
// listening on one of them only.
function addressesOf(url) {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  return [host === '0.0.0.0' ? '127.0.0.1' : host];
}

function openSocket(host, port, signal) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
    signal.stop = () => socket.destroy(new Error('no answer in time'));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function openFirst(url, signal) {
  const port = Number(url.port) || 80;
  let failure;
  for (const host of addressesOf(url)) {
    try {
      return await openSocket(host, port, signal);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function requestText(url, key, offer) {
  return [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    ...(offer ? [`Sec-WebSocket-Extensions: ${offer}`] : []),
    '', '',
  ].join('\r\n');
}

// Collects the response up to its empty line; the rest is the first octets of
// the WebSocket stream.
function readResponse(socket) {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const stop = (settle, value) => {
      socket.off('data', onData).off('end', onEnd).off('error', onError);
      settle(value);
    };
    const onEnd = () => stop(reject, new Error('the server ended TCP'));
    const onError = (error) => stop(reject, error);
    const onData = (chunk) => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf('\r\n\r\n');
      if (end < 0 && seen.length > MAX_HANDSHAKE) return stop(reject, new Error('endless header'));
      if (end < 0) return undefined;
      socket.pause();
      return stop(resolve, { head: seen.toString('latin1', 0, end), rest: seen.subarray(end + 4) });
    };
    socket.on('data', onData).on('end', onEnd).on('error', onError);
  });
}

function headersOf(lines) {
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

// Returns what was agreed on, for an offer of permessage-deflate.
function checkResponse(head, key, offer) {
  const [status, ...lines] = head.split('\r\n');
  const headers = headersOf(lines);
  const accept = crypto.createHash('sha1').update(key + ACCEPT_GUID).digest('base64');
  if (!/^HTTP\/1\.1 101(\s|$)/.test(status)) throw new Error(`status line "${status}"`);
  if (!/^websocket$/i.test(headers.upgrade || '')) throw new Error('no "Upgrade: websocket"');
  if (!/(^|,)\s*upgrade\s*(,|$)/i.test(headers.connection || '')) {
    throw new Error('no "Connection: Upgrade"');
  }
  if (headers['sec-websocket-accept'] !== accept) throw new Error('wrong Sec-WebSocket-Accept');
  const chosen = headers['sec-websocket-extensions'];
  if (headers['sec-websocket-protocol'] || (chosen && !offer)) {
    throw new Error('an extension or a sub-protocol that was not asked for');
  }
  return chosen ? new Deflate(offer, chosen) : null;
}

async function handshake(url, signal, offer) {
  const socket = await openFirst(url, signal);
  try {
    const key = crypto.randomBytes(16).toString('base64');
    socket.write(requestText(url, key, offer));
    const { head, rest } = await readResponse(socket);
    const deflate = checkResponse(head, key, offer);
    const client = new Client(socket);
    client.deflate = deflate;
    if (rest.length) client.onData(rest);
    socket.resume();
    return client;
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  }
}

// Opens a connection and completes the opening handshake within `ms`. `offer`: what to
// say in Sec-WebSocket-Extensions, if anything.
async function connect(url, ms, offer) {
  const signal = {};
  const timer = setTimeout(() => signal.stop(), ms);
  try {
    return await handshake(url, signal, offer);
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { OP, bytesOf, closePayload, connect, encodeFrame, encodeFrames };
