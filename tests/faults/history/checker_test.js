// checker_test - feeds the checker a good history and broken ones: the good one has no
// fault, and of each broken one it names what is broken.
'use strict';

const { check, difference } = require('./checker');
const { eventOf } = require('./history');

// What the server wrote down about two clients; ada asks for a broadcast and a wait,
// there is a reload, and both close.
const EVENTS = `
o 1 ada chat v1
j 1
o 2 bob chat v1
j 2
m 1 v1 T:e.ada.1.30;
s 1 T:e.ada.1.30;
m 1 v1 B:0:
s 1 B:0:
m 1 v1 T:e.ada.3.40;
s 1 T:e.ada.3.40;
m 1 v1 T:b.ada.4.50;
b 1 T:b.ada.4.50; 2 -
m 2 v1 T:r.bob.1.30;
e 2
m 1 v1 T:w.ada.5.30;
r v2
m 2 v2 T:e.bob.2.30;
s 2 T:e.bob.2.30;
d 1 v1
s 1 T:w.ada.5.30;
m 1 v2 T:x.ada.6.30;
b 1 T:x.ada.6.30; 1 1
l 1
c 1 1000
l 2
c 2 1000
`;

const TOLD = ['T:b.ada.4.50;', 'T:e.bob.2.30;', 'T:x.ada.6.30;'];

function session(name, sent, got, more) {
  return {
    name, route: 'chat', place: 'direct', early: 1, sent, got, late: 0, isOpened: true,
    asked: 1000, closed: 1000, violation: null, deeds: [], ...more,
  };
}

function good() {
  return {
    events: EVENTS.trim().split('\n').map(eventOf),
    sessions: [
      session('ada',
        ['T:e.ada.1.30;', 'B:0:', 'T:e.ada.3.40;', 'T:b.ada.4.50;', 'T:w.ada.5.30;', 'T:x.ada.6.30;'],
        ['T:e.ada.1.30;', 'B:0:', 'T:e.ada.3.40;', 'T:b.ada.4.50;', 'T:w.ada.5.30;']),
      session('bob', ['T:r.bob.1.30;', 'T:e.bob.2.30;'], TOLD.slice()),
    ],
  };
}

// ---- ways to break a history

const line = (text) => (history) => history.events.findIndex((event) =>
  JSON.stringify(event) === JSON.stringify(eventOf(text)));

function without(text) {
  return (history) => history.events.splice(line(text)(history), 1);
}

function behind(text, ...more) {
  return (history) => history.events.splice(line(text)(history) + 1, 0, ...more.map(eventOf));
}

function instead(text, other) {
  return (history) => history.events.splice(line(text)(history), 1, eventOf(other));
}

function ada(change) {
  return (history) => change(history.sessions[0], history);
}

function bob(change) {
  return (history) => change(history.sessions[1], history);
}

const swap = (list, i) => { [list[i], list[i + 1]] = [list[i + 1], list[i]]; };

