// crowd - a process that opens slow connections of one kind and waits for the server to
// end them:
//
//   crowd.js PORT KIND COUNT SECONDS
//
// It tells its parent "open" when all are, and then, at the latest so many SECONDS after
// the last has sent its last byte, how many were ended and how long the first and the last were let live, from its
// connect or its last byte on.
'use strict';

const net = require('net');
const frames = require('../../integration/support/frames');
const { handshakeBytes } = require('../../integration/support/raw');
const { sleep } = require('../../integration/support/wait');

const AT_A_TIME = 20;
const PAUSE_MS = 10; // between two of each: slow clients are no storm
const DRIP_MS = 1000;
const FRAME_DRIPS = 1; // then it falls silent: a peer that sends bytes is alive

const [port, kind, count, seconds] = process.argv.slice(2).map((word) => Number(word) || word);
const result = { ended: 0, right: 0, first: Infinity, last: 0 };
let opened = 0;

const now = () => process.hrtime.bigint();

// Sends a byte a second, at most so many of them; `sent` is told of each.
function drip(socket, byte, most, sent) {
  let left = most;
  const timer = setInterval(() => {
    if (left-- <= 0) return clearInterval(timer);
    socket.write(byte);
    return sent();
  }, DRIP_MS);
  socket.on('close', () => clearInterval(timer));
}

// Each kind is given a connected socket, says when it is slow, and may say that its time
// begins anew. What the server says last is judged by `right`.
const kinds = {
  heads: {
    begin(socket, isSlow) {
      socket.write('GET / HTTP/1.1\r\nX-');
      drip(socket, 'a', Infinity, () => {});
      isSlow();
    },
    right: (text) => text.startsWith('HTTP/1.1 408 '),
  },
  frames: {
    begin(socket, isSlow, restart) {
      const frame = frames.text('x'.repeat(100));
      socket.write(handshakeBytes());
      socket.once('data', () => {
        socket.write(frame.subarray(0, frame.length / 2));
        restart();
        drip(socket, 'x', FRAME_DRIPS, restart);
        isSlow();
      });
    },
    right: (text) => text.startsWith('HTTP/1.1 101 ') && text.endsWith('\x89\0'),
  },
  handshakes: { begin: (socket, isSlow) => isSlow(), right: (text) => text === '' },
};

function finish() {
  process.send({ ...result, count }, () => process.exit());
}

function gone(started, text) {
  const lived = Number(now() - started) / 1e9;
  result.ended++;
  if (kinds[kind].right(text)) result.right++;
  result.first = Math.min(result.first, lived);
  result.last = Math.max(result.last, lived);
  if (result.ended === count) finish();
}

// Resolves when it is slow, or gone.
function open() {
  return new Promise((resolve) => {
    let started;
    let text = '';
    const restart = () => { started = now(); };
    const socket = net.connect(port, '127.0.0.1', () => {
      restart();
      kinds[kind].begin(socket, resolve, restart);
    });
    socket.setNoDelay(true);
    socket.on('data', (bytes) => { text += bytes.toString('latin1'); });
    socket.on('error', (error) => { text += started ? '' : error.message; });
    socket.on('close', () => {
      gone(started || now(), text);
      resolve();
    });
  });
}

async function main() {
  const lane = async () => {
    while (opened++ < count) {
      await open();
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  process.send('open');
  setTimeout(finish, seconds * 1000 + FRAME_DRIPS * DRIP_MS);
}

process.on('disconnect', () => process.exit());
main();
