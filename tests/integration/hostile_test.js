// Requests that are malformed, or that two servers could read in two ways, and what
// exactly is answered. RFC 9112 decides. Each is sent whole and byte by byte.
'use strict';

const assert = require('assert');
const { test } = require('./support/runner');

// Tells what it understood: "GET a/path <body>".
const TELL = `
local layer = { handle = function(_, request)
  return 200, ("%s %s%s <%s>"):format(
    request.method, tostring(request.host), tostring(request.path), request.body)
end }
ratchet.server.IoServer(layer, 8080, "127.0.0.1"):run()
`;

const repeat = (count, fn) => Array.from({ length: count }, (_, i) => fn(i)).join('');

// A head with these lines.
const head = (start, ...lines) => [start, ...lines, '', ''].join('\r\n');
const get = (...lines) => head('GET / HTTP/1.1', 'Host: a', ...lines);
const at = (target, ...lines) => head(`GET ${target} HTTP/1.1`, 'Host: a', ...lines);
const starting = (start) => head(start, 'Host: a');
const post = (...lines) => head('POST / HTTP/1.1', 'Host: a', ...lines);
const sized = (length, body = '') => post(`Content-Length: ${length}`) + body;
const chunked = (body) => post('Transfer-Encoding: chunked') + body;
const coded = (coding, body = '0\r\n\r\n') => post(`Transfer-Encoding: ${coding}`) + body;
const NEXT = head('GET /next HTTP/1.1', 'Host: a');
const OK = '200 GET a/ <>';
const NEXT_OK = '200 GET a/next <>';
const posted = (body) => `200 POST a/ <${body}>`;

