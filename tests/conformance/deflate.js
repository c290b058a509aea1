// Our side of permessage-deflate (RFC 7692), on node's zlib: reads what the
// server agreed to, compresses messages, and inflates the server's.

'use strict';

const zlib = require('zlib');

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const FLAGS = ['server_no_context_takeover', 'client_no_context_takeover'];
const BITS = ['server_max_window_bits', 'client_max_window_bits'];

function readBits(name, value) {
  if (!/^(8|9|1[0-5])$/.test(value || '')) throw new Error(`${name} of "${value}"`);
  return Number(value);
}

function readTerms(header) {
  const [name, ...parameters] = header.split(';').map((part) => part.trim());
  if (name !== 'permessage-deflate') throw new Error(`the extension "${name}"`);
  const terms = {};
  for (const parameter of parameters) {
    const [key, value] = parameter.split('=').map((part) => part.trim());
    if (key in terms) throw new Error(`${key} twice`);
    if (FLAGS.includes(key) && value === undefined) terms[key] = true;
    else if (BITS.includes(key)) terms[key] = readBits(key, value);
    else throw new Error(`the parameter "${parameter}"`);
  }
  return terms;
}

// What a server that chose the offer with these parameters has to keep to.
function isKept(offer, terms) {
  const [, ...wanted] = offer.split(';').map((part) => part.trim().split('='));
  return wanted.every(([key, value]) => {
    if (key === 'client_max_window_bits' || key === 'client_no_context_takeover') return true;
    return value === undefined ? terms[key] : terms[key] <= Number(value);
  });
}

// One direction. What a context keeps from message to message is the end of what went
// before, which zlib takes as a dictionary: so each message can be a call of its own.
class Side {
  constructor(bits, isFresh) {
    this.bits = bits || 15;
    this.isFresh = isFresh;
    this.history = Buffer.alloc(0);
  }

  options() {
    const dictionary = this.history.length > 0 ? { dictionary: this.history } : {};
    return { windowBits: this.bits, finishFlush: zlib.constants.Z_SYNC_FLUSH, ...dictionary };
  }

  note(message) {
    if (this.isFresh) return message;
    this.history = Buffer.concat([this.history, message]).subarray(-(1 << this.bits));
    return message;
  }
}

class Deflate {
  // `offers`: a list separated by commas; `header`: the server's answer. Throws
  // when that is no answer to them.
  constructor(offers, header) {
    this.terms = readTerms(header);
    if (!offers.split(',').some((offer) => isKept(offer.trim(), this.terms))) {
      throw new Error(`"${header}" in answer to "${offers}"`);
    }
    const terms = this.terms;
    this.ours = new Side(terms.client_max_window_bits, terms.client_no_context_takeover);
    this.theirs = new Side(terms.server_max_window_bits, terms.server_no_context_takeover);
  }

  compress(bytes) {
    if (bytes.length === 0) return Buffer.from([0]);
    const out = zlib.deflateRawSync(bytes, this.ours.options());
    this.ours.note(bytes);
    return out.subarray(0, out.length - TAIL.length);
  }

  // Throws at what cannot be inflated with exactly what was agreed on.
  inflate(bytes) {
    const whole = Buffer.concat([bytes, TAIL]);
    return this.theirs.note(zlib.inflateRawSync(whole, this.theirs.options()));
  }
}

module.exports = { Deflate };
