// wamp_v1 - a client that speaks WAMP v1 as it was published
// (https://wamp-proto.org, "WAMP v1"), on a raw connection.
'use strict';

const assert = require('assert');

const [WELCOME, PREFIX, CALL, CALLRESULT, CALLERROR, SUBSCRIBE, UNSUBSCRIBE, PUBLISH, EVENT] =
  [0, 1, 2, 3, 4, 5, 6, 7, 8];

class WampV1 {
  constructor(client) {
    this.client = client;
    this.lastCall = 0;
    this.events = []; // that came while something else was waited for
  }

  // A client that is welcomed.
  static async connect(t, server, target = '/', lines = []) {
    const client = await t.raw(server);
    const { headers } = await client.handshake(target,
      ['Sec-WebSocket-Protocol: wamp', ...lines]);
    assert.deepStrictEqual(headers['sec-websocket-protocol'], ['wamp']);
    const one = new WampV1(client);
    const [type, session, version, agent] = await one.next();
    assert.deepStrictEqual([type, typeof session, version, typeof agent],
      [WELCOME, 'string', 1, 'string']);
    one.session = session;
    return one;
  }

  async next() {
    const frame = await this.client.nextFrame();
    assert.strictEqual(frame.opcode, 1, `text; it is opcode ${frame.opcode} ${frame.payload}`);
    return JSON.parse(frame.payload.toString('utf8'));
  }

  send(...message) {
    return this.client.text(JSON.stringify(message));
  }

  prefix(curie, uri) {
    return this.send(PREFIX, curie, uri);
  }

  subscribe(topic) {
    return this.send(SUBSCRIBE, topic);
  }

  unsubscribe(topic) {
    return this.send(UNSUBSCRIBE, topic);
  }

  publish(topic, event, ...more) {
    return this.send(PUBLISH, topic, event, ...more);
  }

  // The result; an error has { uri, description, details }.
  async call(procedure, ...args) {
    const id = `call-${++this.lastCall}`;
    await this.send(CALL, id, procedure, ...args);
    for (;;) {
      const message = await this.next();
      if (message[0] === CALLRESULT && message[1] === id) return message[2];
      if (message[0] === CALLERROR && message[1] === id) {
        const [, , uri, description, details] = message;
        throw Object.assign(new Error(`${uri}: ${description}`), { uri, description, details });
      }
      assert.strictEqual(message[0], EVENT, `an answer; it is ${JSON.stringify(message)}`);
      this.events.push(message);
    }
  }

  // The next event is that one.
  async expectEvent(topic, event) {
    const message = this.events.shift() || await this.next();
    assert.deepStrictEqual(message, [EVENT, topic, event]);
  }

  // Everything that was said before has been handled, and there was no event.
  async expectNothing() {
    await this.call('ping').catch(() => {});
    assert.deepStrictEqual(this.events, []);
  }
}

module.exports = { WampV1 };
