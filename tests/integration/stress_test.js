// Random use of the whole API in random handlers, by clients that do what they
// like: nothing may crash, and each connection that was opened is closed once.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');
const frames = require('./support/frames');
const { handshakeBytes } = require('./support/raw');
const { sleep } = require('./support/wait');

const CLIENTS = 400;
const AT_ONCE = 16;

const APP = `
local core, uv = require "ratchet.core", require "luv"
local seed = SEED
local function random(n) -- a generator of our own: the same run for the same seed
  seed = (seed * 1103515245 + 12345) % 2147483648
  return math.floor(seed / 65536) % n + 1
end
local all, opened, closed, doubled = {}, 0, 0, 0
local topic = ratchet.topic("everyone")
local function wait(ms)
  local ticket, timer = core.ticket(), uv.new_timer()
  timer:start(ms, 0, function() timer:close() core.wake(ticket, ms) end)
  return core.wait(ticket)
end
local function any() return all[random(#all)] end
local operations = {
  function(conn) conn:send("some text") end,
  function(conn) conn:send(("x"):rep(random(200000))) end,
  function(conn) conn:sendBinary("\\255\\0") end,
  function(conn) conn:ping("p") end,
  function(conn) conn:pong() end,
  function(conn) conn.field = random(100) end,
  function(conn) return conn.httpRequest and conn.httpRequest.path end,
  function(conn) return conn.bufferedAmount + conn.readyState + #conn.protocol end,
  function(conn) topic:add(conn) end,
  function(conn) topic:remove(conn) end,
  function(conn) topic:broadcast("to all", { exclude = conn }) end,
  function() topic:broadcast("binary", { binary = true }) end,
  function(conn) conn:pause() uv.new_timer():start(random(20), 0, function() conn:resume() end) end,
  function(conn) conn:resume() end,
  function() wait(random(10)) end,
  function() if random(4) == 1 then any():close(4000, "random") end end,
  function() if random(6) == 1 then any():terminate() end end,
  function(conn) if random(4) == 1 then conn:close() end end,
  function(conn) if random(6) == 1 then conn:terminate() end end,
  function() if random(3) == 1 then error("random") end end,
  function() if random(3) == 1 then error({}) end end,
  function() if random(8) == 1 then coroutine.yield() end end,
  function() if random(10) == 1 then collectgarbage() end end,
  function(conn) for _, other in ipairs(all) do other:send("loop") end end,
  function() for i = #all, 1, -1 do if random(3) == 1 then table.remove(all, i) end end end,
}
local function act(conn)
  for _ = 1, random(3) do
    operations[random(#operations)](conn)
    if #all > 0 then operations[random(#operations)](any()) end
    if #all == 0 then all[1] = conn end
  end
end
local C = {}
for _, name in ipairs { "onMessage", "onPing", "onPong", "onDrain", "onError" } do
  C[name] = function(_, conn) act(conn) end
end
function C:onUpgrade() if random(10) == 1 then wait(random(5)) end end
function C:onOpen(conn)
  opened = opened + 1
  all[#all + 1] = conn
  act(conn)
end
function C:onClose(conn)
  if conn.is_closed then doubled = doubled + 1 end
  conn.is_closed = true
  closed = closed + 1
  act(conn)
end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" }, nil, { maxBufferedAmount = 500000, closeTimeout = 0.2 })
app:get("/report", function()
  return { opened = opened, closed = closed, doubled = doubled, members = topic:count() }
end)
app:run()
`;

// A generator of numbers below n.
function generator(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
}

const deeds = [
  (client) => client.text('hello'),
  (client) => client.send(frames.text('a'), frames.frame('ping', 'b'), frames.text('c')),
  (client, random) => client.text('x'.repeat(random(100000))),
  (client, random) => client.frame('binary', Buffer.alloc(random(70000))),
  (client) => client.frame('text', 'frag', { fin: false }),
  (client) => client.frame('ping', ''),
  (client) => client.frame('pong', ''),
  (client) => client.close(1000),
  (client) => client.half(),
  (client) => client.reset(),
  (client) => client.send(Buffer.from([0xff, 0xff])),
  (client) => client.socket.pause(),
  (client) => client.socket.resume(),
  (client) => client.destroy(),
  (client, random) => sleep(random(10)),
];

async function misbehave(t, server, random) {
  const client = await t.raw(server);
  client.send(handshakeBytes(), frames.text('early'));
  for (let i = 0; i < 12 && !client.isClosed; i++) {
    const deed = deeds[random(deeds.length + 6) % deeds.length];
    deed(client, random);
    if (random(3) === 0) await sleep(random(3));
  }
  client.destroy();
}

async function report(t, server) {
  const client = await t.raw(server);
  await client.send('GET /report HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return JSON.parse((await client.answer()).body);
}

for (const seed of [1, 2, 3]) {
  test(`random use of everything, seed ${seed}`, { ms: 40000 }, async (t) => {
    const server = await t.server(APP.replace('SEED', String(seed)), { args: ['--log-level', 'off'] });
    const random = generator(seed);
    let left = CLIENTS;
    const lane = async () => {
      while (left-- > 0) await misbehave(t, server, random);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    let found = await report(t, server);
    for (let i = 0; i < 500 && found.opened !== found.closed; i++) {
      await sleep(10);
      found = await report(t, server);
    }
    assert.ok(found.opened > CLIENTS / 4, `many were opened; it were ${found.opened}`);
    assert.deepStrictEqual([found.closed, found.doubled, found.members], [found.opened, 0, 0],
      'onClose once for each onOpen, and no members are left');
  });
}