// What is broken: how, and what the checker has to say.
const BROKEN = {
  'a client misses one in the middle': [bob((s) => s.got.splice(1, 1)), /hole: T:e\.bob\.2\.30; is missing/],
  'a client misses the last': [bob((s) => s.got.pop()), /hole: the last 1 of 3 are missing/],
  'a client misses an empty one': [ada((s) => s.got.splice(1, 1)), /hole: B:0: is missing/],
  'a client gets one twice': [bob((s) => s.got.splice(1, 0, s.got[0])), /duplicate: T:b\.ada\.4/],
  'a client gets the last twice': [bob((s) => s.got.push(s.got[2])), /duplicate: T:x\.ada\.6/],
  'a client gets an empty one twice': [ada((s) => s.got.splice(1, 0, 'B:0:')), /duplicate: B:0:/],
  'a client gets two in the wrong order': [bob((s) => swap(s.got, 0)), /: reorder/],
  'an empty one overtakes another': [ada((s) => swap(s.got, 0)), /: reorder/],
  'a client gets what is for another': [ada((s) => s.got.splice(2, 0, 'T:e.bob.2.30;')), /stranger: T:e\.bob/],
  'a client gets text as binary': [ada((s) => { s.got[0] = 'B:e.ada.1.30;'; }), /stranger: B:e\.ada\.1/],
  'a client gets a spoilt one': [ada((s) => { s.got[2] = '!T:e.ada.3.40; has other bytes'; }), /spoilt: !T:e\.ada\.3/],
  'the sender gets what leaves it out': [ada((s) => s.got.push('T:x.ada.6.30;')), /stranger: T:x\.ada\.6/],
  'the server misses one in the middle': [without('m 1 v1 B:0:'), /is handled.*hole: B:0: is missing/],
  'the server misses the last': [
    (history) => {
      without('m 1 v2 T:x.ada.6.30;')(history);
      without('b 1 T:x.ada.6.30; 1 1')(history);
      history.sessions[1].got.pop();
    }, /is handled.*hole: the last 1 of 6/],
  'the server handles one twice': [behind('s 1 T:e.ada.3.40;', 'm 1 v1 T:e.ada.3.40;'), /is handled.*duplicate: T:e\.ada\.3/],
  'the server handles two in the wrong order': [
    (history) => {
      without('m 1 v1 T:e.ada.1.30;')(history);
      behind('s 1 T:e.ada.3.40;', 'm 1 v1 T:e.ada.1.30;')(history);
    }, /is handled.*: reorder/],
  'the server gets a spoilt one': [instead('m 1 v1 B:0:', 'm 1 v1 !B:no_head'), /is handled.*spoilt/],
  'what came with the handshake is lost': [without('m 2 v1 T:r.bob.1.30;'), /segment.*began with T:e\.bob\.2/],
  'onClose is never called': [without('c 2 1000'), /onClose was called 0 times/],
  'onClose is called twice': [behind('c 2 1000', 'c 2 1000'), /onClose was called 2 times/],
  'a message after onClose': [behind('c 1 1000', 'm 1 v2 T:e.ada.7.30;'), /"m" T:e\.ada\.7\.30; after onClose/],
  'an error after onClose': [behind('c 1 1000', 'e 1'), /"e"\s+after onClose/],
  'a pong after onClose': [behind('c 1 1000', 'p 1'), /"p"\s+after onClose/],
  'a client gets messages after its end': [ada((s) => { s.late = 2; }), /2 messages after its close/],
  'onOpen is never called': [
    (history) => history.sessions.push(session('eve', [], [])), /eve: has its 101, and onOpen was never called/],
  'onOpen is called twice': [behind('j 2', 'o 3 bob chat v1'), /bob: onOpen was called twice/],
  'a resourceId is used again': [behind('c 1 1000', 'o 1 eve chat v2'), /resourceId 1 was used twice/],
  'an event without onOpen': [behind('j 2', 'm 9 v1 T:0:'), /connection 9 has "m" without an onOpen/],
  'what stood behind a protocol error is handled': [
    bob((s) => { s.violation = { code: 1002, forbidden: 'T:e.bob.2.30;' }; }), /T:e\.bob\.2\.30; stood behind a protocol error/],
  'a protocol error has another code': [
    bob((s) => { s.violation = { code: 1007, forbidden: 'none' }; }), /a protocol error of 1007 ended with 1000/],
  'a client is lost': [ada((s) => { s.closed = 1006; }), /ada: ended with 1006/],
  'a client is closed with a code of its own': [ada((s) => { s.closed = 1011; }), /ada: ended with 1011/],
  'a client never ends': [ada((s) => { s.hangs = true; }), /ada: has not ended/],
  'the codes differ': [instead('c 2 1000', 'c 2 1001'), /onClose had 1001, the client 1000/],
  'one is handled while another waits': [
    behind('m 1 v1 T:w.ada.5.30;', 'm 1 v1 T:e.ada.9.30;'), /"m" while T:w\.ada\.5\.30; was handled/],
  'onClose while a handler waits': [
    (history) => {
      without('c 1 1000')(history);
      behind('m 1 v1 T:w.ada.5.30;', 'c 1 1000')(history);
    }, /"c" while T:w\.ada\.5\.30; was handled/],
  'an error is not told': [without('e 2'), /bob: no onError after T:r\.bob\.1/],
  'an error is told to another': [instead('e 2', 'e 1'), /ada: onError without an error/],
  'an error is told twice': [behind('e 2', 'e 2'), /bob: onError without an error/],
  'a member stays': [without('l 2'), /joined, left, closed: jc/],
  'a member leaves twice': [behind('l 2', 'l 2'), /joined, left, closed: jllc/],
  'a member leaves after onClose': [
    (history) => {
      without('l 2')(history);
      behind('c 2 1000', 'l 2')(history);
    }, /joined, left, closed: jcl/],
  'old code runs after a reload': [instead('m 2 v2 T:e.bob.2.30;', 'm 2 v1 T:e.bob.2.30;'), /ran v1, the code is v2/],
  'new code runs before a reload': [instead('m 2 v1 T:r.bob.1.30;', 'm 2 v2 T:r.bob.1.30;'), /ran v2, the code is v1/],
  'what waits ends in new code': [instead('d 1 v1', 'd 1 v2'), /began in v1, ended in v2/],
  'a broadcast leaves one out': [instead('b 1 T:b.ada.4.50; 2 -', 'b 1 T:b.ada.4.50; 1 -'), /broadcast to 1, there were 2 members/],
  'a broadcast reaches one too many': [instead('b 1 T:x.ada.6.30; 1 1', 'b 1 T:x.ada.6.30; 2 1'), /broadcast to 2, there were 1 members/],
  'the history has another line': [(history) => history.events.push(eventOf('? 1')), /a line of the server's that is none/],
};

// What is no fault, though less came than was sent.
const LOST_ONES = {
  'one that was reset may miss the end': bob((s) => {
    s.got.pop();
    Object.assign(s, { closed: 1006, asked: null, deeds: ['reset'] });
  }),
  'a broadcast that finds one lost may count it': (history) => {
    behind('m 1 v1 T:b.ada.4.50;', 'x 2')(history);
    instead('c 2 1000', 'c 2 1006')(history);
    Object.assign(history.sessions[1], { got: ['T:e.bob.2.30;'], closed: 1006, asked: null, deeds: ['reset'] });
    instead('b 1 T:x.ada.6.30; 1 1', 'b 1 T:x.ada.6.30; 0 1')(history);
  },
};

function faultsOf(history) {
  return check(history).flatMap(([promise, faults]) => faults.map((fault) => `${promise}: ${fault}`));
}

// Returns { passed, failed }.
function run() {
  const result = { passed: 0, failed: 0 };
  const judge = (name, isRight, faults) => {
    result[isRight ? 'passed' : 'failed']++;
    if (!isRight) console.log(`FAILED checker: ${name}: ${JSON.stringify(faults)}`);
  };
  judge('a good history', faultsOf(good()).length === 0, faultsOf(good()));
  judge('what is equal', difference(['a'], ['a'], true) === null, []);
  for (const [name, [spoil, says]] of Object.entries(BROKEN)) {
    const history = good();
    spoil(history);
    const faults = faultsOf(history);
    judge(name, faults.some((fault) => says.test(fault)), faults);
  }
  for (const [name, change] of Object.entries(LOST_ONES)) {
    const history = good();
    change(history);
    judge(name, faultsOf(history).length === 0, faultsOf(history));
  }
  return result;
}

module.exports = { run };
