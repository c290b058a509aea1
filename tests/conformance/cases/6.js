// Group 6, UTF-8 in text messages. 6.1-6.4 vary the fragmentation; from 6.5 on
// each case is one short message. Most of the byte sequences are those of Markus
// Kuhn's UTF-8 decoder stress test.

'use strict';

const {
  OP, answers, cont, encodeFrames, fails, fragments, gotText, pause, send, text, timeout,
} = require('../steps');

const MORE = { fin: false };
const INVALID = 1007;
const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');

// A Greek word of 11 octets (one letter takes three), a surrogate, a code point
// beyond U+10FFFF, and ASCII to follow them.
const GREEK = hex('ceba e1bdb9 cf83 cebc ceb5');
const SURROGATE = hex('eda080');
const BEYOND = hex('f4908080');
const REST = Buffer.from('edited');
const LATIN = Buffer.from('Hello-µ@ßöäüàá-UTF-8!!');

// --- 6.1-6.3: empty fragments, fragments inside a code point ---

const emptyMessage = answers('6.1.1', 'empty text', [send(text(''))], [gotText('')]);

function threeFragments(id, title, middle) {
  const frames = [text('', MORE), cont(middle, MORE), cont('')];
  return answers(id, title, [send(...frames)], [gotText(middle)]);
}

const octetFragments = (payload) => send(...fragments(OP.TEXT, payload, 1));

function twoParts(id) {
  const at = LATIN.indexOf('ü');
  const frames = [text(LATIN.subarray(0, at), MORE), cont(LATIN.subarray(at))];
  return answers(id, 'text in two fragments, cut between code points', [send(...frames)],
    [gotText(LATIN)]);
}

function octetwise(id, payload) {
  return answers(id, 'text in fragments of one octet', [octetFragments(payload)],
    [gotText(payload)]);
}

const WITH_SURROGATE = Buffer.concat([GREEK, SURROGATE, REST]);

const fragmented = [
  emptyMessage,
  threeFragments('6.1.2', 'three empty fragments', ''),
  threeFragments('6.1.3', 'three fragments, only the middle one not empty', 'middle frame payload'),
  answers('6.2.1', 'text with two-octet code points', [send(text(LATIN))], [gotText(LATIN)]),
  twoParts('6.2.2'),
  octetwise('6.2.3', LATIN),
  octetwise('6.2.4', GREEK),
  fails('6.3.1', 'text with a surrogate', INVALID, [send(text(WITH_SURROGATE))]),
  fails('6.3.2', 'text with a surrogate, in fragments of one octet', INVALID,
    [octetFragments(WITH_SURROGATE)]),
];

// --- 6.4: fail fast ---

// Long enough to see that a valid beginning is not refused.
const BEGINNING_MS = 50;
// The server has this long to refuse what can no longer become valid; the wait
// ends with the refusal.
const REFUSAL_MS = 1000;

// The rest goes out only to a server that did not refuse in time, whose grade
// cannot be better than NON-STRICT.
function failFast(id, title, [beginning, offence, rest]) {
  const steps = [
    beginning, pause('A', BEGINNING_MS),
    offence, pause('B', REFUSAL_MS),
    rest,
  ];
  return {
    ...fails(id, title, INVALID, steps, [timeout('A')]),
    nonStrict: [timeout('A'), timeout('B')],
  };
}

const TOO_HIGH = Buffer.concat([GREEK, BEYOND, REST]);
// The cuts around all four octets of the bad code point, and around the second
// of them alone, which is the octet that makes the message invalid.
const WHOLE_POINT = [GREEK.length, GREEK.length + BEYOND.length];
const ONE_OCTET = [GREEK.length + 1, GREEK.length + 2];

function inThreeFrames(id, title, [from, to]) {
  return failFast(id, title, [
    send(text(TOO_HIGH.subarray(0, from), MORE)),
    send(cont(TOO_HIGH.subarray(from, to), MORE)),
    send(cont(TOO_HIGH.subarray(to))),
  ]);
}

// One frame, whose octets pass through three writes; it is not the last of its
// message, which an empty fragment completes.
function inThreeWrites(id, title, [from, to]) {
  const bytes = encodeFrames([text(TOO_HIGH, MORE)]);
  const head = bytes.length - TOO_HIGH.length;
  const write = (...range) => (client) => client.write(bytes.subarray(...range)).then(() => null);
  const finish = async (client) => {
    await client.write(bytes.subarray(head + to));
    await client.write(encodeFrames([cont('')]));
  };
  return failFast(id, title, [write(0, head + from), write(head + from, head + to), finish]);
}

