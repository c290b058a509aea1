// The test kit: `ratchet-lua test` as a person and a script use it, and the same specs in
// virtual time and through TCP.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { test } = require('./support/runner');
const { environment } = require('./support/server');
const { binary, root } = require('./support/paths');
const { deadline, slow } = require('./support/wait');

function run(program, args, options = {}) {
  const child = spawn(program, args, {
    cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: environment(), ...options });
  const result = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes) => { result.stdout += bytes; });
  child.stderr.on('data', (bytes) => { result.stderr += bytes; });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ ...result, status }));
  });
  return deadline(ended, 60000 * slow, args.join(' ')).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
}

const ratchet = (args, options) => run(binary, args, options);

function shown(result) {
  return `status ${result.status}\n${result.stdout}${result.stderr}`;
}

// A folder with a spec of that text; returns how `ratchet-lua test` ran it there.
async function spec(t, text, args = []) {
  const folder = path.dirname(t.app('-- nothing\n'));
  fs.mkdirSync(path.join(folder, 'spec'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'spec', 'a_spec.lua'),
    `local ratchet = require "ratchet"\nlocal testing = require "ratchet.testing"\n${text}`);
  return ratchet(['test', ...args], { cwd: folder });
}

async function expectSpec(t, text, status, ...patterns) {
  const result = await spec(t, text);
  assert.strictEqual(result.status, status, shown(result));
  for (const pattern of patterns) assert.match(result.stdout + result.stderr, pattern, shown(result));
  return result;
}

// "ok 1 - name" without what follows; the numbers are those of the order.
function tap(result) {
  return result.stdout.split('\n').filter((line) => /^(not )?ok /.test(line));
}

test('the kit passes its own specs, the same in virtual time and through TCP', async () => {
  const args = ['-o', 'TAP', 'tests/testing'];
  const quick = await ratchet(['test', ...args]);
  const live = await ratchet(['test', '--live', ...args]);
  assert.strictEqual(quick.status, 0, shown(quick));
  assert.strictEqual(live.status, 0, shown(live));
  assert.ok(tap(quick).length >= 30, shown(quick));
  assert.deepStrictEqual(tap(live), tap(quick));
});

test('busted --lua=ratchet-lua runs specs in the program', async () => {
  const result = await run('busted', [`--lua=${binary}`, '-o', 'TAP', 'tests/testing']);
  assert.strictEqual(result.status, 0, shown(result));
  assert.ok(tap(result).length >= 30, shown(result));
});

test('the specs of apps/ pass', async () => {
  for (const app of ['chat']) {
    const result = await ratchet(['test'], { cwd: path.join(root, 'apps', app) });
    assert.strictEqual(result.status, 0, shown(result));
    assert.match(result.stdout, /[1-9]\d* successes/, shown(result));
  }
});

test('wrong usage of test is exit status 2, and help 0', async () => {
  const wrong = await ratchet(['test', '--nope']);
  assert.strictEqual(wrong.status, 2, shown(wrong));
  assert.match(wrong.stderr, /^ratchet-lua test: error: unknown.*--nope.*--help/);
  const help = await ratchet(['test', '--help']);
  assert.strictEqual(help.status, 0, shown(help));
  assert.match(help.stdout, /^Usage: ratchet-lua test [^]*--filter[^]*--live/);
  const none = await ratchet(['test', 'no/such/folder']);
  assert.strictEqual(none.status, 1, shown(none));
});

test('output handlers and options are busted\'s', async (t) => {
  const text = 'it("a", function() end)\nit("b", function() error("no") end)\n';
  const json = await spec(t, text, ['-o', 'json']);
  assert.strictEqual(json.status, 1, shown(json));
  const told = JSON.parse(json.stdout);
  assert.strictEqual(told.successes.length, 1);
  assert.strictEqual(told.errors.length, 1);
  const filtered = await spec(t, text, ['--filter', '^a$']);
  assert.strictEqual(filtered.status, 0, shown(filtered));
  const junit = await spec(t, text, ['-o', 'junit', '--filter', 'a']);
  assert.match(junit.stdout, /<testsuite /);
  const version = await ratchet(['test', '--version']);
  assert.match(version.stdout, /^2\./, shown(version));
});

