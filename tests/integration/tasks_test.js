// What an app waits with: ratchet.sleep, await, spawn, all, timeout, timers, and
// connections that are read line by line.
'use strict';

const assert = require('assert');
const http = require('http');
const { test } = require('./support/runner');
const frames = require('./support/frames');

function appWith(body, options = '') {
  return `
local C = {}
${body}
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" }, nil, { ${options} })
app:run()
`;
}

// One that says what the words of its messages are told to do.
function wordsApp(words, rest = '') {
  return appWith(`
local words = {}
${words}
function C:onMessage(conn, m) words[m](conn) end
${rest}`);
}

// ---- sleep, await

test('sleep waits for about so long, and others go on', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      ratchet.sleep(tonumber(m))
      conn:send(m)
    end`));
  const slowly = await t.open(server);
  const quickly = await t.open(server);
  const started = Date.now();
  await slowly.text('0.2');
  await quickly.text('0');
  await quickly.expectText('0');
  await slowly.expectText('0.2');
  assert.ok(Date.now() - started >= 195, 'it does not end early');
});

test('sleep refuses what is no time', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      for _, value in ipairs{ -1, 0/0, 1/0, "x", {} } do
        local ok, message = pcall(ratchet.sleep, value)
        if ok then conn:send("slept") end
        note("refused", message)
      end
      conn:send("done")
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('done');
  for (const [, message] of await server.noted(['refused'], 5)) {
    assert.match(message, /number/);
  }
});

test('await waits for a callback that comes later, at once, or twice', async (t) => {
  const server = await t.server(wordsApp(`
    local uv = require "luv"
    function words.later(conn)
      conn:send(ratchet.await(function(resume)
        uv.fs_realpath("/", function(_, path) resume(path) end)
      end))
    end
    function words.now(conn) conn:send(ratchet.await(function(resume) resume("now") end)) end
    function words.twice(conn)
      local resume
      local first = ratchet.await(function(r)
        resume = r
        ratchet.after(0.01, function() note("woken", r("first")) end)
      end)
      conn:send(first .. " " .. tostring(resume("second")))
    end
    function words.values(conn)
      local a, b, c = ratchet.await(function(r) ratchet.after(0, r, nil, "b", 3) end)
      conn:send(("%s %s %s"):format(a, b, c))
    end`));
  const client = await t.open(server);
  for (const [word, answer] of [['later', '/'], ['now', 'now'], ['twice', 'first false'],
    ['values', 'nil b 3']]) {
    await client.text(word);
    await client.expectText(answer);
  }
  await server.note('woken', true);
});

test('an await whose resume was thrown away raises where it waits', async (t) => {
  const server = await t.server(wordsApp(`
    function words.lose(conn)
      local ok, message = pcall(ratchet.await, function() note("begun") end)
      conn:send(tostring(ok) .. " " .. message)
    end
    function words.collect() collectgarbage() collectgarbage() end`));
  const client = await t.open(server);
  const other = await t.open(server);
  await client.text('lose');
  await server.note('begun');
  await other.text('collect');
  await client.expectText('false this waits for what nobody can bring about any more');
});

test('a wait in onOpen that the collector ends before it has begun', async (t) => {
  const server = await t.server(appWith(`
    function C:onOpen(conn)
      -- From here on each allocation collects all there is.
      collectgarbage("setpause", 0)
      collectgarbage("setstepmul", 10000000)
      local ok, message = pcall(ratchet.await, function() end)
      conn:send(tostring(ok) .. " " .. message)
    end
    function C:onMessage(conn, m) conn:send(m) end
    -- A step on a trace puts the rest of the collection off.
    ratchet.every(0.02, function() collectgarbage() end)`));
  for (let i = 0; i < 3; i++) {
    const client = await t.open(server);
    await client.expectText('false this waits for what nobody can bring about any more');
    await client.expectEcho();
  }
});

test('what is called by a C function cannot wait, and says so where it stands', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      local calls = {
        function() table.sort({ 2, 1 }, function() ratchet.sleep(1) end) end,
        function() package.preload.waits = function() ratchet.sleep(1) end require "waits" end,
        function() assert(coroutine.resume(coroutine.create(function() ratchet.sleep(1) end))) end,
      }
      for _, call in ipairs(calls) do note("refused", select(2, pcall(call))) end
      conn:send("done")
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('done');
  const refusals = await server.noted(['refused'], 3);
  for (const [, message] of refusals.slice(0, 2)) {
    assert.match(message, /app\.lua:\d+: nothing can wait here: it is called by a C function/);
  }
  assert.match(refusals[2][1], /not from inside a coroutine of its own/);
});

// ---- spawn, all, timeout

test('spawn runs beside its handler; its error is logged and ends nothing', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      ratchet.spawn(function(...)
        note("spawned", ...)
        ratchet.sleep(0.01)
        conn:send("from the task")
        error("broken task")
      end, 1, "two")
      conn:send("spawned")
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('spawned');
  await client.expectText('from the task');
  await server.note('spawned', 1, 'two');
  await server.logged(/error spawn: .*app\.lua:\d+: broken task [^\n]*\n.*traceback/s);
  await client.text('again');
  await client.expectText('spawned');
  await client.expectText('from the task');
});

test('spawn at load runs when the loop does', async (t) => {
  const server = await t.server(`
    ratchet.spawn(function() ratchet.sleep(0.01) note("ran") end)
    ${appWith('function C:onMessage() end')}`);
  await server.note('ran');
});

test('a task that has not begun can be cancelled, and one that is over cannot', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      local task = ratchet.spawn(function() note("never") end)
      note("first", task:cancel(), task:cancel())
      local ended = ratchet.spawn(function() end)
      ratchet.sleep(0.01)
      conn:send(tostring(ended:cancel()))
    end`));
  const client = await t.open(server);
  await client.text('x');
  await client.expectText('false');
  await server.note('first', true, false);
  assert.strictEqual(server.notesLike('never').length, 0);
});

