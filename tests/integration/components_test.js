// What an app sees: events, the connection's members, errors, back-pressure,
// keep-alive. (Waiting, timers and topics: waiting_test.js, topics_test.js.)
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { handshakeBytes } = require('./support/raw');
const { Stopwatch, poll, sleep, slow } = require('./support/wait');

// An app with one component C on "/", whose body is given.
function appWith(body, options = '') {
  return `local C = {}
${body}
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" }, nil, { ${options} })
app:run()
`;
}

// Runs Lua text that a client sends; `conn` is its connection, `other` the first
// connection that is another one. Answers with what the text returned.
const EVAL = `
all = {}
function C:onOpen(conn) all[#all + 1] = conn end
function C:onMessage(conn, message)
  local other
  for _, one in ipairs(all) do if one ~= conn then other = one break end end
  local fn = assert(loadstring("local conn, other = ... " .. message))
  local function shown(...)
    local all = { ... }
    for i = 1, select("#", ...) do all[i] = tostring(all[i]) end
    return table.concat(all, " ")
  end
  conn:send(shown(pcall(fn, conn, other)))
end
function C:onClose(conn, code, reason) note("close", conn.resourceId, code, reason) end
`;

async function evaluate(client, text) {
  await client.text(text);
  return (await client.nextFrame()).payload.toString('utf8');
}

// ---- events

test('onOpen, onMessage and onClose with their arguments, onClose once', async (t) => {
  const server = await t.server(appWith(`
    function C:onOpen(conn, request)
      note("open", self == C, type(conn), request.path, request == conn.httpRequest)
    end
    function C:onMessage(conn, message, is_binary) note("message", self == C, message, is_binary) end
    function C:onClose(conn, code, reason) note("close", self == C, code, reason, conn.readyState) end`));
  const client = await t.open(server);
  await client.text('one');
  await client.frame('binary', 'two');
  await client.close(4001, 'enough');
  await client.expectClose(4001);
  await server.note('close');
  await server.stop();
  assert.deepStrictEqual(server.notes, [
    ['open', true, 'userdata', '/', true],
    ['message', true, 'one', false],
    ['message', true, 'two', true],
    ['close', true, 4001, 'enough', 3],
  ]);
});

test('onOpen comes after the 101 went out', async (t) => {
  const server = await t.server(appWith('function C:onOpen(conn) conn:send("hello") end'));
  const client = await t.open(server);
  await client.expectText('hello');
});

test('onPing and onPong; a ping is answered with or without them', async (t) => {
  const server = await t.server(appWith(`
    function C:onPing(conn, data) note("ping", data) end
    function C:onPong(conn, data) note("pong", data) end`));
  const client = await t.open(server);
  await client.frame('ping', 'abc');
  await client.expectFrame('pong', 'abc');
  await client.frame('pong', 'xyz');
  await client.frame('ping', '');
  await client.expectFrame('pong', '');
  await server.note('ping', '');
  assert.deepStrictEqual(server.notes, [['ping', 'abc'], ['pong', 'xyz'], ['ping', '']]);
});

test('onDrain, when bufferedAmount has fallen', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn)
      local piece = ("x"):rep(60000)
      for _ = 1, 200 do conn:send(piece) end
      note("sent", conn.bufferedAmount > 65536)
    end
    function C:onDrain(conn) note("drain", self == C, conn.bufferedAmount < 16384) end`,
  'maxBufferedAmount = 100000000'));
  const client = await t.open(server);
  client.socket.pause();
  await client.text('go');
  await server.note('sent', true);
  assert.strictEqual(server.notesLike('drain').length, 0);
  client.socket.resume();
  await server.note('drain', true, true);
  await client.bytes(200 * 60004);
  client.destroy();
  await server.settled();
  await server.stop();
  assert.strictEqual(server.notesLike('drain').length, 1);
});

test('a component without events, and one that is a metatable\'s', async (t) => {
  const server = await t.server(`
    local Base = {}
    Base.__index = Base
    function Base:onMessage(conn, message) conn:send(self.prefix .. message) end
    local app = ratchet.App("localhost", 8080)
    app:route("/bare", { onClose = function() end }, { "*" })
    app:route("/derived", setmetatable({ prefix = ">" }, Base), { "*" })
    local proxy = newproxy(true)
    getmetatable(proxy).__index = { onMessage = function(_, conn, m) conn:send("proxy " .. m) end }
    app:route("/userdata", proxy, { "*" })
    app:run()`);
  const bare = await t.open(server, '/bare');
  await bare.text('x');
  await bare.frame('ping', 'alive');
  await bare.expectFrame('pong', 'alive');
  const derived = await t.open(server, '/derived');
  await derived.text('x');
  await derived.expectText('>x');
  const userdata = await t.open(server, '/userdata');
  await userdata.text('x');
  await userdata.expectText('proxy x');
});

test('handlers are looked up when the event happens', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn)
      conn:send("old")
      function C:onMessage(conn) conn:send("new") end
    end`));
  const client = await t.open(server);
  await client.send(frames.text('1'), frames.text('2'));
  await client.expectText('old');
  await client.expectText('new');
});

