// worker - a process with some of the clients, which can be stopped as a whole. Each
// client has one session after the other; their histories go to a file, a line each.
'use strict';

const fs = require('fs');
const path = require('path');
const { setTimeout: sleep } = require('timers/promises');
const { Messages } = require('./messages');
const { Random } = require('./random');
const { Session } = require('./session');

const plan = JSON.parse(process.env.HISTORY_PLAN);
const messages = new Messages(plan.folder);
const file = fs.openSync(path.join(plan.folder, `sessions.${plan.worker}`), 'a');
const life = { isOver: false };
const open = new Set(); // sessions

function place(random) {
  const { direct, gentle, harsh } = plan.places;
  return {
    direct,
    gentle: { ...gentle, proxied: 'gentle' },
    harsh: { ...harsh, proxied: 'harsh' },
  }[random.weighed({ direct: 50, gentle: 30, harsh: 20 })];
}

async function client(slot) {
  for (let number = 1; !life.isOver; number++) {
    const name = `k${slot}s${number}`;
    const random = new Random(plan.seed, name);
    await sleep(random.between(0, 100));
    const session = new Session(name, slot, random, messages, place(random), life);
    open.add(session);
    const history = await session.run();
    open.delete(session);
    fs.writeSync(file, `${JSON.stringify(history)}\n`);
  }
}

// The run tells when it is over, and when it is so late that what has not ended hangs.
process.on('message', (word) => {
  if (word === 'over') life.isOver = true;
  if (word !== 'hangs') return;
  for (const session of open) {
    fs.writeSync(file, `${JSON.stringify({ ...session.history, hangs: true })}\n`);
  }
  process.exit(0);
});
process.on('disconnect', () => process.exit(1));

Promise.all(plan.slots.map(client)).then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
