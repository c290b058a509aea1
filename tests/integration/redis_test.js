// ratchet.redis against Debian's redis-server, which is killed and brought back, and
// against servers that are none.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const { freePort, impostor, redisServer } = require('./support/redis');
const frames = require('./support/frames');
const { poll, slow } = require('./support/wait');

// Each message is Lua that a handler runs; its results come back as JSON.
function appWith(options, more = '') {
  return `
local json = require "cjson"
json.encode_sparse_array(true)
local redis = assert(ratchet.redis.connect{ ${options} })
local function packed(...)
  local list = { ... }
  for i = 1, select("#", ...) do if list[i] == nil then list[i] = json.null end end
  return json.encode(list)
end
local C = {}
function C:onMessage(conn, code)
  conn:send(packed(assert(loadstring("local redis, conn, ratchet = ... " .. code))(redis, conn, ratchet)))
end
function C:onError(conn, err) conn:send(json.encode{ "raised", (tostring(err):match("^[^\\n]*")) }) end
${more}
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;
}

async function ask(client, code, ms = 20000) {
  await client.text(code);
  return JSON.parse((await client.nextFrame(ms)).payload.toString('latin1'));
}

// A redis-server, the program, and a client that has it run Lua.
async function connected(t, options = {}, more = '') {
  const redis = await redisServer(t, options.redis);
  const server = await t.server(
    appWith(`path = "${redis.socket}", ${options.client || ''}`, more), options.server);
  server.options.descriptors = false; // those of the connections to Redis come and go
  const client = await t.open(server);
  return { redis, server, client, run: (code, ms) => ask(client, code, ms) };
}

test('redis: values and errors', async (t) => {
  const { run } = await connected(t);
  assert.deepStrictEqual(await run('return redis:set("k", "v")'), ['OK']);
  assert.deepStrictEqual(await run('return redis:get("k")'), ['v']);
  assert.deepStrictEqual(await run('return redis:get("none")'), [null]);
  assert.deepStrictEqual(await run('return redis:incrby("n", 1e15)'), [1e15]);
  assert.deepStrictEqual(await run('return redis:command("set", "f", 0.1), redis:get("f")'),
    ['OK', '0.10000000000000001']);
  assert.deepStrictEqual(await run('return redis:mget("k", "none", "n")'),
    [['v', false, '1000000000000000']]);
  assert.deepStrictEqual(await run('return redis:eval("return {1,{2,{}},redis.error_reply(\'E x\')}", 0)'),
    [[1, [2, {}], { err: 'E x' }]]);
  assert.deepStrictEqual(await run('return redis:lpush("k", 1)'),
    [null, 'WRONGTYPE Operation against a key holding the wrong kind of value']);
  const unknown = await run('return redis:nonsense()');
  assert.match(unknown[1], /^ERR unknown command/);
});

test('redis: any bytes, and large values', async (t) => {
  const { run } = await connected(t);
  assert.deepStrictEqual(await run(`
    local all = {}
    for i = 0, 255 do all[i] = string.char(i) end
    local bytes = table.concat(all, "", 0, 255) .. "\\r\\n$5\\r\\n"
    assert(redis:set(bytes, bytes))
    local large = bytes:rep(60000)
    assert(redis:set("large", large))
    return redis:get(bytes) == bytes, redis:get("large") == large, #large`),
  [true, true, 262 * 60000]);
});

test('redis: what is larger than maxReplySize ends the connection, and it comes back', async (t) => {
  const { run, server } = await connected(t, { client: 'maxReplySize = 1000,' });
  assert.deepStrictEqual(await run('return redis:set("k", ("x"):rep(100000))'), ['OK']);
  assert.deepStrictEqual(await run('return redis:get("k")'), [null, 'connection lost']);
  await server.logged(/a reply is larger than maxReplySize/);
  assert.deepStrictEqual(await run('return redis:strlen("k")'), [100000]);
});

test('redis: handlers of many connections, each its own replies', async (t) => {
  const { server } = await connected(t);
  const clients = await Promise.all(Array.from({ length: 50 }, () => t.open(server)));
  await Promise.all(clients.map(async (client, i) => {
    for (let n = 0; n < 20; n++) {
      assert.deepStrictEqual(
        await ask(client, `redis:set("k${i}", ${n}) return redis:incr("k${i}")`), [n + 1]);
    }
  }));
});