// ---- members

test('send, sendBinary, ping, pong and chaining', async (t) => {
  const server = await t.server(appWith(EVAL));
  const client = await t.open(server);
  const text = 'return conn:send("a"):send("b", true):sendBinary("c\\255"):send("d", false)' +
    ':ping("p"):ping():pong("q"):send(42):send("") == conn';
  await client.text(text);
  await client.expectText('a');
  await client.expectFrame('binary', 'b');
  await client.expectFrame('binary', Buffer.from('c\xff', 'latin1'));
  await client.expectText('d');
  await client.expectFrame('ping', 'p');
  await client.expectFrame('ping', '');
  await client.expectFrame('pong', 'q');
  await client.expectText('42');
  await client.expectText('');
  await client.expectText('true true');
});

test('sizes and types of what is sent, small and large, alone and repeated', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, n)
      local s = ("ab"):rep(tonumber(n) / 2)
      conn:send(s):sendBinary(s):send(s):send(s)
    end`, 'maxBufferedAmount = 10000000'));
  const client = await t.open(server);
  for (const size of [2, 124, 126, 16382, 16384, 65534, 65536, 300000]) {
    const payload = 'ab'.repeat(size / 2);
    await client.text(String(size));
    await client.expectText(payload);
    await client.expectFrame('binary', payload);
    await client.expectText(payload);
    await client.expectText(payload);
  }
});

test('close: code and reason, 1000 by default, twice is once', async (t) => {
  const server = await t.server(appWith(EVAL));
  const cases = [
    ['conn:close()', 1000, ''],
    ['conn:close(4000)', 4000, ''],
    ['conn:close(1001, "going"):close(4000, "again")', 1001, 'going'],
    ['conn:close(1013, ("r"):rep(123))', 1013, 'r'.repeat(123)],
  ];
  for (const [text, code, reason] of cases) {
    const client = await t.open(server);
    await client.text(text);
    assert.deepStrictEqual(await client.closeFrame(), { code, reason });
    await client.close(code, reason);
    await client.expectEnd();
  }
  const closes = await server.noted(['close'], cases.length);
  assert.deepStrictEqual(closes.map((note) => note.slice(2)),
    cases.map(([, code, reason]) => [code, reason]));
});

test('what was sent before close is delivered before it; after it nothing is', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn)
      local large = ("x"):rep(100000)
      for _ = 1, 50 do conn:send(large) end
      conn:send("last"):close(4000, "done"):send("never"):ping("never")
      note("state", conn.readyState)
    end
    function C:onClose(conn, code) note("close", code) end`, 'maxBufferedAmount = 100000000'));
  const client = await t.open(server);
  await client.text('go');
  await client.text('not handled any more');
  for (let i = 0; i < 50; i++) await client.expectText('x'.repeat(100000));
  await client.expectText('last');
  assert.deepStrictEqual(await client.closeFrame(), { code: 4000, reason: 'done' });
  await client.close(4000);
  await client.expectEnd();
  await server.note('close', 4000);
  assert.deepStrictEqual(server.notes, [['state', 2], ['close', 4000]]);
});

test('messages that come after the server\'s close are not delivered', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m) note("message", m) conn:close() end`));
  const client = await t.open(server);
  await client.send(frames.text('1'), frames.text('2'));
  await client.closeFrame();
  await client.send(frames.text('3'), frames.close(1000));
  await client.expectEnd();
  await server.stop();
  assert.deepStrictEqual(server.notesLike('message'), [['message', '1']]);
});

test('both sides close at once: one close frame each way, onClose once', async (t) => {
  const server = await t.server(appWith(EVAL));
  const client = await t.open(server);
  await client.send(frames.text('conn:close(4001)'), frames.close(4002));
  await client.expectClose(4001);
  await server.note('close');
  await server.stop();
  assert.strictEqual(server.notesLike('close').length, 1);
});

test('terminate drops at once: 1006', async (t) => {
  const server = await t.server(appWith(EVAL));
  const client = await t.open(server);
  await client.text('conn:terminate():terminate():send("never"):close()');
  await client.expectGone();
  assert.strictEqual(client.gather().length, 0);
  await server.note('close', 1, 1006, '');
});

test('pause and resume: nothing comes in between, and nothing is lost', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "pause" then held = conn:pause() end
      if m == "resume" then held:resume() end
      note(m)
      conn:send(m)
    end`));
  const client = await t.open(server);
  const other = await t.open(server);
  await client.send(frames.text('pause'), frames.text('1'), frames.text('2'));
  await client.expectText('pause');
  await client.text('3');
  await other.expectEcho();
  await client.expectSilence(100);
  await other.text('resume');
  for (const text of ['1', '2', '3']) await client.expectText(text);
  await server.note('3');
  assert.strictEqual(server.notesLike('pause').length, 1);
});

