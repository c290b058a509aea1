// Answers that come piece by piece: framing, order, waiting, back-pressure, and what
// is left when either side breaks off.
'use strict';

const assert = require('assert');
const { execFileSync } = require('child_process');
const { test } = require('./support/runner');
const { poll, sanitized, sleep, slow } = require('./support/wait');

// lines(n) makes a body of n lines; pause(ms) waits.
const TOOLS = `
local core = require "ratchet.core"
function pause(ms) ratchet.sleep(ms / 1000) end
function lines(count)
  local n = 0
  return function()
    n = n + 1
    if n <= count then return "line " .. n .. "\\n" end
  end
end
local function over() note("over") end
local app = ratchet.App("localhost", 8080)
`;

function started(t, body, options) {
  return t.server(`${TOOLS}${body}\napp:get("/plain", function() return "plain" end)\napp:run()`,
    options);
}

function get(target, version = '1.1', method = 'GET', lines = []) {
  return [`${method} ${target} HTTP/${version}`, 'Host: localhost', ...lines, '', ''].join('\r\n');
}

async function expectPlain(t, server) {
  const client = await t.raw(server);
  await client.send(get('/plain'));
  assert.strictEqual((await client.answer()).body, 'plain');
}

// The chunks that follow a head, each as it was sent; up to the last one.
async function chunks(client, ms) {
  const found = [];
  for (;;) {
    const size = parseInt(await client.upTo('\r\n', ms), 16);
    const bytes = await client.bytes(size + 2, ms);
    assert.strictEqual(bytes.subarray(size).toString(), '\r\n');
    if (size === 0) return found;
    found.push(bytes.subarray(0, size).toString('latin1'));
  }
}

test('a function makes the body: curl, fetch, and what is on the wire', async (t) => {
  const server = await started(t, `
    app:get("/returned", function() return lines(3) end)
    app:get("/sent", function(_, response)
      return response:status(201):header("Content-Type", "text/x-lines"):send(lines(3), over)
    end)
    app:get("/empty", function() return function() end end)
    app:get("/holes", function()
      local parts = { "a", "", "", "b" }
      return function() return table.remove(parts, 1) end
    end)
    app:get("/many", function() return lines(100000) end)`);
  const whole = 'line 1\nline 2\nline 3\n';
  const url = `http://localhost:${server.port}`;
  const curl = (...args) => execFileSync('curl', ['-sS', '--max-time', '10', ...args],
    { encoding: 'latin1', maxBuffer: 1 << 24 });
  assert.strictEqual(curl(`${url}/returned`, `${url}/sent`), whole + whole);
  assert.strictEqual(curl('--http1.0', `${url}/returned`), whole);
  const answer = await fetch(`${url}/sent`);
  assert.deepStrictEqual([answer.status, answer.headers.get('content-type'), await answer.text()],
    [201, 'text/x-lines', whole]);
  await server.noted(['over'], 2);
  const many = curl(`${url}/many`);
  assert.strictEqual(many.length, [...Array(100000).keys()].join('').length + 5 + 6 * 100000);
  assert.ok(many.endsWith('line 99999\nline 100000\n'));

  const client = await t.raw(server);
  await client.send(get('/returned'));
  const head = await client.response();
  assert.deepStrictEqual([head.headers['transfer-encoding'], head.headers['content-length'],
    head.headers['content-type']], [['chunked'], undefined, ['text/plain; charset=utf-8']]);
  assert.deepStrictEqual(await chunks(client), ['line 1\n', 'line 2\n', 'line 3\n']);
  await client.send(get('/empty'), get('/holes'));
  await client.response();
  assert.deepStrictEqual(await chunks(client), []);
  await client.response();
  assert.deepStrictEqual(await chunks(client), ['a', 'b']);
});

