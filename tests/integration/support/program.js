// program - other people's programs, run to their end.
'use strict';

const { spawn } = require('child_process');
const { deadline, slow } = require('./wait');

// Runs a program to its end and returns its output.
function program(name, args, options = {}) {
  const child = spawn(name, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => { stdout += bytes; });
  child.stderr.on('data', (bytes) => { stderr += bytes; });
  const ended = new Promise((resolve, reject) => {
    child.on('error', (error) => reject(options.missing ? new Error(options.missing) : error));
    child.on('close', (status) => {
      if (status === 0 || options.any) resolve({ status, stdout, stderr });
      else reject(new Error(`${name} ended with ${status}: ${stderr}`));
    });
  });
  return deadline(ended, 20000 * slow, name).finally(() => child.kill('SIGKILL'));
}

module.exports = { program };