// name, bytes, answers: each a status, with the body for 200. The last says what
// becomes of the connection: 400 and the like end it, after 200 it goes on.
const cases = [
  // ---- the request line (RFC 9112 3)
  ['two spaces before the target', starting('GET  / HTTP/1.1'), 400],
  ['two spaces before the version', starting('GET /  HTTP/1.1'), 400],
  ['a tab before the target', starting('GET\t/ HTTP/1.1'), 400],
  ['a tab before the version', starting('GET /\tHTTP/1.1'), 400],
  ['a space before the method', starting(' GET / HTTP/1.1'), 400],
  ['a space behind the version', starting('GET / HTTP/1.1 '), 400],
  ['a form feed in the line', starting('GET /\f HTTP/1.1'), 400],
  ['a vertical tab as a separator', starting('GET\v/ HTTP/1.1'), 400],
  ['a bare CR as a separator', starting('GET\r/ HTTP/1.1'), 400],
  ['a bare CR behind the line', 'GET / HTTP/1.1\rHost: a\r\n\r\n', 400],
  ['a bare LF behind the line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['two empty lines first', `\r\n\r\n${get()}`, 400],
  ['a bare LF first', `\n${get()}`, 400],
  ['one empty line first', `\r\n${get()}`, OK],
  ['no target', starting('GET HTTP/1.1'), 400],
  ['no version', starting('GET /'), 400],
  ['a NUL in the method', starting('GE\0T / HTTP/1.1'), 400],
  ['a NUL in the target', starting('GET /\0 HTTP/1.1'), 400],
  ['DEL in the target', starting('GET /\x7f HTTP/1.1'), 400],
  ['a method with a colon', starting('GET: / HTTP/1.1'), 400],
  ['a method of 100 bytes', starting(`${'A'.repeat(100)} / HTTP/1.1`), 400],
  ['a method in small letters', starting('get / HTTP/1.1'), 501],
  ['a method that nobody knows', starting('BREW / HTTP/1.1'), 501],
  ['HTTP/1.2', starting('GET / HTTP/1.2'), 505],
  ['HTTP/2.0', starting('GET / HTTP/2.0'), 505],
  ['HTTP/0.9 with its version', starting('GET / HTTP/0.9'), 505],
  ['HTTP/1.10', starting('GET / HTTP/1.10'), 400],
  ['HTTP/01.1', starting('GET / HTTP/01.1'), 505],
  ['HTTP/1,1', starting('GET / HTTP/1,1'), 400],
  ['a target of 20,000 bytes', at(`/${'a'.repeat(20000)}`), 414],

  // ---- the target and the Host (RFC 9112 3.2)
  ['a target without a slash', at('index.html'), 400],
  ['a target that is a query', at('?a=b'), 400],
  ['a target with a fragment', at('/#a'), 400],
  ['an absolute target with another host', at('http://b.example/x'), '200 GET b.example/x <>'],
  ['an absolute target with a user', at('http://me@a/'), 400],
  ['an absolute target without a host', at('http:///x'), 400],
  ['an absolute target and no Host', head('GET http://a/ HTTP/1.1'), 400],
  ['a scheme alone', at('http:'), 400],
  ['asterisk form with GET', at('*'), 400],
  ['asterisk form with more behind it', starting('OPTIONS */x HTTP/1.1'), 400],
  ['CONNECT to an authority', starting('CONNECT b.example:443 HTTP/1.1'), 400],
  ['an authority with GET', at('b.example:443'), 400],
  ['no Host', head('GET / HTTP/1.1'), 400],
  ['two Hosts', get('Host: b'), 400],
  ['two Hosts that agree', get('Host: a'), 400],
  ['a list of Hosts', head('GET / HTTP/1.1', 'Host: a, b'), 400],
  ['a Host with a path', head('GET / HTTP/1.1', 'Host: a/b'), 400],
  ['a Host with a port that is none', head('GET / HTTP/1.1', 'Host: a:x'), 400],
  ['a Host with a port too high', head('GET / HTTP/1.1', 'Host: a:65536'), 400],
  ['a Host in two lines', head('GET / HTTP/1.1', 'Host: a\r\n b'), 400],

  // ---- header lines (RFC 9112 5)
  ['a folded line', get('X-A: 1\r\n 2'), 400],
  ['a line folded by a tab', get('X-A: 1\r\n\t2'), 400],
  ['white space before the first line', head('GET / HTTP/1.1', ' Host: a'), 400],
  ['a space before the colon', get('X-A : 1'), 400],
  ['a tab before the colon', get('X-A\t: 1'), 400],
  ['a line without a colon', get('X-A'), 400],
  ['an empty name', get(': 1'), 400],
  ['a name with a high byte', get('X-\xe4: 1'), 400],
  ['a name with a NUL', get('X-\0A: 1'), 400],
  ['a name with a slash', get('X/A: 1'), 400],
  ['a name in quotes', get('"X-A": 1'), 400],
  ['a NUL in a value', get('X-A: \0'), 400],
  ['DEL in a value', get('X-A: \x7f'), 400],
  ['a bare CR in a value', get('X-A: 1\r2'), 400],
  ['a bare LF between lines', get('X-A: 1\nX-B: 2'), 400],
  ['CR CR LF', get('X-A: 1\r'), 400],
  ['a head ended by LF LF', 'GET / HTTP/1.1\r\nHost: a\n\n', 400],
  ['high bytes in a value', get('X-A: \xe4\xff'), OK],
  ['99 more lines', get(...Array.from({ length: 99 }, (_, i) => `X-${i}: 1`)), OK],
  ['100 more lines', get(...Array.from({ length: 100 }, (_, i) => `X-${i}: 1`)), 431],
  ['a line of 20,000 bytes', get(`X-A: ${'a'.repeat(20000)}`), 431],
  ['a name of 20,000 bytes', get(`${'a'.repeat(20000)}: 1`), 431],

  // ---- where the body ends (RFC 9112 6)
  ['a length and chunked', post('Content-Length: 5', 'Transfer-Encoding: chunked') +
    '0\r\n\r\n', 400],
  ['chunked and a length', post('Transfer-Encoding: chunked', 'Content-Length: 5') +
    '0\r\n\r\n', 400],
  ['two lengths that differ', post('Content-Length: 5', 'Content-Length: 6') + 'Hello', 400],
  ['two lengths that agree', post('Content-Length: 5', 'Content-Length: 5') + 'Hello', 400],
  ['a list of lengths that differ', sized('5, 6', 'Hello'), 400],
  ['a list of lengths that agree', sized('5, 5', 'Hello'), 400],
  ['a length of +0', sized('+0'), 400],
  ['a length of -1', sized('-1'), 400],
  ['a length of 0x10', sized('0x10'), 400],
  ['a length of 1e1', sized('1e1'), 400],
  ['a length of 5.0', sized('5.0', 'Hello'), 400],
  ['a length of "5"', sized('"5"', 'Hello'), 400],
  ['a length with a space in it', sized('1 0'), 400],
  ['a length with a NUL', sized('5\0', 'Hello'), 400],
  ['an empty length', sized(''), 400],
  ['a length of letters', sized('five'), 400],
  ['a length that overflows', sized('18446744073709551621', 'Hello'), 400],
  ['a length over the limit', sized('1048577'), 413],
  ['a length with zeros before it', sized('0005', 'Hello'), posted('Hello')],
  ['a length with spaces round it', sized('  5 ', 'Hello'), posted('Hello')],
  ['Content-Length with a space before the colon', post('Content-Length : 5'), 400],
  ['Content_Length is another header', post('Content_Length: 5'), posted('')],
  ['TE is no Transfer-Encoding', post('TE: chunked'), posted('')],
  ['gzip', coded('gzip'), 400],
  ['gzip, chunked', coded('gzip, chunked'), 501],
  ['chunked, gzip', coded('chunked, gzip'), 400],
  ['identity', coded('identity'), 400],
  ['chunked, identity', coded('chunked, identity'), 400],
  ['chunked twice', coded('chunked, chunked'), 400],
  ['chunked in two lines', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') +
    '0\r\n\r\n', 400],
  ['identity, and chunked in another line', post('Transfer-Encoding: identity',
    'Transfer-Encoding: chunked') + '0\r\n\r\n', 501],
  ['an empty coding', coded(''), 400],
  ['a coding in quotes', coded('"chunked"'), 400],
  ['chunked with a parameter', coded('chunked;a=b'), 400],
  ['chunked behind a vertical tab', coded('\vchunked'), 400],
  ['chunkedx', coded('chunkedx'), 400],
  ['xchunked', coded('xchunked'), 400],
  ['chunked in a folded line', post('Transfer-Encoding:\r\n chunked') + '0\r\n\r\n', 400],
  ['Chunked in capitals', coded('CHUNKED', '1\r\na\r\n0\r\n\r\n'), posted('a')],
  ['chunked in HTTP/1.0', head('POST / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked') +
    '0\r\n\r\n', 400],
  ['GET with a body', get('Content-Length: 5') + 'Hello', '200 GET a/ <Hello>'],
  ['an unknown expectation', post('Content-Length: 1', 'Expect: more') + 'a', 417],

  // ---- chunks (RFC 9112 7.1)
  ['a chunk size with 0x', chunked('0x1\r\na\r\n0\r\n\r\n'), 400],
  ['a chunk size with a sign', chunked('+1\r\na\r\n0\r\n\r\n'), 400],
  ['a negative chunk size', chunked('-1\r\na\r\n0\r\n\r\n'), 400],
  ['no chunk size', chunked('\r\na\r\n0\r\n\r\n'), 400],
  ['an extension and no chunk size', chunked(';a\r\na\r\n0\r\n\r\n'), 400],
  ['a space before a chunk size', chunked(' 1\r\na\r\n0\r\n\r\n'), 400],
  ['a space behind a chunk size', chunked('1 \r\na\r\n0\r\n\r\n'), 400],
  ['a tab behind a chunk size', chunked('1\t\r\na\r\n0\r\n\r\n'), 400],
  ['a chunk size that overflows', chunked('10000000000000001\r\na\r\n0\r\n\r\n'), 400],
  ['a chunk size over the limit', chunked('fffffff\r\na'), 413],
  ['a chunk size with an underscore', chunked('1_0\r\na\r\n0\r\n\r\n'), 400],
  ['a chunk size ended by LF', chunked('1\na\r\n0\r\n\r\n'), 400],
  ['a chunk size ended by CR', chunked('1\ra\r\n0\r\n\r\n'), 400],
  ['a chunk ended by LF', chunked('1\r\na\n0\r\n\r\n'), 400],
  ['a chunk ended by CR', chunked('1\r\na\r0\r\n\r\n'), 400],
  ['a chunk that is longer than it says', chunked('1\r\nab\r\n0\r\n\r\n'), 400],
  ['a chunk that is shorter than it says', chunked('3\r\na\r\n0\r\n\r\n'), 400],
  ['a NUL in a chunk size', chunked('1\0\r\na\r\n0\r\n\r\n'), 400],
  ['a bare LF in a chunk extension', chunked('1;a\nb\r\na\r\n0\r\n\r\n'), 400],
  ['a bare CR in a chunk extension', chunked('1;a\rb\r\na\r\n0\r\n\r\n'), 400],
  ['a NUL in a chunk extension', chunked('1;a\0b\r\na\r\n0\r\n\r\n'), 400],
  ['a last chunk ended by LF', chunked('1\r\na\r\n0\n\r\n'), 400],
  ['an end of LF', chunked('1\r\na\r\n0\r\n\n'), 400],
  ['a trailer without a colon', chunked('0\r\nX-A\r\n\r\n'), 400],
  ['a trailer with a space before its colon', chunked('0\r\nX-A : b\r\n\r\n'), 400],
  ['a folded trailer', chunked('0\r\nX-A: b\r\n c\r\n\r\n'), 400],
  ['a trailer with a NUL', chunked('0\r\nX-A: \0\r\n\r\n'), 400],
  ['a bare LF behind a trailer', chunked('0\r\nX-A: b\n\r\n'), 400],
  ['a long chunk extension', chunked(`1;${'a'.repeat(20000)}\r\na\r\n0\r\n\r\n`), 400],
  ['many chunk extensions', chunked(repeat(2000, () => `1;a=${'b'.repeat(20)}\r\na\r\n`)), 400],
  ['a long trailer', chunked(`0\r\nX-A: ${'a'.repeat(20000)}\r\n\r\n`), 400],
  ['many trailers', chunked(`0\r\n${repeat(3000, (i) => `X-${i}: 1\r\n`)}\r\n`), 400],
  ['zeros before a chunk size', chunked(`${'0'.repeat(20000)}1\r\na\r\n0\r\n\r\n`), 400],
  ['a chunk extension', chunked('1;a=b;c="d"\r\na\r\n0\r\n\r\n'), posted('a')],
  ['a trailer is no header', chunked('1\r\na\r\n0\r\nContent-Length: 9\r\nHost: b\r\n\r\n'),
    posted('a')],
  ['a last chunk of many zeros', chunked('1\r\na\r\n000\r\n\r\n'), posted('a')],

  // ---- several requests on one connection (RFC 9112 9.3)
  ['a request in a body by length', sized(NEXT.length, NEXT), posted(NEXT)],
  ['a request in a chunk', chunked(`${NEXT.length.toString(16)}\r\n${NEXT}\r\n0\r\n\r\n`),
    posted(NEXT)],
  ['a request behind a body', sized(5, `Hello${NEXT}`), posted('Hello'), NEXT_OK],
  ['a request behind chunks', chunked(`0\r\n\r\n${NEXT}`), posted(''), NEXT_OK],
  ['a request behind a length of 0', sized(0, NEXT), posted(''), NEXT_OK],
  ['a request behind a GET with a body', `${get('Content-Length: 5')}Hello${NEXT}`,
    '200 GET a/ <Hello>', NEXT_OK],
  ['a request behind a refused one', `${get('Host: b')}${NEXT}`, 400],
  ['a request behind two lengths', post('Content-Length: 0', `Content-Length: ${NEXT.length}`) +
    NEXT, 400],
  ['a request behind CL.TE', post('Content-Length: 5', 'Transfer-Encoding: chunked') +
    `0\r\n\r\n${NEXT}`, 400],
  ['a request behind TE with a space', post('Transfer-Encoding : chunked') +
    `0\r\n\r\n${NEXT}`, 400],
  ['a request behind Connection: close', `${get('Connection: close')}${NEXT}`,
    OK, 'end'],
  ['garbage behind a request', `${get()}\x01\x02\x03`, OK, 400],
  ['a frame behind a request', `${get()}\x81\x80aaaa`, OK, 400],
  ['an empty line between two', `${get()}\r\n${NEXT}`, OK, NEXT_OK],
  ['a body without a length', `${post()}Hello${NEXT}`, posted(''), 501],
  ['HTTP/1.0 ends the connection', head('GET / HTTP/1.0', 'Host: a') + NEXT, OK, 'end'],
  ['HTTP/1.0 with two lengths', head('POST / HTTP/1.0', 'Content-Length: 1',
    'Content-Length: 2') + 'a', 400],
  ['an upgrade with a length', head('GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade',
    'Upgrade: websocket', 'Content-Length: 5') + 'Hello', 400],
];

const BYTEWISE_MAX = 40000;

async function expectAnswers(client, expected) {
  for (const wanted of expected) {
    if (wanted === 'end') return client.expectEnd();
    const answer = await client.answer();
    const shown = answer.status === 200 ? `200 ${answer.body}` : answer.status;
    assert.strictEqual(shown, wanted, answer.body);
    if (wanted === expected[expected.length - 1] && answer.status !== 200) {
      assert.deepStrictEqual(answer.headers.connection, ['close']);
      return client.expectEnd();
    }
  }
  // It goes on, and both sides agree where.
  await client.send(head('GET /last HTTP/1.1', 'Host: a', 'Connection: close'));
  assert.strictEqual((await client.answer()).body, 'GET a/last <>');
  return client.expectEnd();
}

for (const [name, bytes, ...expected] of cases) {
  test(name, async (t) => {
    const server = await t.server(TELL);
    const whole = await t.raw(server);
    whole.send(bytes);
    await expectAnswers(whole, expected);
    const slow = await t.raw(server);
    slow.sendBytewise(bytes.slice(0, BYTEWISE_MAX));
    await expectAnswers(slow, expected);
  });
}

// ---- the clock

const HASTY = `
local app = ratchet.App("", 8080, nil, { headerTimeout = 0.3 })
app:get("/", function() return "here" end)
app:run()
`;

test('a client that is silent between two requests is let go, without an answer', async (t) => {
  const client = await t.raw(await t.server(HASTY));
  await client.send(get());
  assert.strictEqual((await client.answer()).body, 'here');
  await client.expectEnd(2000);
});

test('a slow second head is answered with 408', async (t) => {
  const client = await t.raw(await t.server(HASTY));
  await client.send(get() + get().slice(0, 20));
  assert.strictEqual((await client.answer()).body, 'here');
  await expectAnswers(client, [408]);
});

test('a client that never reads its answers does not hold the others up', async (t) => {
  const server = await t.server(TELL);
  const deaf = await t.raw(server);
  const { isStuck } = await deaf.stuff(Buffer.from(get().repeat(1000)), 1000);
  assert.ok(isStuck, 'it is not read any more');
  const client = await t.raw(server);
  await client.send(get());
  assert.strictEqual((await client.answer()).body, 'GET a/ <>');
  deaf.destroy();
});
