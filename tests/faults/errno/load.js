// load - what clients do while a call fails. Each step is one connection of its own;
// it reports "done", "lost" (it was ended, or refused) or "hung", and throws never.
'use strict';

const assert = require('assert');
const { RawClient } = require('../../integration/support/raw');
const { deadline, slow } = require('../../integration/support/wait');

const CONNECTIONS = 12; // more than the last of matrix.TIMES
const STEP_MS = 3000 * slow;
const LARGE = 'x'.repeat(70000); // goes out in two pieces: writev

async function connect(port) {
  const client = new RawClient(port);
  client.socket.on('error', () => {});
  await client.connected();
  return client;
}

async function echo(client, size) {
  await client.expectEcho('small');
  if (size) await client.expectEcho(size);
}

// A WebSocket from its handshake to the last FIN.
async function socketStep(port) {
  const client = await connect(port);
  try {
    await client.handshake('/echo');
    await echo(client, LARGE);
    await client.close(1000);
    await client.expectClose(1000);
  } finally {
    client.destroy();
  }
}

// A request; `end`: the last of its connection.
async function get(port, target) {
  const client = await connect(port);
  try {
    await client.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const answer = await client.answer();
    assert.strictEqual(answer.status, 200, `status 200; it is ${answer.status}`);
    await client.expectEnd();
  } finally {
    client.destroy();
  }
}

const STEPS = {
  sockets: socketStep,
  files: (port) => get(port, '/files/a.txt'),
  datagrams: (port) => get(port, '/datagram'),
};

async function outcome(step) {
  try {
    await deadline(step, STEP_MS, 'a step');
    return { how: 'done' };
  } catch (error) {
    const isHung = /did not end within|waited \d+ ms/.test(error.message);
    return { how: isHung ? 'hung' : 'lost', why: error.message };
  }
}

// One after the other, with a word of the bystander between. Returns the outcomes
// that are not "done".
async function load(kind, port, bystander) {
  const bad = [];
  const note = async (step) => {
    const found = await outcome(step);
    if (found.how !== 'done') bad.push(found);
    return found.how === 'done';
  };
  let isThere = true;
  for (let i = 0; i < CONNECTIONS; i++) {
    await note(STEPS[kind](port));
    isThere = isThere && await note(echo(bystander));
  }
  return bad;
}

// Each kind once, so that what is made once is made.
async function warmUp(port) {
  for (const step of Object.values(STEPS)) await step(port);
}

module.exports = { connect, echo, load, outcome, socketStep, warmUp };
