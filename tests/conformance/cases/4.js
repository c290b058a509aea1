// Group 4, reserved opcodes: 4.1 the data opcodes 3-7, 4.2 the control opcodes
// 11-15. Each fails the connection, and what came before is still answered.

'use strict';

const { fails, gotText, ping, send, sendAfterAnswer, sendOctets, text } = require('../steps');

const HELLO = 'Hello, world!';
const LONG = 'reserved opcode payload';

// [payload of the reserved frame, whether a message precedes it, octet by octet?]
const ROWS = [['', false], [LONG, false], ['', true], [HELLO, true], [HELLO, true, true]];

function reservedCase(subgroup, firstOpcode, [payload, afterHello, octets], index) {
  const opcode = firstOpcode + index;
  const reserved = { opcode, payload };
  const frames = afterHello ? [text(HELLO), reserved, ping('')] : [reserved];
  const step = octets ? sendAfterAnswer(sendOctets, ...frames) : send(...frames);
  const title = `${afterHello ? 'text, then ' : ''}a frame with opcode ${opcode}`;
  const ok = afterHello ? [gotText(HELLO)] : [];
  return fails(`${subgroup}.${index + 1}`, title, 1002, [step], ok);
}

module.exports = [
  ...ROWS.map((row, i) => reservedCase('4.1', 3, row, i)),
  ...ROWS.map((row, i) => reservedCase('4.2', 11, row, i)),
];
