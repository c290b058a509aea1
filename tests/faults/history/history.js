// history - what one run has left behind: the server's events, in their order, and each
// client's session. The checker needs no more than this.
'use strict';

const fs = require('fs');
const path = require('path');

// The fields of a line of the server, behind its letter (app.lua).
const FIELDS = {
  o: ['id', 'name', 'route', 'version'],
  j: ['id'],
  m: ['id', 'version', 'token'],
  d: ['id', 'version'],
  s: ['id', 'token'],
  b: ['id', 'token', 'count', 'except'],
  x: ['id'],
  k: ['id', 'code'],
  e: ['id'],
  p: ['id'],
  l: ['id'],
  c: ['id', 'code'],
  r: ['version'],
};

function eventOf(line) {
  const kind = line[0];
  const names = FIELDS[kind];
  const parts = line.split(' ');
  if (!names || parts.length !== names.length + 1) return { kind: '!', line };
  const event = { kind };
  names.forEach((name, i) => { event[name] = parts[i + 1]; });
  if (event.count !== undefined) event.count = Number(event.count);
  if (event.code !== undefined) event.code = Number(event.code);
  return event;
}

function lines(file) {
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'utf8').split('\n').filter((line) => line !== '');
}

// { events, sessions } of the run whose files are in this folder.
function readHistory(folder) {
  const sessions = fs.readdirSync(folder)
    .filter((name) => name.startsWith('sessions.'))
    .flatMap((name) => lines(path.join(folder, name)).map((line) => JSON.parse(line)));
  return { events: lines(path.join(folder, 'server.history')).map(eventOf), sessions };
}

module.exports = { eventOf, readHistory };
