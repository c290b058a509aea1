#!/usr/bin/env node
// Runs the integration and the conformance suite against a server whose kernel is
// stingy (short_io.c), and compares: what passes without has to pass with it.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawn } = require('child_process');
const { parseArgs } = require('util');
const { binary, root } = require('../../integration/support/paths');
const { sanitized } = require('../../integration/support/wait');
const exempt = require('./exempt');

const USAGE = `usage: node run.js [options] [part of an integration test's name ...]
  --seeds N    how many (10)
  --from N     the first seed (1)
  --short      one seed and a part of both suites, for ctest
  --bytes N    SHORT_IO_BYTES of short_io.c
  --help       print this text
RATCHET_LUA and SHORT_IO may name the server's binary and the library.`;

const OPTIONS = {
  seeds: { type: 'string', default: '10' },
  from: { type: 'string', default: '1' },
  short: { type: 'boolean', default: false },
  bytes: { type: 'string', default: '16384' },
  help: { type: 'boolean', default: false },
};

// What of the suites shows the most in a quarter of a minute.
const SHORT = {
  integration: ['frames: F1', 'static: ', 'tls: b'],
  conformance: '1.*,2.*,5.*,7.1.*',
};

// Twice the system calls for each three bytes: limits are this much wider.
const SLOW = 4;

const library = process.env.SHORT_IO
  || path.join(path.dirname(binary), 'tests', 'short_io.so');
const tests = path.join(root, 'tests');
const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

// ---- one suite

// The environment that makes the kernel stingy, or none without a seed. Where
// AddressSanitizer is a library (gcc), it wants to come first; that this one
// stands before it is well, for it calls what it replaces.
function environment(seed, options, report) {
  if (seed === null) return {};
  const sanitizer = process.env.ASAN_OPTIONS ? `${process.env.ASAN_OPTIONS}:` : '';
  return {
    RATCHET_PRELOAD: library,
    RATCHET_SLOW: String(SLOW),
    SHORT_IO_SEED: String(seed),
    SHORT_IO_BYTES: options.bytes,
    SHORT_IO_REPORT: report,
    UV_USE_IO_URING: '0', // which no library sees
    ...(sanitized && { ASAN_OPTIONS: `${sanitizer}verify_asan_link_order=0` }),
  };
}

// Runs a suite to its end; returns { passed, failed: the names, text }.
function suite(file, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(tests, file), ...args],
      { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(child);
    let text = '';
    child.stdout.on('data', (bytes) => {
      text += bytes;
    });
    child.on('error', reject);
    child.on('close', () => {
      running.delete(child);
      const sum = text.match(/^(\d+) passed, (\d+) failed$/m);
      if (!sum) return reject(new Error(`${file} came to no sum:\n${text}`));
      const failed = [...text.matchAll(/^(?:FAILED|NON-STRICT) ([^:]+: [^:]+|[\d.]+)/gm)]
        .map((found) => found[1]);
      return resolve({ passed: Number(sum[1]), failed, text });
    });
  });
}

async function both(seed, options, filters, report) {
  const env = environment(seed, options, report);
  const left = exempt.map((one) => `--except=${one.name}`);
  const integration = await suite('integration/run.js', [...left, ...filters], env);
  const cases = options.short ? SHORT.conformance : '*';
  const slow = seed === null ? '1' : String(SLOW);
  const conformance = await suite('conformance/run.js',
    ['--cases', cases, '--slow', slow], env);
  return [integration, conformance];
}

// ---- what was done to the calls

// The sums of the lines of short_io.c.
function figures(report) {
  const lines = fs.existsSync(report)
    ? fs.readFileSync(report, 'latin1').trimEnd().split('\n') : [];
  return lines.map((line) => line.split(' ').map(Number))
    .reduce((sums, line) => sums.map((sum, i) => sum + line[i]), [0, 0, 0, 0, 0]);
}

function describe([calls, short, blocked, interrupted, accepts]) {
  return `${calls} calls: ${short} short, ${blocked} would block, `
    + `${interrupted} interrupted, ${accepts} accepts failed`;
}

// ---- the run

// Returns how many passed and failed with this seed; `without` are the names that
// fail also without it, which is a failure of its own.
async function runSeed(seed, options, filters, without) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'short-io-'));
  // Also those who serve as another user write to it.
  fs.chmodSync(folder, 0o777);
  const report = path.join(folder, 'report');
  try {
    const started = Date.now();
    const suites = await both(seed, options, filters, report);
    const sums = figures(report);
    const failed = suites.flatMap((one) => one.failed);
    const more = failed.filter((name) => !without.includes(name));
    for (const one of suites) {
      if (one.failed.length > 0) process.stdout.write(`seed ${seed}: ${one.text}`);
    }
    const seconds = Math.round((Date.now() - started) / 1000);
    const passed = suites.reduce((sum, one) => sum + one.passed, 0);
    console.log(`seed ${seed}: ${passed} passed, ${more.length} differ; `
      + `${describe(sums)}; ${seconds} s`);
    if (sums.includes(0)) {
      console.log(`FAILED seed ${seed}: something was never done; is ${library} loaded?`);
      return { passed, failed: failed.length + 1 };
    }
    return { passed, failed: failed.length };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function run(options, words) {
  if (!fs.existsSync(library)) throw new Error(`${library} is missing: build it first`);
  const filters = words.length === 0 && options.short ? SHORT.integration : words;
  const total = { passed: 0, failed: 0 };
  let without = [];
  if (!options.short) {
    const suites = await both(null, options, filters, null);
    without = suites.flatMap((one) => one.failed);
    console.log(`without: ${suites.reduce((sum, one) => sum + one.passed, 0)} passed, `
      + `${without.length} failed${without.map((name) => `\n  ${name}`).join('')}`);
  }
  const first = Number(options.from);
  const seeds = options.short ? 1 : Number(options.seeds);
  for (let seed = first; seed < first + seeds; seed++) {
    const { passed, failed } = await runSeed(seed, options, filters, without);
    total.passed += passed;
    total.failed += failed;
  }
  console.log(`left out, for a reason (exempt.js): ${exempt.length}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

async function main() {
  let parsed;
  try {
    parsed = parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
  if (parsed.values.help) {
    console.log(USAGE);
    return;
  }
  process.exitCode = await run(parsed.values, parsed.positionals);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
