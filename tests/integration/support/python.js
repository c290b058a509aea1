// python - clients written with Python's websockets: the scenarios of client.py.
'use strict';

const path = require('path');
const { program } = require('./program');

let pythonFound = null;

// The python that has websockets.
async function python() {
  for (const name of ['/usr/bin/python3', 'python3']) {
    if (pythonFound) break;
    const probe = await program(name, ['-c', 'import websockets'], { any: true })
      .catch(() => ({ status: 1 }));
    if (probe.status === 0) pythonFound = name;
  }
  if (pythonFound) return pythonFound;
  throw new Error('Python\'s websockets is missing: apt-get install python3-websockets');
}

// What a scenario of client.py makes of a URL.
async function playPython(scenario, url) {
  const script = path.join(__dirname, 'client.py');
  const { stdout } = await program(await python(), [script, scenario, url]);
  return JSON.parse(stdout).result;
}

module.exports = { playPython, python };
