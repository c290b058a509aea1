// peers - the servers that are compared: what each needs, how it is built and started, and
// what version it is. Each listens on 127.0.0.1, and finds in its environment PORT, DEFLATE
// (1: it is to compress), CERT and KEY (files; without them there is no TLS).
'use strict';

const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { binary, temporary } = require('../support/bench');

const tests = path.join(__dirname, '..', '..');
const programs = path.join(__dirname, 'peers');
const python = '/usr/bin/python3';
// What is built and installed for it stays, so that the next run need not.
const work = path.join(path.dirname(binary), 'compare');
const bun = path.join(work, 'node_modules', '.bin', 'bun');

const file = (name) => path.join(programs, name);
const built = (name) => path.join(work, name);

function run(command, args, options = {}) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
    ...options }).trim();
}

function versionOfPackage(name) {
  return run('dpkg-query', ['-W', '-f=${Version}', name]).replace(/^\d+:/, '').replace(/-.*$/, '');
}

// A name is that of a file, or of a package of Debian.
function isThere(name) {
  if (name.startsWith('/')) return fs.existsSync(name);
  try {
    return run('dpkg-query', ['-W', '-f=${db:Status-Status}', name]) === 'installed';
  } catch {
    return false;
  }
}

function compile(source, libraries) {
  const program = built(path.basename(source, '.c'));
  run('cc', ['-std=gnu11', '-O2', '-o', program, source, ...libraries.map((one) => `-l${one}`)]);
  return program;
}

// Debian's Lua module of nginx wants another LuaJIT than ratchet-lua is built with, and the
// two cannot be installed side by side: it is unpacked into a folder of its own.
const unpacked = built('nginx');
const luaPackages = ['libnginx-mod-http-ndk', 'libnginx-mod-http-lua', 'lua-nginx-websocket',
  'lua-resty-core', 'lua-resty-lrucache', 'libluajit2-5.1-2'];

function unpackNginx() {
  fs.mkdirSync(unpacked, { recursive: true });
  const packages = luaPackages.filter((name) => {
    try {
      // Debian 13 has no second LuaJIT.
      return run('apt-cache', ['policy', name]).match(/Candidate: \d/);
    } catch {
      return false;
    }
  });
  run('apt-get', ['download', ...packages], { cwd: unpacked });
  for (const name of fs.readdirSync(unpacked).filter((one) => one.endsWith('.deb'))) {
    run('dpkg', ['-x', name, '.'], { cwd: unpacked });
  }
}

function versionOfUnpacked(name) {
  const found = fs.readdirSync(unpacked).find((one) => one.startsWith(`${name}_`));
  return found.split('_')[1].replace(/-.*$/, '');
}

// nginx takes its settings from a file alone.
function nginx({ PORT, CERT, KEY }) {
  const folder = temporary();
  const text = fs.readFileSync(file('nginx.conf'), 'utf8').replace(/^# .*\n/gm, '')
    .replace(/UNPACKED/g, unpacked)
    .replace(/FOLDER/g, folder)
    .replace('PORT', PORT)
    .replace('SSL', CERT ? 'ssl' : '')
    .replace('CERTIFICATE', CERT ? `ssl_certificate ${CERT}; ssl_certificate_key ${KEY};` : '');
  const conf = path.join(folder, 'nginx.conf');
  fs.writeFileSync(conf, text);
  return ['nginx', '-p', folder, '-e', 'stderr', '-c', conf];
}

// `packages` are Debian's; `lacks` names rows that it cannot do.
const peers = {
  ratchet: {
    title: 'ratchet-lua',
    command: () => [binary, '--log-level', 'error', file('ratchet_lua.lua')],
    version: () => run(binary, ['--version']).match(/\d[\d.]*/)[0],
  },
  bun: {
    title: 'Bun',
    build: () => run('npm', ['install', '--prefix', work, '--no-package-lock', '--no-audit',
      '--no-fund', 'bun@1.4.5']),
    isBuilt: () => fs.existsSync(bun),
    command: () => [bun, file('bun.js')],
    version: () => run(bun, ['--version']),
  },
  libwebsockets: {
    title: 'libwebsockets',
    packages: ['libwebsockets-dev'],
    build: () => compile(file('libwebsockets.c'), ['websockets']),
    command: () => [built('libwebsockets')],
    version: () => versionOfPackage('libwebsockets-dev'),
  },
  nginx: {
    title: 'nginx, lua-resty-websocket',
    packages: ['nginx'],
    build: unpackNginx,
    isBuilt: () => fs.existsSync(path.join(unpacked, 'usr')),
    command: nginx,
    environment: { LD_LIBRARY_PATH: path.join(unpacked, 'usr', 'lib', `${process.arch === 'arm64'
      ? 'aarch64' : 'x86_64'}-linux-gnu`) },
    version: () => `${versionOfPackage('nginx')}, ${versionOfUnpacked('lua-nginx-websocket')}`,
    lacks: ['deflate'],
  },
  gorilla: {
    title: 'Go, gorilla/websocket',
    packages: ['golang-go', 'golang-github-gorilla-websocket-dev'],
    build: () => run('go', ['build', '-o', built('gorilla'), file('gorilla.go')], {
      env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode',
        GOCACHE: built('go-cache') },
    }),
    command: () => [built('gorilla')],
    environment: { GOMAXPROCS: '1' },
    version: () => `${run('go', ['version']).match(/go(\d[\d.]*)/)[1]}, ` +
      versionOfPackage('golang-github-gorilla-websocket-dev'),
  },
  ws: {
    title: 'Node.js, ws',
    packages: [path.join(tests, 'node_modules', 'ws')],
    command: () => [process.execPath, file('ws.js')],
    environment: { NODE_PATH: path.join(tests, 'node_modules') },
    version: () => `${process.versions.node}, ${require(path.join(tests, 'node_modules', 'ws', 'package.json')).version}`,
  },
  websockets: {
    title: 'Python, websockets',
    packages: ['python3-websockets', 'python3-uvloop'],
    command: () => [python, file('python_websockets.py')],
    version: () => `${run(python, ['-c', 'import platform; print(platform.python_version())'])}, ` +
      versionOfPackage('python3-websockets'),
  },
};

// Of those: what is missing on this machine, packages of Debian or files.
function missing(names) {
  return [...new Set(names.flatMap((name) => (peers[name].packages || [])))]
    .filter((one) => !isThere(one));
}

// Builds the load, the certificate, and these peers.
function prepare(names, note) {
  fs.mkdirSync(work, { recursive: true });
  note('load');
  compile(path.join(tests, 'bench', 'support', 'load.c'),
    ['mbedtls', 'mbedx509', 'mbedcrypto', 'z']);
  run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '3650', '-subj', '/CN=localhost', '-keyout', built('key.pem'), '-out',
    built('cert.pem')]);
  for (const name of names) {
    const { build, isBuilt } = peers[name];
    if (!build || (isBuilt && isBuilt())) continue;
    note(name);
    build();
  }
}

module.exports = {
  cert: built('cert.pem'), key: built('key.pem'), load: built('load'), missing, peers, prepare,
  describe: (name) => ({ title: peers[name].title, version: peers[name].version() }),
};
