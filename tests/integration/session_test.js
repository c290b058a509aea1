// Sessions between this program and PHP itself: what the one writes the other reads, in
// files and in Redis, also when both write at a time.
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { test } = require('./support/runner');
const { Script, php } = require('./support/php');
const { redisServer } = require('./support/redis');
const { poll, slow } = require('./support/wait');

// Each message is Lua that a handler runs with the session; its results come back as JSON.
function appWith(store, options = '') {
  return `
local json = require "cjson"
json.encode_sparse_array(true)
local function packed(...)
  local list = { ... }
  for i = 1, select("#", ...) do if list[i] == nil then list[i] = json.null end end
  return json.encode(list)
end
local C = {}
function C:onUpgrade(request) note("upgrade", request.Session.id) end
function C:onMessage(conn, code)
  local run = assert(loadstring("local session, conn, ratchet = ... " .. code))
  conn:send(packed(run(conn.Session, conn, ratchet)))
end
function C:onError(conn, err) conn:send(json.encode{ "raised", (tostring(err):match("^[^\\n]*")) }) end
local app = ratchet.App("localhost", 8080)
app:route("/", ratchet.session.SessionProvider(C, ${store}, { ${options} }), { "*" })
app:run()
`;
}

async function ask(client, code, ms = 20000) {
  await client.text(code);
  return JSON.parse((await client.nextFrame(ms)).payload.toString('utf8'));
}

const cookie = (id) => [`Cookie: PHPSESSID=${id}`];

// The program on a folder of PHP's, and a client of the session "abc".
async function withFiles(t, options = '', depth = '') {
  const folder = t.temporary('sessions');
  fs.mkdirSync(folder, { recursive: true });
  const savePath = depth + folder;
  const server = await t.server(appWith(`ratchet.session.FileStore(${JSON.stringify(savePath)})`,
    options));
  const settings = { 'session.save_path': savePath };
  const handler = /serializer = "(\w+)"/.exec(options);
  if (handler) settings['session.serialize_handler'] = handler[1];
  const open = (id = 'abc') => t.open(server, '/', cookie(id));
  const site = (code, id = 'abc') => php(t, settings, `session_id("${id}"); session_start(); ${code}`);
  return { folder, server, settings, open, site };
}

const VALUES = `$_SESSION = [
  "null" => null, "yes" => true, "no" => false, "int" => -7, "max" => PHP_INT_MAX,
  "floats" => [0.1, 1/3, 1e25, 1.5e-7, -0.0, 5.0, 1e100, 123456789.12345679, 2.5e-320],
  "text" => "Grüße, \\u{1F600}", "bytes" => "a\\"b;}|\\0c",
  "list" => [1, [2, [3, []]], "x" => ["y" => ["z" => 1]]],
  "map" => [1 => "one", 2 => "two"], "sparse" => [5 => "five", -1 => "minus"],
  "holes" => [1, null, 3], "deep" => ["a" => ["b" => ["c" => ["d" => [true]]]]],
  "numbers" => ["5" => "int", "05" => "string"], "user" => "ada",
];`;

const READ = `
local all, refused = session:all()
local floats = {}
for i, x in ipairs(all.floats) do floats[i] = ("%.17g"):format(x) end
local keys = {}
for name in pairs(all) do keys[#keys + 1] = name end
table.sort(keys)
return {
  keys = keys, yes = all.yes, no = all.no, int = all.int, max = all.max, floats = floats,
  text = all.text, bytes = #all.bytes, one = all.map[1], two = all.map[2],
  five = all.sparse[5], minus = all.sparse[-1], holes = { all.holes[1], all.holes[3], ratchet.session.php.length(all.holes) },
  deep = all.deep.a.b.c.d[1], int5 = all.numbers[5], text05 = all.numbers["05"],
  z = all.list.x.y.z, three = all.list[1][2][1], user = session:get("user"),
  null = session:has("null"),
}`;

