// bench - what the measuring programs share: processes pinned to a core, the
// machine's name, medians.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawn } = require('child_process');

const root = path.join(__dirname, '..', '..', '..');
const binary = process.env.RATCHET_LUA
  ? path.resolve(process.env.RATCHET_LUA) : path.join(root, 'build', 'ratchet-lua');

const running = new Set();
const folders = [];
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(1));

// A folder that is gone at the end.
function temporary() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ratchet-bench-'));
  fs.chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

// Starts a program on one core; it ends with this one.
function start(core, command, options = {}) {
  const child = spawn('taskset', ['-c', String(core), ...command],
    { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  running.add(child);
  child.on('exit', () => running.delete(child));
  child.on('error', (error) => { throw error; });
  return child;
}

// What a program on one core prints until it ends.
function output(core, command) {
  return new Promise((resolve, reject) => {
    const child = start(core, command);
    let text = '';
    child.stdout.on('data', (bytes) => { text += bytes; });
    child.on('close', (status) => (status === 0
      ? resolve(text) : reject(new Error(`${command.join(' ')}: status ${status}\n${text}`))));
  });
}

// Starts the program under test with this app; resolves with { child, port, pid }: pid
// is the program's own.
function serve(core, app, options = []) {
  const file = path.join(temporary(), 'app.lua');
  fs.writeFileSync(file, app);
  const child = start(core, [binary, '--port', '0', '--log-level', 'error', ...options, file]);
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (bytes) => {
      text += bytes;
      const found = text.match(/:\/\/[^:/]+:(\d+)/);
      if (found) resolve({ child, port: Number(found[1]), pid: child.pid });
    });
    child.on('close', () => reject(new Error('the server ended at its start')));
  });
}

// Of a process: CPU seconds and resident bytes.
function cpuOf(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryOf(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(status.match(/^VmRSS:\s+(\d+) kB/m)[1]) * 1024;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function machine() {
  const cpus = os.cpus();
  return `${cpus[0].model.trim()}, ${cpus.length} cores, Linux ${os.release()}, ` +
    `load ${os.loadavg()[0].toFixed(2)}`;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

module.exports = {
  binary, cpuOf, machine, median, memoryOf, output, serve, sleep, start, temporary,
};
