// Handlers that wait (core.ticket, core.wait, core.wake), and luv on the server's
// own loop: order is kept, nobody else waits, nothing is lost.
'use strict';

const assert = require('assert');
const http = require('http');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { handshakeBytes } = require('./support/raw');
const { Server } = require('./support/server');
const { sanitized, sleep } = require('./support/wait');

// sleep(ms, ...) waits and returns the rest; hold() waits until release(...).
const TOOLS = `
local core = require "ratchet.core"
local uv = require "luv"
function sleep(ms, ...)
  local ticket, timer, values = core.ticket(), uv.new_timer(), { n = select("#", ...), ... }
  timer:start(ms, 0, function() timer:close() core.wake(ticket, unpack(values, 1, values.n)) end)
  return core.wait(ticket)
end
local held
function hold() held = core.ticket() return core.wait(held) end
function release(...) return core.wake(held, ...) end
`;

function appWith(body, options = '') {
  return `${TOOLS}
local C = {}
${body}
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" }, nil, { ${options} })
app:run()
`;
}

// "hold" waits until somebody sends "release"; the rest is echoed.
const HOLDING = `
function C:onMessage(conn, m)
  if m == "hold" then
    note("holding")
    conn:send("got " .. tostring(hold()))
  elseif m == "release" then
    release("it")
  else
    conn:send(m)
  end
end
function C:onPing(conn, data) note("ping", data) end
function C:onClose(conn, code) note("close", code) end
`;

test('wait returns what wake was given, in the order of one connection', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "wait" then
        local a, b, c = sleep(50, "x", nil, 3)
        conn:send(("%s %s %s"):format(a, b, c))
      else
        conn:send(m)
      end
    end`));
  const client = await t.open(server);
  await client.send(frames.text('wait'), frames.text('a'), frames.text('wait'), frames.text('b'));
  await client.expectText('x nil 3');
  await client.expectText('a');
  await client.expectText('x nil 3');
  await client.expectText('b');
});

test('while a handler waits, others go on, and pings are answered', async (t) => {
  const server = await t.server(appWith(HOLDING));
  const client = await t.open(server);
  const other = await t.open(server);
  await client.send(frames.text('hold'), frames.text('behind'));
  await server.note('holding');
  await client.frame('ping', 'p');
  await client.expectFrame('pong', 'p');
  await other.expectEcho();
  await client.expectSilence(50);
  assert.strictEqual(server.notesLike('ping').length, 0, 'onPing waits in the queue');
  await other.text('release');
  await client.expectText('got it');
  await client.expectText('behind');
  await server.note('ping', 'p');
});

test('onClose comes after the handler that waited', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "release" then release() return end
      note("holding")
      hold()
      note("woken", conn.readyState, conn:send("into the void") == conn)
      conn.was_held = true
    end
    function C:onClose(conn, code) if conn.was_held then note("close", code) end end`));
  for (const how of ['close', 'reset', 'destroy']) {
    const client = await t.open(server);
    const other = await t.open(server);
    await client.text('hold');
    await server.note('holding');
    if (how === 'close') {
      await client.close(4000);
      await client.expectClose(4000);
    }
    if (how === 'reset') client.reset();
    client.destroy();
    await other.text('release');
    const code = how === 'close' ? 4000 : 1006;
    await server.note('close', code);
    assert.deepStrictEqual(server.notes.map((note) => note[0]), ['holding', 'woken', 'close'], how);
    server.notes.length = 0;
    other.destroy();
  }
});

test('waiting in onOpen holds the messages back', async (t) => {
  const server = await t.server(appWith(`
    function C:onOpen(conn, request)
      conn:send(sleep(50, "opened") .. " " .. request.path .. " " .. conn.httpRequest.path)
    end
    function C:onMessage(conn, m) conn:send(m) end`));
  const client = await t.raw(server);
  await client.handshake('/', [], frames.text('early'));
  await client.text('next');
  await client.expectText('opened / /');
  await client.expectText('early');
  await client.expectText('next');
});

test('several that wait in onOpen have each their own request', async (t) => {
  const server = await t.server(appWith(`
    function C:onUpgrade(request) request.user = request.query.user end
    function C:onOpen(conn, request)
      sleep(30)
      conn:send(request.user .. " " .. conn.httpRequest.user .. " "
        .. tostring(request == conn.httpRequest))
    end`));
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await t.open(server, `/?user=${i}`));
  for (let i = 0; i < 5; i++) await clients[i].expectText(`${i} ${i} true`);
});