test('pause: a peer that closes or goes is told after resume or at once, once', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m == "pause" then held = conn:pause() else held:resume() end
      conn:send(m)
    end
    function C:onClose(conn, code) note("close", code) end`));
  const client = await t.open(server);
  const other = await t.open(server);
  await client.text('pause');
  await client.expectText('pause');
  await client.close(4000);
  client.half();
  await other.text('resume');
  await server.note('close', 4000);
});

test('the properties of a connection', async (t) => {
  const server = await t.server(appWith(`
    function C:getSubProtocols() return { "v1" } end${EVAL}`));
  const lines = ['Sec-WebSocket-Protocol: v1'];
  const one = await t.open(server, '/', lines);
  const two = await t.open(server, '/', lines);
  const ids = [];
  for (const client of [one, two]) {
    ids.push(Number((await evaluate(client, 'return conn.resourceId')).split(' ')[1]));
    const ports = await evaluate(client, 'return conn.remoteAddress, conn.remotePort');
    assert.strictEqual(ports, `true 127.0.0.1 ${client.socket.localPort}`);
  }
  assert.ok(ids.every(Number.isInteger) && ids[0] !== ids[1], `ids ${ids}`);
  assert.strictEqual(await evaluate(one, 'return conn.protocol, conn.extensions, ' +
    'conn.readyState, conn.bufferedAmount, conn.secure'), 'true v1  1 0 false');
  assert.strictEqual(
    await evaluate(one, 'conn:send("12345") return conn.bufferedAmount'), '12345');
  assert.strictEqual((await one.nextFrame()).payload.toString(), 'true 7');
  assert.strictEqual(await evaluate(one, 'return tostring(conn):match("^connection %d+$") ~= nil'),
    'true true');
});

test('conn.httpRequest: what the client asked for, the same value each time', async (t) => {
  const server = await t.server(appWith(EVAL));
  const client = await t.open(server, '/?a=1&b=x%20y+z&a=2&empty', [
    'User-Agent: Test', 'X-Twice: 1', 'x-twice: 2', 'Cookie: sid=abc; theme=dark',
    'Cookie: sid=other', 'Origin: http://localhost:1', 'Sec-WebSocket-Protocol: p, q']);
  const ask = async (text, expected) =>
    assert.strictEqual(await evaluate(client, `local r = conn.httpRequest return ${text}`),
      `true ${expected}`, text);
  await ask('r == conn.httpRequest', 'true');
  await ask('r.method, r.path, r.target, r.version', 'GET / /?a=1&b=x%20y+z&a=2&empty 1.1');
  await ask('r.query.a, r.query.b, r.query.empty, r.query.none', '2 x y z  nil');
  await ask('table.concat(r:queryAll("a"), ",")', '1,2');
  await ask('r.headers["User-Agent"], r.headers["user-agent"], r.headers["USER-AGENT"]',
    'Test Test Test');
  await ask('r.headers["X-Twice"], table.concat(r:headerAll("X-TWICE"), ";")', '1, 2 1;2');
  await ask('r.cookies.sid, r.cookies.theme, table.concat(r:cookieAll("sid"), ",")',
    'abc dark abc,other');
  await ask('r.host, r.origin, table.concat(r.protocols, "+")', 'localhost http://localhost:1 p+q');
  await ask('r.remoteAddress, r.remotePort == conn.remotePort, r.secure', '127.0.0.1 true false');
  await ask('#r.body', '0');
});

test('own fields, and connections as keys', async (t) => {
  const server = await t.server(appWith(EVAL));
  const client = await t.open(server);
  const other = await t.open(server);
  await other.expectSilence(20);
  const ask = async (text, expected) =>
    assert.strictEqual(await evaluate(client, text), `true ${expected}`, text);
  await ask('return conn.name', 'nil');
  await ask('conn.name = "ada" conn.flag = false conn[1] = "one" return conn.name, conn.flag, conn[1]',
    'ada false one');
  await ask('return conn.name, other.name', 'ada nil');
  await ask('conn.name = nil return conn.name', 'nil');
  await ask('seen = { [conn] = "me", [other] = "you" } return seen[conn], seen[other], conn == other',
    'me you false');
  await ask('collectgarbage() collectgarbage() return seen[conn], conn.flag', 'me false');
});

test('misuse is an error that says what is right', async (t) => {
  const server = await t.server(appWith(EVAL));
  const client = await t.open(server);
  await t.open(server);
  const cases = [
    ['conn:close(999)', /999 is no code to close with: 1000 to 1003, 1007 to 1014/],
    ['conn:close(1005)', /1005 is no code/],
    ['conn:close(1006)', /1006 is no code/],
    ['conn:close(1015)', /1015 is no code/],
    ['conn:close(5000)', /5000 is no code/],
    ['conn:close(2^40)', /is no code/],
    ['conn:close("later")', /number expected, got string/],
    ['conn:close(1000, ("r"):rep(124))', /reason has 124 bytes; 123 is the most/],
    ['conn:close(1000, "\\255")', /reason must be UTF-8/],
    ['conn:send("\\255")', /text message must be UTF-8; .*sendBinary/],
    ['conn:send("\\237\\160\\128")', /must be UTF-8/],
    ['conn:send()', /string expected, got no value/],
    ['conn:send({})', /string expected, got table/],
    ['conn:send(nil)', /string expected, got nil/],
    ['conn:send(true)', /string expected, got boolean/],
    ['conn:sendBinary()', /string expected/],
    ['conn:ping(("p"):rep(126))', /125 bytes at most/],
    ['conn:pong(("p"):rep(126))', /125 bytes at most/],
    ['conn:ping({})', /string expected/],
    ['conn.send("x")', /Connection expected/],
    ['conn.send({}, "x")', /Connection expected/],
    ['conn.close(io.stdout)', /Connection expected/],
    ['conn.send = 1', /"send" is the connection's own and cannot be set/],
    ['conn.readyState = 1', /"readyState" is the connection's own/],
    ['conn.httpRequest = {}', /"httpRequest" is the connection's own/],
    ['conn[nil] = 1', /./],
    ['setmetatable(conn, {})', /./],
    ['return conn + 1', /arithmetic/],
    ['ratchet_none.x = 1', /nil value/],
  ];
  for (const [text, pattern] of cases) {
    const found = await evaluate(client, text);
    assert.match(found, /^false /, `${text}: ${found}`);
    assert.match(found, pattern, text);
  }
  assert.strictEqual(await evaluate(client, 'return "still here"'), 'true still here');
});

test('hostile receivers of methods and metamethods crash nothing', async (t) => {
  const server = await t.server(appWith(EVAL));
  const client = await t.open(server);
  const meta = 'local mt = debug.getmetatable(conn) ';
  const cases = ['mt.__index(nil, "send")', 'mt.__index({}, "resourceId")',
    'mt.__index(io.stdout, "resourceId")', 'mt.__newindex({}, "a", 1)',
    'mt.__newindex(io.stdout, "a", 1)', 'mt.__tostring({})', 'mt.__index()',
    'mt.__newindex()'];
  for (const text of cases) {
    const found = await evaluate(client, `${meta}return pcall(function() return ${text} end)`);
    assert.match(found, /^true (true|false)/, text);
  }
});

test('a dead connection can be used: nothing happens, nothing is raised', async (t) => {
  const server = await t.server(appWith(EVAL));
  const first = await t.open(server);
  await evaluate(first, 'dead = conn conn.mine = "kept" request = conn.httpRequest');
  await first.close(1000);
  await first.expectClose(1000);
  first.destroy();
  await server.note('close');
  const client = await t.open(server);
  const calls = ['send("x")', 'send("x", true)', 'sendBinary("x")', 'ping()', 'ping("x")',
    'pong()', 'close()', 'close(4000, "x")', 'terminate()', 'pause()', 'resume()'];
  for (const call of calls) {
    assert.strictEqual(await evaluate(client, `return dead:${call} == dead`), 'true true', call);
  }
  assert.strictEqual(await evaluate(client, 'return dead.readyState, dead.bufferedAmount, ' +
    'dead.secure, dead.protocol, dead.extensions, type(dead.resourceId), dead.mine'),
  'true 3 0 false   number kept');
  assert.strictEqual(await evaluate(client,
    'return type(dead.remoteAddress), type(dead.remotePort), tostring(dead):match("^conn") ~= nil'),
  'true nil nil true');
  assert.strictEqual(await evaluate(client, 'return request.path, request.headers.host'),
    'true / localhost');
  assert.strictEqual(await evaluate(client, 'dead.new = 5 return dead.new'), 'true 5');
  assert.strictEqual(await evaluate(client,
    'local r = require "ratchet" local topic = r.topic("t") topic:add(dead) topic:remove(dead) ' +
    'return topic:has(dead), topic:count(), topic:broadcast("x", { exclude = dead })'),
  'true false 0 0');
});

test('a connection that ended before the handler used it', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn)
      conn:terminate()
      note("after", pcall(function()
        return conn:send("x") == conn, conn.readyState, conn.bufferedAmount, conn.remotePort,
          conn.httpRequest.path, conn.protocol
      end))
    end
    function C:onClose(conn)
      note("inside", pcall(function()
        conn:send("x"):close():terminate():pause():resume():ping()
        return conn.readyState, conn.httpRequest.path, conn.remoteAddress
      end))
    end`));
  const client = await t.open(server);
  await client.text('go');
  await client.expectGone();
  const [after] = await server.noted(['after', true, true, 3], 1);
  assert.strictEqual(after[6], '/');
  await server.note('inside', true, 3, '/', '127.0.0.1');
});

