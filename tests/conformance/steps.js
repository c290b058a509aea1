// The vocabulary of the case tables: frames, steps that send them, expected
// events, and the three shapes almost every case has.

'use strict';

const { OP, closePayload, encodeFrame, encodeFrames } = require('./client');

// --- frames ---

const text = (payload, bits) => ({ opcode: OP.TEXT, payload, ...bits });
const binary = (payload, bits) => ({ opcode: OP.BINARY, payload, ...bits });
const cont = (payload, bits) => ({ opcode: OP.CONT, payload, ...bits });
const ping = (payload, bits) => ({ opcode: OP.PING, payload, ...bits });
const pong = (payload, bits) => ({ opcode: OP.PONG, payload, ...bits });
const closeFrame = (code, reason) => ({ opcode: OP.CLOSE, payload: closePayload(code, reason) });

// A message cut into fragments of `size` octets, the last one with FIN.
function fragments(opcode, payload, size) {
  const frames = [];
  for (let at = 0; at < payload.length; at += size) {
    frames.push({
      opcode: at === 0 ? opcode : OP.CONT,
      payload: payload.subarray(at, at + size),
      fin: at + size >= payload.length,
    });
  }
  return frames;
}

// --- expected events ---

const gotText = (data) => ({ type: 'text', data });
const gotBinary = (data) => ({ type: 'binary', data });
const gotPong = (data) => ({ type: 'pong', data });
const timeout = (name) => ({ type: 'timeout', data: name });

// --- steps: functions of (client, { slow, limit }), returning a problem or nothing ---

const framesOf = (frames) => (typeof frames[0] === 'function' ? frames[0]() : frames);

// All frames in one write.
function send(...frames) {
  return async (client) => {
    await client.write(encodeFrames(framesOf(frames)));
  };
}

// One write for each frame, flushed before the next.
function sendEach(...frames) {
  return async (client) => {
    for (const frame of frames) {
      const bytes = encodeFrame(frame);
      await client.writeChopped(bytes, bytes.length);
    }
  };
}

// Writes of `size` octets, each flushed before the next.
function sendChopped(size, ...frames) {
  return async (client) => {
    await client.writeChopped(encodeFrames(framesOf(frames)), size);
  };
}

const sendOctets = (...frames) => sendChopped(1, ...frames);

// Like send(), where one of the frames is the Close that starts our closing
// handshake.
function sendClosing(...frames) {
  return async (client) => {
    client.markClosing();
    await client.write(encodeFrames(frames));
  };
}

// Waits for the first `count` events, as something the server owes us before it
// gets to see the rest; `what` is the problem if they do not come.
function awaitEvents(count, what) {
  return async (client, { limit }) => {
    const came = await client.until(() => client.over || client.events.length >= count, limit);
    return came ? null : what;
  };
}

// Sends `first`, waits for its answer, then sends the rest, all by `way`. A
// write to a connection the server has reset discards what was not yet read, so
// without the wait an echo that did come could be lost here.
function sendAfterAnswer(way, first, ...rest) {
  return async (client, context) => {
    await way(first)(client);
    await client.until(() => client.over || client.events.length > 0, context.limit);
    await way(...rest)(client);
  };
}

// Gives the server `ms` to end the connection, and records that it did not.
function pause(name, ms) {
  return async (client, { slow }) => {
    await client.until(() => client.over, ms * slow);
    if (!client.over) client.record('timeout', Buffer.from(name));
  };
}

// --- case shapes ---

const NORMAL = { closedBy: 'client', codes: [1000], clean: true };

// The server answers with `ok`; then we close, and it closes with us.
function answers(id, title, steps, ok, more) {
  return { id, title, steps, ok, ...NORMAL, ...more };
}

// The server fails the connection with `code`. Where it still owes an answer to
// what came before the offence, leaving that out is NON-STRICT.
function fails(id, title, code, steps, ok = [], more = {}) {
  const nonStrict = ok.length ? [] : undefined;
  return { id, title, steps, ok, nonStrict, closedBy: 'server', codes: [code], clean: false, ...more };
}

// Our Close is part of the steps, and nothing but the closing comes back.
function closes(id, title, codes, clean, frames, more) {
  return { id, title, steps: [sendClosing(...frames)], ok: [], closedBy: 'client', codes, clean, ...more };
}

module.exports = {
  OP, encodeFrames,
  text, binary, cont, ping, pong, closeFrame, fragments,
  gotText, gotBinary, gotPong, timeout,
  send, sendEach, sendChopped, sendOctets, sendClosing, awaitEvents, sendAfterAnswer, pause,
  answers, fails, closes,
};