test('waiting in onUpgrade delays the answer', async (t) => {
  const server = await t.server(appWith(`
    function C:onUpgrade(request)
      note("asked")
      local verdict = sleep(50, request.query.verdict)
      if verdict == "no" then return 403, "no" end
      if verdict == "error" then error("late error") end
    end
    function C:onMessage(conn, m) conn:send(m) end`));
  const yes = await t.raw(server);
  await yes.handshake('/?verdict=yes', [], frames.text('early'));
  await yes.expectText('early');
  for (const [verdict, status] of [['no', 403], ['error', 500]]) {
    const client = await t.raw(server);
    await client.send(handshakeBytes(`/?verdict=${verdict}`));
    assert.strictEqual((await client.answer()).status, status);
  }
});

test('a client that goes while onUpgrade waits: no onOpen', async (t) => {
  const server = await t.server(appWith(`
    function C:onUpgrade() note("asked") sleep(100) note("decided") end
    function C:onOpen() note("open") end
    function C:onClose() note("close") end`));
  const client = await t.raw(server);
  await client.send(handshakeBytes());
  await server.note('asked');
  client.reset();
  await server.note('decided');
  await server.stop();
  const opens = server.notesLike('open').length;
  assert.strictEqual(opens, server.notesLike('close').length, 'onClose for each onOpen');
});

test('waiting in a function of app:get', async (t) => {
  const server = await t.server(`${TOOLS}
    local app = ratchet.App("localhost", 8080)
    app:get("/", function() return sleep(30, "late") end)
    app:run()`);
  const client = await t.raw(server);
  await client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await client.answer()).body, 'late');
});

test('waiting in onClose and in onError', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m) if m == "error" then error("x") end conn:send(m) end
    function C:onError(conn) conn:send(sleep(30, "error handled")) end
    function C:onClose(conn, code, reason) note("closed", sleep(30, code), reason, conn.readyState) end`));
  const client = await t.open(server);
  await client.send(frames.text('error'), frames.text('next'));
  await client.expectText('error handled');
  await client.expectText('next');
  await client.close(4000, 'bye');
  await client.expectClose(4000);
  await server.note('closed', 4000, 'bye', 3);
});

test('an error after a wait goes to onError or closes with 1011', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "error" then sleep(10) error("late error") end
      conn:send(m)
    end
    function C:onClose(_, code) note("close", code) end`));
  const client = await t.open(server);
  await client.send(frames.text('error'), frames.text('behind'));
  const found = await client.nextFrame();
  assert.strictEqual(found.opcode, 8, 'nothing is handled behind it');
  assert.strictEqual(found.payload.readUInt16BE(0), 1011);
  await client.close(1011);
  await client.expectEnd();
  await server.note('close', 1011);
  await server.logged(/late error[^]*traceback/);
});

test('waiting inside pcall, and several times', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn)
      local ok, err = pcall(function() sleep(10) error("caught") end)
      conn:send(tostring(ok) .. " " .. err:match("caught") .. " " .. sleep(10, "again"))
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('false caught again');
});

test('what cannot wait says so', async (t) => {
  const server = await t.server(appWith(`
    local used = core.ticket()
    function C:onMessage(conn, m)
      if m == "use" then core.wait(used) end
      if m == "in use" then note(m, pcall(core.wait, used)) end
      if m == "coroutine" then
        note(m, coroutine.resume(coroutine.create(function() core.wait(core.ticket()) end)))
      end
      if m == "none" then note(m, pcall(core.wait)) note(m, pcall(core.wait, {})) end
      if m == "wake" then note(m, core.wake(core.ticket()), core.wake(used, 1), core.wake(used)) end
      if m == "timer" then
        local timer = uv.new_timer()
        timer:start(1, 0, function()
          timer:close()
          note(m, pcall(core.wait, core.ticket()))
        end)
      end
    end`));
  const client = await t.open(server);
  const user = await t.open(server);
  const only = "only a handler can wait";
  await user.text('use');
  await user.frame('ping', '');
  await user.expectFrame('pong', '');
  for (const word of ['in use', 'coroutine', 'none', 'timer', 'wake']) await client.text(word);
  assert.match((await server.noted(['in use', false], 1))[0][2], /in use/);
  assert.match((await server.noted(['coroutine', false], 1))[0][2], new RegExp(only));
  assert.match((await server.noted(['timer', false], 1))[0][2], /nothing can wait here/);
  assert.match((await server.noted(['none', false], 2))[1][2], /Ticket expected/);
  await server.note('wake', false, true, false);
});