const EXPECTED = {
  keys: ['bytes', 'deep', 'floats', 'holes', 'int', 'list', 'map', 'max', 'no', 'numbers',
    'sparse', 'text', 'user', 'yes'],
  yes: true, no: false, int: -7, max: '9223372036854775807',
  floats: ['0.10000000000000001', '0.33333333333333331', '1.0000000000000001e+25',
    '1.4999999999999999e-07', '-0', '5', '1e+100', '123456789.12345679', '2.4999721679567075e-320'],
  text: 'Grüße, \u{1F600}', bytes: 8, one: 'one', two: 'two', five: 'five', minus: 'minus',
  holes: [1, 3, 3], deep: true, int5: 'int', text05: 'string', z: 1, three: 3, user: 'ada',
  null: false,
};

for (const serializer of ['php', 'php_binary', 'php_serialize']) {
  test(`session: what PHP writes with ${serializer} is read, and what it cannot is kept`, async (t) => {
    const { folder, open, site } = await withFiles(t, `serializer = "${serializer}"`);
    await site(`${VALUES} $_SESSION["object"] = new ArrayObject([1, 2]);`);
    const client = await open();
    assert.deepStrictEqual((await ask(client, READ))[0], EXPECTED);
    const [value, reason] = await ask(client, 'return session:get("object")');
    assert.strictEqual(value, null);
    assert.match(reason, /^object: it has an object of the PHP class "ArrayObject"/);
    // Not a byte is changed of what was not changed.
    const file = path.join(folder, 'sess_abc');
    const before = fs.readFileSync(file);
    assert.deepStrictEqual(await ask(client, 'return session:save()'), [true]);
    assert.ok(fs.readFileSync(file).equals(before));
    assert.deepStrictEqual(
      await ask(client, 'return session:set("seen", { 1, "zwö" }):remove("user"):save()'), [true]);
    assert.strictEqual(await site(`
      echo json_encode([$_SESSION["seen"], isset($_SESSION["user"]), $_SESSION["object"][1],
        $_SESSION["max"] === PHP_INT_MAX, $_SESSION["floats"][1] === 1/3, $_SESSION["map"]],
        JSON_UNESCAPED_UNICODE);`),
    '[[1,"zwö"],false,2,true,true,{"1":"one","2":"two"}]');
  });

  test(`session: what is written with ${serializer} is the same in PHP`, async (t) => {
    const { open, site } = await withFiles(t, `serializer = "${serializer}"`);
    await site(VALUES);
    const client = await open();
    // Everything is written anew, from the tables that it was read to.
    assert.deepStrictEqual(await ask(client, `
      for name, value in pairs((session:all())) do
        if name ~= "max" then session:set(name, value) end
      end
      return session:save()`), [true]);
    assert.deepStrictEqual((await ask(client, READ))[0], EXPECTED);
    assert.strictEqual(await site(`$read = $_SESSION; ${VALUES}
      function sorted(&$a) { if (is_array($a)) { ksort($a); foreach ($a as &$x) sorted($x); } }
      // Integral floats have become integers: Lua has one kind of number.
      $_SESSION["floats"][5] = 5;
      sorted($read); sorted($_SESSION);
      foreach ($_SESSION as $name => $value)
        if (serialize($read[$name]) !== serialize($value))
          echo $name, ": ", serialize($read[$name]), " is not ", serialize($value), "\\n";
      $_SESSION = $read;`), '');
  });

  test(`session: references in ${serializer}`, async (t) => {
    const { open, site } = await withFiles(t, `serializer = "${serializer}"`);
    await site('$a = ["x" => 1]; $_SESSION["a"] = &$a; $_SESSION["b"] = &$a;'
      + ' $_SESSION["c"] = [1, &$_SESSION["a"]["x"]];');
    const client = await open();
    assert.deepStrictEqual(await ask(client, 'return session:get("a"), session:get("b"), session:get("c")'),
      [{ x: 1 }, { x: 1 }, [1, 1]]);
    assert.deepStrictEqual(await ask(client, 'return session:remove("a"):save()'), [true]);
    assert.strictEqual(await site('echo json_encode($_SESSION);'), '{"b":{"x":1},"c":[1,1]}');
  });
}

