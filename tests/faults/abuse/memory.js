// memory - what a process has resident, and the most that it had since one began to
// watch. Linux keeps the latter (VmHWM), and forgets it when a 5 is written to clear_refs.
'use strict';

const fs = require('fs');

function kilobytes(pid, name) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]);
}

// All in KiB.
const resident = (pid) => kilobytes(pid, 'VmRSS');
const peak = (pid) => kilobytes(pid, 'VmHWM');

function watch(pid) {
  fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

module.exports = { peak, resident, watch };
