// Group 7, closing: 7.1 frames around our Close, 7.3 and 7.5 what a Close may
// carry, 7.7 valid and 7.9 invalid codes, 7.13 codes outside every range.

'use strict';

const {
  answers, closeFrame, closes, cont, gotText, ping, send, sendClosing, text,
} = require('../steps');

const HELLO = 'Hello World!';
const BIG = () => Buffer.alloc(256 * 1024, 'BAsd7&jh23');
const BAD_REASON = Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex');

const VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const INVALID_CODES = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];

// A Close that is in order is answered by another; one that is not may also be
// answered by dropping TCP.
const clean = (id, title, frames) => closes(id, title, [1000], true, frames);
const refused = (id, title, codes, frame) => closes(id, title, codes, false, [frame]);

// Whether the big message is still echoed depends on how the server schedules
// its writes, so any end of the connection will do.
function bigThenClose(id) {
  const frames = [text(BIG), text(HELLO), closeFrame(1000), ping('')];
  return {
    ...answers(id, '256 KiB text, text, Close, Ping', [sendClosing(...frames)],
      [gotText(BIG), gotText(HELLO)]),
    informational: true,
  };
}

function validCode(code, index) {
  return closes(`7.7.${index + 1}`, `Close ${code}`, [...new Set([1000, code])], true,
    [closeFrame(code)]);
}

function invalidCode(code, index) {
  return refused(`7.9.${index + 1}`, `Close ${code}, an invalid code`, [1002], closeFrame(code));
}

function undefinedCode(id, code) {
  return closes(id, `Close ${code}`, [1000, code, 1002], false, [closeFrame(code)],
    { informational: true });
}

module.exports = [
  answers('7.1.1', 'text, then Close', [send(text(HELLO))], [gotText(HELLO)]),
  clean('7.1.2', 'two Closes', [closeFrame(1000), closeFrame()]),
  clean('7.1.3', 'Close, then Ping', [closeFrame(1000), ping('')]),
  clean('7.1.4', 'Close, then text', [closeFrame(1000), text(HELLO)]),
  clean('7.1.5', 'fragment, Close, fragment',
    [text('fragment1', { fin: false }), closeFrame(1000), cont('fragment2')]),
  bigThenClose('7.1.6'),
  clean('7.3.1', 'Close without payload', [closeFrame()]),
  refused('7.3.2', 'Close with a payload of one octet', [1002], closeFrame(undefined, 'a')),
  clean('7.3.3', 'Close with a code', [closeFrame(1000)]),
  clean('7.3.4', 'Close with a code and a reason', [closeFrame(1000, HELLO)]),
  clean('7.3.5', 'Close with a reason of 123 octets', [closeFrame(1000, '*'.repeat(123))]),
  refused('7.3.6', 'Close with a reason of 124 octets', [1002], closeFrame(1000, '*'.repeat(124))),
  refused('7.5.1', 'Close with a reason that is not UTF-8', [1002, 1007], closeFrame(1000, BAD_REASON)),
  ...VALID_CODES.map(validCode),
  ...INVALID_CODES.map(invalidCode),
  undefinedCode('7.13.1', 5000),
  undefinedCode('7.13.2', 65535),
];
