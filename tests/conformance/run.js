#!/usr/bin/env node
// Runs the conformance cases against a WebSocket echo server: a ratchet-lua it
// starts itself, or the one at --url. README.md says what the grades mean.

'use strict';

const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { performance } = require('perf_hooks');
const { parseArgs } = require('util');
const { play } = require('./grade');

const USAGE = `usage: node run.js [options]
  --url URL          test this server instead of starting ratchet-lua
  --cases LIST       only these cases, e.g. 1.*,7.1.2
  --concurrency N    cases to run at a time (8)
  --slow N           multiply every time limit by N (1)
  --json FILE        write the results of all cases to FILE
  --help             print this text
With no --url, RATCHET_LUA may name the server's binary.`;

const OPTIONS = {
  url: { type: 'string' },
  cases: { type: 'string', default: '*' },
  concurrency: { type: 'string', default: '8' },
  slow: { type: 'string', default: '1' },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
};

// How many cases each group has to have.
const COUNTS = { 1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1, 12: 90, 13: 126 };

const PASSED = ['OK', 'INFORMATIONAL'];
const BINARY = path.join(__dirname, '..', '..', 'build', 'ratchet-lua');
const APP = path.join(__dirname, 'app.lua');
const START_MS = 10000;
const STOP_MS = 10000;
const ALARM = /alert|Sanitizer|runtime error/;

class UsageError extends Error {}

// --- options ---

function positive(name, value) {
  const number = Number(value);
  if (!(number > 0)) throw new UsageError(`--${name} needs a positive number, not "${value}"`);
  return number;
}

function serverUrl(value) {
  let url;
  try {
    url = new URL(value);
  } catch {
    throw new UsageError(`--url needs a URL, not "${value}"`);
  }
  if (url.protocol !== 'ws:') throw new UsageError('--url needs a ws: URL');
  return url;
}

function readOptions(argv) {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: OPTIONS }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  return {
    ...values,
    url: values.url === undefined ? null : serverUrl(values.url),
    concurrency: Math.ceil(positive('concurrency', values.concurrency)),
    slow: positive('slow', values.slow),
  };
}

// --- the tables ---

function loadCases() {
  return Object.keys(COUNTS).flatMap((group) => require(`./cases/${group}.js`));
}

// A table that lost a row would make the run pass with less tested; the ids also
// have to run on without gaps.
function checkTables(tests) {
  const problems = [];
  for (const [group, count] of Object.entries(COUNTS)) {
    const found = tests.filter(({ id }) => id.startsWith(`${group}.`)).length;
    if (found !== count) problems.push(`group ${group} has ${found} cases instead of ${count}`);
  }
  const last = new Map();
  for (const { id } of tests) {
    const [subgroup, number] = [id.slice(0, id.lastIndexOf('.')), Number(id.split('.').pop())];
    if (number !== (last.get(subgroup) || 0) + 1) problems.push(`${id} is out of order`);
    last.set(subgroup, number);
  }
  return problems;
}

function patternOf(glob) {
  const escaped = glob.trim().replace(/[^\w*]/g, '\\$&').replace(/\*/g, '.*');
  return new RegExp(`^${escaped}$`);
}

function selectCases(tests, list) {
  const globs = list.split(',').map((glob) => ({ glob, pattern: patternOf(glob) }));
  for (const { glob, pattern } of globs) {
    if (!tests.some(({ id }) => pattern.test(id))) throw new UsageError(`no case matches "${glob}"`);
  }
  return tests.filter(({ id }) => globs.some(({ pattern }) => pattern.test(id)));
}

// --- the server ---

// Resolves with the URL the server prints once it listens.
function announcedUrl(child, output) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it printed no URL in time')), START_MS);
    const settle = (act, value) => {
      clearTimeout(timer);
      act(value);
    };
    child.once('error', (error) => settle(reject, error));
    child.once('exit', (code, signal) => settle(reject, new Error(`it ended with ${signal || code}`)));
    child.stdout.on('data', () => {
      const match = /ws:\/\/[^\s/]+\//.exec(output.stdout);
      if (match) settle(resolve, new URL(match[0]));
    });
  });
}

function collect(child) {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8');
    child[name].on('data', (part) => {
      output[name] += part;
    });
  }
  return output;
}