test('a cancelled task that goes on waiting is told so each time', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      local task = ratchet.spawn(function()
        for i = 1, 3 do note("wait", i, pcall(ratchet.sleep, 60)) end
      end)
      ratchet.sleep(0.01)
      task:cancel()
    end`));
  const client = await t.open(server);
  await client.text('x');
  const told = await server.noted(['wait'], 3);
  for (const note of told) assert.match(note[3], /cancelled$/);
});

test('all waits for all, and raises what one raises', async (t) => {
  const server = await t.server(wordsApp(`
    local function after(seconds, value)
      return function() ratchet.sleep(seconds) return value end
    end
    function words.all(conn)
      local a, b, c = ratchet.all(after(0.03, "a"), after(0.01, nil), after(0.02, "c"))
      conn:send(("%s %s %s"):format(a, b, c))
    end
    function words.fails(conn)
      local ok, message = pcall(ratchet.all,
        function() note("other", pcall(ratchet.sleep, 60)) end,
        function() error("broken", 0) end)
      conn:send(tostring(ok) .. " " .. message)
    end
    function words.nested(conn)
      local sum = ratchet.all(function()
        local a, b = ratchet.all(after(0.01, 1), after(0.01, 2))
        return a + b
      end)
      conn:send(tostring(sum))
    end`));
  const client = await t.open(server);
  await client.text('all');
  await client.expectText('a nil c');
  await client.text('fails');
  await client.expectText('false broken');
  await server.note('other', false, 'cancelled');
  await client.text('nested');
  await client.expectText('3');
});

test('timeout ends what takes too long, through whatever it waits in', async (t) => {
  const server = await t.server(wordsApp(`
    function words.late(conn)
      local value, why = ratchet.timeout(0.02, function()
        ratchet.all(function() note("inner", pcall(ratchet.sleep, 60)) end)
      end)
      conn:send(tostring(value) .. " " .. why)
    end
    function words.early(conn)
      conn:send(table.concat({ ratchet.timeout(60, function(...) return ... end, "a", "b") }, " "))
    end
    function words.raises(conn)
      conn:send(select(2, pcall(ratchet.timeout, 60, error, "broken")))
    end`));
  const client = await t.open(server);
  await client.text('late');
  await client.expectText('nil timeout');
  await server.note('inner', false, 'cancelled');
  await client.text('early');
  await client.expectText('a b');
  await client.text('raises');
  await client.expectText('broken');
});

// ---- timers

test('after calls once, every again and again, until they are cancelled', async (t) => {
  const server = await t.server(wordsApp(`
    local count, every = 0
    local once = ratchet.after(0.01, function(...) note("once", ...) end, "x", nil, 3)
    function words.start(conn)
      every = ratchet.every(0.01, function(step)
        count = count + step
        if count == 3 then note("cancelled", every:cancel()) conn:send("three") end
      end, 1)
    end
    function words.count(conn)
      ratchet.sleep(0.05)
      conn:send(count .. " " .. tostring(every:cancel()) .. " " .. tostring(once:cancel()))
    end`));
  const client = await t.open(server);
  await client.text('start');
  await client.expectText('three');
  await client.text('count');
  await client.expectText('3 false false');
  await server.note('once', 'x', null, 3);
  await server.note('cancelled', true);
});

test('a timer that still waits is not called again; an error in it ends nothing', async (t) => {
  const server = await t.server(appWith(`
    local running = 0
    ratchet.every(0.005, function()
      running = running + 1
      note("running", running)
      ratchet.sleep(0.03)
      running = running - 1
      error("broken timer")
    end)
    function C:onMessage(conn, m) conn:send(m) end`));
  const notes = await server.noted(['running'], 3);
  for (const [, running] of notes) assert.strictEqual(running, 1);
  await server.logged(/error timer: .*broken timer [^\n]*\n.*traceback/s);
  await (await t.open(server)).expectEcho();
});

test('the timers of a connection end with it, and keep its order', async (t) => {
  const server = await t.server(appWith(`
    local handling
    function C:onOpen(conn)
      conn:every(0.005, function(it, word)
        note("tick", it == conn, word, handling)
      end, "x")
    end
    function C:onMessage(conn, m)
      handling = m
      ratchet.sleep(0.03)
      handling = nil
      conn:send(m)
    end
    function C:onClose(conn)
      note("close")
      conn:after(0, function() note("never") end)
    end`));
  const client = await t.open(server);
  await server.noted(['tick', true, 'x'], 2);
  await client.text('slow');
  await client.expectText('slow');
  client.destroy();
  await server.note('close');
  const other = await t.open(server);
  await server.noted(['tick', true, 'x'], 5);
  other.destroy();
  await server.noted(['close'], 2);
  const ticks = server.notesLike('tick').length;
  assert.ok(server.notesLike('tick').every((note) => note[3] === undefined || note[3] === null),
    'none comes while a handler of the connection waits');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.strictEqual(server.notesLike('tick').length, ticks);
  assert.strictEqual(server.notesLike('never').length, 0);
});

test('an error in the timer of a connection is logged, and not told to onError', async (t) => {
  const server = await t.server(appWith(`
    function C:onOpen(conn) conn:after(0, function() error("broken timer") end) end
    function C:onMessage(conn, m) conn:send(m) end
    function C:onError() note("onError") end`));
  const client = await t.open(server);
  await server.logged(/error timer: .*broken timer/);
  await client.expectEcho();
  assert.strictEqual(server.notesLike('onError').length, 0);
});

test('a timer refuses what it cannot call, where it is made', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      for _, call in ipairs{
        function() ratchet.after(-1, print) end,
        function() ratchet.every("x", print) end,
        function() ratchet.after(1) end,
        function() conn:every(1, {}) end,
      } do note("refused", select(2, pcall(call))) end
    end`));
  await (await t.open(server)).text('x');
  const refused = (await server.noted(['refused'], 4)).map((note) => note[1]);
  assert.match(refused[0], /a timer takes a number of seconds, 0 or more; this is -1/);
  assert.match(refused[1], /a timer takes a number of seconds, 0 or more; this is x/);
  assert.match(refused[2], /a timer takes the function to call; this is a nil/);
  assert.match(refused[3], /app\.lua:\d+: a timer takes the function to call; this is a table/);
});