test('a piece goes out when it is there, and requests behind wait their turn', async (t) => {
  const server = await started(t, `
    local ticket
    app:get("/hold", function()
      local parts = { "one", "two" }
      return function()
        note("asked", #parts)
        if #parts < 2 then ticket = core.ticket() core.wait(ticket) end
        return table.remove(parts, 1)
      end
    end)
    app:get("/go", function() note("go") return tostring(core.wake(ticket)) end)`);
  const client = await t.raw(server);
  const other = await t.raw(server);
  const go = async () => {
    await other.send(get('/go'));
    assert.strictEqual((await other.answer()).body, 'true');
  };
  await client.send(get('/hold'), get('/plain'), get('/go').slice(0, 20));
  await client.response();
  assert.strictEqual((await client.bytes(8)).toString(), '3\r\none\r\n');
  await server.note('asked', 1);
  await client.expectSilence(50);
  await go();
  assert.strictEqual((await client.bytes(8)).toString(), '3\r\ntwo\r\n');
  await server.note('asked', 0);
  await go();
  assert.strictEqual((await client.bytes(5)).toString(), '0\r\n\r\n');
  assert.strictEqual((await client.answer()).body, 'plain');
  await client.send(get('/go').slice(20));
  assert.strictEqual((await client.answer()).body, 'false');
});

test('HTTP/1.0: the end of the connection is the end; a length keeps it', async (t) => {
  const server = await started(t, `
    app:get("/", function() return lines(2) end)
    app:get("/length", function() return 200, lines(2), { ["Content-Length"] = 14 } end)`);
  const keep = ['Connection: keep-alive'];
  const client = await t.raw(server);
  await client.send(get('/length', '1.0', 'GET', keep), get('/', '1.0', 'GET', keep));
  const first = await client.answer();
  assert.deepStrictEqual([first.headers.connection, first.body],
    [['keep-alive'], 'line 1\nline 2\n']);
  const second = await client.response();
  assert.deepStrictEqual([second.headers.connection, second.headers['transfer-encoding']],
    [['close'], undefined]);
  assert.strictEqual((await client.bytes(14)).toString(), 'line 1\nline 2\n');
  await client.expectEnd();
});

