// random - choices that are the same for the same seed.
'use strict';

class Random {
  // Parts of the seed may be numbers and words: each player has a generator of its own.
  constructor(...seed) {
    this.state = 2166136261;
    for (const byte of Buffer.from(seed.join('/'))) {
      this.state = Math.imul(this.state ^ byte, 16777619) >>> 0;
    }
  }

  // 0 <= x < 1 (mulberry32).
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  }

  // A whole number, both ends included.
  between(least, most) {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  // Small ones as often as large ones: each power of two has the same share.
  spread(least, most) {
    const low = Math.log2(least);
    return Math.round(2 ** (low + this.next() * (Math.log2(most) - low)));
  }

  chance(part) {
    return this.next() < part;
  }

  one(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  // A key of { key: weight }.
  weighed(weights) {
    const keys = Object.keys(weights);
    let left = this.next() * keys.reduce((sum, key) => sum + weights[key], 0);
    return keys.find((key) => (left -= weights[key]) < 0) || keys[keys.length - 1];
  }
}

module.exports = { Random };