const failingFast = [
  inThreeFrames('6.4.1', 'frames: valid, code point too high, rest', WHOLE_POINT),
  inThreeFrames('6.4.2', 'frames: valid, octet too high, rest', ONE_OCTET),
  inThreeWrites('6.4.3', 'writes: valid, code point too high, rest', WHOLE_POINT),
  inThreeWrites('6.4.4', 'writes: valid, octet too high, rest', ONE_OCTET),
];

// --- 6.5 on: one message each ---

// Lead octets first..last, each followed by a space.
const lonely = (first, last) => Buffer.from(
  Array.from({ length: last - first + 1 }, (_, i) => [first + i, 0x20]).flat(),
);

// The last two code points of every plane from 0 to 16.
function nonCharacters() {
  const planes = Array.from({ length: 17 }, (_, plane) => plane * 0x10000);
  return planes.flatMap((base) => [0xfffe, 0xffff].map((low) => base + low))
    .map((point) => Buffer.from(String.fromCodePoint(point)));
}

const CONTINUATIONS = Buffer.from(Array.from({ length: 0x3f }, (_, i) => 0x80 + i));
const CUT_SHORT = ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080',
  'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'].map(hex);
const HIGH = ['eda080', 'edadbf', 'edae80', 'edafbf'];
const LOW = ['edb080', 'edbfbf'];

const VALID = true;
const BAD = false;
const all = (valid, sequences) => sequences.map((bytes) => [valid, bytes]);

// The cuts that end between the code points of the Greek word.
const COMPLETE = [2, 5, 7, 9, 11];

// [subgroup, what it is about, [[valid?, octets], ...]]
const SUBGROUPS = [
  [5, 'valid sequences', all(VALID, [
    Buffer.from('hello$world'), Buffer.from('hello¢world'), Buffer.from('hello€world'),
    Buffer.from('hello\u{24b62}world'), GREEK])],
  [6, 'prefix of a valid text',
    Array.from(GREEK, (_, i) => [COMPLETE.includes(i + 1), GREEK.subarray(0, i + 1)])],
  [7, 'first code point of its length', all(VALID, ['00', 'c280', 'e0a080', 'f0908080'].map(hex))],
  [8, 'first of five and six octets', all(BAD, ['f888808080', 'fc8480808080'].map(hex))],
  [9, 'last code point of its length', all(VALID, ['7f', 'dfbf', 'efbfbf', 'f48fbfbf'].map(hex))],
  [10, 'last of four to six octets', all(BAD, ['f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf'].map(hex))],
  [11, 'other boundaries', [
    ...all(VALID, ['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf'].map(hex)),
    ...all(BAD, [hex('f4908080')])]],
  [12, 'unexpected continuation octets', all(BAD, [
    ...['80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf'].map(hex),
    CONTINUATIONS])],
  [13, 'lonely lead octets', all(BAD, [
    lonely(0xc0, 0xde), lonely(0xe0, 0xee), lonely(0xf0, 0xf6), lonely(0xf8, 0xfa),
    lonely(0xfc, 0xfc)])],
  [14, 'last octet missing', all(BAD, CUT_SHORT)],
  [15, 'incomplete sequences in a row', all(BAD, [Buffer.concat(CUT_SHORT)])],
  [16, 'impossible octets', all(BAD, ['fe', 'ff', 'fefeffff'].map(hex))],
  [17, 'overlong slash', all(BAD,
    ['c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af'].map(hex))],
  [18, 'longest overlong sequences', all(BAD,
    ['c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'].map(hex))],
  [19, 'overlong NUL', all(BAD, ['c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080'].map(hex))],
  [20, 'single surrogates', all(BAD, [...HIGH, 'edb080', 'edbe80', 'edbfbf'].map(hex))],
  [21, 'paired surrogates', all(BAD, HIGH.flatMap((high) => LOW.map((low) => hex(high + low))))],
  [22, 'non-characters, which are valid', all(VALID, nonCharacters())],
  [23, 'specials', all(VALID, [0xfff9, 0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff]
    .map((point) => Buffer.from(String.fromCodePoint(point))))],
];

function sequenceCase(subgroup, name, [valid, bytes], index) {
  const id = `6.${subgroup}.${index + 1}`;
  const title = `${name}: ${bytes.toString('hex')}`;
  const steps = [send(text(bytes))];
  return valid ? answers(id, title, steps, [gotText(bytes)]) : fails(id, title, INVALID, steps);
}

module.exports = [
  ...fragmented,
  ...failingFast,
  ...SUBGROUPS.flatMap(([subgroup, name, rows]) => (
    rows.map((row, i) => sequenceCase(subgroup, name, row, i)))),
];