// RATCHET_PRELOAD is a library for the server alone (faults/short_io).
function environment() {
  const preload = process.env.RATCHET_PRELOAD;
  return { ...process.env, ...(preload && { LD_PRELOAD: preload }) };
}

async function startServer() {
  const binary = path.resolve(process.env.RATCHET_LUA || BINARY);
  const child = spawn(binary, ['--port', '0', '--log-level', 'error', APP],
    { stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
  process.once('exit', () => child.kill('SIGKILL'));
  const output = collect(child);
  const closed = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(signal || code));
  });
  try {
    return { url: await announcedUrl(child, output), child, closed, output };
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`cannot start ${path.basename(binary)}: ${error.message}\n${output.stderr}`.trim());
  }
}

// Stops the server; returns what was wrong with how it ran and ended.
async function stopServer({ child, closed, output }) {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, STOP_MS);
  const early = child.exitCode !== null || child.signalCode !== null;
  child.kill('SIGTERM');
  const status = await closed;
  clearTimeout(timer);
  const problems = output.stderr.split('\n').filter((line) => ALARM.test(line))
    .map((line) => `stderr: ${line.trim()}`);
  if (late) problems.push(`still running ${STOP_MS} ms after SIGTERM`);
  else if (early) problems.push(`ended during the run with ${status}`);
  else if (status !== 0) problems.push(`ended with ${status} after SIGTERM`);
  return problems;
}

// --- the run ---

function printResult(result) {
  const { id, status, title, expected, got } = result;
  if (!PASSED.includes(status)) {
    console.log(`${status} ${id} (${title}): expected ${expected}; got ${got}`);
  }
}

async function playTimed(test, url, slow) {
  const started = performance.now();
  const verdict = await play(test, url, slow);
  const ms = Math.round(performance.now() - started);
  return { id: test.id, title: test.title, ms, ...verdict };
}

// Plays all cases, `concurrency` at a time. The long ones start first, so that
// the run does not end with one of them alone.
async function playAll(tests, url, { concurrency, slow }) {
  const queue = [...tests].sort((a, b) => (b.limit || 0) - (a.limit || 0));
  const results = new Map();
  const worker = async () => {
    for (let test = queue.shift(); test; test = queue.shift()) {
      const result = await playTimed(test, url, slow);
      printResult(result);
      results.set(test.id, result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return tests.map(({ id }) => results.get(id));
}

function countGrades(results) {
  const count = (status) => results.filter((result) => result.status === status).length;
  return {
    ok: count('OK'),
    informational: count('INFORMATIONAL'),
    nonStrict: count('NON-STRICT'),
    failed: count('FAILED'),
  };
}

// `problems` are failures of no case in particular: the tables, the server.
function summarize(counts, problems) {
  const passed = counts.ok + counts.informational;
  const failed = counts.nonStrict + counts.failed + problems.length;
  console.log(`${counts.ok} ok, ${counts.informational} informational, `
    + `${counts.nonStrict} non-strict, ${counts.failed} failed`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function writeJson(file, results, counts, problems) {
  const cases = Object.fromEntries(results.map(({ id, ...rest }) => [id, rest]));
  fs.writeFileSync(file, `${JSON.stringify({ counts, problems, cases }, null, 2)}\n`);
}

async function playAgainstOwn(tests, options) {
  const server = await startServer();
  const results = await playAll(tests, server.url, options);
  return { results, problems: await stopServer(server) };
}

async function playSelected(tests, options) {
  try {
    if (!options.url) return await playAgainstOwn(tests, options);
    return { results: await playAll(tests, options.url, options), problems: [] };
  } catch (error) {
    return { results: [], problems: [error.message] };
  }
}

async function run(options) {
  const tests = loadCases();
  const selected = selectCases(tests, options.cases);
  const wrong = checkTables(tests);
  const { results, problems } = wrong.length
    ? { results: [], problems: wrong } : await playSelected(selected, options);
  const who = wrong.length ? 'tables' : 'server';
  for (const problem of problems) console.log(`FAILED ${who}: ${problem}`);
  const counts = countGrades(results);
  if (options.json) writeJson(options.json, results, counts, problems);
  return summarize(counts, problems);
}

async function main() {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options.help) console.log(USAGE);
    else process.exitCode = await run(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    process.exitCode = 2;
  }
}

main();
