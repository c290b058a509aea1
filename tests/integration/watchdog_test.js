// The watchdog: a handler that does not end is stopped, one that holds the loop
// for long is named, and nobody else notices more than the wait.
'use strict';

const assert = require('assert');
const frames = require('./support/frames');
const { test } = require('./support/runner');
const { Server } = require('./support/server');
const { handshakeBytes } = require('./support/raw');
const { sanitized, sleep, slow } = require('./support/wait');

const BUDGET = 300; // ms
const LATE = 500 * slow; // ms of work over the budget: looks, a traceback

// Runaways. Each is compiled, unless something in it keeps LuaJIT from that.
const FORMS = `
local forms = {}
function forms.empty() while true do end end
function forms.counting() local n = 0 while true do n = n + 1 end end
function forms.numeric_for() for _ = 1, math.huge do end end
function forms.nested_for() while true do for _ = 1, 3 do for _ = 1, 2 do end end end end
function forms.goto_continue()
  local n = 0
  ::continue::
  n = n + 1
  if n % 2 == 0 then goto continue end
  goto continue
end
function forms.iterator() for _ in function() return 1 end do end end
function forms.pairs_of_tables() local t = { a = 1, 2, 3 } while true do for _ in pairs(t) do end end end
function forms.strings() local s = "" while true do s = (s .. "x"):sub(-50) end end
function forms.new_strings() local n = 0 while true do n = n + 1 local _ = "k" .. n end end
function forms.tables() while true do local _ = { {}, {} } end end
function forms.calls() local function f(x) return x + 1 end local n = 0 while true do n = f(n) end end
function forms.tail_calls() local function f(n) return f(n + 1) end return f(0) end
function forms.recursion() local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end
  return f(100) end
function forms.deep_recursion() local function f(n) if n > 0 then f(n - 1) end end
  while true do f(5000) end end
function forms.stack_overflows() local function f() return 1 + f() end while true do pcall(f) end end
function forms.one_pcall() pcall(forms.empty) while true do end end
function forms.pcall_in_a_loop() while true do pcall(forms.empty) end end
function forms.nested_pcalls()
  local function deeper(n) while true do pcall(n > 0 and deeper or forms.empty, n - 1) end end
  deeper(20)
end
function forms.pcall_of_error() while true do pcall(error, "again") end end
function forms.xpcall_in_a_loop() while true do xpcall(forms.empty, function() return "x" end) end end
function forms.endless_error_handler() while true do xpcall(error, forms.empty) end end
function forms.endless_both() while true do xpcall(forms.empty, forms.empty) end end
function forms.coroutine_wrap() while true do coroutine.wrap(forms.empty)() end end
function forms.coroutine_resume() while true do coroutine.resume(coroutine.create(forms.empty)) end end
function forms.nested_coroutines()
  local function deeper(n)
    while true do coroutine.resume(coroutine.create(n > 0 and deeper or forms.empty), n - 1) end
  end
  deeper(10)
end
function forms.generator()
  local next_one = coroutine.wrap(function() while true do coroutine.yield(1) end end)
  while true do next_one() end
end
function forms.index_metamethod()
  local t = setmetatable({}, { __index = function() return 1 end })
  local n = 0
  while true do n = n + t.x end
end
function forms.endless_metamethod()
  local t = setmetatable({}, { __add = forms.empty, __eq = forms.empty })
  return t + t
end
function forms.endless_tostring() return tostring(setmetatable({}, { __tostring = forms.empty })) end
function forms.gsub() while true do string.gsub("aaaa", "a", forms.empty) end end
function forms.gsub_in_pcall()
  while true do pcall(string.gsub, "aaaa", "a", function() while true do pcall(forms.empty) end end) end
end
function forms.sort() table.sort({ 3, 2, 1 }, forms.empty) end
function forms.sort_in_pcall()
  while true do pcall(table.sort, { 3, 2, 1 }, function() while true do pcall(forms.empty) end end) end
end
function forms.sort_with_error_handler()
  table.sort({ 3, 2, 1 }, function() while true do xpcall(forms.empty, forms.empty) end end)
end
function forms.sort_in_coroutine()
  while true do coroutine.wrap(function() table.sort({ 3, 2, 1 }, forms.pcall_in_a_loop) end)() end
end
function forms.c_functions() while true do string.find("aaa", "b", 1, true) string.rep("x", 100) end end
function forms.patterns() while true do string.find(("a"):rep(100), "(a*)b") end end
function forms.loaded() assert(loadstring("while true do end"))() end
function forms.interpreted() jit.off(forms.interpreted) while true do end end
function forms.sets_hooks() while true do debug.sethook() end end
function forms.flushes() while true do jit.flush() for _ = 1, 100 do end end end
function forms.collects() while true do collectgarbage("step") end end
`;

