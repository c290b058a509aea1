// Group 12, compressed messages of five kinds of data: JSON, a picture, text,
// HTML, and what cannot be compressed much.

'use strict';

const { DATA, series } = require('../compressed');

const OFFER = 'permessage-deflate; client_max_window_bits';

module.exports = DATA.flatMap((data, i) => series(`12.${i + 1}`, data, OFFER));
