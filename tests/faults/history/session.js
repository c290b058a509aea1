// session - one connection of a client, from its handshake to its end: what it sends,
// what comes back, and what it does to itself meanwhile. All of it is chosen by its seed.
'use strict';

const net = require('net');
const tls = require('tls');
const { setTimeout: sleep } = require('timers/promises');
const WebSocket = require('ws');
const frames = require('../../integration/support/frames');
const { LONGEST } = require('./messages');

const CLOSE_MS = 80000; // for the server's answer to a close, behind a slow path
const QUEUED = 512 * 1024; // bytes that a client has waiting before it sends more
const EDGES = [125, 126, 127, 128, 65535, 65536, 65537, LONGEST];

// Bytes of what is sent to many, or many times.
const MOST = { b: 16384, x: 16384, f: 65535, c: 65535 };

// What ends a session, and how often.
const NODE_VERSION = Number(process.versions.node.split('.')[0]);
const ENDS = { close: 50, byServer: 12, reset: 12, drop: 8, violate: 10, terminated: 8 };

// What breaks the protocol, and the code that it is answered with.
const VIOLATIONS = [
  [1002, frames.frame(3, 'no such opcode')],
  [1002, frames.frame('text', 'not masked', { isMasked: false })],
  [1002, frames.frame('text', 'a reserved bit', { rsv: 2 })],
  [1002, frames.frame('continuation', 'of nothing')],
  [1002, frames.frame('ping', Buffer.alloc(126))],
  [1002, frames.frame('close', 'x')],
  [1007, frames.frame('text', Buffer.from([0x61, 0xc3, 0x28]))],
  [1009, frames.frame('binary', '', { length: LONGEST + 1 })],
];

class Session {
  // place: { port, securePort, proxied } to connect to; life: { isOver } of the worker.
  constructor(name, slot, random, messages, place, life) {
    Object.assign(this, { name, slot, random, messages, place, life });
    this.route = random.weighed({ chat: 70, line: 12, brisk: 8, drop: 10 });
    this.isSecure = random.chance(0.35);
    this.isCompressed = random.chance(0.4);
    this.hasJoined = this.route !== 'drop' && random.chance(0.6);
    this.number = 0;
    this.history = {
      name, route: this.route, place: place.proxied || 'direct', isSecure: this.isSecure,
      isCompressed: false, early: 0, sent: [], bytesSent: 0, got: [], bytesGot: 0,
      late: 0, isOpened: false, error: null, asked: null, closed: null, violation: null, deeds: [],
    };
  }

  // ---- messages

  length(most) {
    const random = this.random;
    const kind = random.weighed({ none: 10, short: 10, small: 37, page: 25, large: 11, huge: 4, edge: 3 });
    const length = {
      none: () => 0,
      short: () => random.between(1, 7),
      small: () => random.between(20, 125),
      page: () => random.between(126, 4096),
      large: () => random.between(4097, 65535),
      huge: () => random.between(65536, LONGEST),
      edge: () => random.one(EDGES),
    }[kind]();
    return Math.min(length, most);
  }

  deed() {
    const weights = { e: 70, s: 6, w: 6, p: 2 };
    if (this.route !== 'line') weights.r = 2;
    weights.f = this.route === 'drop' ? 6 : 0.5;
    if (this.hasJoined) Object.assign(weights, { b: 7, x: 3 });
    return this.random.weighed(weights);
  }

  message(deed = this.deed(), most = MOST[deed] || LONGEST) {
    // Only what has a head can say that it is more than an echo.
    const least = { e: 0, f: 1000 }[deed];
    const length = Math.max(this.length(most), least === undefined ? 30 : least);
    return this.messages.make(deed, this.name, ++this.number, length, this.random.chance(0.5));
  }

  // One that is answered by thirty.
  flood() {
    const length = this.random.between(4096, MOST.f);
    return this.messages.make('f', this.name, ++this.number, length, this.random.chance(0.5));
  }

  note(message) {
    this.history.sent.push(message.token);
    this.history.bytesSent += message.bytes.length;
    return message;
  }

  send(message) {
    this.note(message);
    this.socket.send(message.bytes, { binary: message.isBinary });
  }

  // ---- the connection

  // The first messages go out in one piece with the handshake.
  early() {
    if (!this.random.chance(0.3)) return Buffer.alloc(0);
    this.history.early = this.random.between(1, 4);
    const parts = Array.from({ length: this.history.early }, () => {
      const message = this.note(this.message('e', 4096));
      return frames.frame(message.isBinary ? 'binary' : 'text', message.bytes);
    });
    return Buffer.concat(parts);
  }

