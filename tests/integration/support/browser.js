// browser - Chromium by playwright-core, and a look at the pictures it takes.
'use strict';

const fs = require('fs');
const zlib = require('zlib');
const { chromium } = require('playwright-core');
const { slow } = require('./wait');

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'];
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking',
  '--no-first-run', '--disable-sync', '--disable-component-update', '--disable-dev-shm-usage',
  '--disable-extensions', '--no-default-browser-check'];

async function launch() {
  const program = CHROMIUM.find((name) => fs.existsSync(name));
  if (!program) throw new Error('chromium is missing: apt-get install chromium');
  return chromium.launch({ executablePath: program, args: ARGUMENTS, timeout: 20000 * slow });
}

// The chunks of a PNG: [type, bytes].
function chunksOf(png) {
  const chunks = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    chunks.push([type, png.subarray(at + 8, at + 8 + length)]);
    at += length + 12;
  }
  return chunks;
}

// { width, height, distinct }: distinct counts the different rows, filters and
// all: one or two for an empty page, many for one with text.
function describePicture(png) {
  if (png.toString('latin1', 1, 4) !== 'PNG') throw new Error('it is no PNG');
  const chunks = chunksOf(png);
  const header = chunks.find(([type]) => type === 'IHDR')[1];
  const data = chunks.filter(([type]) => type === 'IDAT').map(([, bytes]) => bytes);
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const pixels = zlib.inflateSync(Buffer.concat(data));
  const size = pixels.length / height;
  const rows = new Set();
  for (let y = 0; y < height; y++) {
    rows.add(pixels.toString('latin1', y * size, (y + 1) * size));
  }
  return { width, height, distinct: rows.size };
}

module.exports = { describePicture, launch };
