// starting - a call fails before the server serves: it serves nevertheless, or ends
// with status 1 and says why.
'use strict';

const assert = require('assert');
const { Server } = require('../../integration/support/server');
const { outcome, socketStep } = require('./load');
const { injection } = require('./tracer');

// The loader opens and reads files too: of those calls only the app's are meant.
const ON_THE_APP = ['openat', 'read'];

// strace stands before the server, so that nothing has to be attached; with -D the
// server is our child nevertheless.
function traced(cell, app, trace) {
  const paths = ON_THE_APP.includes(cell[0]) ? [app] : [];
  return ['strace', '-D', ...injection(cell, paths), '-o', trace];
}

async function play(cell, { app, files }, trace) {
  const server = new Server(app, { after: [files], descriptors: false,
    through: traced(cell, app, trace) });
  try {
    await server.start().catch((error) => {
      if (!server.ended) throw error;
    });
    if (server.ended) {
      assertExplained(server);
      return { lost: 0, isRefused: true };
    }
    const found = await outcome(socketStep(server.port));
    // One that has printed its addresses may end in its first turn.
    if (found.how !== 'done') await server.exit().catch(() => {});
    if (server.ended) assertExplained(server);
    assert.strictEqual(found.how, 'done', `an echo is ${found.how}: ${found.why}`);
    await server.stop();
    server.judge();
    return { lost: 0 };
  } finally {
    server.kill('SIGKILL');
  }
}

function assertExplained({ ended, stderr }) {
  const { status, signal } = ended;
  assert.ok(status === 1, `it ended with status ${status}, signal ${signal}\n${stderr.trimEnd()}`);
  const lines = stderr.split('\n').filter((line) => / error |^ratchet-lua: /.test(line));
  assert.strictEqual(lines.length, 1, `one line that says why; there are ${lines.length}\n${stderr}`);
}

module.exports = { play };