test('redis: commands of one turn go out together', async (t) => {
  const { redis, run } = await connected(t);
  const before = Number((await redis.cli('info', 'stats')).match(/total_reads_processed:(\d+)/)[1]);
  await run(`
    local left, done = 1000, nil
    ratchet.await(function(resume)
      for i = 1, 1000 do
        ratchet.spawn(function()
          redis:incr("n")
          left = left - 1
          if left == 0 then resume() end
        end)
      end
    end)
    return redis:get("n")`).then((result) => assert.deepStrictEqual(result, ['1000']));
  const after = Number((await redis.cli('info', 'stats')).match(/total_reads_processed:(\d+)/)[1]);
  assert.ok(after - before < 50, `${after - before} reads for 1000 commands`);
});

test('redis: a pipeline of 10,000', async (t) => {
  const { run } = await connected(t);
  assert.deepStrictEqual(await run(`
    local replies = assert(redis:pipeline(function(p)
      for i = 1, 9999 do p:incr("n") end
      p:nonsense()
    end))
    return #replies, replies[1], replies[9999], replies[10000].err:sub(1, 3)`),
  [10000, 1, 9999, 'ERR']);
});

test('redis: transactions are carried out as one, or not at all', async (t) => {
  const { run } = await connected(t);
  assert.deepStrictEqual(await run(
    'return redis:transaction(function(p) p:incr("n") p:lpush("n", 1) p:get("n") end)'),
  [[1, { err: 'WRONGTYPE Operation against a key holding the wrong kind of value' }, '1']]);
  const failed = await run('return redis:transaction(function(p) p:incr("n") p:nonsense() end)');
  assert.match(failed[1], /^ERR unknown command/);
  assert.deepStrictEqual(await run('return redis:get("n")'), ['1']);
  assert.match((await run('return redis:multi()'))[1], /no MULTI here/);
});

test('redis: password, name and db', async (t) => {
  const { redis, run } = await connected(t,
    { redis: { password: 'secret' }, client: 'password = "secret", db = 3,' });
  assert.deepStrictEqual(await run('return redis:set("k", "v")'), ['OK']);
  assert.strictEqual(await redis.cli('-n', '3', 'get', 'k'), 'v');
  await redis.cli('acl', 'setuser', 'ada', 'on', '>pw', '~*', '+get');
  assert.deepStrictEqual(await run(`
    local other = ratchet.redis.connect{ path = "${redis.socket}", username = "ada", password = "pw" }
    return other:get("k")`),
  [null]);
});

test('redis: a wrong password is told to who asks', async (t) => {
  const { run, server } = await connected(t,
    { redis: { password: 'secret' }, client: 'password = "wrong",' });
  assert.match((await run('return redis:get("k")'))[1], /^WRONGPASS/);
  await server.logged(/WRONGPASS/);
});

test('redis: by TCP, and a name of two addresses', async (t) => {
  const redis = await redisServer(t, { port: true });
  for (const host of ['127.0.0.1', 'localhost']) {
    const server = await t.server(appWith(`host = "${host}", port = ${redis.options.port}`));
    const client = await t.open(server);
    assert.deepStrictEqual(await ask(client, 'return redis:ping()'), ['PONG']);
  }
});

test('redis: not there at the start, then there', async (t) => {
  const port = await freePort();
  const server = await t.server(appWith(`port = ${port}, timeout = 20`));
  server.options.descriptors = false;
  const client = await t.open(server);
  await server.logged(/redis 127.0.0.1:\d+: connection refused; trying again/);
  await client.text('return redis:ping()');
  await client.frame('ping', 'p');
  await client.expectFrame('pong', 'p');
  await redisServer(t, { port });
  assert.deepStrictEqual(JSON.parse((await client.nextFrame(20000)).payload), ['PONG']);
  await server.logged(/connected again/);
});

test('redis: not there: the wait ends by the timeout', async (t) => {
  const port = await freePort();
  const server = await t.server(appWith(`port = ${port}, timeout = 0.2`));
  const client = await t.open(server);
  assert.deepStrictEqual(await ask(client, 'return redis:ping()'),
    [null, 'timeout: not connected: connection refused']);
});

test('redis: a name that is none, a path that is none', async (t) => {
  for (const [where, why] of [
    ['host = "no.such.host.invalid"', /unknown node or service|temporary failure/],
    [`path = "${'/x'.repeat(100)}"`, /name too long/],
    ['path = "/nowhere/redis.sock"', /no such file or directory/]]) {
    const server = await t.server(appWith(`${where}, timeout = 1`));
    await server.logged(why);
    const client = await t.open(server);
    assert.match((await ask(client, 'return redis:ping()'))[1], /^timeout: not connected/);
  }
});

