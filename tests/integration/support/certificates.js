// certificates - a small authority made by openssl, in a folder that goes with the
// process: whom servers are, and clients, and what is wrong with some of them.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { execFileSync } = require('child_process');

let folder;

function file(name) {
  return path.join(folder, name);
}

function openssl(...args) {
  try {
    return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error('openssl is missing: sh .ci/install test');
    throw new Error(`openssl ${args.join(' ')}: ${error.stderr}`);
  }
}

const KEYS = {
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-newkey', 'rsa:2048'],
};

function makeAuthority(name) {
  openssl('req', '-x509', ...KEYS.ec, '-nodes', '-days', '300', '-subj', `/CN=${name}`,
    '-addext', 'keyUsage=critical,keyCertSign',
    '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`));
}

// Signed by `by`; options: kind (ec, rsa), names (of the server), usage, subject, days.
function makeSigned(name, by, options) {
  const { kind = 'ec', names, usage = 'serverAuth', subject = `/CN=${name}`, days = '200' } =
    options;
  openssl('req', '-new', ...KEYS[kind], '-nodes', '-subj', subject,
    '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
  const lines = [`extendedKeyUsage=${usage}`, 'basicConstraints=CA:FALSE'];
  if (names) lines.push(`subjectAltName=${names}`);
  fs.writeFileSync(file(`${name}.ext`), `${lines.join('\n')}\n`);
  openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file(`${by}.pem`),
    '-CAkey', file(`${by}.key`), '-CAcreateserial', '-days', days,
    '-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`));
}

function make() {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ratchet-lua-ca-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  makeAuthority('authority');
  makeAuthority('stranger');
  makeSigned('local', 'authority', { names: 'DNS:localhost,IP:127.0.0.1' });
  makeSigned('local-rsa', 'authority', { kind: 'rsa', names: 'DNS:localhost' });
  makeSigned('renewed', 'authority', { names: 'DNS:localhost,IP:127.0.0.1' });
  makeSigned('wild', 'authority', { names: 'DNS:*.example.org' });
  makeSigned('other', 'authority', { kind: 'rsa', names: 'DNS:other.example.net' });
  makeSigned('ada', 'authority', { usage: 'clientAuth', subject: '/O=Example/CN=ada' });
  makeSigned('eve', 'stranger', { usage: 'clientAuth' });
  makeSigned('expired', 'authority', { names: 'DNS:localhost', days: '-1' });
  makeSigned('nameless', 'authority', { subject: '/O=Example/CN=*.example.com' });
  openssl('ec', '-in', file('local.key'), '-aes256', '-passout', 'pass:opensesame',
    '-out', file('locked.key'));
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  fs.writeFileSync(file('broken.pem'), broken);
  fs.writeFileSync(file('half-broken.pem'), fs.readFileSync(file('local.pem')) + broken);
}

// The path of one of its files: "local.pem", "local.key", ...
function pathOf(name) {
  if (!folder) make();
  return file(name);
}

module.exports = { openssl, pathOf };
