// raw - a TCP client that sends exactly the bytes it is told to, and knows what
// came back: heads, frames, FIN, resets.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const net = require('net');
const tls = require('tls');
const frames = require('./frames');
const { Signal, sleep, slow } = require('./wait');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

function acceptOf(key) {
  return crypto.createHash('sha1').update(key + GUID).digest('base64');
}

// A handshake as bytes. lines: more header lines; a line "Name:" without a value
// takes the header of that name away.
function handshakeBytes(target = '/', lines = [], start = `GET ${target} HTTP/1.1`) {
  const own = {
    host: 'Host: localhost',
    upgrade: 'Upgrade: websocket',
    connection: 'Connection: Upgrade',
    'sec-websocket-key': `Sec-WebSocket-Key: ${KEY}`,
    'sec-websocket-version': 'Sec-WebSocket-Version: 13',
  };
  const more = [];
  for (const line of lines) {
    const gone = line.match(/^([\w-]+):$/);
    if (gone) delete own[gone[1].toLowerCase()];
    else more.push(line);
  }
  return [start, ...Object.values(own), ...more, '', ''].join('\r\n');
}

function toBytes(value) {
  return Buffer.isBuffer(value) ? value : Buffer.from(value, 'latin1');
}

class RawClient {
  // `where`: a port on this machine, the path of a local socket, or { host, port }.
  // `secure`: the options of tls.connect, for TLS.
  constructor(where, secure) {
    const address = typeof where === 'object' ? where
      : typeof where === 'string' ? { path: where } : { port: where, host: '127.0.0.1' };
    this.signal = new Signal();
    this.chunks = [];
    this.received = Buffer.alloc(0); // and not yet taken
    this.total = 0;
    this.isConnected = this.isEnded = this.isClosed = false;
    this.error = null;
    this.socket = secure
      ? tls.connect({ ...address, ...secure, allowHalfOpen: true })
      : net.connect({ ...address, allowHalfOpen: true });
    this.connectEvent = secure ? 'secureConnect' : 'connect';
    this.socket.setNoDelay(true);
    this.listen();
  }

  listen() {
    const note = (fields) => {
      Object.assign(this, fields);
      this.signal.wake();
    };
    this.socket.on(this.connectEvent, () => note({ isConnected: true }));
    this.socket.on('end', () => note({ isEnded: true, endedAt: Date.now() }));
    this.socket.on('close', () => note({ isClosed: true }));
    this.socket.on('error', (error) => note({ error }));
    this.socket.on('data', (bytes) => {
      this.chunks.push(bytes);
      this.total += bytes.length;
      this.signal.wake();
    });
  }

  // All that was received and not taken, as one buffer.
  gather() {
    if (this.chunks.length > 0) {
      this.received = Buffer.concat([this.received, ...this.chunks]);
      this.chunks = [];
    }
    return this.received;
  }

  take(length) {
    const bytes = this.gather().subarray(0, length);
    this.received = this.received.subarray(length);
    return bytes;
  }

  describe() {
    const bytes = this.gather();
    const shown = JSON.stringify(bytes.subarray(0, 300).toString('latin1'));
    const state = [this.isEnded && 'FIN came', this.error && String(this.error.code),
      this.isClosed && 'closed'].filter(Boolean).join(', ');
    return `received ${bytes.length} bytes ${shown}${state ? `; ${state}` : ''}`;
  }

  connected() {
    return this.signal.until(() => {
      if (this.error) throw this.error;
      return this.isConnected || undefined;
    }, 'no connection');
  }

  // ---- sending

  // Ends when the system has taken the bytes, or will not any more.
  send(...parts) {
    return new Promise((resolve) => {
      this.socket.write(Buffer.concat(parts.map(toBytes)), () => resolve());
    });
  }

  async sendBytewise(value) {
    for (const byte of toBytes(value)) {
      if (this.isClosed || this.error) return;
      await this.send(Buffer.from([byte]));
    }
  }