const APP = `
${FORMS}
local C = {}
function C:onMessage(conn, m)
  if m == "names" then
    local names = {}
    for name in pairs(forms) do names[#names + 1] = name end
    table.sort(names)
    conn:send(table.concat(names, " "))
    return
  end
  if forms[m] then forms[m]() end
  conn:send(m)
end
function C:onError(conn, err) conn:send("stopped: " .. tostring(err)) end
`;

function serving(body, given = `handlerBudget = ${BUDGET / 1000}`) {
  return `${body}
local app = ratchet.App("localhost", 8080, nil, { ${given} })
app:route("/", C, { "*" })
if more then more(app) end
app:run()
`;
}

const STOPPED = /handlerBudget: ran for [\d.]+ s without giving way/;

// Sends a text to a handler that runs away; returns what onError says. How late it is
// stopped is told by the time that the server worked, whatever else the machine does.
async function runAway(server, client, name) {
  const start = Date.now();
  const idle = server.cpu();
  await client.text(name);
  const { payload } = await client.nextFrame(BUDGET + LATE + 5000 * slow, `an end of ${name}`);
  const answer = payload.toString();
  const span = Date.now() - start;
  const worked = (server.cpu() - idle) * 1000;
  assert.match(answer, STOPPED, name);
  assert.ok(span > BUDGET - 50 && worked < BUDGET + LATE,
    `${name}: stopped after ${span} ms, of which it worked ${worked}`);
  return answer;
}

// Each in turn on one server, in groups that fit into the time of a test.
const NAMES = [...FORMS.matchAll(/^function forms\.(\w+)/gm)].map((found) => found[1]);
const GROUP = 10;
for (let first = 0; first < NAMES.length; first += GROUP) {
  const names = NAMES.slice(first, first + GROUP);
  test(`runaways are stopped: ${names.join(', ')}`, { alone: true, ms: 40000 }, async (t) => {
    const server = await t.server(serving(APP));
    const client = await t.open(server);
    const other = await t.open(server);
    for (const name of names) {
      await other.expectEcho();
      await runAway(server, client, name);
      await other.expectEcho(`behind ${name}`);
      await client.expectEcho();
    }
    assert.doesNotMatch(server.stderr, /PANIC/);
  });
}

