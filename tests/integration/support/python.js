// python - the one on this machine that has websockets.
'use strict';

const { promisify } = require('util');
const execFile = promisify(require('child_process').execFile);

let found = null;

// Its name, or an error that says what to install.
async function python() {
  for (const name of ['/usr/bin/python3', 'python3']) {
    if (found) break;
    await execFile(name, ['-c', 'import websockets']).then(() => { found = name; }, () => {});
  }
  if (found) return found;
  throw new Error('Python\'s websockets is missing: apt-get install python3-websockets');
}

module.exports = { python };