test('an `it` may wait, in real time where nothing is served', (t) => expectSpec(t, `
it("sleeps", function()
  local before = require("luv").hrtime()
  ratchet.sleep(0.05)
  assert.is_true(require("luv").hrtime() - before >= 49e6)
end)
it("waits for others", function()
  local a, b = ratchet.all(function() ratchet.sleep(0.01) return 1 end, function() return 2 end)
  assert.are.same({ 1, 2 }, { a, b })
end)
`, 0, /2 successes/));

const leftovers = [
  ['a timer', 'ratchet.every(1, print)', /a_spec\.lua:3: a timer that was begun here/],
  ['a task', 'ratchet.spawn(function() ratchet.sleep(60) end)\nratchet.sleep(0)',
    /a_spec\.lua:3: a task that was begun here/],
  ['a connection',
    'local s = testing.serve(ratchet.server.EchoServer())\nlocal c = assert(ratchet.connect("ws://localhost:" .. s.port))',
    /a_spec\.lua:4: a connection that was begun here/],
];
for (const [name, code, pattern] of leftovers) {
  test(`a test that leaves ${name} is told so`, (t) => expectSpec(t,
    `it("leaves it", function() ${code} end)\nit("is the next", function() end)\n`,
    1, /2 successes \/ 0 failures \/ 1 error/, pattern));
}

test('what a test ends itself, and what its app leaves, is not told', (t) => expectSpec(t, `
it("cleans up", function()
  local timer = ratchet.every(1, print)
  local task = ratchet.spawn(function() ratchet.sleep(60) end)
  ratchet.sleep(0)
  finally(function() timer:cancel() task:cancel() end)
end)
it("has an app that does not", function()
  local app = { onOpen = function(_, conn)
    ratchet.every(1, function() end)
    ratchet.spawn(function() ratchet.sleep(1000) end)
    conn:every(1, function() end)
    ratchet.sleep(1000)
  end, onClose = function() ratchet.after(1, function() end) ratchet.sleep(10) end }
  assert(testing.serve(app):connect("/"))
end)
it("begins anew", function()
  local server = testing.serve(ratchet.server.EchoServer())
  assert(server:connect("/"):send("x"):receive() == "x")
end)
`, 0, /3 successes/));

test('each file is by itself, but for the library', async (t) => {
  const folder = path.dirname(t.app('-- nothing\n'));
  fs.mkdirSync(path.join(folder, 'spec'));
  fs.writeFileSync(path.join(folder, 'own.lua'), 'return { count = 0 }\n');
  for (const name of ['a', 'b']) {
    fs.writeFileSync(path.join(folder, 'spec', `${name}_spec.lua`), `
      local own, ratchet = require "own", require "ratchet"
      it("has its own modules, and the library's once", function()
        own.count = own.count + 1
        assert.are.equal(1, own.count)
        local kept = getmetatable("")
        assert.are.equal(kept.ratchet or ratchet, ratchet)
        assert.are.equal(kept.App or ratchet.App, ratchet.App)
        kept.ratchet, kept.App = ratchet, ratchet.App
      end)`);
  }
  const result = await ratchet(['test'], { cwd: folder });
  assert.strictEqual(result.status, 0, shown(result));
  assert.match(result.stdout, /2 successes/);
});

test('servers end with the block that they were begun in', (t) => expectSpec(t, `
describe("one", function()
  local server
  setup(function() server = testing.serve(ratchet.server.EchoServer()) end)
  for i = 1, 3 do
    it("has it " .. i, function()
      local client = assert(server:connect("/"))
      client:send("x")
      assert.received(client, "x")
    end)
  end
end)
describe("another", function()
  it("can use the port again", function()
    assert.has_error(function() require("ratchet.core").testbed.settle() end)
  end)
end)
`, 0, /4 successes/));

