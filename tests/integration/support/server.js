// server - the real program under test: started on a free port, watched, and
// judged when it is stopped.
'use strict';

const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { Signal, poll, slow } = require('./wait');
const { binary, lua } = require('./paths');

const START_MS = 10000;
const STOP_MS = 15000;
const ALARM = /alert|Sanitizer|runtime error/;
const ADDRESS = /^\s+(\w+):\/\/(\[[^\]]+\]|[^:/\s]+):(\d+)(\S*)$/gm;

const UNIX = /^\s+unix:(\S+)$/gm;

const running = new Set();
process.on('exit', () => {
  for (const server of running) server.child.kill('SIGKILL');
});

class Server {
  // options: args (before the file), after (behind it), port (false: no --port),
  // through (a program and its arguments that start it), inherit (its descriptor 3), expectStatus, mayAlarm (a pattern that is no alarm), env, descriptors
  // (false: they need not return to where they were).
  constructor(file, options) {
    this.file = file;
    this.options = options;
    this.stdout = this.stderr = '';
    this.notes = [];
    this.addresses = [];
    this.paths = []; // of unix sockets
    this.signal = new Signal();
    this.ended = null;
  }

  arguments() {
    const port = this.options.port === false ? [] : ['--port', '0'];
    return [...port, ...(this.options.args || []), this.file,
      ...(this.options.after || [])];
  }

  // `program` runs in place of the binary, which is then among the arguments.
  spawn(program = binary) {
    if (!fs.existsSync(binary)) {
      throw new Error(`${binary} is missing: build it first, or set RATCHET_LUA`);
    }
    const through = this.options.through;
    const [first, ...before] = through ? [...through, program] : [program];
    this.child = spawn(first, [...before, ...this.arguments()], {
      env: environment(this.options.env),
      cwd: this.options.cwd,
      stdio: ['ignore', 'pipe', 'pipe',
        ...(this.options.inherit === undefined ? [] : [this.options.inherit])],
    });
    running.add(this);
    this.child.on('error', (error) => this.onEnd(null, String(error)));
    this.child.on('close', (status, signal) => this.onEnd(status, signal));
    this.child.stdout.on('data', (bytes) => this.onOutput(bytes));
    this.child.stderr.on('data', (bytes) => {
      this.stderr += bytes.toString('latin1');
      this.signal.wake();
    });
  }

  onEnd(status, signal) {
    running.delete(this);
    this.ended = { status, signal, at: Date.now() };
    this.signal.wake();
  }

  onOutput(bytes) {
    this.stdout += bytes.toString('latin1');
    let end;
    while ((end = this.stdout.indexOf('\n', this.seen || 0)) >= 0) {
      const line = this.stdout.slice(this.seen || 0, end);
      this.seen = end + 1;
      if (line.startsWith('@')) this.notes.push(JSON.parse(line.slice(1)));
    }
    this.signal.wake();
  }

  async start() {
    this.spawn();
    this.addresses = await this.signal.until(() => {
      if (this.ended) throw new Error(`the server ended at its start\n${this.stderr}`);
      const found = [...this.stdout.matchAll(ADDRESS)];
      this.paths = [...this.stdout.matchAll(UNIX)].map((path) => path[1]);
      const isThere = found.length + this.paths.length > 0;
      return isThere && this.stdout.endsWith('\n') ? found : undefined;
    }, 'no address was printed', START_MS * slow);
    this.port = this.addresses.length > 0 ? Number(this.addresses[0][3]) : undefined;
    this.pid = this.child.pid;
    this.descriptorsAtStart = this.descriptors();
  }

  // The first address with that scheme, as a URL.
  url(scheme, name = '127.0.0.1') {
    const found = this.addresses.find((address) => address[1] === scheme);
    if (!found) throw new Error(`no ${scheme} address among:\n${this.stdout}`);
    return `${scheme}://${name}:${found[3]}${found[4]}`;
  }

  descriptors() {
    return fs.readdirSync(`/proc/${this.pid}/fd`).length;
  }

  // Resident memory in bytes.
  memory() {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'latin1');
    return Number(status.match(/^VmRSS:\s+(\d+) kB/m)[1]) * 1024;
  }

  // CPU time in seconds.
  cpu() {
    const stat = fs.readFileSync(`/proc/${this.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  // The first note whose beginning equals `wanted`.
  note(...wanted) {
    return this.noted(wanted, 1).then((found) => found[0]);
  }

  // `count` notes whose beginnings equal `wanted`.
  noted(wanted, count, ms) {
    return this.signal.until(() => {
      const found = this.notesLike(...wanted);
      if (found.length >= count) return found;
      if (this.ended) throw new Error(`the server ended; its notes: ${show(this.notes)}`);
      return undefined;
    }, () => `expected ${count} notes ${show(wanted)}; there are ${show(this.notes)}`, ms);
  }

  notesLike(...wanted) {
    return this.notes.filter((note) =>
      wanted.every((part, i) => JSON.stringify(part) === JSON.stringify(note[i])));
  }

  // Waits until the log matches.
  logged(pattern) {
    return this.signal.until(
      () => this.stderr.match(pattern) || undefined,
      () => `expected ${pattern} in the log; it is\n${this.stderr}`);
  }

  kill(name = 'SIGTERM') {
    if (!this.ended) this.child.kill(name);
  }

  exit(ms = STOP_MS * slow) {
    return this.signal.until(() => this.ended || undefined, 'the server did not end', ms);
  }

  // After the clients are gone, no more descriptors than at the start. Fewer is
  // well: at the start one may be counted that is open for a moment only.
  async settled() {
    if (this.options.descriptors === false) return;
    await poll(() => this.ended || this.descriptors() <= this.descriptorsAtStart,
      () => `descriptors: ${this.descriptorsAtStart} at the start, ` +
        `${this.descriptors()} when all clients were gone ` +
        `(${this.openFiles().join(' ')})`);
  }

  openFiles() {
    const folder = `/proc/${this.pid}/fd`;
    return fs.readdirSync(folder).map((name) => {
      try {
        return `${name}:${fs.readlinkSync(path.join(folder, name))}`;
      } catch (error) {
        return `${name}:?`;
      }
    });
  }

  async stop() {
    this.kill();
    return this.exit();
  }

  // The end that every server has to come to.
  async finish() {
    if (!this.child) return;
    try {
      if (!this.ended) await this.settled();
    } finally {
      await this.stop().catch((error) => {
        this.kill('SIGKILL');
        throw error;
      });
      this.judge();
    }
  }

  judge() {
    const alarm = this.stderr.split('\n').find(
      (line) => ALARM.test(line) && !(this.options.mayAlarm || /^$/).test(line));
    if (alarm) throw new Error(`the log has "${alarm}"`);
    const expected = this.options.expectStatus || 0;
    const { status, signal } = this.ended;
    if (status !== expected || signal) {
      throw new Error(`expected exit status ${expected}; it was ` +
        `${status}, signal ${signal}`);
    }
  }
}

// Ratchet's Lua files are found wherever the binary was built. RATCHET_PRELOAD is a
// library for it alone (faults/short_io), not for the clients.
function environment(more) {
  const found = path.join(lua, '?.lua') + ';' + path.join(lua, '?', 'init.lua');
  const preload = process.env.RATCHET_PRELOAD;
  return { ...process.env, ...(preload && { LD_PRELOAD: preload }),
    LUA_PATH: `${found};;`, ...more };
}

function show(value) {
  const text = JSON.stringify(value);
  return text.length > 1500 ? `${text.slice(0, 1500)}...` : text;
}

module.exports = { Server, environment, show };
