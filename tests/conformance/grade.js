// Plays one case against the server and grades it the way Autobahn does: what
// came ("behavior") and how the connection ended ("behaviorClose").

'use strict';

const { bytesOf, closePayload, connect } = require('./client');

const MS = {
  open: 5000, // for the opening handshake
  answer: 3000, // for echoes (unless the case has its own limit), for a Close
  drop: 2000, // for the end of TCP once both Close frames are out
};
const NORMAL = 1000;
const SHOWN = 32;

function answerLimit(test, slow) {
  return (test.limit || MS.answer) * slow;
}

async function playSteps(client, test, slow) {
  for (const step of test.steps) {
    if (client.over) return null;
    const problem = await step(client, { slow, limit: answerLimit(test, slow) });
    if (problem) return problem;
  }
  return null;
}

// Cases whose close is ours: wait for all answers, then start the handshake.
async function closeWhenAnswered(client, test, limit) {
  await client.until(() => client.over || client.events.length >= test.ok.length, limit);
  if (!client.over && client.events.length >= test.ok.length) {
    await client.sendClose(closePayload(NORMAL));
  }
}

// One event too many decides the case, so it also ends the wait.
async function awaitClose(client, test, limit) {
  const most = Math.max(test.ok.length, test.nonStrict ? test.nonStrict.length : 0);
  await client.until(() => client.over || client.events.length > most, limit);
}

async function playEnd(client, test, slow) {
  if (test.closedBy === 'client' && !client.closeSent) {
    await closeWhenAnswered(client, test, answerLimit(test, slow));
  }
  const expectClose = test.closedBy === 'server' || client.closeSent;
  if (expectClose) await awaitClose(client, test, MS.answer * slow);
  if (client.over) await client.until(() => client.gone || client.violation, MS.drop * slow);
}

function sameEvents(got, wanted) {
  if (!wanted || got.length !== wanted.length) return false;
  return wanted.every(({ type, data }, i) => got[i].type === type && got[i].data.equals(bytesOf(data)));
}

function gradeEvents(client, test) {
  if (client.violation) return 'FAILED';
  if (sameEvents(client.events, test.ok)) return 'OK';
  return sameEvents(client.events, test.nonStrict) ? 'NON-STRICT' : 'FAILED';
}

function wrongCode(client, test) {
  if (!client.remoteClose) return false;
  const { code } = client.remoteClose;
  if (code === undefined) return Boolean(test.codeRequired);
  return !test.codes.includes(code);
}

// The order of the questions is Autobahn's: the first "no" names the grade.
function gradeClose(client, test) {
  if (!client.remoteClose && !client.gone) return 'FAILED';
  if (client.closedByMe !== (test.closedBy === 'client')) return 'FAILED';
  if (test.clean && !(client.remoteClose && client.closeSent)) return 'UNCLEAN';
  if (wrongCode(client, test)) return 'WRONG CODE';
  return client.gone ? 'OK' : 'FAILED BY CLIENT';
}

function statusOf(client, test, behavior, behaviorClose) {
  // These cases leave the answer open, but an answer has to end the connection.
  if (test.informational) return client.gone ? 'INFORMATIONAL' : 'FAILED';
  return behaviorClose === 'OK' ? behavior : 'FAILED';
}

function shown(data) {
  const bytes = bytesOf(data);
  const part = bytes.subarray(0, SHOWN);
  const printable = part.every((octet) => octet >= 0x20 && octet < 0x7f);
  const text = printable ? `"${part.toString('latin1')}"` : `0x${part.toString('hex')}`;
  return bytes.length > SHOWN ? `${text}... (${bytes.length} octets)` : text;
}

function describeEvents(events) {
  const some = events.slice(0, 4).map(({ type, data }) => `${type} ${shown(data)}`);
  if (events.length > some.length) some.push(`${events.length - some.length} more`);
  return some.join(', ') || 'nothing';
}

// Where an event has the wanted type and length, what is shown of it may look
// right; this tells the octet that is not.
function describeDifference(got, wanted) {
  for (let i = 0; i < got.length && i < wanted.length; i++) {
    const data = bytesOf(wanted[i].data);
    if (got[i].data.length === data.length && !got[i].data.equals(data)) {
      const at = data.findIndex((octet, k) => octet !== got[i].data[k]);
      return `, octet ${at} differing`;
    }
  }
  return '';
}

function describeGot(client, test) {
  const difference = describeDifference(client.events, test.ok);
  return `${describeEvents(client.events)}${difference}; ${describeEnd(client)}`;
}

function describeExpected(test) {
  const by = test.closedBy === 'client' ? 'the answer to our Close' : 'the connection failed by the server';
  const how = test.clean ? 'a clean close' : 'a Close or the end of TCP';
  return `${describeEvents(test.ok)}, then ${by} (${how}, ${test.codes.join(' or ')})`;
}

function describeCloseFrame({ code, reason }) {
  const text = reason.length ? ` ${shown(reason)}` : '';
  return code === undefined ? 'Close without a code' : `Close ${code}${text}`;
}

function describeEnd(client) {
  const parts = [];
  if (client.violation) parts.push(`from the server: ${client.violation}`);
  if (client.remoteClose) parts.push(describeCloseFrame(client.remoteClose));
  if (client.gone) parts.push(client.gone === 'fin' ? 'end of TCP' : 'TCP reset');
  else if (client.remoteClose) parts.push('TCP left open by the server');
  else if (!client.violation) parts.push('no Close');
  if (client.closedByMe && client.over) parts.push('after our Close');
  return parts.join(', ');
}

function verdict(client, test, problem) {
  const behavior = problem ? 'FAILED' : gradeEvents(client, test);
  const behaviorClose = gradeClose(client, test);
  return {
    status: problem ? 'FAILED' : statusOf(client, test, behavior, behaviorClose),
    behavior: test.informational ? 'INFORMATIONAL' : behavior,
    behaviorClose: test.informational ? 'INFORMATIONAL' : behaviorClose,
    remoteCloseCode: client.remoteClose && client.remoteClose.code !== undefined
      ? client.remoteClose.code : null,
    expected: describeExpected(test),
    got: `${problem ? `${problem}: ` : ''}${describeGot(client, test)}`,
  };
}

function neverOpened(test, error) {
  return {
    status: 'FAILED',
    behavior: 'FAILED',
    behaviorClose: 'FAILED',
    remoteCloseCode: null,
    expected: describeExpected(test),
    got: `no opening handshake: ${error.message}`,
  };
}

async function playOpened(client, test, slow) {
  try {
    const problem = await playSteps(client, test, slow);
    if (!problem) await playEnd(client, test, slow);
    return verdict(client, test, problem);
  } finally {
    client.destroy();
  }
}

// Plays `test` at `url`; every time limit is multiplied by `slow`.
async function play(test, url, slow) {
  let client;
  try {
    client = await connect(url, MS.open * slow, test.offer);
  } catch (error) {
    return neverOpened(test, error);
  }
  return playOpened(client, test, slow);
}

module.exports = { play };