// ---- run and receive

test('run reads its connection as a straight line', async (t) => {
  const server = await t.server(appWith(`
    function C:onOpen(conn, request) conn:send("open " .. request.path) end
    function C:run(conn)
      for message, isBinary in conn:messages() do
        if message == "bye" then break end
        conn:send(message, isBinary)
      end
      note("over", conn.readyState)
    end
    function C:onClose(conn, code) note("close", code) end`));
  const client = await t.open(server);
  await client.expectText('open /');
  await client.send(frames.text('a'), frames.text(''), frames.text('b'));
  for (const text of ['a', '', 'b']) await client.expectText(text);
  await client.frame('binary', '\x00\xff');
  await client.expectFrame('binary', '\x00\xff');
  await client.text('bye');
  assert.strictEqual((await client.closeFrame()).code, 1000);
  client.close(1000);
  await server.note('over', 1);
  await server.note('close', 1000);
});

test('run ends with its connection, and its error closes it', async (t) => {
  const server = await t.server(appWith(`
    function C:run(conn)
      local message, why, code, reason = conn:receive()
      while message do
        if message == "raise" then error("broken run") end
        message, why, code, reason = conn:receive()
      end
      note("end", why, code, reason)
    end
    function C:onClose(conn, code, reason) note("close", code, reason) end`));
  const leaving = await t.open(server);
  await leaving.close(4001, 'bye');
  await server.note('end', 'closed', 4001, 'bye');
  await server.note('close', 4001, 'bye');
  const lost = await t.open(server);
  lost.reset();
  await server.note('end', 'closed', 1006);
  await server.note('close', 1006);
  const raising = await t.open(server);
  await raising.text('raise');
  assert.strictEqual((await raising.closeFrame()).code, 1011);
  raising.close(1011);
  await server.note('close', 1011);
  await server.logged(/error onOpen: .*broken run/);
});

