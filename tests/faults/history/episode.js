// episode - one run with one seed: the server, the slow path, the clients in processes of
// their own, and what happens to them meanwhile; afterwards the history is checked.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { fork } = require('child_process');
const { Context } = require('../../integration/support/context');
const { pathOf } = require('../../integration/support/certificates');
const { command } = require('../../integration/support/reloading');
const { deadline, poll, sleep, slow } = require('../../integration/support/wait');
const { check } = require('./checker');
const { readHistory } = require('./history');
const { writeBlocks } = require('./messages');
const { Random } = require('./random');

const WORKERS = 4;
const END_MS = 90000; // for all sessions to end, when the time is over
const RELOAD_MS = 60000; // also where many other programs run
const FILES = ['app.lua', 'edition.lua'];

// What happens, and how often.
const MISHAPS = {
  stopClients: 40, stopServer: 12, reload: 20, hangUp: 8, badReload: 8, rollback: 6, nothing: 6,
};

class Episode {
  constructor(seed, seconds, clients) {
    Object.assign(this, { seed, seconds, clients });
    this.random = new Random(seed, 'episode');
    this.context = new Context();
    this.folder = this.context.temporary('run');
    this.figures = { clientStops: 0, serverStops: 0, reloads: 0, badReloads: 0, hangUps: 0, rollbacks: 0 };
    this.faults = [];
    this.children = [];
  }

  // ---- who takes part

  async start() {
    fs.mkdirSync(path.join(this.folder, 'runtime'), { recursive: true });
    for (const name of FILES) fs.copyFileSync(path.join(__dirname, name), path.join(this.folder, name));
    writeBlocks(this.folder);
    this.env = { XDG_RUNTIME_DIR: path.join(this.folder, 'runtime') };
    this.server = await this.context.server({ file: path.join(this.folder, 'app.lua') }, {
      args: ['--log-level', 'error'],
      env: {
        ...this.env, HISTORY_FOLDER: this.folder,
        HISTORY_CERTIFICATE: pathOf('local.pem'), HISTORY_KEY: pathOf('local.key'),
      },
    });
    const direct = { port: this.server.port, securePort: Number(this.server.url('wss').match(/:(\d+)/)[1]) };
    this.proxy = this.fork('proxy.js', { seed: this.seed, ...direct });
    const proxied = await this.told(this.proxy);
    this.workers = [];
    for (let worker = 0; worker < WORKERS; worker++) {
      const slots = [];
      for (let slot = worker; slot < this.clients; slot += WORKERS) slots.push(slot);
      this.workers.push(this.fork('worker.js', {
        seed: this.seed, worker, slots, folder: this.folder, places: { direct, ...proxied },
      }));
    }
  }

  fork(file, plan) {
    const child = fork(path.join(__dirname, file), [],
      { env: { ...process.env, HISTORY_PLAN: JSON.stringify(plan) } });
    child.ended = new Promise((resolve) => child.on('exit', (status, signal) => resolve({ status, signal })));
    this.children.push(child);
    this.context.atEnd(() => {
      child.kill('SIGKILL'); // also ends one that is stopped
      return child.ended;
    });
    return child;
  }

  told(child) {
    return deadline(new Promise((resolve) => { child.once('message', resolve); }), 10000 * slow, 'an answer');
  }

  // ---- what happens

  async stop(child, least, most) {
    child.kill('SIGSTOP');
    await sleep(this.random.between(least, most));
    child.kill('SIGCONT');
  }

  edit(text) {
    fs.writeFileSync(path.join(this.folder, 'edition.lua'), text);
  }

  async reload(word, status) {
    const result = await command([word, '--pid', String(this.server.pid)], this.env, RELOAD_MS);
    if (result.status !== status) {
      this.faults.push(`${word} ended with ${result.status}: ${result.stderr}${result.stdout}`);
    }
  }

  mishaps = {
    nothing: () => {},
    stopClients: async () => {
      this.figures.clientStops++;
      await this.stop(this.random.one(this.workers), 100, 1500);
    },
    stopServer: async () => {
      this.figures.serverStops++;
      await this.stop(this.server.child, 20, 300);
    },
    reload: async () => {
      this.edit(`return { number = ${++this.figures.reloads} }\n`);
      await this.reload('reload', 0);
    },
    hangUp: () => {
      this.edit(`return { number = ${++this.figures.reloads} }\n`);
      this.figures.hangUps++;
      this.server.kill('SIGHUP');
    },
    badReload: async () => {
      this.figures.badReloads++;
      this.edit('return { number = \n');
      await this.reload('reload', 1);
      this.edit(`return { number = ${this.figures.reloads} }\n`);
    },
    rollback: async () => {
      if (this.figures.reloads < 2) return;
      this.figures.rollbacks++;
      await this.reload('rollback', 0);
    },
  };