test('a body is held to its Content-Length', async (t) => {
  const server = await started(t, `
    app:get("/{length:%d+}", function(request, response)
      return response:header("Content-Length", request.params.length):send(lines(2), over)
    end)
    app:route("/twice", { handle = function()
      return 200, lines(1), { ["Content-Length"] = "7", ["content-length"] = "7" }
    end }, { "*" })
    app:get("/bad", function(_, response)
      return response:header("Content-Length", "7x"):send(lines(1), over)
    end)
    app:get("/huge", function() return 200, lines(1), { ["Content-Length"] = ("9"):rep(19) } end)
    app:get("/string", function(_, response)
      return response:header("Content-Length", "4"):send("text")
    end)
    app:get("/coding", function() return 200, lines(1), { ["Transfer-Encoding"] = "gzip" } end)`);
  const client = await t.raw(server);
  await client.send(get('/14?secret'), get('/plain'));
  const answer = await client.answer();
  assert.deepStrictEqual([answer.headers['content-length'], answer.headers['transfer-encoding'],
    answer.body], [['14'], undefined, 'line 1\nline 2\n']);
  assert.strictEqual((await client.answer()).body, 'plain');
  for (const [length, why] of [[13, 'goes over'], [15, 'ends before'], [0, 'goes over']]) {
    const other = await t.raw(server);
    await other.send(get(`/${length}?secret`), get('/plain'));
    await other.expectGone();
    assert.ok(!other.gather().includes('plain'), 'nothing follows what is not whole');
    await server.logged(new RegExp(`error body of /${length}: it ${why} its Content-Length`));
  }
  for (const target of ['/twice', '/bad', '/huge', '/string', '/coding']) {
    await client.send(get(target));
    assert.strictEqual((await client.answer()).status, 500, target);
  }
  await server.logged(/Content-Length is a whole number of bytes, not "7x"/);
  await server.logged(/Content-Length is there twice/);
  await server.logged(/header "Content-Length" is the server's own/);
  await server.noted(['over'], 5); // of four bodies that began, and of /bad
});

test('where there is no body, the function is not called', async (t) => {
  const server = await started(t, `
    app:get("/{status:%d+}", function(request, response)
      return response:status(tonumber(request.params.status)):send(function() note("asked") end, over)
    end)
    app:get("/length", function() return 200, function() note("asked") end, { ["Content-Length"] = 7 } end)`);
  const client = await t.raw(server);
  const cases = [['HEAD', '/200', 'chunked', undefined], ['HEAD', '/length', undefined, '7'],
    ['GET', '/204', undefined, undefined], ['GET', '/304', undefined, undefined]];
  for (const [method, target, coding, length] of cases) {
    await client.send(get(target, '1.1', method));
    const { headers } = await client.response();
    assert.deepStrictEqual([headers['transfer-encoding'], headers['content-length']],
      [coding && [coding], length && [length]], target);
  }
  await client.send(get('/plain'));
  assert.strictEqual((await client.answer()).body, 'plain');
  await server.noted(['over'], 3);
  assert.deepStrictEqual(server.notesLike('asked'), []);
});

test('a body that fails ends the connection, and nothing else', async (t) => {
  const server = await started(t, `
    local function failing(fail)
      return function(_, response)
        local n = 0
        return response:send(function()
          n = n + 1
          if n == 1 then return "first" end
          pause(20) -- the client has it
          return fail()
        end, over)
      end
    end
    app:get("/error", failing(function() error("the disk is gone") end))
    app:get("/table", failing(function() return {} end))
    app:get("/false", failing(function() return false end))
    app:get("/number", failing(function() return 7 end))
    app:get("/yield", failing(function() coroutine.yield() end))
    app:get("/lost", failing(function() core.wait(core.ticket()) end))
    app:get("/collect", function() collectgarbage() collectgarbage() return "" end)
    app:get("/over", function(_, response)
      return response:send(lines(1), function() error("not even that") end)
    end)
    app:get("/late", function(_, response)
      return response:send(lines(1), function() pause(1) end)
    end)`);
  for (const target of ['/error', '/table', '/false', '/number', '/yield', '/lost']) {
    const client = await t.raw(server);
    await client.send(get(target), get('/plain'));
    await client.response();
    assert.strictEqual((await client.bytes(10)).toString(), '5\r\nfirst\r\n', target);
    if (target === '/lost') {
      await sleep(50 * slow);
      const other = await t.raw(server);
      await other.send(get('/collect'));
      await other.answer();
    }
    await client.expectGone();
    assert.strictEqual(client.gather().length, 0, `${target}: nothing that looks like the end`);
    await assert.rejects(fetch(`http://localhost:${server.port}${target === '/lost' ? '/error' : target}`)
      .then((answer) => answer.text()));
  }
  await server.logged(/error body: .*app\.lua:\d+: the disk is gone [^\n]*\n\s+stack traceback:\n[^]*app\.lua/);
  await server.logged(/error body of \/table: its function returned what is neither a string nor nil/);
  await server.logged(/error body: a handler yielded/);
  await server.logged(/error body: .*waits for what nobody can bring about any more/);
  await server.noted(['over'], 12);
  for (const target of ['/over', '/late']) {
    const client = await t.raw(server);
    await client.send(get(target), get('/plain'));
    await client.response();
    assert.deepStrictEqual(await chunks(client), ['line 1\n']);
    assert.strictEqual((await client.answer()).body, 'plain');
  }
  await server.logged(/the end of a body: .*not even that [^\n]*\n\s+stack traceback/);
  await server.logged(/the end of a body: .*nothing can wait here/);
  await expectPlain(t, server);
});

test('who leaves in the middle leaves nothing', async (t) => {
  const server = await started(t, `
    local kept = setmetatable({}, { __mode = "k" })
    local function watched(fn)
      kept[fn] = true
      return fn
    end
    app:get("/endless", function(_, response)
      return response:send(watched(function() return ("x"):rep(10000) end), over)
    end)
    app:get("/waits", function(_, response)
      local isFirst = true
      return response:send(watched(function()
        if not isFirst then pause(60) end
        isFirst = false
        return "piece"
      end), over)
    end)
    app:get("/kept", function()
      local count = 0
      collectgarbage() collectgarbage()
      for _ in pairs(kept) do count = count + 1 end
      return tostring(count)
    end)`);
  const leave = [(client) => client.reset(), (client) => client.destroy()];
  for (let i = 0; i < 20; i++) {
    const client = await t.raw(server);
    await client.send(get(i % 4 < 2 ? '/endless' : '/waits'));
    await client.upTo('piece'.slice(0, i % 4 < 2 ? 0 : 5) || 'xxx');
    leave[i % 2](client);
  }
  await server.noted(['over'], 20);
  const client = await t.raw(server);
  let kept;
  await poll(async () => {
    await client.send(get('/kept'));
    kept = Number((await client.answer()).body);
    return kept <= 5; // what LuaJIT has compiled may refer to the first ones
  }, () => `${kept} functions of 20 are kept`);
  await sleep(80 * slow); // those that waited have gone on to nowhere
  assert.strictEqual(server.notesLike('over').length, 20, 'each was told once');
});

test('a slow reader holds up its own body only', async (t) => {
  const server = await started(t, `
    local made = 0
    app:get("/large", function()
      local n = 0
      return function()
        n, made = n + 1, made + 1
        if n <= 3000 then return ("%08d"):format(n):rep(1250) end
      end
    end)
    app:get("/made", function() return tostring(made) end)`);
  const reader = await t.raw(server);
  const other = await t.raw(server);
  const made = async () => {
    await other.send(get('/made'));
    return Number((await other.answer()).body);
  };
  reader.socket.pause();
  await reader.send(get('/large'), get('/plain'));
  let before = -1;
  await poll(async () => {
    const now = await made();
    const isStill = now > 0 && now === before;
    before = now;
    await sleep(50 * slow);
    return isStill;
  }, 'nothing more is asked for');
  assert.ok(before < 1500, `${before} pieces of 3000 were made for who reads nothing`);
  assert.ok(sanitized || server.memory() < 100e6, `${server.memory()} bytes`);
  reader.socket.resume();
  await reader.response();
  const found = await chunks(reader, 20000 * slow);
  assert.strictEqual(found.length, 3000);
  assert.strictEqual(found[2999], '00003000'.repeat(1250));
  assert.strictEqual((await reader.answer()).body, 'plain');
});

test('endless bodies leave time to others', async (t) => {
  const server = await started(t, `
    app:get("/endless", function() return function() return "x" end end)
    app:get("/empty", function()
      local n = 0
      return function() n = n + 1 if n < 100000 then return "" end end
    end)`);
  for (const target of ['/endless', '/endless', '/empty']) {
    const client = await t.raw(server);
    await client.send(get(target));
    client.socket.on('data', () => { client.chunks = []; });
  }
  const client = await t.raw(server);
  for (let i = 0; i < 20; i++) {
    await client.send(get('/plain'));
    assert.strictEqual((await client.answer()).body, 'plain');
  }
});

test('who only listens gets the rest', async (t) => {
  const server = await started(t, `
    app:get("/", function()
      local n = 0
      return function() n = n + 1 pause(20) if n < 4 then return "part" end end
    end)`);
  const client = await t.raw(server);
  await client.send(get('/'), get('/'));
  client.half();
  for (let i = 0; i < 2; i++) {
    await client.response();
    assert.deepStrictEqual(await chunks(client), ['part', 'part', 'part']);
  }
  await client.expectEnd();
});

test('a server that is told to end finishes what it has begun', async (t) => {
  const server = await started(t, `
    app:get("/", function()
      local n = 0
      return function() n = n + 1 pause(30) if n < 5 then return "part" end end
    end)
    app:get("/endless", function(_, response)
      return response:send(function() pause(10) return "x" end, over)
    end)`);
  const client = await t.raw(server);
  await client.send(get('/'), get('/plain'));
  await client.response();
  server.kill();
  assert.deepStrictEqual(await chunks(client), ['part', 'part', 'part', 'part']);
  await client.expectEnd();
  await server.exit();
  const other = await started(t, `
    app:get("/endless", function(_, response)
      return response:send(function() pause(10) return "x" end, over)
    end)`);
  const endless = await t.raw(other);
  await endless.send(get('/endless'));
  await endless.response();
  other.kill();
  other.kill();
  await other.exit();
  assert.strictEqual(other.notesLike('over').length, 1);
});
