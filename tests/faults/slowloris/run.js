#!/usr/bin/env node
// Thousands of connections that send next to nothing: heads that drip in, frames that stop
// half-way and leave pings unanswered, TLS handshakes that are never begun; each kind, and
// a mixture of them. All are gone one second after their limit, and a good client notices nothing:
// its p99 is 50 ms at most.
'use strict';

const path = require('path');
const { execFileSync, fork } = require('child_process');
const { Context } = require('../../integration/support/context');
const { pathOf } = require('../../integration/support/certificates');
const { Signal, sleep, slow } = require('../../integration/support/wait');
const { number, readOptions } = require('../options');

const USAGE = `usage: node run.js [options] [part of a kind's name ...]
  --clients N   how many there are at a time (5000)
  --limit N     headerTimeout in seconds, and twice keepAlive (10)
  --untimed     the p99 is printed, but not judged
  --help        print this text
RATCHET_LUA may name the server's binary.`;

const OPTIONS = {
  clients: { type: 'string', default: '5000' },
  limit: { type: 'string', default: '10' },
  untimed: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

const KINDS = [
  ['slow heads', ['heads']],
  ['slow frames', ['frames']],
  ['silent TLS handshakes', ['handshakes']],
  ['all of them, mixed', ['heads', 'frames', 'handshakes']],
];
const P99_MS = 50;
const LATE_S = 1; // after the limit
const OPEN_MS = 30000;
const ALONE_MS = 2000;
const SPARE_DESCRIPTORS = 200;

const app = (limit) => `
local app = ratchet.App{ host = "localhost", port = 0, headerTimeout = ${limit} }
app:listen{ port = 0,
  tls = { cert = "${pathOf('local.pem')}", key = "${pathOf('local.key')}" } }
app:route("/", ratchet.server.EchoServer(), { "*" }, nil, { keepAlive = ${limit / 2} })
app:run()
`;

// A process of its own, whose messages are waited for.
class Child {
  constructor(t, file, ...args) {
    this.name = file;
    this.messages = [];
    this.signal = new Signal();
    this.child = fork(path.join(__dirname, file), args.map(String));
    this.child.on('message', (message) => {
      this.messages.push(message);
      this.signal.wake();
    });
    this.child.on('exit', () => {
      this.isGone = true;
      this.signal.wake();
    });
    t.atEnd(() => this.child.kill('SIGKILL'));
  }

  next(ms) {
    return this.signal.until(() => {
      if (this.messages.length > 0) return this.messages.shift();
      if (this.isGone) throw new Error(`${this.name} has ended`);
      return undefined;
    }, `${this.name} says nothing`, ms);
  }
}

const shown = ({ p50, p99, count }) =>
  `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${count}`;

// What the good client has seen since it was last asked.
async function ask(good, when) {
  if (!good.isGone) good.child.send('how was it?');
  const seen = await good.next(5000 * slow);
  if (seen.error) throw new Error(`the good client: ${seen.error}`);
  console.log(`  good client ${when}: echo ${shown(seen.echo)}; ` +
    `connect and echo ${shown(seen.connect)}`);
  return seen;
}

function judgeCrowd(kind, { count, ended, right, first, last }, limit, errors) {
  console.log(`  ${kind}: ${ended} of ${count} ended after ` +
    `${first.toFixed(1)} to ${last.toFixed(1)} s, ${right} of them as they should`);
  if (ended < count) errors.push(`${count - ended} ${kind} are left`);
  if (right < ended) errors.push(`${ended - right} ${kind} were ended otherwise`);
  if (last > limit + LATE_S * slow) errors.push(`the last of ${kind} lived too long`);
}

async function play(t, kinds, { clients, limit, untimed }) {
  const errors = [];
  const server = await t.server(app(limit), { port: false, args: ['--log-level', 'warn'] });
  const portOf = (scheme) => server.addresses.find((one) => one[1] === scheme)[3];
  const [plain, secure] = [portOf('ws'), portOf('wss')];
  const good = new Child(t, 'good.js', plain);
  await sleep(ALONE_MS);
  await ask(good, 'alone');
  const most = limit + LATE_S * slow + 1;
  const crowds = kinds.map((kind) => new Child(t, 'crowd.js',
    kind === 'handshakes' ? secure : plain, kind, Math.ceil(clients / kinds.length), most));
  await Promise.all(crowds.map((crowd) => crowd.next(OPEN_MS * slow)));
  const results = await Promise.all(crowds.map((crowd) => crowd.next((most + 5) * 1000)));
  const { echo, connect } = await ask(good, 'beside them');
  results.forEach((result, i) => judgeCrowd(kinds[i], result, limit, errors));
  if (!untimed && echo.p99 > P99_MS) errors.push(`the echo's p99 is over ${P99_MS} ms`);
  if (!untimed && connect.p99 > P99_MS) errors.push(`connecting has a p99 over ${P99_MS} ms`);
  return errors;
}

async function judge([name, kinds], options) {
  const t = new Context();
  let errors = [];
  console.log(`${name}, ${options.clients}`);
  try {
    errors = await play(t, kinds, options);
  } catch (error) {
    errors.push(error.message);
  }
  errors.push(...await t.end(errors.length > 0));
  for (const error of errors) console.log(`  FAILED: ${error.message || error}`);
  return errors.length === 0;
}

function checkDescriptors(needed) {
  const most = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  if (most === 'unlimited' || Number(most) >= needed) return;
  console.error(`${needed} descriptors are needed, but "ulimit -Hn" is ${most}: ` +
    'raise it, or give fewer --clients');
  process.exit(2);
}

async function main() {
  const options = readOptions(OPTIONS, USAGE);
  if (options.help) return console.log(USAGE);
  options.clients = number(options, 'clients', 1, 20000, USAGE);
  options.limit = number(options, 'limit', 1, 60, USAGE);
  const isWanted = ([name]) => options.wanted.length === 0 ||
    options.wanted.some((part) => name.includes(part));
  const wanted = KINDS.filter(isWanted);
  checkDescriptors(options.clients + SPARE_DESCRIPTORS);
  const result = { passed: 0, failed: 0 };
  for (const kind of wanted) {
    if (await judge(kind, options)) result.passed++;
    else result.failed++;
  }
  console.log(`${result.passed} passed, ${result.failed} failed`);
  return process.exit(result.failed === 0 && result.passed > 0 ? 0 : 1);
}

main();