test('a runaway everywhere: the way of an error is its way', { ms: 40000 }, async (t) => {
  const server = await t.server(serving(`
    local core, uv = require "ratchet.core", require "luv"
    local function forever() while true do end end
    local C = {}
    function C:onUpgrade(request) if request.query.upgrade then forever() end end
    function C:onOpen(conn, request) if request.query.open then forever() end end
    function C:onPing() pcall(forever) end
    function C:onMessage(conn, m)
      if m == "error" then conn.failing = true forever() end
      if m == "object" then error(setmetatable({}, { __tostring = forever })) end
      if m == "timer" then
        local timer = uv.new_timer()
        timer:start(0, 0, function() timer:close() while true do pcall(forever) end end)
      end
      if m == "wait" then
        local ticket, timer = core.ticket(), uv.new_timer()
        timer:start(400, 0, function() timer:close() core.wake(ticket) end)
        core.wait(ticket)
        conn:send("has waited")
        forever()
      end
      if m ~= "timer" then conn:send(m) end
    end
    function C:onClose(conn, code) note("close", code) if code == 4001 then forever() end end
    function C:onError(conn, err)
      if conn.failing then forever() end
      conn:send(type(err) == "string" and err or "a " .. type(err))
    end
    function more(app) app:get("/page", forever) end`));
  const other = await t.open(server);
  const client = await t.open(server);

  await runAway(server, client, 'timer').catch(() => {}); // its error goes to the log
  await server.logged(/luv callback: .*handlerBudget: ran/);
  await other.expectEcho();

  await client.text('wait');
  await client.expectText('has waited'); // 400 ms of waiting are not held against it
  assert.match((await client.nextFrame()).payload.toString(), STOPPED);
  await client.frame('ping', 'p');
  await client.expectFrame('pong', 'p');
  assert.match((await client.nextFrame()).payload.toString(), STOPPED);
  await client.text('object');
  await client.expectText('a table');
  await server.logged(/an error that cannot be shown/);
  await other.expectEcho();

  await client.text('error');
  await client.expectClose(1011);
  await server.note('close');

  const closing = await t.open(server);
  await closing.close(4001);
  await server.logged(/onClose: .*handlerBudget: ran/);
  await other.expectEcho();

  const opening = await t.open(server, '/?open=1');
  assert.match((await opening.nextFrame()).payload.toString(), STOPPED);
  for (const [request, where] of [[handshakeBytes('/?upgrade=1'), 'request'],
    ['GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n', 'request']]) {
    const asking = await t.raw(server);
    await asking.send(request);
    assert.strictEqual((await asking.answer()).status, 500, where);
  }
  await other.expectEcho();
});

test('tasks, timers, run() and half-begun waits', { ms: 40000 }, async (t) => {
  const server = await t.server(serving(`
    local function forever() while true do end end
    local Line, C = {}, {}
    function Line:run(conn)
      for message in conn:messages() do
        if message == "forever" then forever() end
        conn:send(message)
      end
    end
    function Line:onError(conn, err) conn:send(err) end
    function C:onMessage(conn, m)
      if m == "spawn" then
        ratchet.spawn(function() ratchet.sleep(0.01) while true do pcall(forever) end end)
      elseif m == "timer" then
        local count = 0
        local timer
        timer = ratchet.every(0.01, function()
          count = count + 1
          if count == 1 then forever() end
          timer:cancel()
          note("fired again")
        end)
      elseif m == "sleeps" then -- it waits, but is not stopped for that
        for _ = 1, 5 do ratchet.sleep(0.1) end
      elseif m == "tickets" then -- always on the way into a wait, or out of one
        local core = require "ratchet.core"
        while true do pcall(core.wait, core.ticket(), -1) pcall(core.wait) pcall(ratchet.sleep, -1) end
      end
      conn:send(m)
    end
    function C:onError(conn, err) conn:send(err) end
    function more(app) app:route("/line", Line, { "*" }) end`));
  const client = await t.open(server);
  await client.expectEcho('spawn');
  await server.logged(/error spawn: .*handlerBudget: ran/);
  await client.expectEcho('timer');
  await server.logged(/error timer: .*handlerBudget: ran/);
  await server.note('fired again');
  await client.expectEcho('sleeps');
  await runAway(server, client, 'tickets');
  await client.expectEcho();
  const line = await t.open(server, '/line');
  await line.expectEcho();
  await runAway(server, line, 'forever');
});