  createConnection() {
    const { port, securePort } = this.place;
    this.tcp = net.connect({ port: this.isSecure ? securePort : port, host: '127.0.0.1', noDelay: true });
    const socket = this.isSecure
      ? tls.connect({ socket: this.tcp, rejectUnauthorized: false, servername: 'localhost' }) : this.tcp;
    const early = this.early();
    if (early.length === 0) return socket;
    const write = socket.write;
    socket.write = function first(head, encoding, then) {
      socket.write = write;
      return socket.write(Buffer.concat([Buffer.from(head, 'latin1'), early]), then);
    };
    return socket;
  }

  connect() {
    const scheme = this.isSecure ? 'wss' : 'ws';
    const join = this.hasJoined ? '&join=1' : '';
    this.socket = new WebSocket(`${scheme}://localhost/${this.route}?name=${this.name}${join}`, {
      closeTimeout: CLOSE_MS,
      perMessageDeflate: this.isCompressed && { threshold: 64 },
      createConnection: () => this.createConnection(),
    });
    const { history, socket } = this;
    socket.on('error', (error) => { history.error = String(error.message).slice(0, 100); });
    socket.on('message', (bytes, isBinary) => {
      if (history.closed) history.late++;
      history.got.push(this.messages.token(bytes, isBinary));
      history.bytesGot += bytes.length;
    });
    this.ended = new Promise((resolve) => {
      socket.on('close', (code) => {
        history.closed = code;
        resolve();
      });
    });
    return new Promise((resolve) => {
      socket.on('open', () => {
        history.isOpened = true;
        history.isCompressed = socket.extensions !== '';
        resolve();
      });
      socket.on('close', resolve);
    });
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  async room(most) {
    while (this.isOpen && this.socket.bufferedAmount > most) await sleep(4);
  }

  async talk() {
    const { random } = this;
    const last = random.spread(1, 600);
    while (this.isOpen && this.number < last && !this.life.isOver) {
      for (let left = random.spread(1, 24); left > 0 && this.isOpen; left--) {
        this.send(this.message());
        await this.room(QUEUED);
      }
      if (random.chance(0.1) && this.isOpen) this.socket.ping();
      if (random.chance(0.04)) await this.readNothing();
      await sleep(random.spread(1, 120));
    }
  }

  async readNothing() {
    if (!this.isOpen) return;
    this.history.deeds.push('pause');
    // As much as runs into maxBufferedAmount, now and then.
    if (this.random.chance(0.4)) for (let left = 3; left > 0; left--) this.send(this.flood());
    this.socket.pause();
    await sleep(this.random.between(20, 800));
    this.socket.resume();
  }

  // ---- its ends

  close() {
    if (!this.isOpen) return;
    this.history.asked = this.random.one([1000, 3000, 4321]);
    this.socket.close(this.history.asked);
  }

  // Below TLS, Node.js 18 keeps a socket open that is reset; there only the proxy resets those.
  reset() {
    if (this.isSecure && NODE_VERSION < 20) {
      this.drop();
      return;
    }
    this.history.deeds.push('reset');
    this.tcp.resetAndDestroy();
    this.socket.terminate();
  }

  drop() {
    this.history.deeds.push('drop');
    this.socket.terminate();
  }

  // The server is told to end it, and is sent to until it has.
  async bid(deed) {
    if (!this.isOpen) return;
    this.history.deeds.push(deed === 'c' ? 'byServer' : 'terminated');
    this.send(this.message(deed));
    for (let left = 50; left > 0 && this.isOpen; left--) {
      this.send(this.message('e', 4096));
      await sleep(2);
    }
  }

  // Something wrong, and a good message in the same segment.
  async violate() {
    await this.room(0);
    if (!this.isOpen || this.socket.bufferedAmount > 0) return;
    this.history.deeds.push('violate');
    const [code, wrong] = this.random.one(VIOLATIONS);
    const message = this.messages.make('e', this.name, ++this.number, 40, true);
    this.history.violation = { code, forbidden: message.token };
    this.socket._socket.write(Buffer.concat([wrong, frames.frame('binary', message.bytes)]));
  }

  async end() {
    const how = this.life.isOver ? 'close' : this.random.weighed(ENDS);
    if (how === 'byServer') await this.bid('c');
    else if (how === 'terminated') await this.bid('t');
    else await this[how]();
    // What was not ended by that, after a while.
    const rest = new AbortController();
    await Promise.race([this.ended, sleep(3000, null, { signal: rest.signal }).catch(() => {})]);
    rest.abort();
    this.close();
  }

  // Returns the history when the connection has ended.
  async run() {
    await this.connect();
    if (this.isOpen) await this.talk();
    if (this.isOpen) await this.end();
    await this.ended;
    return this.history;
  }
}

module.exports = { Session };