test('session: objects that lead to each other are not cut apart', async (t) => {
  const { open, site } = await withFiles(t);
  await site('$o = new stdClass; $_SESSION = ["o" => $o, "p" => $o, "n" => 1];');
  const client = await open();
  assert.deepStrictEqual(await ask(client, 'return session:get("n")'), [1]);
  const [saved, reason] = await ask(client, 'return session:set("n", 2):save()');
  assert.strictEqual(saved, null);
  assert.match(reason, /"stdClass".*its references could not be kept/);
  assert.strictEqual(await site('echo $_SESSION["o"] === $_SESSION["p"], $_SESSION["n"];'), '11');
});

test('session: floats are written as PHP writes them', async (t) => {
  const { open, site } = await withFiles(t);
  await site('');
  const client = await open();
  const numbers = ['0.1', '1/3', '1e15+0.5', '1e16+2', '1e17', '1e25', '1.5e-5', '0.0001', '0.00012',
    '5e-324', '1.7976931348623157e308', '-2.5e-7', '123456.789', '2^53', '-1e300'];
  await ask(client, `return session:set("f", { ${numbers.join(', ')} }):save()`);
  await site(`$mine = [${numbers.join(', ').replace('2^53', '(float)2**53')}];
    foreach ($mine as $i => $f) if ((float)$_SESSION["f"][$i] !== (float)$f) echo "read $i ";
    $file = file_get_contents(session_save_path() . "/sess_abc");
    $said = "f|" . serialize($mine);
    if (str_replace("i:10000000000000002;", "d:10000000000000002;", $file) !== $said) echo "$file $said";`)
    .then((said) => assert.strictEqual(said, ''));
});

test('session: JSON of any site', async (t) => {
  const { folder, open } = await withFiles(t, 'serializer = "json"');
  const file = path.join(folder, 'sess_abc');
  fs.writeFileSync(file, '{"user":{"name":"ada","roles":[]},"n":9007199254740993}');
  const client = await open();
  assert.deepStrictEqual(await ask(client, 'return session:get("user").name'), ['ada']);
  assert.deepStrictEqual(await ask(client, 'return session:set("x", { 1 }):save()'), [true]);
  assert.strictEqual(fs.readFileSync(file, 'utf8'),
    '{"user":{"name":"ada","roles":[]},"n":9007199254740993,"x":[1]}');
});

test('session: folders below the folder, as session.save_path has them', async (t) => {
  const { folder, open, site } = await withFiles(t, '', '2;');
  fs.mkdirSync(path.join(folder, 'a', 'b'), { recursive: true });
  await site('$_SESSION["user"] = "ada";');
  assert.ok(fs.existsSync(path.join(folder, 'a', 'b', 'sess_abc')));
  assert.deepStrictEqual(await ask(await open(), 'return session:get("user")'), ['ada']);
});

test('session: who has none, and names that lead elsewhere', async (t) => {
  const { folder, server, open } = await withFiles(t);
  fs.writeFileSync(path.join(folder, '..', 'sess_out'), 'user|s:3:"eve";');
  for (const id of ['', '../sess_out', '..%2Fsess_out', 'a/../../sess_out', 'a'.repeat(300)]) {
    const client = await open(id);
    assert.deepStrictEqual(await ask(client, 'return session.id, session:get("user", "nobody")'),
      ['', 'nobody']);
  }
  const client = await t.open(server);
  assert.deepStrictEqual(await ask(client, 'return (session:all())'), [{}]);
  assert.match((await ask(client, 'return session:set("x", 1):save()'))[1], /too late to send a cookie/);
  assert.deepStrictEqual(fs.readdirSync(folder), []);
});

