// context - what a test is given: servers and clients that end with it.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { RawClient } = require('./raw');
const { Server } = require('./server');

class Context {
  constructor() {
    this.servers = [];
    this.endings = []; // functions that close what a client has open
    this.folder = null;
  }

  // A folder of the test's own, gone afterwards.
  temporary(name) {
    if (!this.folder) {
      this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ratchet-lua-'));
    }
    return path.join(this.folder, name);
  }

  // Writes a file and returns its path.
  write(name, text) {
    const where = this.temporary(name);
    fs.mkdirSync(path.dirname(where), { recursive: true });
    fs.writeFileSync(where, text);
    return where;
  }

  // The path of an app with this text. It can call note(...), which the test
  // finds in server.notes.
  app(text) {
    return this.write('app.lua', `${PRELUDE}${text}`);
  }

  // A running server; `app` is Lua text, or { file } for a file that exists.
  async server(app, options = {}) {
    const file = app.file || this.app(app);
    const server = new Server(file, options);
    this.servers.push(server);
    await server.start();
    return server;
  }

  atEnd(fn) {
    this.endings.push(fn);
  }

  // A raw TCP connection to a server (or a port); `secure`: over TLS.
  async raw(server, secure) {
    const client = new RawClient(server.port || server, secure);
    this.atEnd(() => client.destroy());
    await client.connected();
    return client;
  }

  // A raw client behind its handshake; lines are more header lines.
  async open(server, target = '/', lines = []) {
    const client = await this.raw(server);
    await client.handshake(target, lines);
    return client;
  }

  async end(isFailed) {
    const errors = [];
    for (const fn of this.endings.reverse()) {
      await Promise.resolve().then(fn).catch((error) => errors.push(error));
    }
    for (const server of this.servers) {
      await server.finish().catch((error) => errors.push(error));
    }
    if (this.folder) fs.rmSync(this.folder, { recursive: true, force: true });
    if (isFailed || errors.length > 0) errors.push(...this.logs());
    return errors;
  }

  // What the last server said last, to explain a failure.
  logs() {
    return this.servers
      .filter((server) => server.stderr !== '')
      .slice(-1)
      .map((server) => `the server's log ends with\n${lastLines(server.stderr)}`);
  }
}

function lastLines(text) {
  return text.trimEnd().split('\n').slice(-12).join('\n').slice(-2000);
}

// On one line, so that the lines of an app keep their numbers from 2 on.
const PRELUDE = [
  'local ratchet = require "ratchet"',
  'function note(...)',
  '  io.stdout:write("@" .. require("cjson").encode({ ... }) .. "\\n")',
  '  io.stdout:flush()',
  'end',
].join(' ') + '\n';

module.exports = { Context };
