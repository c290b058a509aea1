// proxy - a slow and faulty path between clients and the server: it delays, cuts into
// pieces, lets little through, stops for a while; and, on the ports called harsh, resets
// or ends connections in the middle.
'use strict';

const net = require('net');
const { setTimeout: sleep } = require('timers/promises');
const { Random } = require('./random');

const plan = JSON.parse(process.env.HISTORY_PLAN);
const count = { connections: 0, resets: 0, ends: 0, stops: 0 };
let isOver = false; // then everything is let through

// What a line does to a chunk before it is written: yields pieces, after a while.
const manners = {
  async * pass(chunk) {
    yield chunk;
  },
  async * delay(chunk, random) {
    await sleep(random.spread(1, 60));
    yield chunk;
  },
  async * cut(chunk, random, line) {
    let at = 0;
    while (at < chunk.length) {
      const isFine = line.pieces++ < 300;
      const size = isOver ? chunk.length : isFine ? random.between(1, 9) : random.spread(10, 9000);
      yield chunk.subarray(at, at + size);
      at += size;
      if (isFine) await new Promise(setImmediate);
    }
  },
  async * slow(chunk, random, line) {
    for (let at = 0; at < chunk.length; at += 8192) {
      yield chunk.subarray(at, at + 8192);
      if (!isOver) await sleep(8192 / line.rate);
    }
  },
  async * stop(chunk, random) {
    if (random.chance(0.05) && !isOver) {
      count.stops++;
      await sleep(random.between(100, 1500));
    }
    yield chunk;
  },
};

class Line {
  constructor(client, server, isHarsh, random) {
    Object.assign(this, { client, server, random });
    this.pieces = 0;
    this.rate = random.spread(100, 3000); // bytes a millisecond
    this.left = isHarsh && random.chance(0.7) ? random.spread(50, 4e6) : Infinity;
    this.isReset = random.chance(0.7);
    this.pump(client, server, random.one(Object.keys(manners)));
    this.pump(server, client, random.one(Object.keys(manners)));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
      socket.on('close', (isFault) => { if (isFault) this.reset(); });
    }
  }

  reset() {
    for (const socket of [this.client, this.server]) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
  }

  // The end of what a harsh line lets through.
  cutOff() {
    this.left = Infinity;
    if (this.isReset) {
      count.resets++;
      this.reset();
    } else {
      count.ends++;
      this.client.destroy();
      this.server.destroy();
    }
  }

  pump(from, to, manner) {
    let isEnded = false;
    let isBusy = false;
    from.on('end', () => {
      isEnded = true;
      if (!isBusy) to.end();
    });
    from.on('data', async (chunk) => {
      from.pause();
      isBusy = true;
      for await (const piece of manners[isOver ? 'pass' : manner](chunk, this.random, this)) {
        if (to.destroyed) break;
        const isFull = !to.write(piece);
        this.left -= piece.length;
        if (this.left <= 0) return this.cutOff();
        if (isFull) await drained(to);
      }
      isBusy = false;
      if (isEnded) to.end();
      else from.resume();
      return undefined;
    });
  }
}

function drained(socket) {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

function listen(target, isHarsh) {
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const random = new Random(plan.seed, 'proxy', ++count.connections);
    const upstream = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    return new Line(client, upstream, isHarsh, random);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

process.on('message', (word) => {
  if (word === 'over') isOver = true;
  if (word === 'count') process.send(count);
});
process.on('disconnect', () => process.exit(0));

async function places() {
  const both = async (isHarsh) => ({
    port: await listen(plan.port, isHarsh), securePort: await listen(plan.securePort, isHarsh),
  });
  process.send({ gentle: await both(false), harsh: await both(true) });
}

places();
