#!/usr/bin/env node
// run - checks the history of many clients who send, close, are reset and stopped, while
// the server's code is changed; see `--help`. checker.js has the promises.
'use strict';

const path = require('path');
const { Episode } = require('./episode');
const checkerTests = require('./checker_test');

const HELP = `usage: node run.js [options]

  --seeds N      how many runs (1)
  --seed N       the first seed (1); a run has the same choices again
  --seconds N    how long a run goes on (8)
  --clients N    at a time (64)
  --keep FOLDER  where the history of a run with findings is copied to
  --shown N      how many findings of a run are printed (10)

RATCHET_LUA names another binary than build/ratchet-lua. The full size is
--seeds 20 --seconds 60.`;

const options = { seeds: 1, seed: 1, seconds: 8, clients: 64, keep: null, shown: 10 };

function parse(words) {
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i].replace(/^--/, '');
    if (name === 'help') {
      console.log(HELP);
      process.exit(0);
    }
    const value = name === 'keep' ? words[i + 1] : Number(words[i + 1]);
    if (!(name in options) || !value) {
      console.error(`${words[i]}: unknown, or without its value\n${HELP}`);
      process.exit(2);
    }
    options[name] = value;
  }
}

function show(figures) {
  return Object.entries(figures).map(([name, value]) => `${name} ${value}`).join(', ');
}

async function main() {
  parse(process.argv.slice(2));
  const sum = {};
  const result = checkerTests.run();
  for (let i = 0; i < options.seeds; i++) {
    const seed = options.seed + i;
    const episode = new Episode(seed, options.seconds, options.clients);
    const keep = options.keep && path.join(options.keep, `seed-${seed}`);
    const { figures, faults } = await episode.run(keep);
    for (const [name, value] of Object.entries(figures)) sum[name] = (sum[name] || 0) + value;
    console.log(`seed ${seed}: ${faults.length} findings; ${show(figures)}`);
    for (const fault of faults.slice(0, options.shown)) console.log(`FAILED seed ${seed}: ${fault}`);
    if (faults.length > 0) result.failed++;
    else result.passed++;
  }
  if (options.seeds > 1) console.log(`all: ${show(sum)}`);
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exit(result.failed === 0 ? 0 : 1);
}

main();