test('an app file that waits while it is loaded says so', async (t) => {
  const server = new Server(t.app(`${TOOLS}sleep(1)`), { expectStatus: 1 });
  server.spawn();
  await server.exit();
  server.judge();
  assert.match(server.stderr, /app\.lua:\d+: an app file cannot wait while it is loaded/);
});

test('a bare coroutine.yield in a handler: a clear error and 1011', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "yield" then coroutine.yield(1, 2) end
      if m == "wait first" then sleep(5) coroutine.yield() end
      conn:send(m)
    end`));
  for (const text of ['yield', 'wait first']) {
    const client = await t.open(server);
    await client.text(text);
    assert.strictEqual((await client.closeFrame()).code, 1011, text);
    client.destroy();
  }
  await server.logged(/a handler yielded: only ratchet's own functions wait/);
  await (await t.open(server)).expectEcho();
});

test('coroutines of the app\'s own work inside handlers', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn)
      local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
      conn:send(gen() .. gen() .. gen())
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('123');
});

test('more than 64 queued messages pause reading; memory is bounded; none is lost',
  { alone: true }, async (t) => {
    const server = await t.server(appWith(HOLDING, 'maxBufferedAmount = 1000000000'));
    const client = await t.open(server);
    const other = await t.open(server);
    await client.text('hold');
    await server.note('holding');
    const before = server.memory();
    const piece = frames.text('m'.repeat(65530));
    const result = await client.stuff(piece, 1024);
    assert.ok(result.isStuck, 'the peer feels that nobody reads');
    await other.expectEcho();
    if (!sanitized) {
      const growth = server.memory() - before;
      assert.ok(growth < 2 << 20, `memory is bounded; it grew by ${growth} bytes`);
    }
    client.socket.resume();
    await other.text('release');
    await client.expectText('got it');
    for (let i = 0; i < result.sent; i++) await client.expectText('m'.repeat(65530));
  });

test('many small messages behind a waiting handler keep their order', async (t) => {
  const server = await t.server(appWith(HOLDING));
  const client = await t.open(server);
  const other = await t.open(server);
  const count = 2000;
  const all = Array.from({ length: count }, (_, i) => frames.text(String(i)));
  await client.text('hold');
  await server.note('holding');
  await client.send(...all);
  await sleep(30);
  await other.text('release');
  await client.expectText('got it');
  for (let i = 0; i < count; i++) await client.expectText(String(i));
});

test('a server that ends while handlers wait for ever leaves nothing', async (t) => {
  const server = await t.server(appWith(`
    function C:onOpen(conn) if conn.httpRequest.query.hold then note("holding") hold() end end
    function C:onMessage(conn) note("holding") hold() end
    function C:onClose(conn) note("close") end`, 'closeTimeout = 0.2'),
  { descriptors: false });
  const clients = [await t.open(server, '/?hold=1'), await t.open(server)];
  await clients[1].text('x');
  await server.noted(['holding'], 2);
  server.kill();
  for (const client of clients) {
    assert.strictEqual((await client.closeFrame()).code, 1001);
    await client.close(1001);
    await client.expectEnd();
    client.destroy();
  }
  await server.exit(); // nobody will wake them
});

test('a server that ends lets handlers finish that will be woken', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn)
      note("waiting")
      sleep(200)
      note("woken")
    end
    function C:onClose(conn, code) note("close", code) end`));
  const client = await t.open(server);
  await client.text('x');
  await server.note('waiting');
  server.kill();
  assert.strictEqual((await client.closeFrame()).code, 1001);
  await client.close(1001);
  await client.expectEnd();
  await server.exit();
  assert.deepStrictEqual(server.notes, [['waiting'], ['woken'], ['close', 1001]]);
});

