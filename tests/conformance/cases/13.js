// Group 13, compressed JSON on different terms: with and without contexts that
// are kept, with small windows, and a list of offers.

'use strict';

const { DATA, series } = require('../compressed');

const [JSON_DATA] = DATA;

function offer(isFresh, bits) {
  return ['permessage-deflate', isFresh && 'server_no_context_takeover',
    bits > 0 && `server_max_window_bits=${bits}`, 'client_max_window_bits']
    .filter(Boolean).join('; ');
}

const OFFERS = [
  offer(false, 0),
  offer(true, 0),
  offer(false, 9),
  offer(false, 15),
  offer(true, 9),
  offer(true, 15),
  [offer(true, 9), offer(true, 0), offer(false, 0)].join(', '),
];

module.exports = OFFERS.flatMap((text, i) => series(`13.${i + 1}`, JSON_DATA, text));