test('session: it waits while a script of PHP has it, and others do not', async (t) => {
  const { server, settings, open, site } = await withFiles(t);
  await site('$_SESSION["n"] = 1;');
  const script = new Script(t, settings, `session_id("abc"); session_start(); say("locked");
    fgets(STDIN); $_SESSION["n"] = 2; session_write_close(); say("written"); fgets(STDIN);
    session_start(); say("again"); fgets(STDIN); $_SESSION["m"] = 3;`);
  await script.said('locked');
  const [one, two] = [await open(), await open()];
  await one.text('return session:get("n")');
  await two.text('return session:get("n")');
  for (let i = 0; i < 20; i++) { // the loop is free, and so are libuv's threads
    const other = await open(`other${i}`);
    assert.deepStrictEqual(await ask(other, 'return session:get("n", "none")'), ['none']);
  }
  await one.expectSilence(100);
  script.goOn();
  for (const client of [one, two]) {
    assert.deepStrictEqual(JSON.parse((await client.nextFrame()).payload), [2]);
  }
  await script.said('written');
  script.goOn();
  await script.said('again');
  await one.text('return session:set("x", 1):save()');
  await one.expectSilence(100);
  script.goOn();
  await script.result();
  assert.deepStrictEqual(JSON.parse((await one.nextFrame()).payload), [true]);
  assert.strictEqual(await site('echo json_encode($_SESSION);'), '{"n":2,"m":3,"x":1}');
  assert.ok(server.ended === null);
});

test('session: PHP and we write at a time, and nothing is lost', async (t) => {
  const { settings, open, site } = await withFiles(t);
  await site('$_SESSION["php"] = 0;');
  const script = new Script(t, settings, `session_id("abc"); for ($i = 1; $i <= 300; $i++) {
    session_start(); if ($_SESSION["php"] !== $i - 1) exit(1); $_SESSION["php"] = $i;
    session_write_close(); if ($i == 10) say("going"); }`);
  await script.said('going');
  const clients = await Promise.all(['a', 'b', 'c'].map(() => open()));
  await Promise.all(clients.map(async (client, who) => {
    for (let i = 1; i <= 40; i++) {
      assert.deepStrictEqual(
        await ask(client, `return session:set("we${who}", ${i}):save()`, 60000), [true]);
    }
  }));
  await script.result();
  assert.strictEqual(await site('ksort($_SESSION); echo json_encode($_SESSION);'),
    '{"php":300,"we0":40,"we1":40,"we2":40}');
}, { ms: 60000 });

test('session: what the site has ended is not brought back', async (t) => {
  const { folder, open, site } = await withFiles(t);
  await site('$_SESSION["user"] = "ada";');
  const client = await open();
  assert.deepStrictEqual(await ask(client, 'return session:get("user")'), ['ada']);
  await site('session_destroy();');
  assert.match((await ask(client, 'return session:set("x", 1):save()'))[1], /the session has ended/);
  assert.deepStrictEqual(await ask(client, 'return session:load(), session:get("user")'), [true, null]);
  assert.deepStrictEqual(fs.readdirSync(folder), []);
});

test('session: a file that makes no sense, or may not be read, is one session only', async (t) => {
  const { folder, server, open, site } = await withFiles(t);
  const hostile = [
    'user|s:999999999:"x";', 'user|a:999999999:{', `user|${'a:1:{i:0;'.repeat(50000)}`,
    '\0\0\0', 'user|R:1;', '|', `user|${'i:1;'.repeat(200000)}`, 'user|C:1:"X":5:{',
  ];
  for (const [i, bytes] of hostile.entries()) {
    fs.writeFileSync(path.join(folder, `sess_bad${i}`), bytes);
    const [value, reason] = await ask(await open(`bad${i}`), 'return session:get("user")');
    assert.strictEqual(value, null);
    assert.match(reason, /^session: it cannot be read: |^user: it has a reference to itself/);
  }
  fs.writeFileSync(path.join(folder, 'sess_large'), 'x'.repeat(1048577));
  assert.match((await ask(await open('large'), 'return session:get("user")'))[1],
    /it has 1048577 bytes; 1048576 is the most/);
  fs.symlinkSync(path.join(folder, 'sess_real'), path.join(folder, 'sess_link'));
  fs.writeFileSync(path.join(folder, 'sess_real'), 'user|s:3:"ada";');
  assert.deepStrictEqual(await ask(await open('link'), 'return session:get("user", "none")'), ['none']);
  fs.mkdirSync(path.join(folder, 'sess_folder'));
  assert.match((await ask(await open('folder'), 'return session:get("user")'))[1], /it is no file/);
  await server.logged(/warn session: .*sess_large: it has/);
  await site('$_SESSION["user"] = "ada";');
  assert.deepStrictEqual(await ask(await open(), 'return session:get("user")'), ['ada']);
});

