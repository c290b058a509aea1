// tracer - strace, which makes one system call of a process fail.
'use strict';

const fs = require('fs');
const { spawn } = require('child_process');
const { deadline, slow } = require('../../integration/support/wait');

const ATTACH_MS = 5000 * slow;

const CURE = `strace has to be there (sh .ci/install test), and may have to be allowed:
  in a container, docker run --cap-add=SYS_PTRACE
  on a machine, sysctl kernel.yama.ptrace_scope=0 (1 will do: the server asks to be traced)
  or run it as root`;

// What strace does to that call; `paths`: only to calls on these files.
function injection([call, error, time], paths = []) {
  return ['-f', '-qq', '-e', `trace=${call}`, '-e', `inject=${call}:error=${error}:when=${time}`,
    ...paths.flatMap((path) => ['-P', path])];
}

// What it did: the lines of the calls that it made fail, and how many it saw.
function counts(file) {
  const lines = fs.readFileSync(file, 'latin1').split('\n');
  return {
    injected: lines.filter((line) => line.includes('(INJECTED)')),
    seen: lines.filter((line) => /\w\(/.test(line)).length,
  };
}

class Tracer {
  // Attaches to a process that runs; `file` gets the trace.
  static async attach(pid, cell, file) {
    const tracer = new Tracer();
    tracer.file = file;
    const args = injection(cell).filter((word) => word !== '-qq');
    tracer.child = spawn('strace', [...args, '-o', file, '-p', String(pid)],
      { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    tracer.closed = new Promise((resolve) => {
      tracer.child.on('close', resolve);
      tracer.child.on('error', resolve);
    });
    const attached = new Promise((resolve, reject) => {
      const fail = (error) =>
        reject(new Error(`strace cannot attach: ${stderr.trim() || error}\n${CURE}`));
      tracer.child.on('error', fail);
      tracer.child.on('close', fail);
      tracer.child.stderr.on('data', (bytes) => {
        stderr += bytes;
        if (/ attached/.test(stderr)) resolve();
      });
    });
    await deadline(attached, ATTACH_MS, 'attaching strace');
    return tracer;
  }

  async detach() {
    this.child.kill('SIGTERM');
    await deadline(this.closed, ATTACH_MS, 'detaching strace');
    return counts(this.file);
  }
}

module.exports = { CURE, Tracer, counts, injection };