test('a ticket that was thrown away: the server lives', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "lose" then note("lost") core.wait(core.ticket()) end
      collectgarbage() collectgarbage()
      conn:send(m)
    end`), { descriptors: false });
  const client = await t.open(server);
  const other = await t.open(server);
  await client.text('lose');
  await server.note('lost');
  await other.expectEcho();
});

test('waiting ends for each by its own ticket', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m) conn:send(sleep(tonumber(m), m)) end`));
  const delays = [90, 10, 50, 30, 70];
  const clients = [];
  for (const delay of delays) {
    const client = await t.open(server);
    await client.text(String(delay));
    clients.push(client);
  }
  await Promise.all(clients.map((client, i) => client.expectText(String(delays[i]))));
});

// ---- luv

test('luv timers and fs callbacks work on the server\'s loop', async (t) => {
  const server = await t.server(appWith(`
    local ticks = 0
    local timer = uv.new_timer()
    timer:start(5, 5, function()
      ticks = ticks + 1
      if ticks == 3 then timer:close() note("ticked") end
    end)
    function C:onMessage(conn, path)
      uv.fs_open(path, "r", 438, function(err, fd)
        if err then conn:send(err) return end
        uv.fs_read(fd, 10, 0, function(_, data)
          uv.fs_close(fd, function() conn:send(data) end)
        end)
      end)
    end`));
  await server.note('ticked');
  const client = await t.open(server);
  await client.text(t.write('a.txt', 'hello file'));
  await client.expectText('hello file');
  await client.text('/none');
  assert.match((await client.nextFrame()).payload.toString(), /^ENOENT/);
});

test('luv callbacks go on when the coroutine that required luv is collected', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      for _ = 1, 3 do
        collectgarbage()
        kept = {}
        for i = 1, 20000 do kept[i] = m .. ("\\255"):rep(i % 200) .. i end
      end
      local timer = uv.new_timer()
      timer:start(1, 0, function() timer:close() conn:send(m) end)
    end`));
  const client = await t.open(server);
  for (let i = 0; i < 20; i++) await client.expectEcho(String(i));
});

test('an error in a luv callback is logged and ends nothing', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "text" then uv.new_timer():start(1, 0, function() error("luv text") end) end
      if m == "table" then uv.new_timer():start(1, 0, function() error({}) end) end
      if m == "nil" then uv.new_timer():start(1, 0, function() error() end) end
      if m == "fs" then uv.fs_stat("/", function() error("luv fs") end) end
      if m == "yield" then uv.new_timer():start(1, 0, function() coroutine.yield() end) end
      if m == "idle" then
        local idle = uv.new_idle()
        idle:start(function() idle:close() error("luv idle") end)
      end
      conn:send(m)
    end`));
  const client = await t.open(server);
  for (const text of ['text', 'table', 'nil', 'fs', 'idle', 'yield']) await client.expectEcho(text);
  await server.logged(/error luv callback: .*app\.lua:\d+: luv text[^]*traceback/);
  await server.logged(/error luv callback: .*luv fs/);
  await server.logged(/error luv callback: .*luv idle/);
  await server.logged(/attempt to yield/);
  await client.expectEcho();
});

test('luv callbacks may use connections, dead ones too', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      local timer = uv.new_timer()
      timer:start(20, 0, function()
        timer:close()
        conn:send("from a timer"):close(4000)
        note("sent", conn.readyState)
      end)
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('from a timer');
  assert.strictEqual((await client.closeFrame()).code, 4000);
  await client.close(4000);
  await server.note('sent', 2);
  const gone = await t.open(server);
  await gone.text('x');
  await gone.close();
  gone.destroy();
  await server.noted(['sent'], 2);
});

