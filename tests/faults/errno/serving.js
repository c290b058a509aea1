// serving - a call of a server that serves fails: the process lives, and is idle
// after; who was not hit has not noticed; what was taken is given back.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { Server } = require('../../integration/support/server');
const { poll, sleep, slow } = require('../../integration/support/wait');
const { CALLS } = require('./matrix');
const { connect, echo, load, outcome, socketStep, warmUp } = require('./load');
const { Tracer } = require('./tracer');

const MOMENT = 500; // ms in which an idle server ...
const IDLE = 0.03; // ... uses less than so much of a core, in seconds

// It asks to be traced by anybody (Yama's ptrace_scope 1 wants to hear that).
const APP = `
local ffi, uv, ratchet = require "ffi", require "luv", require "ratchet"
ffi.cdef "int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);"
ffi.C.prctl(0x59616d61, -1ULL, 0, 0, 0)

local server = assert(uv.new_udp())
assert(server:bind("127.0.0.1", 0))
local port = server:getsockname().port
server:recv_start(function(err, data, from)
  if data and from then server:try_send(data, from.ip, from.port) end
end)

-- One datagram there and back.
local function ask()
  local client = uv.new_udp()
  client:bind("127.0.0.1", 0)
  local err, data = ratchet.timeout(1, ratchet.await, function(resume)
    client:recv_start(function(err, data) if err or data then resume(err, data) end end)
    local sent, err = client:try_send("ping", "127.0.0.1", port)
    if not sent then resume(err) end
  end)
  client:close()
  return data and 200 or 500, data or tostring(err)
end

local app = ratchet.App("localhost", 8080)
app:route("/echo", ratchet.server.EchoServer(), { "*" })
app:static("/files", arg[1])
app:get("/datagram", ask)
app:run()
`;

// The files of all cells.
function prepare(folder) {
  const app = path.join(folder, 'app.lua');
  const files = path.join(folder, 'files');
  fs.mkdirSync(files);
  fs.writeFileSync(app, APP);
  fs.writeFileSync(path.join(files, 'a.txt'), 'a'.repeat(1000));
  return { app, files };
}

async function start({ app, files }) {
  const server = new Server(app, { after: [files], descriptors: false,
    env: { UV_THREADPOOL_SIZE: '1' } }); // strace counts a call by the thread
  await server.start();
  return server;
}

async function cpuInAMoment(server) {
  const before = server.cpu();
  await sleep(MOMENT);
  return server.cpu() - before;
}

// Nothing is left of the clients but what the kernel was not asked to close: strace
// makes a call fail by not making it.
async function settled(server, before, leaked) {
  await poll(() => server.descriptors() <= before + leaked,
    () => `${before} descriptors before, ${server.descriptors()} after: `
      + server.openFiles().join(' '));
}

function assertAlive(server) {
  const { ended } = server;
  assert.ok(!ended, ended && `the process ended: status ${ended.status}, signal `
    + `${ended.signal}\n${server.stderr.trimEnd()}`);
}

function assertLosses(bad, hits, mayHang) {
  const text = bad.map(({ how, why }) => `${how}: ${why}`).join('\n');
  assert.ok(bad.length <= hits, `${bad.length} connections lost by ${hits} failed calls\n${text}`);
  assert.ok(mayHang || !bad.some(({ how }) => how === 'hung'), `a client waits for ever\n${text}`);
}

async function check(server, cell, before, bad, hits) {
  const leaked = cell[0] === 'close' ? hits : 0;
  assertAlive(server);
  assertLosses(bad, hits, leaked > 0);
  await settled(server, before, leaked);
  const cpu = await cpuInAMoment(server);
  assert.ok(cpu <= IDLE * slow, `it is not idle: ${cpu.toFixed(2)} s of CPU in ${MOMENT} ms`);
  const after = await outcome(socketStep(server.port));
  assert.strictEqual(after.how, 'done', `a new echo is ${after.how}: ${after.why}`);
}

// Plays a cell; `trace` is what strace writes. Returns how many connections were lost.
async function play(cell, files, trace) {
  const server = await start(files);
  try {
    await warmUp(server.port);
    const before = server.descriptors();
    const bystander = await connect(server.port);
    await bystander.handshake('/echo');
    await echo(bystander);
    const tracer = await Tracer.attach(server.pid, cell, trace);
    const bad = await load(CALLS[cell[0]], server.port, bystander);
    bystander.destroy();
    const { injected } = await tracer.detach();
    await check(server, cell, before, bad, injected.length);
    await server.finish();
    return { lost: bad.length };
  } finally {
    server.kill('SIGKILL');
  }
}

module.exports = { play, prepare };