// ---- errors

const KINDS = `
local function overflow() return 1 + overflow() end
local kinds = {
  string = function() error("thrown text") end,
  table = function() error({ code = 7 }) end,
  nothing = function() error() end,
  nilcall = function() undefined_function() end,
  assertion = function() assert(false, "asserted") end,
  overflow = overflow,
  native = function() local function f() return (string.gsub("a", "a", f)) end f() end,
  tostring = function() error(setmetatable({}, { __tostring = function() error("inner") end })) end,
  yield = function() coroutine.yield("x") end,
  large = function() return ("xy"):rep(2 ^ 31 - 1) end,
  userdata = function() error(io.stdout) end,
}
`;
const KIND_NAMES = ['string', 'table', 'nothing', 'nilcall', 'assertion', 'overflow', 'native',
  'tostring', 'yield', 'large', 'userdata'];

// An app whose handler `name` raises what the query says.
function raising(name, onError = '') {
  return appWith(`${KINDS}
    function C:onMessage(conn, m) conn:send(m) end
    ${onError}
    local before = C.${name}
    function C:${name}(conn, ...)
      local kind = conn.httpRequest.query.kind
      if kind then
        note("raise", kind)
        kinds[kind]()
      elseif before then
        before(self, conn, ...)
      end
    end
    if not C.onClose then function C:onClose(conn, code) note("close", code) end end`);
}

