// php - Debian's php-cli: scripts that begin, change and hold sessions, and its web
// server.
'use strict';

const fs = require('fs');
const { spawn } = require('child_process');
const { freePort } = require('./redis');
const { Signal, poll, slow } = require('./wait');

const PROGRAM = '/usr/bin/php';

// Behind an echo no session begins any more.
const SAY = 'function say($text) { fwrite(STDOUT, "$text\\n"); }';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function start(args, env = {}) {
  if (!fs.existsSync(PROGRAM)) throw new Error('php is missing: apt-get install php-cli php-redis');
  const child = spawn(PROGRAM, args, { env: { ...process.env, ...env } });
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

// In quotes, for ";" begins a comment in an ini file.
function flagsOf(settings) {
  return Object.entries(settings).flatMap(([name, value]) => ['-d', `${name}="${value}"`]);
}

// A script with its settings, such as { 'session.save_path': '/tmp/x' }.
class Script {
  constructor(t, settings, code) {
    const flags = flagsOf(settings);
    this.signal = new Signal();
    this.output = this.errors = '';
    this.child = start(['-d', 'display_errors=stderr', '-d', 'session.use_strict_mode=0',
      '-d', 'session.use_cookies=0', '-d', 'session.cache_limiter=',
      '-d', 'serialize_precision=-1', ...flags, '-r', `${SAY} ${code}`]);
    this.child.stdin.on('error', () => {});
    this.child.stdout.on('data', (bytes) => this.note('output', bytes));
    this.child.stderr.on('data', (bytes) => this.note('errors', bytes));
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    t.atEnd(() => {
      this.child.kill('SIGKILL');
      return this.ended;
    });
  }

  note(name, bytes) {
    this[name] += bytes.toString('latin1');
    this.signal.wake();
  }

  // Until it has printed that.
  said(text) {
    return this.signal.until(() => this.output.includes(text) || undefined,
      () => `expected ${text} of PHP; it said ${this.output}${this.errors}`);
  }

  // Lets a script go on that waits in fgets(STDIN).
  goOn() {
    this.child.stdin.write('\n');
  }

  // What it printed, when it has ended well.
  async result() {
    const status = await this.ended;
    if (status !== 0 || this.errors !== '') throw new Error(`PHP: ${this.errors}${this.output}`);
    return Buffer.from(this.output, 'latin1').toString('utf8');
  }
}

// Runs a script, and returns what it printed.
function php(t, settings, code) {
  return new Script(t, settings, code).result();
}

// PHP's web server, with a script for all requests; returns its port.
async function phpServer(t, settings, script, env) {
  const port = await freePort();
  const flags = flagsOf(settings);
  const child = start([...flags, '-S', `127.0.0.1:${port}`, script], env);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => { said += bytes; });
  }
  const ended = new Promise((resolve) => child.on('close', resolve));
  t.atEnd(() => {
    child.kill('SIGTERM');
    return ended;
  });
  await poll(() => /Development Server \(http:.*\) started/.test(said),
    () => `PHP's web server is ready; it said\n${said}`, 10000 * slow);
  return port;
}

module.exports = { Script, php, phpServer };