// Each ended the process, or could, where nothing bounds it.
const RECURSIONS = `
local forms = {}
local meta = {}
local one = setmetatable({}, meta)
function forms.gsub() return (string.gsub("a", "a", forms.gsub)) end
function forms.gsub_method() return (("a"):gsub("a", forms.gsub_method)) end
function forms.pcall_gsub() return assert(pcall(string.gsub, "a", "a", forms.pcall_gsub)) end
function forms.wrap() return coroutine.wrap(forms.wrap)() end
function forms.resume() return assert(coroutine.resume(coroutine.create(forms.resume))) end
function forms.sort() table.sort({ 1, 2, 3 }, forms.sort) return true end
function forms.loaded() return 1 + assert(load("return ..."))(forms.loaded()) end
function forms.reader() return assert(load(forms.reader)) end
function forms.error_handler() return assert(xpcall(error, forms.error_handler)) end
function meta.__tostring() return "x" .. tostring(one) end
function forms.tostring() return tostring(one) end
function meta.__concat() return one .. "x" end
function forms.concat() return one .. "x" end
function meta.__index(_, key) return one[key] .. "x" end
function forms.index() return one.x end
function forms.required()
  local name = "recursion" .. tostring({})
  package.preload[name] = forms.required
  return 1 + require(name)
end
function forms.gsub_and_wrap()
  return (string.gsub("a", "a", function() return coroutine.wrap(forms.gsub_and_wrap)() end))
end
function forms.sort_and_gsub()
  table.sort({ 1, 2, 3 }, function() string.gsub("a", "a", forms.sort_and_gsub) end)
end
function forms.sort_and_wrap()
  table.sort({ 1, 2, 3 }, function() return coroutine.wrap(forms.sort_and_wrap)() end)
end
function forms.error_handler_and_gsub()
  return assert(xpcall(error, function() return string.gsub("a", "a", forms.error_handler_and_gsub) end))
end
function forms.error_handler_and_wrap()
  return assert(xpcall(error, function() return coroutine.wrap(forms.error_handler_and_wrap)() end))
end
function forms.nested_source() return assert(loadstring("return " .. ("("):rep(1000000))) end
function forms.long_pattern() return (("a"):rep(1000000)):find((".-"):rep(1000000) .. "b") end
`;

test('recursion through C is an error, in any order', { alone: true, ms: 40000 }, async (t) => {
  const names = [...RECURSIONS.matchAll(/^function forms\.(\w+)/gm)].map((found) => found[1]);
  const server = await t.server(serving(`${RECURSIONS}
    local C = {}
    function C:onMessage(conn, m)
      if forms[m] then forms[m]() end
      conn:send(m)
    end
    function C:onError(conn, err) conn:send("error " .. tostring(err):sub(1, 500)) end`,
  'handlerBudget = 5, slowHandler = 0'));
  const client = await t.open(server);
  for (let i = 0; i < names.length * 3; i++) {
    const name = names[(i * 7) % names.length];
    await client.text(name);
    const { payload } = await client.nextFrame(10000 * slow, `an end of ${name}`);
    assert.ok(payload.toString().startsWith('error ') || payload.toString() === name, name);
    await client.expectEcho();
  }
});

test('a handler that holds the loop is named, once, and goes on', async (t) => {
  const server = await t.server(serving(`
    local C = {}
    local function busy(seconds)
      local start, n = os.clock(), 0
      while os.clock() - start < seconds do n = n + 1 end
    end
    function C:onMessage(conn, m)
      if m == "busy" then
        busy(0.4)
      elseif m == "blocked" then
        os.execute("sleep 0.4")
        note("awake")
      elseif m == "tail" then
        return os.execute("sleep 0.3")
      elseif m == "many" then
        for _ = 1, 3 do busy(0.04) end
      end
      conn:send(m)
    end`, 'slowHandler = 0.1'));
  const client = await t.open(server);
  await client.expectEcho('busy');
  const [, line, what, ms] = await server.logged(
    /warn slow handler: \S*app\.lua:(\d+) \((\w+)\) has held the loop for (\d+) ms/);
  assert.strictEqual(what, 'onMessage');
  assert.ok(line >= 4 && line <= 6, `line ${line}`);
  assert.ok(ms >= 99 && ms < 400, `${ms} ms`);
  await client.expectEcho('blocked');
  await server.logged(/slow handler: \S*app\.lua:(12|13) \(onMessage\) has held the loop for [34]\d\d ms/);
  await client.text('tail');
  await client.expectEcho();
  await server.logged(/slow handler: (.*\n.*){2}slow handler: .*(onMessage|prelude)/);
  assert.strictEqual(server.stderr.match(/slow handler/g).length, 3, server.stderr);
});