test('session: where nothing can wait, it says so, or was read before', async (t) => {
  const { server, open, site } = await withFiles(t);
  await site('$_SESSION["user"] = "ada";');
  const inCallback = (after) => `
    return ratchet.await(function(resume)
      local timer = require("luv").new_timer()
      timer:start(1, 0, function()
        timer:close()
        resume(select(2, pcall(session.get, session, "user")))
      end)
    end)${after}`;
  const client = await open();
  assert.match((await ask(client, inCallback('')))[0],
    /Session:get: .*Where something can wait, Session:load\(\) reads it beforehand/);
  await ask(client, 'return session:load()');
  assert.deepStrictEqual(await ask(client, inCallback('')), ['ada']);
  assert.ok(server.notesLike('upgrade', 'abc').length > 0);
});

test('session: autoLoad reads it before the handshake ends', async (t) => {
  const { open, site } = await withFiles(t, 'autoLoad = true');
  await site('$_SESSION["user"] = "ada";');
  const client = await open();
  await site('$_SESSION["user"] = "bob";');
  assert.deepStrictEqual(await ask(client, 'return session:get("user")'), ['ada']);
});

// ---- Redis

async function withRedis(t, settings = {}) {
  const redis = await redisServer(t);
  const server = await t.server(
    appWith(`ratchet.session.RedisStore{ path = "${redis.socket}", lifetime = 77 }`));
  server.options.descriptors = false; // those of the connections to Redis come and go
  const all = {
    'session.save_handler': 'redis', 'session.save_path': `unix://${redis.socket}`, ...settings,
  };
  const site = (code, id = 'abc') => php(t, all, `session_id("${id}"); session_start(); ${code}`);
  return { redis, server, settings: all, site, open: (id = 'abc') => t.open(server, '/', cookie(id)) };
}

test('session: phpredis and we read each other', async (t) => {
  const { redis, open, site } = await withRedis(t);
  await site(`${VALUES} $_SESSION["object"] = new ArrayObject([1]);`);
  const client = await open();
  assert.deepStrictEqual((await ask(client, READ))[0], EXPECTED);
  assert.deepStrictEqual(await ask(client, 'return session:set("seen", { "zwö" }):save()'), [true]);
  assert.strictEqual(await redis.cli('ttl', 'PHPREDIS_SESSION:abc'), '77');
  assert.strictEqual(await site('echo $_SESSION["seen"][0], $_SESSION["object"][0];'), 'zwö1');
  await site('session_destroy();');
  assert.match((await ask(client, 'return session:set("x", 1):save()'))[1], /the session has ended/);
  assert.strictEqual(await redis.cli('exists', 'PHPREDIS_SESSION:abc'), '0');
});

test('session: it waits for the lock of phpredis, and nothing is lost', async (t) => {
  const { settings, open, site } = await withRedis(t, {
    'redis.session.locking_enabled': '1', 'redis.session.lock_retries': '-1',
    'redis.session.lock_wait_time': '2000',
  });
  await site('$_SESSION["php"] = 0;');
  const client = await open();
  const script = new Script(t, settings, `session_id("abc"); session_start(); say("locked");
    fgets(STDIN); $_SESSION["php"] = 1;`);
  await script.said('locked');
  assert.deepStrictEqual(await ask(client, 'return session:get("php")'), [0]);
  await client.text('return session:set("we", 1):save()');
  await client.expectSilence(100);
  script.goOn();
  await script.result();
  assert.deepStrictEqual(JSON.parse((await client.nextFrame()).payload), [true]);
  const clients = await Promise.all([1, 2, 3].map(() => open()));
  await Promise.all(clients.map(async (one, who) => {
    for (let i = 1; i <= 40; i++) {
      assert.deepStrictEqual(await ask(one, `return session:set("we${who}", ${i}):save()`), [true]);
    }
  }));
  assert.strictEqual(await site('ksort($_SESSION); echo json_encode($_SESSION);'),
    '{"php":1,"we":1,"we0":40,"we1":40,"we2":40}');
});

