// wait - waiting for something with a limit, so that a test fails with a
// sentence instead of hanging.
'use strict';

const assert = require('assert');
const fs = require('fs');
const { binary } = require('./paths');

function hasSanitizer() {
  try {
    return fs.readFileSync(binary).includes('__asan_init');
  } catch (error) {
    return false;
  }
}

const sanitized = hasSanitizer();
// A sanitized server is slower, and so is one that RATCHET_SLOW says it of; its
// limits are wider.
const slow = (sanitized ? 4 : 1) * Number(process.env.RATCHET_SLOW || 1);

const LIMIT = 5000;

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// The promise's value, or an error that says what did not come.
async function deadline(promise, ms, what) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} did not end within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Asks again and again until `probe` returns something true.
async function poll(probe, what, ms = LIMIT * slow) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) {
      throw new Error(`${typeof what === 'function' ? what() : what}: ` +
        `not so after ${ms} ms`);
    }
    await sleep(10);
  }
}

const TICK = 10; // ms

// Measures how long something takes. For "no later than" it stands still while this
// process does: what holds up the whole machine is not the server's fault.
class Stopwatch {
  constructor() {
    this.started = this.last = Date.now();
    this.counted = 0;
    this.timer = setInterval(() => this.count(), TICK).unref();
  }

  count() {
    const now = Date.now();
    this.counted += Math.min(now - this.last, 2 * TICK);
    this.last = now;
  }

  // Ends, and fails unless it took between the two times in ms.
  expect(what, least, most) {
    clearInterval(this.timer);
    this.count();
    const took = this.last - this.started;
    assert.ok(took >= least && this.counted <= most,
      `${what}: it took ${took} ms, ${this.counted} of them awake; not ${least} to ${most}`);
  }
}

// A place where waiters are woken whenever something has happened. All waits
// end with an error that names what was there instead.
class Signal {
  constructor() {
    this.waiters = new Set();
  }

  wake() {
    for (const waiter of [...this.waiters]) waiter();
  }

  // `probe` returns undefined for "not yet"; it may throw.
  until(probe, what, ms = LIMIT * slow) {
    return new Promise((resolve, reject) => {
      let timer = null;
      const end = (settle, value) => {
        clearTimeout(timer);
        this.waiters.delete(look);
        settle(value);
      };
      const look = () => {
        let found;
        try {
          found = probe();
        } catch (error) {
          end(reject, error);
          return true;
        }
        if (found === undefined) return false;
        end(resolve, found);
        return true;
      };
      if (look()) return;
      this.waiters.add(look);
      timer = setTimeout(() => {
        const text = typeof what === 'function' ? what() : what;
        end(reject, new Error(`${text} (waited ${ms} ms)`));
      }, ms);
    });
  }
}

module.exports = { LIMIT, Signal, Stopwatch, deadline, poll, sanitized, sleep, slow };