test('what would take the loop away is refused', async (t) => {
  const server = await t.server(appWith(`
    note("load", pcall(uv.run))
    function C:onMessage(conn)
      note("handler", pcall(uv.run, "nowait"))
      note("close", pcall(uv.loop_close))
      conn:send("on")
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('on');
  for (const word of ['load', 'handler', 'close']) {
    assert.match((await server.noted([word, false], 1))[0][2], /the server runs the loop/);
  }
});

test('handles that the app left open do not keep the server', async (t) => {
  const server = await t.server(appWith(`
    local timer = uv.new_timer()
    timer:start(10, 10, function() end)
    local tcp = uv.new_tcp()
    tcp:bind("127.0.0.1", 0)
    tcp:listen(1, function() end)
    uv.new_async(function() end)
    uv.new_signal():start("sigusr1", function() end)
    function C:onMessage() end`));
  await t.open(server);
});

test('luv talks to another server while handlers wait', async (t) => {
  const peer = http.createServer((request, response) => response.end('from the peer'));
  await new Promise((resolve) => peer.listen(0, '127.0.0.1', resolve));
  t.atEnd(() => peer.close());
  const server = await t.server(appWith(`
    function C:onMessage(conn, port)
      local ticket, tcp, parts = core.ticket(), uv.new_tcp(), {}
      tcp:connect("127.0.0.1", tonumber(port), function()
        tcp:write("GET / HTTP/1.0\\r\\n\\r\\n")
        tcp:read_start(function(err, chunk)
          if chunk then parts[#parts + 1] = chunk return end
          tcp:close()
          core.wake(ticket, table.concat(parts))
        end)
      end)
      conn:send(core.wait(ticket):match("\\r\\n\\r\\n(.*)"))
    end`));
  const client = await t.open(server);
  await client.text(String(peer.address().port));
  await client.expectText('from the peer');
});

test('the coroutine of a handler cannot be resumed by the app', async (t) => {
  const server = await t.server(appWith(`
    local kept
    function C:onMessage(conn, m)
      if m == "keep" then kept = coroutine.running() end
      if m == "resume" then
        local ok, err = coroutine.resume(kept)
        conn:send(tostring(ok) .. " " .. tostring(err))
      end
      if m == "later" then
        local timer = uv.new_timer()
        timer:start(1, 0, function()
          timer:close()
          conn:send(tostring(coroutine.resume(kept)))
        end)
      end
      if m == "echo" then conn:send("echo") end
    end`));
  const client = await t.open(server);
  await client.text('keep');
  await client.text('resume');
  await client.expectText("false the coroutine of a handler goes on by ratchet's own functions only");
  await client.text('later');
  await client.expectText('false');
  await client.text('echo');
  await client.expectText('echo');
});

test('a wait that nobody can end any more is an error', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "wait" then note("waits") core.wait(core.ticket()) end -- nobody else has it
      collectgarbage() collectgarbage()
      conn:send("collected")
    end
    function C:onClose(conn, code) note("close", code) end`));
  const lost = await t.open(server);
  const other = await t.open(server);
  await lost.text('wait');
  await server.note('waits');
  await other.text('collect');
  await other.expectText('collected');
  const { code } = await lost.closeFrame();
  assert.strictEqual(code, 1011);
  lost.close(1011);
  await server.note('close', 1011);
});

test('handlers that wake each other for ever leave the others their turn', async (t) => {
  const server = await t.server(appWith(`
    local waiting, rounds, stopped = {}, 0, false
    function C:onMessage(conn, m)
      if m == "stop" then stopped = true conn:send("stopped") return end
      local me, you = m, m == "a" and "b" or "a"
      while not stopped do
        rounds = rounds + 1
        if rounds == 10 then note("both") end
        local ticket = core.ticket()
        waiting[me] = ticket
        if waiting[you] then
          local other = waiting[you]
          waiting[you] = nil
          core.wake(other)
        end
        core.wait(ticket)
      end
      if waiting[you] then core.wake(waiting[you]) end
      conn:send("ended")
    end`));
  const [a, b, c] = [await t.open(server), await t.open(server), await t.open(server)];
  await a.text('a');
  await b.text('b');
  await server.note('both');
  await c.text('stop');
  await c.expectText('stopped');
  await a.expectText('ended');
});

// The second half of a turn comes right before the loop sleeps: what is woken there
// has no event of its own to wait for.
test('a wait that ends in the last moment of a turn goes on at once', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "hold" then
        conn:send("holding")
        conn:send("went on by " .. hold())
      elseif m == "pause" then
        conn:pause()
        local timer = uv.new_timer()
        timer:start(50, 0, function() conn:resume() end) -- a close would be an event
      else
        release(m)
      end
    end`));
  const waiting = await t.open(server);
  const other = await t.open(server);
  await waiting.text('hold');
  await waiting.expectText('holding');
  await other.send(frames.text('pause'), frames.text('release'));
  await waiting.expectText('went on by release', 2000);
});
