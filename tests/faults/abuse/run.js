#!/usr/bin/env node
// What clients can make the server hold: each kind of abuse in kinds.js by a crowd of
// clients at once, a row each. While it goes on the server has at most 16 MiB more than
// before, and it gives them back when the clients are gone. Another client is served all
// the while.
'use strict';

const { Context } = require('../../integration/support/context');
const { deadline, poll, sanitized, slow } = require('../../integration/support/wait');
const { number, readOptions } = require('../options');
const { kinds } = require('./kinds');
const memory = require('./memory');

const USAGE = `usage: node run.js [options] [part of a kind's name ...]
  --clients N   how many abuse the server at the same time (100)
  --part N      how much of the fragments and pings each sends, 0.01 to 1 (1)
  --help        print this text
RATCHET_LUA may name the server's binary. With sanitizers memory is printed, but not judged.`;

const OPTIONS = {
  clients: { type: 'string', default: '100' },
  part: { type: 'string', default: '1' },
  help: { type: 'boolean', default: false },
};

const MOST_KIB = 16 * 1024; // more than before, while it goes on
const REST_KIB = 4 * 1024; // of which may stay: free memory inside the process
const KIND_MS = 60000;
const REST_MS = 15000; // memory is given back every ten seconds at most

const APP = `
local app = ratchet.App("localhost", 8080)
app:route("/", ratchet.server.EchoServer(), { "*" }, nil, { deflate = true })
app:run()
`;

function mebibytes(kib) {
  return `${(kib / 1024).toFixed(1)} MiB`;
}

async function openCrowd(t, server, size, lines) {
  const crowd = [];
  for (let i = 0; i < size; i++) crowd.push(await t.open(server, '/', lines));
  return crowd;
}

// Does it with a crowd of its own; returns the most that the server had meanwhile.
async function abuse(t, server, witness, [, lines, act], { clients, part }) {
  memory.watch(server.pid);
  const crowd = await openCrowd(t, server, clients, lines);
  const rest = await act(crowd, part);
  await witness.expectEcho('served all the while');
  if (rest) await rest();
  const most = memory.peak(server.pid);
  for (const client of crowd) client.destroy();
  return most;
}

// What it has when it has had the time to give everything back.
async function settle(server, before) {
  const isBack = () => memory.resident(server.pid) <= before + REST_KIB;
  await poll(isBack, 'memory comes back', REST_MS * slow).catch(() => {});
  return memory.resident(server.pid);
}

async function judge(kind, options) {
  const t = new Context();
  const errors = [];
  let row = '';
  try {
    const server = await t.server(APP);
    const witness = await t.open(server);
    await witness.expectEcho();
    const before = memory.resident(server.pid);
    const most = await deadline(abuse(t, server, witness, kind, options), KIND_MS * slow, kind[0]);
    const after = await settle(server, before);
    await witness.expectEcho();
    row = `before ${mebibytes(before)}, at most +${mebibytes(most - before)}, ` +
      `after it +${mebibytes(after - before)}`;
    if (!sanitized && most - before > MOST_KIB) errors.push(`more than +${mebibytes(MOST_KIB)}`);
    if (!sanitized && after - before > REST_KIB) errors.push(`more than +${mebibytes(REST_KIB)} stay`);
  } catch (error) {
    errors.push(error.message);
  }
  errors.push(...await t.end(errors.length > 0));
  console.log(`${errors.length > 0 ? 'FAILED ' : ''}${kind[0]}: ${row}`);
  for (const error of errors) console.log(`    ${error.message || error}`);
  return errors.length === 0;
}

async function main() {
  const options = readOptions(OPTIONS, USAGE);
  if (options.help) return console.log(USAGE);
  const size = {
    clients: number(options, 'clients', 1, 1000, USAGE),
    part: number(options, 'part', 0.01, 1, USAGE),
  };
  const isWanted = ([name]) => options.wanted.length === 0 ||
    options.wanted.some((part) => name.includes(part));
  const result = { passed: 0, failed: 0 };
  console.log(`${size.clients} clients, ${size.part} of the fragments and pings`);
  for (const kind of kinds.filter(isWanted)) {
    if (await judge(kind, size)) result.passed++;
    else result.failed++;
  }
  console.log(`${result.passed} passed, ${result.failed} failed`);
  return process.exit(result.failed === 0 && result.passed > 0 ? 0 : 1);
}

main();
