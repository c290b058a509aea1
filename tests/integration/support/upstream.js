// upstream - servers that ours is a client of: node's ws, Python's websockets, and
// one that says exactly what it is told to.
'use strict';

const assert = require('assert');
const net = require('net');
const path = require('path');
const { spawn } = require('child_process');
const { WebSocketServer } = require('ws');
const { acceptOf } = require('./raw');
const { Signal } = require('./wait');

function listening(server) {
  return new Promise((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
}

// options as for ws; port 0 unless they say another. Has .port and .sockets.
async function wsUpstream(t, options = {}) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  server.sockets = [];
  server.on('connection', (socket, request) => {
    socket.request = request;
    socket.on('error', () => {});
    server.sockets.push(socket);
  });
  server.end = () => new Promise((resolve) => {
    for (const socket of server.clients) socket.terminate();
    server.close(resolve);
  });
  t.atEnd(server.end);
  await listening(server);
  server.port = server.address().port;
  return server;
}

async function pythonUpstream(t) {
  const child = spawn('/usr/bin/python3', [path.join(__dirname, 'server.py')],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  t.atEnd(() => child.kill());
  const signal = new Signal();
  let printed = '';
  child.stdout.on('data', (bytes) => {
    printed += bytes;
    signal.wake();
  });
  const port = await signal.until(
    () => (printed.endsWith('\n') ? Number(printed) : undefined), 'a port from Python');
  return { port };
}

// A masked frame, or undefined when it is not whole.
function parseMasked(bytes) {
  if (bytes.length < 2) return undefined;
  assert.ok(bytes[1] & 0x80, 'a client masks');
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    [length, at] = [bytes.readUInt16BE(2), 4];
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    [length, at] = [Number(bytes.readBigUInt64BE(2)), 10];
  }
  if (bytes.length < at + 4 + length) return undefined;
  const key = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
  for (let i = 0; i < length; i++) payload[i] ^= key[i & 3];
  return { fin: bytes[0] >= 0x80, rsv: bytes[0] >> 4 & 7, opcode: bytes[0] & 15, key: key.toString('hex'),
    payload, size: at + 4 + length };
}

// One connection that came to a raw upstream, as its server.
class RawPeer {
  constructor(socket) {
    this.socket = socket;
    this.signal = new Signal();
    this.received = Buffer.alloc(0);
    this.isEnded = false;
    socket.on('error', () => {});
    socket.on('close', () => this.end());
    socket.on('end', () => this.end());
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.signal.wake();
    });
  }

  end() {
    this.isEnded = true;
    this.signal.wake();
  }

  // The head of the request, as text.
  head() {
    return this.signal.until(() => {
      const end = this.received.indexOf('\r\n\r\n');
      if (end < 0) return undefined;
      const head = this.received.subarray(0, end + 4).toString('latin1');
      this.received = this.received.subarray(end + 4);
      return head;
    }, 'the head of a request');
  }

  write(...parts) {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part, 'latin1'))));
  }

  // Answers the handshake; more lines, and bytes behind it.
  async accept(lines = [], ...more) {
    const head = await this.head();
    const key = head.match(/\r\nSec-WebSocket-Key: (.*)\r\n/)[1];
    this.write(['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket',
      'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptOf(key)}`, ...lines, '', '']
      .join('\r\n'), ...more);
    return head;
  }

  // The next frame of the client, which must be masked.
  async frame() {
    const found = await this.signal.until(() => {
      const frame = parseMasked(this.received);
      if (!frame && this.isEnded) throw new Error('a frame was expected; the end came');
      return frame || undefined;
    }, 'a frame of the client');
    this.received = this.received.subarray(found.size);
    return found;
  }

  ended() {
    return this.signal.until(() => this.isEnded || undefined, 'the end of the connection');
  }
}

// Has .port and next(): the next connection, as RawPeer.
async function rawUpstream(t, where = { host: '127.0.0.1', port: 0 }) {
  const signal = new Signal();
  const waiting = [];
  const all = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket);
    all.push(peer);
    waiting.push(peer);
    signal.wake();
  });
  server.listen(where);
  t.atEnd(() => {
    for (const peer of all) peer.socket.destroy();
    server.close();
  });
  await listening(server);
  return {
    port: server.address().port,
    next: () => signal.until(() => waiting.shift(), 'a connection'),
    count: () => all.length,
    close: () => server.close(),
  };
}

module.exports = { pythonUpstream, rawUpstream, wsUpstream };
