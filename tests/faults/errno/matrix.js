// matrix - which system call fails with which error, at which time, and what is
// right then.
'use strict';

const ERRORS = ['EIO', 'ECONNRESET', 'EPIPE', 'ENOBUFS', 'ENOMEM', 'EINTR', 'EBADF'];
const TIMES = [1, 2, 3, 10];

// While it serves: the call, and the load that makes it (load.js).
const CALLS = {
  read: 'sockets',
  write: 'sockets',
  writev: 'sockets',
  sendmsg: 'datagrams',
  recvmsg: 'datagrams',
  accept4: 'sockets',
  epoll_ctl: 'sockets',
  setsockopt: 'sockets',
  shutdown: 'sockets',
  close: 'sockets',
  openat: 'files',
};

// At the start, and how often each is made there: calls that neither the loader nor
// libc's own start makes; openat and read are those of the app file.
const START = {
  clone3: 1, // its thread; the watchdog's is the first of that thread
  epoll_create1: 1,
  pipe2: 2,
  eventfd2: 1,
  openat: 1,
  read: 1,
  socket: 2, // its port, and the control socket
  setsockopt: 1,
  bind: 2,
  listen: 2,
  epoll_ctl: 4,
};

// What the process does not survive, and why nothing of ours can help: libuv has no
// way to tell its user, and ends the process on purpose. `line`: the failed call in
// the trace. A cell of it that lives is reported, so that the list stays true.
const FATAL = [
  { line: /epoll_ctl\(\d+, EPOLL_CTL_(ADD|MOD)/,
    why: 'uv__io_poll calls abort() when it cannot add a descriptor' },
  { line: /pipe2\(0x\w+, O_CLOEXEC\)/,
    why: 'uv__signal_global_init calls abort() without the pipe for its lock' },
];

// What ctest runs of it.
const SHORT = [
  ['read', 'ECONNRESET', 1], ['read', 'EIO', 3], ['read', 'EINTR', 2], ['write', 'EPIPE', 2],
  ['write', 'ENOBUFS', 10], ['writev', 'ENOMEM', 1], ['writev', 'ECONNRESET', 3],
  ['accept4', 'ENOBUFS', 1], ['accept4', 'ENOMEM', 2], ['accept4', 'EINTR', 3],
  ['setsockopt', 'ENOMEM', 1], ['shutdown', 'ENOBUFS', 2], ['close', 'EIO', 1],
  ['openat', 'ENOMEM', 1], ['sendmsg', 'ENOBUFS', 1], ['recvmsg', 'ENOMEM', 2],
];
const SHORT_START = [['epoll_create1', 'ENOMEM', 1], ['clone3', 'ENOMEM', 1],
  ['socket', 'ENOBUFS', 1], ['listen', 'EIO', 1], ['read', 'EIO', 1]];

// timesOf(call): which of its calls fail.
function cells(calls, timesOf) {
  return Object.keys(calls).flatMap((call) => ERRORS.flatMap((error) =>
    timesOf(call).map((time) => [call, error, time])));
}

module.exports = {
  CALLS,
  FATAL,
  serving: cells(CALLS, () => TIMES),
  starting: cells(START, (call) => Array.from({ length: START[call] }, (_, i) => i + 1)),
  SHORT,
  SHORT_START,
};
