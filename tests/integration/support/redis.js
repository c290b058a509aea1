// redis - Debian's redis-server on a socket, or a port, of its own; and a TCP server
// that says to a Redis client what no redis-server does.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const { execFile, spawn } = require('child_process');
const { poll } = require('./wait');

const PROGRAM = '/usr/bin/redis-server';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class RedisServer {
  // options: port, password, args (more of the command line)
  constructor(t, options) {
    this.options = options;
    this.socket = t.temporary('redis.sock');
    this.folder = path.dirname(this.socket);
  }

  async start() {
    if (!fs.existsSync(PROGRAM)) throw new Error('redis-server is missing: apt-get install redis-server redis-tools');
    const { port = 0, password, args = [] } = this.options;
    this.output = '';
    this.child = spawn(PROGRAM, ['--port', String(port), '--bind', '127.0.0.1',
      '--unixsocket', this.socket, '--dir', this.folder, '--save', '',
      ...(password ? ['--requirepass', password] : []), ...args]);
    running.add(this.child);
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    this.ended.then(() => running.delete(this.child));
    this.child.stdout.on('data', (bytes) => { this.output += bytes; });
    await poll(() => /ready to accept connections (at|unix)/i.test(this.output),
      () => `redis-server is ready; it said\n${this.output}`);
  }

  kill(name = 'SIGKILL') {
    this.child.kill(name);
  }

  async stop() {
    this.kill();
    await this.ended;
  }

  // What redis-cli prints.
  cli(...args) {
    const { password } = this.options;
    const login = password ? ['--no-auth-warning', '-a', password] : [];
    return new Promise((resolve, reject) => {
      execFile('/usr/bin/redis-cli', ['-s', this.socket, ...login, ...args],
        { timeout: 10000 }, (error, text) => (error ? reject(error) : resolve(text.trim())));
    });
  }

  // Until so many clients listen to that channel.
  async listened(channel, count = 1) {
    await poll(async () => (await this.cli('pubsub', 'numsub', channel))
      .split('\n')[1] === String(count), `${count} listen to ${channel}`);
  }
}

// A running one, which ends with the test.
async function redisServer(t, options = {}) {
  const port = options.port === true ? await freePort() : options.port;
  const server = new RedisServer(t, { ...options, port });
  t.atEnd(() => server.stop());
  await server.start();
  return server;
}

// A TCP server that gives each client to serve(socket). Returns its port.
async function impostor(t, serve) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  t.atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

module.exports = { freePort, impostor, redisServer };
