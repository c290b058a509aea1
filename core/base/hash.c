#include "hash.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t rotate(uint64_t value, int bits) {
  return value << bits | value >> (64 - bits);
}

static void mix(uint64_t v[4]) {
  v[0] += v[1];
  v[2] += v[3];
  v[1] = rotate(v[1], 13) ^ v[0];
  v[3] = rotate(v[3], 16) ^ v[2];
  v[0] = rotate(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = rotate(v[1], 17) ^ v[2];
  v[3] = rotate(v[3], 21) ^ v[0];
  v[2] = rotate(v[2], 32);
}

/* Without random numbers the addresses of this process have to do. */
static const uint64_t *process_key(void) {
  static uint64_t key[2];
  static bool is_made;
  if (is_made) return key;
  is_made = true;
  if (getrandom(key, sizeof key, GRND_NONBLOCK) != (ssize_t)sizeof key) {
    key[0] = (uint64_t)(uintptr_t)&key;
    key[1] = (uint64_t)(uintptr_t)malloc;
  }
  return key;
}

static void take(uint64_t v[4], uint64_t word) {
  v[3] ^= word;
  mix(v);
  v[0] ^= word;
}

uint64_t hash_bytes(struct slice bytes) {
  const uint64_t *key = process_key();
  uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                   key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
  uint64_t word, last = (uint64_t)bytes.length << 56;
  size_t at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    memcpy(&word, bytes.at + at, 8);
    take(v, word);
  }
  for (int shift = 0; at < bytes.length; at++, shift += 8) {
    last |= (uint64_t)(unsigned char)bytes.at[at] << shift;
  }
  take(v, last);
  v[2] ^= 0xff;
  for (int i = 0; i < 3; i++) mix(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