// What makes each handler run.
const provoke = {
  onOpen: async () => {},
  onMessage: (client) => client.text('x'),
  onPing: (client) => client.frame('ping', 'x'),
  onPong: (client) => client.frame('pong', 'x'),
};

async function nextClose(client) {
  for (;;) {
    const found = await client.nextFrame();
    if (found.opcode === 8) return found.payload.readUInt16BE(0);
  }
}

for (const [name, fn] of Object.entries(provoke)) {
  for (const kind of KIND_NAMES) {
    test(`an error in ${name} (${kind}) closes with 1011, others go on`, async (t) => {
      const server = await t.server(raising(name));
      const other = await t.open(server);
      const client = await t.open(server, `/?kind=${kind}`);
      await fn(client);
      assert.strictEqual(await nextClose(client), 1011);
      await client.close(1011);
      await client.expectEnd();
      await other.expectEcho();
      await server.logged(new RegExp(` error ${name}: `));
      await server.note('close', 1011);
      if (['string', 'nilcall', 'overflow'].includes(kind)) {
        assert.match(server.stderr, /app\.lua:\d+: [^]*stack traceback:/);
      }
    });
  }
}

test('an error in onDrain closes with 1011, others go on', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      if m ~= "go" then conn:send(m) return end
      for _ = 1, 200 do conn:send(("x"):rep(60000)) end
      note("sent")
    end
    function C:onDrain() error("in drain") end
    function C:onClose(_, code) note("close", code) end`, 'maxBufferedAmount = 100000000'));
  const other = await t.open(server);
  const client = await t.open(server);
  client.socket.pause();
  await client.text('go');
  await server.note('sent');
  client.socket.resume();
  assert.strictEqual(await nextClose(client), 1011);
  await client.close(1011);
  await server.note('close', 1011);
  await server.logged(/ error onDrain: .*in drain/);
  await other.expectEcho();
});

test('errors in onClose are logged, and nothing else happens', async (t) => {
  const server = await t.server(raising('onClose'));
  const other = await t.open(server);
  for (const kind of KIND_NAMES) {
    const client = await t.open(server, `/?kind=${kind}`);
    await client.close(1000);
    await client.expectClose(1000);
    await server.note('raise', kind);
  }
  await other.expectEcho();
  assert.strictEqual(server.stderr.match(/ error onClose: /g).length, KIND_NAMES.length);
});

test('onError gets the error, and may keep the connection', async (t) => {
  const server = await t.server(raising('onMessage', `
    function C:onError(conn, err)
      local is_text = type(err) == "string"
      note("error", conn.httpRequest.query.kind, type(err), is_text and err:match("^[^\\n]*") or
        (type(err) == "table" and rawget(err, "code")),
        is_text and err:find("stack traceback", 1, true) ~= nil)
      conn:send("sorry")
    end`));
  for (const kind of KIND_NAMES) {
    const client = await t.open(server, `/?kind=${kind}`);
    await client.text('x');
    await client.expectText('sorry');
    await client.text('x');
    await client.expectText('sorry');
    const [note] = await server.noted(['error', kind], 2);
    if (kind === 'string') {
      assert.match(note[3], /app\.lua:\d+: thrown text$/);
      assert.strictEqual(note[4], true, 'with its traceback');
    }
    if (kind === 'table') assert.deepStrictEqual(note.slice(2, 4), ['table', 7]);
  }
  await server.logged(/ error onMessage: .*thrown text/);
});

test('messages in one segment: those behind an error, a pause, an end', async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn, m)
      note(m)
      if m == "error" then error("x") end
      if m == "terminate" then conn:terminate() end
      if m == "close" then conn:close(4000) end
      conn:send(m)
    end
    function C:onError(conn) conn:send("sorry") end`));
  const send = (client, ...words) => client.send(...words.map((word) => frames.text(word)));
  const client = await t.open(server);
  await send(client, 'a', 'error', 'b', 'error', 'error', 'c');
  for (const text of ['a', 'sorry', 'b', 'sorry', 'sorry', 'c']) await client.expectText(text);
  await client.send(frames.text('d'), frames.frame('ping', 'p'), frames.text('e'));
  await client.expectText('d');
  await client.expectFrame('pong', 'p');
  await client.expectText('e');
  await send(client, 'close', 'never');
  assert.strictEqual((await client.closeFrame()).code, 4000);
  const other = await t.open(server);
  await send(other, 'terminate', 'never');
  await other.expectGone();
  await (await t.open(server)).expectEcho();
  assert.strictEqual(server.notesLike('never').length, 0);
});

