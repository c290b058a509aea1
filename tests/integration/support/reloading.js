// reloading - an app of several files that a test edits while it serves, and the
// command that has it loaded anew.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { binary } = require('./paths');
const { environment } = require('./server');
const { deadline, slow } = require('./wait');

const NOTE = [
  'local ratchet = require "ratchet"',
  'local function note(...)',
  '  io.stdout:write("@" .. require("cjson").encode({ ... }) .. "\\n")',
  'end',
].join(' ') + '\n';

// An app.lua whose component is C, with what comes before and behind its route. The
// lines of `body` count from 2.
function appText(body, more = '', route = 'app:route("/", C, { "*" })') {
  return `${NOTE}${body}\nlocal app = ratchet.App("localhost", 8080)\n${route}\n${more}\napp:run()\n`;
}

// Runs the program to its end, which has to come in time: { status, stdout, stderr }.
function command(args, env, ms = 10000 * slow) {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment(env) });
  const result = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes) => { result.stdout += bytes; });
  child.stderr.on('data', (bytes) => { result.stderr += bytes; });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ ...result, status }));
  });
  return deadline(ended, ms, args.join(' '));
}

class Edited {
  constructor(t, folder, env) {
    Object.assign(this, { t, folder, env });
  }

  path(name) {
    return path.join(this.folder, name);
  }

  // Writes files; null removes one.
  edit(files) {
    for (const [name, text] of Object.entries(files)) {
      if (text === null) {
        fs.rmSync(this.path(name));
      } else {
        fs.mkdirSync(path.dirname(this.path(name)), { recursive: true });
        fs.writeFileSync(this.path(name), text);
      }
    }
  }

  run(...words) {
    return command(words, this.env);
  }

  // Returns what the command printed; it has to end well.
  async reload(word = 'reload') {
    const result = await this.run(word, '--pid', String(this.server.pid));
    assert.strictEqual(result.status, 0, `${word}: ${result.stderr}${result.stdout}`);
    return result.stdout;
  }

  // Returns the reason; it has to fail.
  async fail(word = 'reload') {
    const result = await this.run(word, '--pid', String(this.server.pid));
    assert.strictEqual(result.status, 1, `${word} went well: ${result.stdout}`);
    assert.strictEqual(result.stdout, '');
    return result.stderr;
  }

  open(target = '/', lines = []) {
    return this.t.open(this.server, target, lines);
  }
}

// A server of an app of these files, which are to be edited: app.lua and others.
async function serveEdited(t, files, options = {}) {
  const runtime = t.temporary('runtime');
  fs.mkdirSync(runtime, { recursive: true });
  const env = { XDG_RUNTIME_DIR: runtime };
  const edited = new Edited(t, t.temporary('edited'), env);
  edited.edit(files);
  edited.server = await t.server({ file: edited.path('app.lua') }, { ...options, env });
  return edited;
}

// [said, heard] one after the other on one client.
async function talk(client, lines) {
  for (const [said, heard] of lines) {
    if (said !== null) await client.text(said);
    if (heard !== null) await client.expectText(heard);
  }
}

module.exports = { appText, command, serveEdited, talk };