test('quick messages that come together are not one slow handler', { alone: true }, async (t) => {
  const server = await t.server(serving(`
    local C = {}
    function C:onMessage(conn, m)
      local start = os.clock()
      while os.clock() - start < 0.03 do end
      if m == "last" then conn:send(m) end
    end`, 'slowHandler = 0.5, handlerBudget = 1'));
  const client = await t.open(server);
  const many = Array.from({ length: 60 }, () => frames.text('x'));
  await client.send(...many, frames.text('last'));
  await client.expectText('last', 10000 * slow);
  assert.doesNotMatch(server.stderr, /slow handler|handlerBudget/);
});

test('no limits: nothing is named, nothing is stopped', async (t) => {
  const server = await t.server(serving(`
    local C = {}
    function C:onMessage(conn, m)
      local start = os.clock()
      while os.clock() - start < 0.5 do end
      conn:send(m)
    end`, 'slowHandler = 0, handlerBudget = 0'));
  const client = await t.open(server);
  await client.expectEcho();
  assert.doesNotMatch(server.stderr, /slow handler|handlerBudget/);
});

test('250 stops leave nothing behind', { alone: true, ms: 60000 }, async (t) => {
  const server = await t.server(serving(APP, 'slowHandler = 0, handlerBudget = 0.02'));
  const client = await t.open(server);
  for (let i = 0; i < 250; i++) {
    await client.text(['nested_coroutines', 'gsub', 'sort_in_pcall'][i % 3]);
    assert.match((await client.nextFrame()).payload.toString(), STOPPED);
  }
  await client.expectEcho();
});

test('an app that profiles itself has the profiler, and gives it back', async (t) => {
  const server = await t.server(serving(`
    local profile = require "jit.profile"
    local C, samples = {}, 0
    function C:onMessage(conn, m)
      if m == "profile" then
        profile.start("li1", function(_, count) samples = samples + count end)
        local start = os.clock()
        while os.clock() - start < 0.5 do end
        profile.stop()
        conn:send(samples > 50 and "many samples" or "samples: " .. samples)
      elseif m == "wrong" then
        conn:send(tostring(pcall(profile.start, {}, nil)))
      else
        while true do end
      end
    end
    function C:onError(conn, err) conn:send(err) end`));
  const client = await t.open(server);
  for (let i = 0; i < 2; i++) {
    await client.text('profile');
    await client.expectText('many samples');
    await client.text('wrong');
    await client.expectText('false');
    await runAway(server, client, 'runaway');
  }
});

test("an app's own hook is there again after a stop", async (t) => {
  const server = await t.server(serving(`
    local C, lines = {}, 0
    function C:onMessage(conn, m)
      if m == "hook" then
        debug.sethook(function() lines = lines + 1 end, "l")
      elseif m == "run" then
        while true do end
      end
      conn:send(m == "count" and tostring(lines > 0) or m)
      lines = 0
    end
    function C:onError(conn, err) lines = 0 conn:send(err) end`));
  const client = await t.open(server);
  await client.expectEcho('hook');
  await runAway(server, client, 'run');
  await client.text('count');
  await client.expectText('true');
});

test('a start that takes long says where it is, and is not stopped', { alone: true }, async (t) => {
  const file = t.app(`
local start = os.time()
while os.time() - start < 7 do end -- six seconds at least
os.exit(3)
`);
  const server = new Server(file, { expectStatus: 3 });
  t.servers.push(server);
  server.spawn();
  await server.exit();
  assert.match(server.stderr, /slow start: \S*app\.lua:[34] \(the app file\) has held the loop for 5\d\d\d ms/);
});

test('an idle server has no ticks', { alone: true }, async (t) => {
  if (sanitized) return; // ASan has threads and ticks of its own
  const server = await t.server(serving(APP));
  const client = await t.open(server);
  await client.expectEcho();
  await sleep(1500);
  const switches = () => require('fs').readdirSync(`/proc/${server.pid}/task`).map((task) =>
    Number(require('fs').readFileSync(`/proc/${server.pid}/task/${task}/status`, 'latin1')
      .match(/^voluntary_ctxt_switches:\s+(\d+)/m)[1])).reduce((a, b) => a + b);
  const before = switches();
  await sleep(1000);
  assert.ok(switches() - before <= 3, `${switches() - before} switches in a second`);
  await runAway(server, client, 'empty'); // and wakes up
});