test('a failed assertion says what was there instead', async (t) => {
  const result = await expectSpec(t, `
local function client(handler)
  return assert(testing.serve({ onMessage = handler }):connect("/room"):send("go"))
end
it("one", function()
  assert.received(client(function(_, conn) conn:send("ho"):sendBinary("\\1") end), "hi")
end)
it("two", function() assert.received(client(function() end), { a = 1 }) end)
it("three", function() assert.closed(client(function(_, conn) conn:close(4000, "no") end), 1000) end)
it("four", function() assert.closed(client(function() end)) end)
it("five", function() assert.silent(client(function(_, conn) conn:send("ho") end)) end)
it("six", function() assert.received("ann", "hi") end)
it("seven", function()
  local c = client(function(_, conn) conn:close() end)
  assert.closed(c)
  c:send("more")
end)
`, 1);
  for (const pattern of [
    /a_spec\.lua:8: expected the client of \/room to receive "hi" next; what came:\n {2}"ho"\n {2}binary "\\1"/,
    /a_spec\.lua:10: expected the client of \/room to receive JSON \{"a":1\} next; nothing came; it is open/,
    /a_spec\.lua:11: expected the client of \/room to be closed with 1000; it was closed with 4000 "no"/,
    /a_spec\.lua:12: expected the client of \/room to be closed; it is open/,
    /a_spec\.lua:13: expected the client of \/room to receive nothing; what came:\n {2}"ho"/,
    /a_spec\.lua:14: assert\.received takes a client of testing\.serve or a testing\.connection first; this is a string/,
    /a_spec\.lua:18: client:send: the connection is closed: 1000/,
  ]) assert.match(result.stdout, pattern, shown(result));
});

test('wrong use of the kit is told at the line of the spec', async (t) => {
  const result = await expectSpec(t, `
it("one", function() testing.serve(7) end)
it("two", function() testing.serve({ onMesage = print }) end)
it("three", function() testing.serve("none.lua") end)
it("four", function() testing.serve(ratchet.server.EchoServer()):connect("chat") end)
it("five", function() testing.serve(ratchet.server.EchoServer(), { maxMesageSize = 1 }) end)
it("six", function() testing.serve(ratchet.server.EchoServer()):connect("/", { protocol = "x" }) end)
it("seven", function() testing.serve(ratchet.server.EchoServer()):connect("/"):bandwidth("x") end)
it("eight", function() testing.serve(ratchet.server.EchoServer()):connect("/"):split(3) end)
it("nine", function()
  local kept
  testing.serve(ratchet.server.EchoServer())
  ratchet.await(function(resume) kept = resume end)
  return kept
end)
`, 1, /0 successes/);
  for (const pattern of [
    /a_spec\.lua:4: testing\.serve takes an app, the path of an app file, or a component; this is a number/,
    /a_spec\.lua:5: testing\.serve: the component has no event; did you mean "onMessage" by "onMesage"\?/,
    /cannot open none\.lua/,
    /a_spec\.lua:7: server:connect: a path begins with "\/"; this is "chat"/,
    /a_spec\.lua:8: testing\.serve: unknown option "maxMesageSize"; did you mean "maxMessageSize"\?/,
    /a_spec\.lua:9: server:connect: unknown option "protocol"; did you mean "protocols"\?/,
    /a_spec\.lua:10: client:bandwidth: the bandwidth must be a whole number/,
    /a_spec\.lua:11: client:split takes a list of sizes, such as \{ 1, 3, 5 \}; this is a number/,
    /this waits for what nobody can bring about any more/,
  ]) assert.match(result.stdout, pattern, shown(result));
});

test('an error of the app is in the log, and the test goes on', (t) => expectSpec(t, `
it("goes on", function()
  local ann = assert(testing.serve({ onMessage = function() error("in the app") end }):connect("/"))
  ann:send("x")
  assert.closed(ann, 1011)
end)
`, 0, /in the app/, /1 success/));