test('redis: without reconnect it stays away', async (t) => {
  const { redis, run } = await connected(t, { client: 'reconnect = false,' });
  assert.deepStrictEqual(await run('return redis:ping()'), ['PONG']);
  await redis.stop();
  await poll(async () => (await run('return redis:ping()'))[0] === null, 'it is noticed');
  assert.match((await run('return redis:ping()'))[1], /^not connected: the server closed/);
});

test('redis: killed during a command, and back', async (t) => {
  const { redis, server, client, run } = await connected(t, { client: 'timeout = 20,' });
  await run('redis:set("k", "v") return redis:incr("n")');
  await client.text('note("asked") return redis:brpop("nothing", 0)');
  await server.note('asked');
  await poll(async () => /blocked_clients:1/.test(await redis.cli('info', 'clients')), 'it waits');
  await redis.stop();
  assert.deepStrictEqual(JSON.parse((await client.nextFrame()).payload), [null, 'connection lost']);
  await client.text('return redis:incr("n")'); // waits until it is there again
  await redis.start();
  assert.deepStrictEqual(JSON.parse((await client.nextFrame(20000)).payload), [1]);
});

test('redis: a server that hangs: timeouts, and no late reply goes astray', async (t) => {
  const { redis, run } = await connected(t, { client: 'timeout = 0.5,' });
  await run('return redis:set("k", "v")');
  redis.kill('SIGSTOP');
  assert.deepStrictEqual(await run('return redis:incr("n")'),
    [null, 'timeout: no reply within 0.5 s']);
  redis.kill('SIGCONT');
  assert.deepStrictEqual(await run('return redis:get("k")'), ['v']);
  redis.kill('SIGSTOP');
  for (let i = 0; i < 4; i++) assert.strictEqual((await run('return redis:incr("n")'))[0], null);
  redis.kill('SIGCONT'); // meanwhile the connection was given up
  await poll(async () => (await run('return redis:get("k")'))[0] === 'v', 'it is back');
});

test('redis: too many commands at once', async (t) => {
  const { run } = await connected(t, { client: 'maxQueued = 10,' });
  assert.deepStrictEqual(await run(
    'return redis:pipeline(function(p) for i = 1, 11 do p:ping() end end)'),
  [null, 'too many commands wait: 0 (maxQueued)']);
});

test('redis: where nothing can wait', async (t) => {
  const { run, server } = await connected(t, {}, `
    require("luv").new_timer():start(0, 0, function()
      note("luv", pcall(redis.get, redis, "k"))
      note("send", redis:send("SET", "sent", 1))
    end)
    note("load", pcall(redis.get, redis, "k"))
  `);
  assert.match((await server.note('luv', false))[2], /nothing can wait here/);
  assert.match((await server.note('load', false))[2], /cannot wait while it is loaded/);
  await server.note('send', true);
  assert.deepStrictEqual(await run('return redis:get("sent"), redis:exists("k")'), ['1', 0]);
});

test('redis: a wait that is cancelled; the reply goes to nobody', async (t) => {
  const { redis, run } = await connected(t);
  assert.deepStrictEqual(await run(
    'return ratchet.timeout(0.1, function() return redis:brpop("list", 0) end)'),
  [null, 'timeout']);
  await redis.cli('lpush', 'list', 'x');
  assert.deepStrictEqual(await run('return redis:ping("still"), redis:llen("list")'), ['still', 0]);
  assert.deepStrictEqual(await run(`
    local messages = redis:messages("a")
    local none, why = ratchet.timeout(0.1, messages)
    ratchet.spawn(function()
      while redis:publish("a", "later") == 0 do ratchet.sleep(0.01) end
    end)
    return why, messages()`), ['timeout', 'later', 'a']);
});

test('redis: closed', async (t) => {
  const { run } = await connected(t);
  assert.deepStrictEqual(await run(`
    local why
    ratchet.spawn(function() why = select(2, redis:brpop("x", 0)) end)
    ratchet.sleep(0.05)
    redis:close()
    ratchet.sleep(0.05)
    return why, select(2, redis:get("k"))`), ['closed', 'closed']);
});

// ---- publish and subscribe

