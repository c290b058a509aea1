#!/usr/bin/env node
// The errno matrix: one system call of the server fails, with strace's help, and
// everything else goes on. matrix.js says which and what is right.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawn } = require('child_process');
const { parseArgs } = require('util');
const matrix = require('./matrix');
const serving = require('./serving');
const starting = require('./starting');
const { Tracer, counts } = require('./tracer');

const USAGE = `usage: node run.js [options] [CALL[:ERROR[:TIME]] ...]
  --short      a part of it, for ctest
  --lanes N    cells at a time (3)
  --help       print this text
With words, only these cells; start:CALL and so on are those of the start.
RATCHET_LUA may name the server's binary. It needs strace, and leave to trace.`;

const OPTIONS = {
  short: { type: 'boolean', default: false },
  lanes: { type: 'string', default: '3' },
  help: { type: 'boolean', default: false },
};

// ---- which cells

function allCells(isShort) {
  const served = isShort ? matrix.SHORT : matrix.serving;
  const started = isShort ? matrix.SHORT_START : matrix.starting;
  return [
    ...served.map((cell) => ({ cell, name: cell.join(':'), play: serving.play })),
    ...started.map((cell) => ({ cell, name: `start:${cell.join(':')}`, play: starting.play })),
  ];
}

function isAsked(name, words) {
  return words.length === 0 || words.some((word) => `${name}:`.startsWith(`${word}:`));
}

// ---- one of them

// Why the process is known not to survive one of the calls that failed.
function fatal({ injected }) {
  return matrix.FATAL.find(({ line }) => injected.some((call) => line.test(call)));
}

function countsOf(trace) {
  return fs.existsSync(trace) ? counts(trace) : { injected: [], seen: 0 };
}

async function playOne(one, files, folder, result) {
  const trace = path.join(folder, `${one.name}.trace`);
  try {
    const found = await one.play(one.cell, files, trace);
    note(one, found, countsOf(trace), result);
  } catch (error) {
    const reason = fatal(countsOf(trace));
    if (reason && /signal SIGABRT/.test(error.message)) {
      result.fatal.set(reason, (result.fatal.get(reason) || 0) + 1);
      return;
    }
    result.failed++;
    console.log(`FAILED ${one.name}: ${error.message.replace(/\n/g, '\n    ')}`);
  }
}

function note(one, { lost, isRefused }, trace, result) {
  const { injected, seen } = trace;
  if (injected.length === 0) {
    result.unreached.push(`${one.name} (${seen} calls)`);
    return;
  }
  if (fatal(trace)) result.survived.push(one.name);
  result.passed++;
  result.injected += injected.length;
  result.lost += lost;
  if (isRefused) result.refused++;
}

// ---- all of them

// A place where nothing can be traced is a failure, not a silent skip.
async function assertTracing(folder) {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    const tracer = await Tracer.attach(child.pid, ['read', 'EIO', 1], path.join(folder, 'try'));
    await tracer.detach();
  } finally {
    child.kill('SIGKILL');
  }
}

async function playAll(cells, lanes, folder) {
  const result = { passed: 0, failed: 0, fatal: new Map(), injected: 0, lost: 0, refused: 0,
    unreached: [], survived: [] };
  const files = serving.prepare(folder);
  const queue = cells.slice();
  const lane = async () => {
    while (queue.length > 0) await playOne(queue.shift(), files, folder, result);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return result;
}

function report(result, seconds) {
  const { passed, failed, unreached, survived } = result;
  console.log(`${result.injected} calls failed, ${result.lost} connections lost by it, `
    + `${result.refused} starts refused with a reason; ${seconds} s`);
  let expected = 0;
  for (const [{ why }, count] of result.fatal) {
    expected += count;
    console.log(`${count} end the process, as they have to: ${why}`);
  }
  if (survived.length > 0) console.log(`FAILED matrix.FATAL is out of date: ${survived.join(', ')}`);
  if (unreached.length > 0) console.log(`FAILED never made so often: ${unreached.join(', ')}`);
  const wrong = failed + unreached.length + survived.length;
  console.log(`${passed - survived.length + expected} passed, ${wrong} failed`);
  return wrong === 0 && passed > 0 ? 0 : 1;
}

async function run({ short, lanes }, words) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'errno-'));
  try {
    await assertTracing(folder);
    const started = Date.now();
    const cells = allCells(short).filter(({ name }) => isAsked(name, words));
    const result = await playAll(cells, Number(lanes), folder);
    return report(result, Math.round((Date.now() - started) / 1000));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function main() {
  let parsed;
  try {
    parsed = parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
  if (parsed.values.help) console.log(USAGE);
  else process.exitCode = await run(parsed.values, parsed.positionals);
}

main().catch((error) => {
  console.log(`FAILED ${error.message}\n0 passed, 1 failed`);
  process.exit(1);
});