test('session: without Redis there is a reason, and afterwards a session', async (t) => {
  const { redis, server, open, site } = await withRedis(t);
  await site('$_SESSION["user"] = "ada";');
  const client = await open();
  redis.kill();
  await redis.ended;
  const [value, reason] = await ask(client, 'return session:get("user")');
  assert.strictEqual(value, null);
  assert.match(reason, /^session: /);
  await server.logged(/warn session: /);
  await redis.start();
  await site('$_SESSION["user"] = "bob";');
  await poll(async () => (await ask(client, 'return session:get("user")'))[0] === 'bob', 'it is back',
    20000 * slow);
});

// ---- without PHP

const LOGIN = `
local store = ratchet.session.MemoryStore()
local C = {}
function C:onUpgrade(request)
  if not request.Session:get("user") then return 403, "log in first\\n" end
end
function C:onOpen(conn) conn:send("hello " .. conn.Session:get("user")) end
local app = ratchet.App("localhost", 8080)
app:post("/login", function(request)
  request.Session:set("user", request.body)
  assert(request.Session:regenerate())
  return "welcome"
end)
app:post("/logout", function(request)
  assert(request.Session:destroy())
  return "bye"
end)
app:route("/chat", C, { "*" })
local server = ratchet.server.IoServer.factory(
  ratchet.http.HttpServer(ratchet.session.SessionProvider(app, store)), 8080, "127.0.0.1")
server:run()
`;

test('session: a login without any other site', async (t) => {
  const server = await t.server(LOGIN);
  const post = async (target, body, lines = []) => {
    const client = await t.raw(server);
    await client.send([`POST ${target} HTTP/1.1`, 'Host: localhost',
      `Content-Length: ${body.length}`, ...lines, '', body].join('\r\n'));
    return client.answer();
  };
  const enter = async (lines) => {
    const client = await t.raw(server);
    await client.send(['GET /chat HTTP/1.1', 'Host: localhost', 'Upgrade: websocket',
      'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13', ...lines, '', ''].join('\r\n'));
    return [(await client.answer()).status, client];
  };
  assert.strictEqual((await enter([]))[0], 403);
  const login = await post('/login', 'ada', cookie('chosenbysomebody'));
  const line = login.headers['set-cookie'][0];
  assert.match(line, /^PHPSESSID=[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Lax$/);
  const own = [`Cookie: ${line.split(';')[0]}`];
  assert.strictEqual((await enter(cookie('chosenbysomebody')))[0], 403);
  const [status, client] = await enter(own);
  assert.strictEqual(status, 101);
  await client.expectText('hello ada');
  const again = await post('/login', 'bob', own);
  assert.strictEqual((await enter(own))[0], 403); // the id of before
  const newer = [`Cookie: ${again.headers['set-cookie'][0].split(';')[0]}`];
  assert.strictEqual((await enter(newer))[0], 101);
  const logout = await post('/logout', '', newer);
  assert.match(logout.headers['set-cookie'][0], /^PHPSESSID=; Path=\/; Max-Age=0; /);
  assert.strictEqual((await enter(newer))[0], 403);
});

test('layers give fields to the connection, whatever its component is', async (t) => {
  const server = await t.server(`
local function Named(next_layer)
  return { handle = function(_, request)
    request.connectionFields.name = "ada"
    return next_layer:handle(request)
  end }
end
local Events, Line, Raw = {}, {}, {}
function Events:onMessage(conn) conn:send("events " .. conn.name) end
function Line:run(conn) conn:send("line " .. conn.name) conn:receive() end
function Raw:onOpen(conn) conn:send("raw " .. conn.name) conn:close() end
local app = ratchet.App("localhost", 8080)
app:route("/events", Named(ratchet.websocket.WsServer(Events)), { "*" })
app:route("/line", Named(ratchet.websocket.WsServer(Line)), { "*" })
app:route("/raw", Named(ratchet.http.HttpServer(Raw)), { "*" })
app:run()
`);
  const events = await t.open(server, '/events');
  await events.text('x');
  await events.expectText('events ada');
  await (await t.open(server, '/line')).expectText('line ada');
  const raw = await t.raw(server);
  await raw.send('GET /raw HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await raw.bytes(7)).toString(), 'raw ada');
});