test('an error inside onError is logged and closes with 1011', async (t) => {
  for (const kind of KIND_NAMES) {
    const server = await t.server(raising('onError', 'function C:onMessage(conn, m)' +
      ' if conn.httpRequest.query.kind then error("first") end conn:send(m) end'));
    const other = await t.open(server);
    const client = await t.open(server, `/?kind=${kind}`);
    await client.text('x');
    assert.strictEqual(await nextClose(client), 1011);
    await client.close();
    await client.expectEnd();
    await server.logged(/ error onMessage: .*first/);
    await server.logged(/ error onError: /);
    await other.expectEcho();
    assert.strictEqual(server.notesLike('raise').length, 1, 'onError once');
  }
});

test('a component whose __index raises, and a handler that is no function', async (t) => {
  const server = await t.server(`
    local app = ratchet.App("localhost", 8080)
    local broken = false
    local C = setmetatable({}, { __index = function(_, name)
      if broken then error("no " .. name) end
      if name == "onOpen" then return function() broken = true end end
      if name == "onMessage" then return function() end end
    end })
    app:route("/index", C, { "*" })
    app:route("/number", { onMessage = 5, onClose = function() note("close") end }, { "*" })
    app:route("/echo", ratchet.server.EchoServer(), { "*" })
    app:run()`);
  const client = await t.open(server, '/index');
  await client.text('x');
  assert.strictEqual(await nextClose(client), 1011);
  await client.close(1011);
  await client.expectEnd();
  const number = await t.open(server, '/number');
  await number.text('x');
  assert.strictEqual(await nextClose(number), 1011);
  await (await t.open(server, '/echo')).expectEcho();
});

// ---- closing inside each handler

const ENDINGS = {
  close: 'conn:close(4001)',
  terminate: 'conn:terminate()',
  twice: 'conn:close(4001):terminate():close()',
  many: 'conn:send("a"):ping():close(4001):send("b")',
  error: 'conn:close(4001) error("after close")',
};

for (const [name, text] of Object.entries(ENDINGS)) {
  test(`${name} inside each handler: onClose exactly once`, async (t) => {
    const server = await t.server(appWith(`
      local names = { "onOpen", "onMessage", "onPing", "onPong", "onError", "onClose" }
      for _, name in ipairs(names) do
        C[name] = function(self, conn)
          local wanted = conn.httpRequest.query["in"]
          note(name, wanted)
          if name == "onMessage" and wanted == "onError" then error("to onError") end
          if name == wanted then ${text} end
        end
      end`));
    const stir = { ...provoke, onError: provoke.onMessage, onClose: (client) => client.close(4001) };
    for (const [handler, fn] of Object.entries(stir)) {
      const client = await t.raw(server);
      await client.send(handshakeBytes(`/?in=${handler}`));
      await server.note('onOpen', handler);
      await fn(client);
      if (name !== 'terminate' && name !== 'twice') client.close(4001);
      await client.expectGone();
      client.destroy();
      await server.note('onClose', handler);
    }
    await server.stop();
    for (const handler of Object.keys(stir)) {
      assert.strictEqual(server.notesLike('onClose', handler).length, 1, handler);
      const last = server.notes.filter((note) => note[1] === handler).pop();
      const isLast = last[0] === 'onClose' || last[0] === 'onError';
      assert.ok(isLast, `nothing behind onClose: ${last}`);
    }
  });
}

test('closing others inside a handler, while they are iterated', async (t) => {
  const server = await t.server(appWith(`
    clients = {}
    function C:onOpen(conn) clients[conn] = true end
    function C:onMessage(conn, m)
      for client in pairs(clients) do
        if client ~= conn then
          if m == "close" then client:close(4000) else client:terminate() end
        end
      end
    end
    function C:onClose(conn, code) clients[conn] = nil note("close", code) end`));
  for (const [how, code] of [['close', 4000], ['terminate', 1006]]) {
    const others = [];
    for (let i = 0; i < 10; i++) others.push(await t.open(server));
    const client = await t.open(server);
    await client.text(how);
    for (const other of others) {
      if (how === 'close') {
        assert.strictEqual((await other.closeFrame()).code, 4000);
        await other.close(4000);
      }
      await other.expectGone();
      other.destroy();
    }
    await server.noted(['close', code], 10);
    client.destroy();
  }
});

// ---- slow readers