test('redis: subscriptions, beside commands of the same client', async (t) => {
  const { redis, server, run } = await connected(t, {}, `
    redis:subscribe("a", function(message, channel) note("one", channel, message) end)
    redis:subscribe("a", function(message, channel) note("two", channel, message) end)
    sub = redis:psubscribe("a*", function(message, channel) note("all", channel, message) end)
  `);
  await redis.listened('a');
  assert.strictEqual(await redis.cli('publish', 'a', 'hello'), '2');
  for (const who of ['one', 'two', 'all']) await server.note(who, 'a', 'hello');
  await run('return redis:publish("ab", "other")');
  await server.note('all', 'ab', 'other');
  await run('sub:cancel() return redis:get("x")');
  await poll(async () => await redis.cli('publish', 'ab', 'none') === '0', 'it is cancelled');
  assert.strictEqual(server.notesLike('one', 'ab').length, 0);
});

test('redis: messages of a subscription are handled one after the other', async (t) => {
  const { redis, server } = await connected(t, {}, `
    redis:subscribe("a", function(message)
      note("begin", message)
      redis:get("x")
      ratchet.sleep(0.001)
      if message == "3" then error("no three") end
      note("end", message)
    end)
  `, { server: { mayAlarm: /no three/ } });
  await redis.listened('a');
  for (let i = 0; i < 10; i++) await redis.cli('publish', 'a', String(i));
  await server.note('end', '9');
  const expected = [];
  for (let i = 0; i < 10; i++) {
    expected.push(['begin', String(i)]);
    if (i !== 3) expected.push(['end', String(i)]);
  }
  assert.deepStrictEqual(server.notes, expected);
  await server.logged(/error redis a: .*no three/);
});

test('redis: a slow subscriber is not told more than it can keep, and loses nothing', async (t) => {
  const COUNT = 20000;
  const { redis, server, run } = await connected(t, {}, `
    local sum, last = 0, 0
    redis:subscribe("a", function(message)
      local n = tonumber((message:match("^%d+")))
      assert(n == last + 1, "order")
      last = n
      if n % 1000 == 1 then ratchet.sleep(0.02) end
      if n == ${COUNT} then note("all") end
    end)
  `);
  await redis.listened('a');
  await run(`
    local padding = ("x"):rep(1000)
    for i = 0, ${COUNT} - 1, 1000 do
      assert(redis:pipeline(function(p)
        for n = i + 1, i + 1000 do p:publish("a", n .. padding) end
      end))
    end
    return 1`, 60000);
  await server.noted(['all'], 1, 30000 * slow);
});

test('redis: messages as a loop; it ends with its handler\'s break, and with close', async (t) => {
  const { redis, server, run } = await connected(t, {}, `
    ratchet.spawn(function()
      for message, channel in redis:messages("a") do
        note("heard", channel, message)
        if message == "stop" then break end
      end
      note("left")
    end)
    ratchet.spawn(function()
      for message, channel in redis:pmessages("b*") do note("heard", channel, message) end
      note("ended")
    end)
  `);
  await redis.listened('a');
  await redis.cli('publish', 'a', 'hello');
  await redis.cli('publish', 'b1', 'hello');
  await redis.cli('publish', 'a', 'stop');
  await server.note('heard', 'a', 'hello');
  await server.note('heard', 'b1', 'hello');
  await server.note('left');
  await run('collectgarbage() collectgarbage() return 1');
  await redis.listened('a', 0);
  await run('redis:close() return 1');
  await server.note('ended');
});

test('redis: subscriptions come back with the server', async (t) => {
  const { redis, server } = await connected(t, {}, `
    redis:subscribe("a", function(message) note("heard", message) end)
    ratchet.spawn(function()
      for message in redis:messages("a") do note("loop", message) end
    end)
  `);
  await redis.listened('a', 2);
  await redis.stop();
  await redis.start();
  await redis.listened('a', 2);
  await redis.cli('publish', 'a', 'again');
  await server.note('heard', 'again');
  await server.note('loop', 'again');
});

test('redis: a handler that waits for it is gone with nothing but its connection', async (t) => {
  const { redis, server, run } = await connected(t, { client: 'timeout = 20,' });
  const other = await t.open(server);
  await other.text('note("asked") local reply = redis:brpop("list", 0) note("reply", reply[2])');
  await server.note('asked');
  other.reset();
  await poll(async () => /blocked_clients:1/.test(await redis.cli('info', 'clients')), 'it waits');
  await redis.cli('lpush', 'list', 'x');
  await server.note('reply', 'x');
  assert.deepStrictEqual(await run('return redis:ping()'), ['PONG']);
});

