// Group 3, reserved bits: no extension was negotiated, so a frame with any RSV
// bit fails the connection, and what came before it is still answered.

'use strict';

const {
  OP, binary, fails, gotText, ping, send, sendAfterAnswer, sendEach, sendOctets, text,
} = require('../steps');

const HELLO = 'Hello, world!';
const NOT_UTF8 = Buffer.from('00fffefdfcfb00ff', 'hex');

const helloThenRsv = (rsv) => [text(HELLO), text(HELLO, { rsv }), ping('')];
const failsAfterHello = (id, title, step) => fails(id, title, 1002, [step], [gotText(HELLO)]);

module.exports = [
  fails('3.1', 'text with RSV = 1', 1002, [send(text(HELLO, { rsv: 1 }))]),
  failsAfterHello('3.2', 'text, text with RSV = 2, Ping', send(...helloThenRsv(2))),
  failsAfterHello('3.3', 'text, text with RSV = 3, Ping, a write each',
    sendAfterAnswer(sendEach, ...helloThenRsv(3))),
  failsAfterHello('3.4', 'text, text with RSV = 4, Ping, octet by octet',
    sendAfterAnswer(sendOctets, ...helloThenRsv(4))),
  fails('3.5', 'binary with RSV = 5', 1002, [send(binary(NOT_UTF8, { rsv: 5 }))]),
  // Autobahn's title says Ping, but what it sends is a binary frame.
  fails('3.6', 'binary text with RSV = 6', 1002, [send(binary(HELLO, { rsv: 6 }))]),
  // An empty Close in return would be the echo of this one, taken for valid; so
  // here, unlike elsewhere, a Close has to carry its code.
  fails('3.7', 'Close with RSV = 7', 1002, [send({ opcode: OP.CLOSE, payload: '', rsv: 7 })], [],
    { codeRequired: true }),
];
