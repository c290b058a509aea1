// Group 1, framing: one unfragmented message of each length at which the length
// field changes its form. 1.1 is text, 1.2 binary.

'use strict';

const { answers, binary, gotBinary, gotText, send, sendChopped, text } = require('../steps');

// [length, octets per write]; no second number means one write.
const LENGTHS = [[0], [125], [126], [127], [128], [65535], [65536], [65536, 997]];

const KINDS = [
  { subgroup: '1.1', name: 'text', frame: text, got: gotText, fill: '*' },
  { subgroup: '1.2', name: 'binary', frame: binary, got: gotBinary, fill: 0xfe },
];

function lengthCase(kind, [length, chop], index) {
  const payload = Buffer.alloc(length, kind.fill);
  const frame = kind.frame(payload);
  const how = chop ? ` in writes of ${chop} octets` : '';
  const step = chop ? sendChopped(chop, frame) : send(frame);
  const title = `${kind.name} message of ${length} octets${how}`;
  return answers(`${kind.subgroup}.${index + 1}`, title, [step], [kind.got(payload)]);
}

module.exports = KINDS.flatMap((kind) => LENGTHS.map((row, i) => lengthCase(kind, row, i)));
