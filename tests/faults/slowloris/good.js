// good - a process with two good clients: one that is connected and echoes, one that
// connects for each echo:
//
//   good.js PORT
//
// When its parent asks it tells the p99 of both in milliseconds, and how many there were,
// since it was last asked.
'use strict';

const net = require('net');
const frames = require('../../integration/support/frames');
const { handshakeBytes } = require('../../integration/support/raw');

const PAUSE_MS = 10;
const MESSAGE = frames.text('are you there?');
const ECHO = Buffer.concat([Buffer.from([0x81, 14]), Buffer.from('are you there?')]);

const port = Number(process.argv[2]);
const times = { echo: [], connect: [] };

function fail(what) {
  process.send({ error: what }, () => process.exit(1));
}

// A connection behind its handshake; `next` is called with all that comes afterwards.
function connect(next) {
  const socket = net.connect(port, '127.0.0.1', () => socket.write(handshakeBytes()));
  let head = '';
  socket.setNoDelay(true);
  socket.on('error', (error) => fail(error.message));
  socket.on('data', (bytes) => {
    if (head.endsWith('\r\n\r\n')) return next(socket, bytes);
    head += bytes.toString('latin1');
    return head.endsWith('\r\n\r\n') ? next(socket, null) : undefined;
  });
  return socket;
}

function note(list, since, bytes) {
  if (!bytes.equals(ECHO)) fail(`the echo is ${bytes.toString('hex')}`);
  list.push(Number(process.hrtime.bigint() - since) / 1e6);
}

function echo() {
  let since;
  const send = (socket) => {
    since = process.hrtime.bigint();
    socket.write(MESSAGE);
  };
  connect((socket, bytes) => {
    if (!bytes) return send(socket);
    note(times.echo, since, bytes);
    return setTimeout(send, PAUSE_MS, socket);
  });
}

function connectAgainAndAgain() {
  const since = process.hrtime.bigint();
  connect((socket, bytes) => {
    if (!bytes) return socket.write(MESSAGE);
    note(times.connect, since, bytes);
    socket.destroy();
    return setTimeout(connectAgainAndAgain, PAUSE_MS);
  });
}

function summary(list) {
  const sorted = Float64Array.from(list).sort();
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}

process.on('message', () => {
  process.send({ echo: summary(times.echo), connect: summary(times.connect) });
  times.echo = [];
  times.connect = [];
});
process.on('disconnect', () => process.exit());
echo();
connectAgainAndAgain();