test('redis: SIGTERM while handlers wait and subscriptions are open', async (t) => {
  const { server, client, redis } = await connected(t, { client: 'timeout = 0,' }, `
    redis:subscribe("a", function() end)
    ratchet.spawn(function() for _ in redis:messages("a") do end end)
  `);
  await redis.listened('a', 2);
  await client.text('note("asked") return redis:brpop("x", 0)');
  await server.note('asked');
  server.kill();
  server.kill();
  assert.strictEqual((await server.exit(20000)).status, 0);
});

// ---- servers that are none

const hostile = {
  'HTTP': 'HTTP/1.1 400 Bad Request\r\n\r\n',
  'noise': Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) & 255)),
  'an array nested without end': '*1\r\n'.repeat(100000),
  'a huge count': `*2147483647\r\n${'*0\r\n'.repeat(1000)}*x\r\n`,
  'a huge length': `$99999999999999999999\r\n`,
  'a negative length': '$-5\r\n',
  'RESP3': '%1\r\n+a\r\n,1.5\r\n',
  'a line without end': '+'.padEnd(300000, 'a'),
  'replies that nobody asked for': '+OK\r\n'.repeat(1000),
};

for (const [name, bytes] of Object.entries(hostile)) {
  test(`redis: hostile: ${name}`, async (t) => {
    let count = 0;
    const port = await impostor(t, (socket) => {
      count++;
      socket.on('data', () => socket.write(bytes));
    });
    const server = await t.server(appWith(`port = ${port}, timeout = 1`,
      'redis:subscribe("a", function() note("heard") end)'));
    server.options.descriptors = false;
    const client = await t.open(server);
    const result = await ask(client, 'return type(redis:get("k")), select(2, redis:get("k"))');
    assert.ok(result.length > 0, JSON.stringify(result));
    await client.frame('ping', 'p');
    await client.expectFrame('pong', 'p');
    await poll(() => count > 3, 'it is tried again');
    assert.strictEqual(server.notesLike('heard').length, 0);
  });
}

test('redis: hostile: messages that nobody subscribed to', async (t) => {
  const port = await impostor(t, (socket) => {
    socket.on('data', () => socket.write(
      '*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\nx\r\n*2\r\n$7\r\nmessage\r\n:1\r\n*0\r\n*-1\r\n'));
  });
  const server = await t.server(appWith(`port = ${port}, timeout = 1`,
    'redis:subscribe("a", function() note("heard") end)'));
  server.options.descriptors = false;
  const client = await t.open(server);
  assert.deepStrictEqual(await ask(client, 'return redis:get("k")'), [['message', 'b', 'x']]);
  await server.logged(/a reply that nobody asked for/);
  assert.strictEqual(server.notesLike('heard').length, 0);
});

test('redis: hostile: says hello and goodbye, again and again, with growing pauses', async (t) => {
  let count = 0;
  const port = await impostor(t, (socket) => {
    count++;
    socket.end('-ERR max number of clients reached\r\n');
  });
  const server = await t.server(appWith(`port = ${port}, timeout = 1`));
  server.options.descriptors = false;
  const client = await t.open(server);
  await ask(client, 'return redis:get("k")');
  await server.logged(/max number of clients reached/);
  assert.ok(count < 20, `${count} attempts in a second`);
});

test('redis: hostile: takes the connection and says nothing', async (t) => {
  const port = await impostor(t, (socket) => socket.resume());
  const server = await t.server(appWith(`port = ${port}, password = "x", connectTimeout = 0.2, timeout = 1`));
  server.options.descriptors = false;
  await server.logged(/no connection within 0.2 s/);
  const client = await t.open(server);
  assert.match((await ask(client, 'return redis:get("k")'))[1], /^timeout: not connected/);
});

test('redis: hostile: does not read', async (t) => {
  const port = await impostor(t, (socket) => socket.pause());
  const server = await t.server(appWith(`port = ${port}, timeout = 1`));
  server.options.descriptors = false;
  const client = await t.open(server);
  await client.send(frames.text(
    'local large = ("x"):rep(1e7) for i = 1, 6 do redis:send("SET", "k", large) end return redis:get("k")'));
  assert.deepStrictEqual(JSON.parse((await client.nextFrame(20000)).payload),
    [null, 'timeout: no reply within 1 s']);
});
