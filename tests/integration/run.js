#!/usr/bin/env node
// Runs every *_test.js beside this file against the real program:
//
//   node run.js [part of a test's name ...]
//
// RATCHET_LUA names another binary than build/ratchet-lua; --slowest prints where
// the time went; --except=NAME leaves out the test of that whole name. The exit status is 1 when a test failed.
'use strict';

const fs = require('fs');
const path = require('path');

for (const name of ['ws', 'playwright-core']) {
  try {
    require.resolve(name);
  } catch (error) {
    console.error(`${name} is missing: run "npm install --prefix tests"`);
    process.exit(1);
  }
}

const { inFile, run } = require('./support/runner');

const SLOWEST = 15;
const EXCEPT = '--except=';

function load() {
  const names = fs.readdirSync(__dirname).filter((name) => name.endsWith('_test.js'));
  for (const name of names.sort()) {
    inFile(name.replace(/_test\.js$/, ''));
    require(path.join(__dirname, name));
  }
}

function printSlowest(times) {
  times.sort((a, b) => b[0] - a[0]);
  for (const [ms, name] of times.slice(0, SLOWEST)) console.log(`${ms} ms ${name}`);
}

async function main() {
  const filters = process.argv.slice(2).filter((word) => !word.startsWith('--'));
  const except = process.argv.filter((word) => word.startsWith(EXCEPT))
    .map((word) => word.slice(EXCEPT.length));
  load();
  const result = await run(filters, except);
  if (process.argv.includes('--slowest')) printSlowest(result.times);
  console.log(`${result.passed} passed, ${result.failed} failed`);
  const isGood = result.failed === 0 && result.passed > 0;
  process.exit(isGood ? 0 : 1);
}

main();