test('run has timers, and pings are answered while it waits', async (t) => {
  const server = await t.server(appWith(`
    function C:run(conn)
      conn:every(0.01, function() conn:send("tick") end)
      for message in conn:messages() do conn:send(message) end
    end`));
  const client = await t.open(server);
  await client.expectText('tick');
  await client.expectText('tick');
  await client.frame('ping', 'p');
  for (let seen = false; !seen;) {
    const frame = await client.nextFrame();
    seen = frame.opcode === 10;
  }
});

test('a run that does not receive holds its peer back', { alone: true }, async (t) => {
  const server = await t.server(appWith(`
    local resume
    function C:run(conn)
      ratchet.await(function(r) resume = r note("waiting") end)
      for message in conn:messages() do conn:send(tostring(#message)) end
    end
    local D = {}
    function D:onMessage() resume() end
    local extra = D
    C.release = extra`).replace('app:run()', 'app:route("/go", C.release, { "*" }) app:run()'));
  const client = await t.open(server);
  await server.note('waiting');
  const result = await client.stuff(frames.text('m'.repeat(60000)), 1024);
  assert.ok(result.isStuck, 'the peer feels that nobody receives');
  client.socket.resume();
  await (await t.open(server, '/go')).text('x');
  for (let i = 0; i < result.sent; i++) await client.expectText('60000');
});

test('a handler may receive the next message of its connection itself', async (t) => {
  const server = await t.server(appWith(`
    function C:onOpen(conn)
      conn:send("your name?")
      local name, why = conn:receive(5)
      conn.name = name or why
      conn:send("hello " .. conn.name)
    end
    function C:onMessage(conn, m)
      if m == "ask" then
        conn:send("sure?")
        m = "sure: " .. tostring(conn:receive())
      elseif m == "late" then
        m = select(2, conn:receive(0.01))
      end
      conn:send(conn.name .. ": " .. m)
    end
    function C:onPing() note("ping") end`));
  const client = await t.open(server);
  await client.expectText('your name?');
  await client.frame('ping', '');
  await client.expectFrame('pong', '');
  assert.strictEqual(server.notesLike('ping').length, 0, 'onPing waits for onOpen');
  await client.text('ann');
  await client.expectText('hello ann');
  await server.note('ping');
  await client.send(frames.text('ask'), frames.text('yes'), frames.text('next'));
  for (const text of ['sure?', 'ann: sure: yes', 'ann: next']) await client.expectText(text);
  await client.text('late');
  await client.expectText('ann: timeout');
});