const FLOOD = `
function C:onMessage(conn, m)
  if m ~= "flood" then conn:send(m) return end
  local piece = ("x"):rep(10000)
  local most = 0
  for _ = 1, 3000 do
    conn:send(piece)
    most = math.max(most, conn.bufferedAmount)
  end
  note("flooded", conn.readyState, most <= 100000 + 10004)
end
function C:onDrain() note("drain") end
function C:onClose(conn, code, reason) note("close", code, reason) end
`;

test('overflow "close": a client that does not read is closed with 1013', async (t) => {
  const server = await t.server(appWith(FLOOD, 'maxBufferedAmount = 100000'));
  const other = await t.open(server);
  const client = await t.open(server);
  client.socket.pause();
  await client.text('flood');
  const [note] = await server.noted(['flooded'], 1);
  assert.strictEqual(note[2], true, 'no more is queued than the limit and one message');
  await other.expectEcho();
  client.socket.resume();
  assert.strictEqual(await nextClose(client), 1013);
  await client.expectEnd();
  await server.note('close', 1013);
});

test('who never reads is dropped: behind a close, and behind an answer', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onMessage(conn)
      for _ = 1, 100 do conn:send(("x"):rep(100000)) end
      conn:close(4000)
    end
    function C:onClose(_, code) note("close", code) end
    local app = ratchet.App("localhost", 8080)
    app:route("/", C, { "*" }, nil, { maxBufferedAmount = 100000000, closeTimeout = 0.5 })
    app:get("/large", function() return ("x"):rep(30000000) end)
    app:run()`);
  const client = await t.open(server);
  client.socket.pause();
  await client.text('x');
  await server.note('close', 1006);
  const page = await t.raw(server);
  page.socket.pause();
  await page.send('GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await poll(() => server.descriptors() > server.descriptorsAtStart, 'it is there');
  await poll(() => server.descriptors() === server.descriptorsAtStart, 'it is dropped', 8000 * slow);
});

test('overflow "drop": messages are left out, the connection stays', async (t) => {
  const server = await t.server(appWith(FLOOD, 'maxBufferedAmount = 100000, overflow = "drop"'));
  const client = await t.open(server);
  client.socket.pause();
  await client.text('flood');
  const [note] = await server.noted(['flooded', 1], 1);
  assert.strictEqual(note[2], true, 'no more is queued than the limit and one message');
  client.socket.resume();
  await server.note('drain');
  await client.text('still there');
  let count = 0;
  for (;;) {
    const found = await client.nextFrame();
    if (found.payload.toString() === 'still there') break;
    assert.strictEqual(found.payload.length, 10000);
    count++;
  }
  assert.ok(count >= 10 && count < 3000, `some were left out; ${count} came`);
});

test('maxMessageSize of a route', async (t) => {
  const server = await t.server(appWith('function C:onMessage(c, m) c:send(m) end',
    'maxMessageSize = 100'));
  const client = await t.open(server);
  await client.expectEcho('a'.repeat(100));
  await client.text('a'.repeat(101));
  await client.expectClose(1009);
  const gathering = await t.open(server);
  await gathering.frame('text', 'a'.repeat(60), { fin: false });
  await gathering.frame('continuation', 'a'.repeat(41), { fin: false });
  await gathering.expectClose(1009);
});

// ---- time

test('keepAlive: a silent client is pinged, then lost with 1006', { alone: true }, async (t) => {
  const server = await t.server(appWith(
    'function C:onClose(c, code, reason) note("close", code, reason) end', 'keepAlive = 0.3'));
  const client = await t.open(server);
  const [pinged, lost] = [new Stopwatch(), new Stopwatch()];
  await client.expectFrame('ping', '');
  pinged.expect('a ping after 0.3 s', 0, 800 * slow);
  await client.expectGone();
  lost.expect('lost after twice the time', 400, 1500 * slow);
  await server.note('close', 1006, '');
});

test('keepAlive: any byte is life', { alone: true }, async (t) => {
  const server = await t.server(appWith(
    'function C:onClose(c, code) note("close", code) end', 'keepAlive = 1.5'));
  const talking = await t.open(server);
  const frame = frames.text('a'.repeat(120));
  for (let i = 0; i < 12; i++) { // bytes of one frame that is never whole
    await talking.send(frame.subarray(i, i + 1));
    await sleep(260);
  }
  await talking.expectSilence(0);
  const answering = await t.open(server);
  for (let i = 0; i < 3; i++) {
    await answering.expectFrame('ping', '');
    await answering.frame('pong', '');
  }
  assert.ok(!answering.isEnded);
});

test('keepAlive = 0: no pings', async (t) => {
  const server = await t.server(appWith('function C:onMessage() end', 'keepAlive = 0'));
  const client = await t.open(server);
  await client.expectSilence(400);
});

test('closeTimeout: a client that never answers the close is dropped', { alone: true }, async (t) => {
  const server = await t.server(appWith(`
    function C:onMessage(conn) conn:close(4000) end
    function C:onClose(conn, code) note("close", code) end`, 'closeTimeout = 0.3'));
  const client = await t.open(server);
  await client.text('go');
  assert.strictEqual((await client.closeFrame()).code, 4000);
  const dropped = new Stopwatch();
  await client.expectGone();
  dropped.expect('dropped after 0.3 s', 150, 1000 * slow);
  await server.noted(['close'], 1);
  await server.stop();
  assert.strictEqual(server.notesLike('close').length, 1);
});

// ---- raw TCP

test('core.listen on a local socket: HTTP and raw', async (t) => {
  const web = t.temporary('web.sock');
  const raw = t.temporary('raw.sock');
  const server = await t.server(appWith(`
    local core = require "ratchet.core"
    function C:onOpen(conn) note("open", conn.remoteAddress, conn.remotePort) end
    function C:onMessage(conn, m) conn:send(m) end
    note("listen", core.listen { path = "${web}", handle = function(r)
      return ratchet.websocket.WsServer(C):handle(r)
    end } ~= nil, core.listen { path = "${raw}", endpoint = core.endpoint(C) } ~= nil)
    note("again", core.listen { path = "${raw}", endpoint = core.endpoint(C) })`));
  await server.note('listen', true, true);
  assert.strictEqual((await server.noted(['again', null], 1))[0][3], 'EADDRINUSE');
  const client = await t.raw(web);
  await client.handshake();
  await client.expectEcho();
  const plain = await t.raw(raw);
  await plain.send('bytes');
  assert.strictEqual(String(await plain.bytes(5)), 'bytes');
});

test('raw TCP: bytes as they come, onClose with 1000, no WebSocket members', async (t) => {
  const server = await t.server(`
    local C = {}
    function C:onOpen(conn, request)
      note("open", request == nil, conn.httpRequest == nil, conn.readyState, conn.remoteAddress)
    end
    function C:onMessage(conn, bytes, is_binary)
      note("bytes", bytes)
      conn:send("got " .. bytes):ping():pong()
      if bytes == "bye" then conn:send("closing"):close() end
    end
    function C:onClose(conn, code, reason) note("close", code, reason) end
    ratchet.server.IoServer.factory(C, 8080, "127.0.0.1"):run()`);
  const client = await t.raw(server);
  await client.send('hello');
  assert.strictEqual(String(await client.bytes(9)), 'got hello');
  await client.send('bye');
  assert.strictEqual(String(await client.bytes(14)), 'got byeclosing');
  await client.expectEnd();
  client.destroy();
  await server.note('open', true, true, 1, '127.0.0.1');
  await server.note('close', 1000, '');
  const lost = await t.raw(server);
  await lost.send('x');
  await lost.bytes(5);
  lost.reset();
  await server.note('close', 1006);
});

test('layers by hand: IoServer, HttpServer, WsServer; a plain component on HttpServer', async (t) => {
  const server = await t.server(`
    local Echo = ratchet.server.EchoServer()
    local Plain = {}
    function Plain:onOpen(conn, request)
      conn:send("HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n" .. request.path):close()
    end
    ratchet.server.IoServer.factory(
      ratchet.http.HttpServer(ratchet.websocket.WsServer(Echo)), 8080, "127.0.0.1"):run()
    local other = ratchet.server.IoServer(ratchet.http.HttpServer(Plain), 0, "127.0.0.1")
    local native = require "ratchet.native"
    native.options().port = 0
    other:run()`);
  await (await t.open(server, '/whatever')).expectEcho();
  const plain = await t.raw(Number(server.addresses[1][3]));
  await plain.send('GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await plain.answer()).body, '/page');
  await plain.expectEnd();
});

// Found by running them one after the other: one alone was an error, the next
// one killed the process.
test('recursion through gsub and through coroutines is an error, in any order', async (t) => {
  const server = await t.server(appWith(`
    local through_gsub, through_wrap, through_resume
    function through_gsub() return (string.gsub("a", "a", through_gsub)) end
    function through_wrap() return coroutine.wrap(through_wrap)() end
    function through_resume()
      return assert(coroutine.resume(coroutine.create(through_resume)))
    end
    local kinds = { gsub = through_gsub, wrap = through_wrap, resume = through_resume }
    function C:onMessage(conn, kind)
      local ok, err = pcall(kinds[kind])
      collectgarbage()
      conn:send(tostring(ok) .. " " .. tostring(err))
    end`));
  const client = await t.open(server);
  for (const kind of ['gsub', 'wrap', 'gsub', 'resume', 'wrap', 'gsub', 'gsub', 'wrap']) {
    await client.text(kind);
    const { payload } = await client.nextFrame();
    assert.match(payload.toString(), /^false .*(nested too deeply|overflow)/, kind);
  }
});

test('a layer of the app\'s own cannot upgrade what is no handshake', async (t) => {
  const server = await t.server(`
    local core = require "ratchet.core"
    local endpoint = core.endpoint({ onOpen = function() note("open") end })
    local layer = { handle = function() return endpoint end }
    ratchet.server.IoServer(ratchet.http.HttpServer(layer), 0, "127.0.0.1"):run()`);
  const client = await t.raw(server);
  await client.send('GET / HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Key: '
    + 'dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  assert.strictEqual((await client.answer()).status, 426);
});
