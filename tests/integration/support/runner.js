// runner - where tests register, and what runs them: a few at a time, those
// marked `alone` one after the other at the end.
'use strict';

const { Context } = require('./context');
const { deadline, slow } = require('./wait');

const AT_A_TIME = 4;
const TEST_MS = 25000;

const tests = [];
let file = '';

function inFile(name) {
  file = name;
}

// options: alone (nothing else runs beside it), ms (its time limit).
function test(name, options, fn) {
  if (typeof options === 'function') [options, fn] = [{}, options];
  tests.push({ name: `${file}: ${name}`, options, fn });
}

async function outcome(one) {
  const context = new Context();
  const errors = [];
  try {
    const limit = (one.options.ms || TEST_MS) * slow;
    await deadline(one.fn(context), limit, 'the whole test');
  } catch (error) {
    errors.push(error);
  }
  errors.push(...await context.end(errors.length > 0));
  return errors;
}

function describe(error) {
  if (!error || error.stack === undefined) return String(error);
  const at = (error.stack.match(/\(?[^\s(]*_test\.js:\d+/) || [''])[0];
  const where = at.replace(/^\(?.*\//, '');
  return `${error.message}${where ? ` [${where}]` : ''}`;
}

async function runOne(one, result) {
  const started = Date.now();
  const errors = await outcome(one);
  result.times.push([Date.now() - started, one.name]);
  if (errors.length === 0) {
    result.passed++;
    return;
  }
  result.failed++;
  for (const error of errors) {
    const text = describe(error).replace(/\n/g, '\n    ');
    console.log(`FAILED ${one.name}: ${text}`);
  }
}

async function runAll(wanted, width, result) {
  const queue = wanted.slice();
  const lane = async () => {
    while (queue.length > 0) await runOne(queue.shift(), result);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

// Runs what has one of `filters` in its name, but nothing of the names in `except`;
// returns { passed, failed, times }.
async function run(filters, except = []) {
  const unknown = except.find((name) => !tests.some((one) => one.name === name));
  if (unknown) throw new Error(`no test has the name "${unknown}"`);
  const isWanted = (one) => !except.includes(one.name) &&
    (filters.length === 0 || filters.some((part) => one.name.includes(part)));
  const wanted = tests.filter(isWanted);
  const result = { passed: 0, failed: 0, times: [] };
  await runAll(wanted.filter((one) => !one.options.alone), AT_A_TIME, result);
  await runAll(wanted.filter((one) => one.options.alone), 1, result);
  return result;
}

module.exports = { inFile, run, test };
