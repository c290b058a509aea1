// Group 10, automatic fragmentation: the sender cuts one message into frames of
// a fixed size, and the receiver must not notice.

'use strict';

const { OP, answers, fragments, gotText, send } = require('../steps');

const FRAGMENT = 1300;
const PAYLOAD = Buffer.alloc(65536, '*');

module.exports = [
  answers('10.1.1', `text of ${PAYLOAD.length} octets in fragments of ${FRAGMENT}`,
    [send(...fragments(OP.TEXT, PAYLOAD, FRAGMENT))], [gotText(PAYLOAD)]),
];