test('receive says who may not', async (t) => {
  const server = await t.server(appWith(`
    local first
    function C:onOpen(conn)
      if first then
        note("foreign", select(2, pcall(first.receive, first)))
        first:close()
        ratchet.sleep(0.05)
        note("gone", first:receive())
      end
      first = conn
    end
    function C:onMessage() end`));
  const client = await t.open(server);
  await t.open(server);
  assert.match((await server.note('foreign'))[1],
    /the messages of this connection go to its component/);
  assert.strictEqual((await client.closeFrame()).code, 1000);
  client.close(1000);
  assert.deepStrictEqual((await server.note('gone')).slice(0, 3), ['gone', null, 'closed']);
});

// ---- everything of libuv

test('files, names, processes and datagrams while echoes go on', async (t) => {
  const server = await t.server(wordsApp(`
    local uv = require "luv"
    local await = ratchet.await
    function words.file(conn)
      local path = os.tmpname()
      local fd = assert(uv.fs_open(path, "w", 384))
      await(function(r) uv.fs_write(fd, "written", -1, r) end)
      await(function(r) uv.fs_close(fd, r) end)
      local _, found = await(function(r) uv.fs_stat(path, r) end)
      os.remove(path)
      conn:send("file " .. found.size)
    end
    function words.name(conn)
      local err, found = await(function(r)
        uv.getaddrinfo("localhost", nil, { socktype = "stream" }, r)
      end)
      conn:send("name " .. (err or type(found[1].addr)))
    end
    function words.process(conn)
      local code = await(function(r)
        local handle
        handle = uv.spawn("sh", { args = { "-c", "sleep 0.1; exit 7" } }, function(status)
          handle:close()
          r(status)
        end)
      end)
      conn:send("process " .. code)
    end
    function words.datagram(conn)
      local receiver, sender = uv.new_udp(), uv.new_udp()
      receiver:bind("127.0.0.1", 0)
      local data = await(function(r)
        receiver:recv_start(function(_, bytes) if bytes then r(bytes) end end)
        sender:send("hello", "127.0.0.1", receiver:getsockname().port, function() end)
      end)
      receiver:close()
      sender:close()
      conn:send("datagram " .. data)
    end
    setmetatable(words, { __index = function(_, m) return function(conn) conn:send(m) end end })`),
  { descriptors: false });
  const client = await t.open(server);
  const other = await t.open(server);
  let isOver = false;
  let echoes = 0;
  const echoing = (async () => {
    while (!isOver) {
      await other.expectEcho();
      echoes++;
    }
  })();
  for (const [word, answer] of [['process', 'process 7'], ['file', 'file 7'],
    ['name', 'name string'], ['datagram', 'datagram hello']]) {
    await client.text(word);
    await client.expectText(answer);
  }
  isOver = true;
  await echoing;
  assert.ok(echoes > 5, `${echoes} echoes meanwhile`);
});

test('a server that ends leaves no task and no timer', async (t) => {
  const server = await t.server(appWith(`
    ratchet.every(0.001, function() ratchet.sleep(60) end)
    ratchet.spawn(function() pcall(ratchet.sleep, 60) ratchet.sleep(60) end)
    ratchet.after(60, print)
    function C:onOpen(conn)
      conn:every(60, print)
      ratchet.spawn(function() ratchet.sleep(60) conn:send("never") end)
      note("open")
    end
    function C:onMessage() end`));
  const client = await t.open(server);
  await server.note('open');
  server.kill();
  assert.strictEqual((await client.closeFrame()).code, 1001);
  client.close(1001);
  await server.exit();
});

test('onUpgrade and functions of app:get may sleep', async (t) => {
  const server = await t.server(`
local C = {}
function C:onUpgrade(request) ratchet.sleep(0.01) if request.query.no then return 403, "no" end end
function C:onMessage(conn, m) conn:send(m) end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:get("/slow", function() ratchet.sleep(0.01) return "slept" end)
app:run()`);
  await (await t.open(server)).expectEcho();
  const body = await new Promise((resolve, reject) => {
    http.get(`http://localhost:${server.port}/slow`, { agent: false }, (answer) => {
      let text = '';
      answer.on('data', (piece) => { text += piece; });
      answer.on('end', () => resolve(text));
    }).on('error', reject);
  });
  assert.strictEqual(body, 'slept');
});