  // In pieces that end at the given places.
  async sendCut(value, cuts) {
    const bytes = toBytes(value);
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      if (to > from) await this.send(bytes.subarray(from, to));
      from = to;
    }
  }

  text(payload, options) {
    return this.send(frames.text(payload, options));
  }

  frame(opcode, payload, options) {
    return this.send(frames.frame(opcode, payload, options));
  }

  close(code, reason) {
    return this.send(frames.close(code, reason));
  }

  // Stops reading and sends the bytes up to `times` times, until the server has
  // not taken anything for a while. Returns { sent, isStuck }.
  async stuff(bytes, times, stall = 500 * slow) {
    this.socket.pause();
    for (let sent = 0; sent < times; sent++) {
      const taken = this.send(bytes).then(() => true);
      const isTaken = await Promise.race([taken, sleep(stall).then(() => false)]);
      if (!isTaken) return { sent: sent + 1, isStuck: true };
      if (this.error) break;
    }
    return { sent: times, isStuck: false };
  }

  // FIN in this direction only.
  half() {
    this.socket.end();
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  destroy() {
    this.socket.destroy();
  }

  // ---- receiving

  wait(probe, what, ms) {
    return this.signal.until(() => {
      const found = probe();
      if (found !== undefined) return found;
      if (this.isEnded || this.isClosed) {
        throw new Error(`expected ${what}; ${this.describe()}`);
      }
      return undefined;
    }, () => `expected ${what}; ${this.describe()}`, ms);
  }

  bytes(length, ms) {
    return this.wait(
      () => (this.gather().length >= length ? this.take(length) : undefined),
      `${length} bytes`, ms);
  }

  // Everything up to and with `mark`.
  upTo(mark, ms) {
    return this.wait(() => {
      const at = this.gather().indexOf(mark, 0, 'latin1');
      return at < 0 ? undefined : this.take(at + mark.length).toString('latin1');
    }, `bytes up to ${JSON.stringify(mark)}`, ms);
  }

  // { status, reason, headers (lower-case name to list of values), body }
  async response(ms) {
    const lines = (await this.upTo('\r\n\r\n', ms)).trimEnd().split('\r\n');
    const start = lines[0].match(/^HTTP\/1\.1 (\d{3}) (.*)$/);
    assert.ok(start, `a status line; it is ${JSON.stringify(lines[0])}`);
    const headers = {};
    for (const line of lines.slice(1)) {
      const [, name, value] = line.match(/^([!-9;-~]+): ?(.*)$/) ||
        assert.fail(`a header line; it is ${JSON.stringify(line)}`);
      (headers[name.toLowerCase()] = headers[name.toLowerCase()] || []).push(value);
    }
    return { status: Number(start[1]), reason: start[2], headers, body: '' };
  }

  // A response and its body.
  async answer(ms, isHead = false) {
    const response = await this.response(ms);
    if (response.status === 101 || isHead) return response;
    const length = Number((response.headers['content-length'] || ['0'])[0]);
    response.body = (await this.bytes(length, ms)).toString('utf8');
    return response;
  }

  // Asks for an upgrade and expects 101; more bytes may follow in its segment.
  async handshake(target = '/', lines = [], ...more) {
    await this.send(handshakeBytes(target, lines), ...more);
    const response = await this.answer();
    assert.strictEqual(response.status, 101,
      `status 101; it is ${response.status}: ${response.body}`);
    assert.deepStrictEqual(response.headers['sec-websocket-accept'], [acceptOf(KEY)]);
    return response;
  }

  nextFrame(ms, what = 'a frame') {
    return this.wait(() => {
      const found = frames.parse(this.gather());
      if (found) this.take(found.size);
      return found;
    }, what, ms);
  }

  async expectFrame(opcode, payload, ms) {
    const wanted = Buffer.isBuffer(payload) ? payload : Buffer.from(payload, 'utf8');
    const what = `a ${opcode} frame with ${brief(wanted)}`;
    const found = await this.nextFrame(ms, what);
    assert.ok(found.opcode === frames.OPCODES[opcode] && found.rsv === 0 && found.fin,
      `expected ${what}; came opcode ${found.opcode}, fin ${found.fin}, ` +
      `rsv ${found.rsv}, ${brief(found.payload)}`);
    assert.ok(found.payload.equals(wanted), `expected ${what}; came ${brief(found.payload)}`);
    return found;
  }

  expectText(payload, ms) {
    return this.expectFrame('text', payload, ms);
  }

  // A close frame; returns { code, reason }. code null is a frame without one.
  async closeFrame(ms) {
    const found = await this.nextFrame(ms, 'a close frame');
    assert.strictEqual(found.opcode, 8,
      `expected a close frame; came opcode ${found.opcode}, ${brief(found.payload)}`);
    if (found.payload.length === 0) return { code: null, reason: '' };
    return {
      code: found.payload.readUInt16BE(0),
      reason: found.payload.subarray(2).toString('utf8'),
    };
  }

  // A close frame with this code and then FIN, with nothing between.
  async expectClose(code, ms) {
    const found = await this.closeFrame(ms);
    assert.strictEqual(found.code, code,
      `expected close code ${code}; came ${found.code} "${found.reason}"`);
    await this.expectEnd(ms);
    return found;
  }

  // FIN, with nothing left before it; answers with FIN.
  async expectEnd(ms = 5000 * slow) {
    await this.signal.until(() => {
      if (this.error) throw new Error(`expected FIN; came ${this.error.code}`);
      return this.isEnded || undefined;
    }, () => `expected FIN; ${this.describe()}`, ms);
    assert.strictEqual(this.gather().length, 0, `expected nothing before FIN; ${this.describe()}`);
    this.half();
  }

  // However the connection ends: FIN or reset.
  expectGone(ms) {
    return this.signal.until(() => this.isEnded || this.isClosed || undefined,
      () => `expected the end of the connection; ${this.describe()}`, ms);
  }

  // Nothing comes for a moment.
  async expectSilence(ms = 100) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    assert.strictEqual(this.gather().length, 0, `expected silence; ${this.describe()}`);
    assert.ok(!this.isEnded && !this.isClosed, `expected silence; ${this.describe()}`);
  }

  // The connection works: an echo comes back.
  async expectEcho(payload = 'still there') {
    await this.text(payload);
    await this.expectText(payload);
  }
}

function brief(bytes) {
  const shown = JSON.stringify(bytes.subarray(0, 60).toString('latin1'));
  return bytes.length > 60 ? `${shown}... (${bytes.length} bytes)` : shown;
}

module.exports = { KEY, RawClient, acceptOf, handshakeBytes };
