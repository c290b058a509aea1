// Group 9, limits and performance: messages of up to 16 MiB, whole (9.1, 9.2),
// in fragments (9.3, 9.4) and in small writes (9.5, 9.6), and a thousand round
// trips of short messages (9.7, 9.8). Odd subgroups are text, even ones binary.

'use strict';

const {
  OP, answers, binary, fragments, gotBinary, gotText, send, sendChopped, text,
} = require('../steps');

const KiB = 1024;
const MiB = 1024 * KiB;
const LIMIT = { limit: 20000 };
const ROUND_TRIPS = 1000;

const SIZES = [64 * KiB, 256 * KiB, MiB, 4 * MiB, 8 * MiB, 16 * MiB];
const FRAGMENTS = [64, 256, KiB, 4 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, MiB, 4 * MiB];
const CHOPS = [64, 128, 256, 512, KiB, 2 * KiB];
const TRIP_SIZES = [0, 16, 64, 256, KiB, 4 * KiB];

const TEXT = { opcode: OP.TEXT, name: 'text', frame: text, got: gotText, mix: 'BAsd7&jh23', same: '*' };
const BINARY = {
  opcode: OP.BINARY,
  name: 'binary',
  frame: binary,
  got: gotBinary,
  mix: Buffer.from('00fe23faf0', 'hex'),
  same: 0xfe,
};

// Payloads are made when they are sent and again when they are compared, which
// is cheaper than keeping some 200 MiB of them for the whole run.
const filled = (size, fill) => () => Buffer.alloc(size, fill);

function whole(subgroup, kind, size, index) {
  const payload = filled(size, kind.mix);
  return answers(`${subgroup}.${index + 1}`, `${kind.name} of ${size} octets`,
    [send(kind.frame(payload))], [kind.got(payload)], LIMIT);
}

function inFragments(subgroup, kind, size, index) {
  const payload = filled(4 * MiB, kind.same);
  const frames = () => fragments(kind.opcode, payload(), size);
  return answers(`${subgroup}.${index + 1}`, `${kind.name} of 4 MiB in fragments of ${size} octets`,
    [send(frames)], [kind.got(payload)], LIMIT);
}

function inWrites(subgroup, kind, size, index) {
  const payload = filled(MiB, kind.mix);
  return answers(`${subgroup}.${index + 1}`, `${kind.name} of 1 MiB in writes of ${size} octets`,
    [sendChopped(size, kind.frame(payload))], [kind.got(payload)], LIMIT);
}

// Each message waits for the echo of the one before.
function roundTrip(frame, count) {
  return async (client, { limit }) => {
    for (let sent = 1; sent <= count && !client.over; sent++) {
      await send(frame)(client);
      const came = await client.until(() => client.over || client.events.length >= sent, limit);
      if (!came) return `no echo of message ${sent}`;
    }
    return null;
  };
}

function roundTrips(subgroup, kind, size, index) {
  const payload = Buffer.alloc(size, kind.same);
  const ok = Array.from({ length: ROUND_TRIPS }, () => kind.got(payload));
  return answers(`${subgroup}.${index + 1}`, `${ROUND_TRIPS} round trips of ${size} octets`,
    [roundTrip(kind.frame(payload), ROUND_TRIPS)], ok, LIMIT);
}

const SUBGROUPS = [
  ['9.1', TEXT, SIZES, whole],
  ['9.2', BINARY, SIZES, whole],
  ['9.3', TEXT, FRAGMENTS, inFragments],
  ['9.4', BINARY, FRAGMENTS, inFragments],
  ['9.5', TEXT, CHOPS, inWrites],
  ['9.6', BINARY, CHOPS, inWrites],
  ['9.7', TEXT, TRIP_SIZES, roundTrips],
  ['9.8', BINARY, TRIP_SIZES, roundTrips],
];

module.exports = SUBGROUPS.flatMap(([subgroup, kind, rows, build]) => (
  rows.map((row, i) => build(subgroup, kind, row, i))));
