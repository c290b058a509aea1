// Group 2, Pings and Pongs: every Ping is answered with its own payload, Pongs
// nobody asked for are not answered at all.

'use strict';

const {
  answers, closeFrame, closes, fails, gotPong, ping, pong, send, sendOctets,
} = require('../steps');

const NOT_UTF8 = Buffer.from('00fffefdfcfb00ff', 'hex');
const FULL = Buffer.alloc(125, 0xfe);
const TOO_LONG = Buffer.alloc(126, 0xfe);
const UNASKED = 'unsolicited pong payload';
const TEN = Array.from({ length: 10 }, (_, i) => `payload-${i}`);

const pinged = (id, title, payload) => answers(id, title, [send(ping(payload))], [gotPong(payload)]);

module.exports = [
  pinged('2.1', 'Ping without payload', ''),
  pinged('2.2', 'Ping with a text payload', 'Hello, world!'),
  pinged('2.3', 'Ping with a payload that is not UTF-8', NOT_UTF8),
  pinged('2.4', 'Ping of 125 octets', FULL),
  fails('2.5', 'Ping of 126 octets', 1002, [send(ping(TOO_LONG))]),
  answers('2.6', 'Ping of 125 octets, octet by octet', [sendOctets(ping(FULL))], [gotPong(FULL)]),
  closes('2.7', 'Pong without payload, then Close', [1000], true, [pong(''), closeFrame(1000)]),
  closes('2.8', 'Pong with payload, then Close', [1000], true, [pong(UNASKED), closeFrame(1000)]),
  answers('2.9', 'Pong, then Ping', [send(pong(UNASKED), ping('ping payload'))],
    [gotPong('ping payload')]),
  answers('2.10', 'ten Pings in one write', [send(...TEN.map((p) => ping(p)))], TEN.map(gotPong)),
  answers('2.11', 'ten Pings, octet by octet', [sendOctets(...TEN.map((p) => ping(p)))],
    TEN.map(gotPong)),
];
