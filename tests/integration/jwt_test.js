// JSON web tokens and signed cookies against the cryptography of Node.js, and the vectors
// of RFC 7515, appendix A.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const { test } = require('./support/runner');

const APP = `
local json = require "cjson"
local C = {}
function C:onMessage(conn, code)
  local ok, value, reason = pcall(assert(loadstring("local ratchet, jwt, core = ... " .. code)),
    ratchet, ratchet.auth.jwt, require "ratchet.core")
  if ok then return conn:send(json.encode{ value == nil and json.null or value, reason }) end
  conn:send(json.encode{ "raised", (tostring(value):gsub("^.-:%d+: ", "")) })
end
local app = ratchet.App("localhost", 8080)
app:route("/", C, { "*" })
app:run()
`;

async function started(t) {
  const client = await t.open(await t.server(APP));
  return async (code) => {
    await client.text(code);
    return JSON.parse((await client.nextFrame(10000)).payload.toString('utf8'));
  };
}

const quoted = (text) => `[==[${text}]==]`;
const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  .toString('base64url');
const pem = (key) => key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' });
const publicPem = (jwk) => pem(crypto.createPublicKey({ key: jwk, format: 'jwk' }));

const KINDS = {
  RS256: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};

function signedByNode(algorithm, key, claims, header = { alg: algorithm }) {
  const data = `${part(header)}.${part(claims)}`;
  const signature = crypto.sign('sha256', Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' });
  return `${data}.${signature.toString('base64url')}`;
}

for (const [algorithm, generate] of Object.entries(KINDS)) {
  test(`jwt: ${algorithm} there and back with Node.js`, async (t) => {
    const run = await started(t);
    const { publicKey, privateKey } = generate();
    const exp = Math.floor(Date.now() / 1000) + 1000;
    for (let i = 0; i < 10; i++) { // r and s of ES256 differ in length
      const token = signedByNode(algorithm, privateKey, { sub: 'ada', exp, i });
      assert.deepStrictEqual(
        await run(`return jwt.verify("${token}", { algorithm = "${algorithm}", key = ${quoted(pem(publicKey))} })`),
        [{ sub: 'ada', exp, i }]);
      const [ours] = await run(`return jwt.sign({ sub = "ada" },
        { algorithm = "${algorithm}", key = ${quoted(pem(privateKey))}, expiresIn = 60, keyId = "k" })`);
      const [header, claims, signature] = ours.split('.');
      assert.deepStrictEqual(JSON.parse(Buffer.from(header, 'base64url')),
        { alg: algorithm, typ: 'JWT', kid: 'k' });
      assert.strictEqual(JSON.parse(Buffer.from(claims, 'base64url')).sub, 'ada');
      assert.ok(crypto.verify('sha256', Buffer.from(`${header}.${claims}`),
        { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
    }
    const changed = signedByNode(algorithm, privateKey, { exp }).replace(/.$/,
      (last) => (last === 'A' ? 'Q' : 'A'));
    const [value] = await run(`return jwt.verify("${changed}", { algorithm = "${algorithm}", key = ${quoted(pem(publicKey))} })`);
    assert.strictEqual(value, null);
    const other = signedByNode(algorithm, generate().privateKey, { exp });
    assert.deepStrictEqual(
      await run(`return jwt.verify("${other}", { algorithm = "${algorithm}", key = ${quoted(pem(publicKey))} })`),
      [null, 'the signature is wrong']);
  });
}

// What the token says of itself decides nothing.
test('jwt: no algorithm is taken for another', async (t) => {
  const run = await started(t);
  const rsa = KINDS.RS256();
  const ec = KINDS.ES256();
  const exp = Math.floor(Date.now() / 1000) + 1000;
  const key = pem(rsa.publicKey);
  const hmac = (header) => {
    const data = `${part(header)}.${part({ exp })}`;
    return `${data}.${crypto.createHmac('sha256', key).update(data).digest('base64url')}`;
  };
  const verify = (token, algorithm, given) => run(
    `return jwt.verify("${token}", { algorithm = "${algorithm}", key = ${quoted(given)} })`);
  assert.deepStrictEqual(await verify(hmac({ alg: 'HS256' }), 'RS256', key),
    [null, 'it is not signed by RS256']);
  assert.deepStrictEqual(await verify(hmac({ alg: 'RS256' }), 'RS256', key),
    [null, 'the signature is wrong']);
  assert.match((await verify(hmac({ alg: 'HS256' }), 'HS256', key))[1], /a key in PEM is no secret/);
  assert.deepStrictEqual(await verify(`${part({ alg: 'none' })}.${part({ exp })}.AA`, 'RS256', key),
    [null, 'it is not signed by RS256']);
  const token = signedByNode('RS256', rsa.privateKey, { exp }, { alg: 'ES256' });
  assert.match((await verify(token, 'ES256', key))[1], /this key is not for that algorithm/);
  assert.deepStrictEqual(await verify(token, 'ES256', pem(ec.publicKey)),
    [null, 'the signature is wrong']);
  assert.match((await verify(token, 'ES256', 'x-----BEGIN'))[1], /this is no public key in PEM/);
  assert.match((await verify(token, 'ES256', pem(ec.privateKey)))[1], /this is no public key in PEM/);
});

const RFC_CLAIMS = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt'
  + 'cGxlLmNvbS9pc19yb290Ijp0cnVlfQ';

test('jwt: the vectors of RFC 7515, appendix A.2 and A.3', async (t) => {
  const run = await started(t);
  const vectors = [['RS256', {
    kty: 'RSA', e: 'AQAB',
    n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0'
      + 'Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5'
      + 'z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7a'
      + 'GhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
  }, 'eyJhbGciOiJSUzI1NiJ9',
  'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5j'
    + 'ujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb'
    + '1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9Q'
    + 'OYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw'],
  ['ES256', {
    kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  }, 'eyJhbGciOiJFUzI1NiJ9',
  'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q']];
  for (const [algorithm, jwk, header, signature] of vectors) {
    const verify = (token) => run(`return jwt.verify("${token}", {
      algorithm = "${algorithm}", key = ${quoted(publicPem(jwk))}, issuer = "joe",
      leeway = 86400 })`);
    // It is signed rightly, and was for the year 2011.
    assert.deepStrictEqual(await verify(`${header}.${RFC_CLAIMS}.${signature}`),
      [null, 'its time is over']);
    assert.deepStrictEqual(await verify(`${header}.${part({ iss: 'joe', exp: 4e9 })}.${signature}`),
      [null, 'the signature is wrong']);
  }
});

test('crypto: what Lua has of it is what Node.js has', async (t) => {
  const run = await started(t);
  const hex = '(value:gsub(".", function(c) return ("%02x"):format(c:byte()) end))';
  for (const length of [0, 1, 55, 56, 64, 65, 1000]) {
    const text = 'x'.repeat(length);
    assert.deepStrictEqual(await run(`local value = core.sha256(("x"):rep(${length})) return ${hex}`),
      [crypto.createHash('sha256').update(text).digest('hex')]);
    assert.deepStrictEqual(
      await run(`local value = core.hmacSha256(("x"):rep(${length}), "y\\0z") return ${hex}`),
      [crypto.createHmac('sha256', text).update('y\0z').digest('hex')]);
  }
  assert.deepStrictEqual(await run('return { core.constantTimeEquals("ab", "ab"), '
    + 'core.constantTimeEquals("ab", "ac"), core.constantTimeEquals("ab", "abc") }'),
  [[true, false, false]]);
  assert.deepStrictEqual(await run('return { #core.randomBytes(1), #core.randomBytes(1024), '
    + 'core.randomBytes(16) == core.randomBytes(16) }'), [[1, 1024, false]]);
  for (const bad of ['core.randomBytes(0)', 'core.randomBytes(1025)', 'core.sha256({})',
    'core.hmacSha256("a")', 'core.sign("RS512", "a", "b")', 'core.verify("RS256", "a", "b")',
    'core.lockFile(0, "both")']) {
    assert.strictEqual((await run(`return ${bad}`))[0], 'raised', bad);
  }
  assert.deepStrictEqual(await run('return core.lockFile(-1, "shared")'),
    [null, 'Bad file descriptor']);
});

test('cookie: a login that is kept by the client', async (t) => {
  const server = await t.server(`
local cookie = ratchet.session.cookie
local SECRET = ("k"):rep(32)
local C = {}
function C:onUpgrade(request)
  local user, why = cookie.verify("user", request.cookies.user, SECRET)
  if not user then return 403, why end
  request.user = user
end
function C:onOpen(conn, request) conn:send("hello " .. request.user) end
local app = ratchet.App("localhost", 8080)
app:get("/login", function(request, response)
  response:cookie("user", cookie.sign("user", request.query.user, SECRET, { maxAge = 60 }),
    { path = "/", httpOnly = true, sameSite = "Lax" })
end)
app:route("/chat", C, { "*" })
app:run()
`);
  const page = await t.raw(server);
  await page.send('GET /login?user=ad%C3%A4 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const line = (await page.answer()).headers['set-cookie'][0].split(';')[0];
  await (await t.open(server, '/chat', [`Cookie: ${line}`])).expectText('hello adä');
  const thief = await t.raw(server);
  await thief.send('GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'
    + 'Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    + `Sec-WebSocket-Version: 13\r\nCookie: ${line.replace('user=', 'user=Z')}\r\n\r\n`);
  const answer = await thief.answer();
  assert.deepStrictEqual([answer.status, answer.body], [403, 'the signature is wrong']);
});
