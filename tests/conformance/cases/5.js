// Group 5, fragmentation: fragmented messages with Pings among the fragments,
// and everything a fragment may not be.

'use strict';

const {
  answers, awaitEvents, cont, fails, gotPong, gotText, ping, pong, send, sendEach, sendOctets,
  text,
} = require('../steps');

const MORE = { fin: false };

// The three ways most inputs of this group are put on the wire.
const WAYS = [[send, 'in one write'], [sendEach, 'a write each'], [sendOctets, 'octet by octet']];

// `build` gets the sending function; the ids run on from `first`.
function threeWays(first, title, build) {
  return WAYS.map(([way, name], i) => build(`5.${first + i}`, `${title}, ${name}`, way));
}

const HALVES = [text('fragment1', MORE), cont('fragment2')];
const WHOLE = gotText('fragment1fragment2');
const PINGED = [HALVES[0], ping('ping payload'), HALVES[1]];
const LONE = 'non-continuation payload';

const twoFragments = threeWays(3, 'text in two fragments',
  (id, title, way) => answers(id, title, [way(...HALVES)], [WHOLE]));

const pingBetween = threeWays(6, 'text in two fragments around a Ping',
  (id, title, way) => answers(id, title, [way(...PINGED)], [gotPong('ping payload'), WHOLE]));

function loneContinuation(first, fin) {
  const frames = [cont(LONE, { fin }), text('Hello, world!')];
  return threeWays(first, `continuation of nothing (FIN = ${fin ? 1 : 0}), then text`,
    (id, title, way) => fails(id, title, 1002, [way(...frames)]));
}

function twiceLone(id, fin) {
  const once = [cont('fragment1', { fin }), text('fragment2', MORE), cont('fragment3')];
  const title = `twice: continuation of nothing (FIN = ${fin ? 1 : 0}), text in two fragments`;
  return fails(id, title, 1002, [send(...once, ...once)]);
}

// The first Pong has to come while the message is still incomplete, so its
// arrival, not a delay, is what lets the rest go out.
function pingsAmongFive(id, title, way) {
  const parts = [1, 2, 3, 4, 5].map((n) => `fragment${n}`);
  const steps = [
    way(text(parts[0], MORE), cont(parts[1], MORE), ping('pongme 1!')),
    awaitEvents(1, 'no Pong before the rest of the message was sent'),
    way(cont(parts[2], MORE), cont(parts[3], MORE), ping('pongme 2!'), cont(parts[4])),
  ];
  return answers(id, title, steps,
    [gotPong('pongme 1!'), gotPong('pongme 2!'), gotText(parts.join(''))]);
}

module.exports = [
  fails('5.1', 'fragmented Ping', 1002, [send(ping('fragment1', MORE), cont('fragment2'))]),
  fails('5.2', 'fragmented Pong', 1002, [send(pong('fragment1', MORE), cont('fragment2'))]),
  ...twoFragments,
  ...pingBetween,
  ...loneContinuation(9, true),
  ...loneContinuation(12, false),
  fails('5.15', 'text in two fragments, continuation of nothing, text', 1002,
    [send(...HALVES, cont('fragment3', MORE), text('fragment4'))], [WHOLE]),
  twiceLone('5.16', false),
  twiceLone('5.17', true),
  fails('5.18', 'text in two fragments, both with opcode text', 1002,
    [send(HALVES[0], text('fragment2'))]),
  pingsAmongFive('5.19', 'five fragments with two Pings, in two writes', send),
  pingsAmongFive('5.20', 'five fragments with two Pings, a write each', sendEach),
];