  async happen() {
    const end = Date.now() + this.seconds * 1000;
    while (Date.now() < end) {
      await sleep(this.random.spread(30, 500));
      const name = this.random.weighed(MISHAPS);
      // Clients are stopped while other things happen, too.
      const mishap = Promise.resolve(this.mishaps[name]());
      if (name === 'stopClients') this.stopped = mishap;
      else await mishap;
    }
    await this.stopped;
  }

  // ---- its end

  async end() {
    for (const child of this.children) if (child.connected) child.send('over');
    const all = Promise.all(this.workers.map((worker) => worker.ended));
    await deadline(all, END_MS * slow, 'all sessions').catch(() => {
      for (const worker of this.workers) if (worker.connected) worker.send('hangs');
    });
    for (const { status, signal } of await deadline(all, 10000, 'the workers')) {
      if (status !== 0) this.faults.push(`a worker ended with ${status || signal}`);
    }
    this.proxy.send('count');
    const { resets, ends, stops, connections } = await this.told(this.proxy);
    Object.assign(this.figures, { proxied: connections, proxyResets: resets, proxyEnds: ends, proxyStops: stops });
    await this.settle();
  }

  async report() {
    const client = await this.context.raw(this.server);
    await client.send('GET /report HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const { body } = await client.answer();
    client.destroy();
    return JSON.parse(body);
  }

  // Until the server has noticed that all are gone.
  async settle() {
    let report;
    await poll(async () => {
      report = await this.report();
      return report.opened === report.closed && report.members === 0;
    }, () => `the server still has clients: ${JSON.stringify(report)}`, 15000 * slow)
      .catch((error) => this.faults.push(error.message));
    await this.report(); // which writes the history to its file
  }

  // Errors that the app did not raise on purpose, and reloads that had to fail.
  readLog() {
    const mayBe = /on purpose|edition\.lua/;
    const lines = this.server.stderr.split('\n').filter((line) => / (error|alert) /.test(line) && !mayBe.test(line));
    if (lines.length > 0) this.faults.push(`the log has ${lines.length} errors: ${lines[0]}`);
  }

  count({ events, sessions }) {
    const sum = (list, value) => list.reduce((total, one) => total + value(one), 0);
    const having = (deed) => sessions.filter((session) => session.deeds.includes(deed)).length;
    const kinds = (kind) => events.filter((event) => event.kind === kind).length;
    return {
      sessions: sessions.length,
      opened: kinds('o'),
      wss: sessions.filter((session) => session.isSecure).length,
      deflate: sessions.filter((session) => session.isCompressed).length,
      sent: sum(sessions, (session) => session.sent.length),
      handled: kinds('m'),
      got: sum(sessions, (session) => session.got.length),
      megabytes: Math.round(sum(sessions, (session) => session.bytesSent + session.bytesGot) / 1e6),
      broadcasts: kinds('b'),
      closes: sessions.filter((session) => session.closed !== 1006).length,
      slow: sessions.filter((session) => session.closed === 1013).length,
      lost: sessions.filter((session) => session.closed === 1006).length,
      resets: having('reset'), drops: having('drop'), violations: having('violate'),
      terminated: having('terminated'), errors: kinds('e'),
      ...this.figures,
    };
  }

  // Returns { figures, faults }. keep: where the history is copied to when it has faults.
  async run(keep) {
    let figures = this.figures;
    try {
      await this.start();
      await this.happen();
      await this.end();
      const history = readHistory(this.folder);
      for (const [promise, faults] of check(history)) {
        this.faults.push(...faults.map((fault) => `${promise}: ${fault}`));
      }
      this.readLog();
      figures = this.count(history);
      assert.ok(figures.handled > 0, 'nothing was sent');
    } catch (error) {
      this.faults.push(error.stack || String(error));
    }
    if (this.faults.length > 0 && keep) fs.cpSync(this.folder, keep, { recursive: true, filter: isFile });
    this.faults.push(...(await this.context.end(false)).map(String));
    return { figures, faults: this.faults };
  }
}

// Sockets cannot be copied.
function isFile(file) {
  return path.basename(file) !== 'runtime';
}

module.exports = { Episode };
