/*
 * utf8 - the check, without a table.
 *
 * What the next byte may be depends on little: after a lead byte it must lie
 * in a range (Unicode, table 3-7: the range is narrower than 80..BF after E0,
 * ED, F0 and F4, and that alone keeps out overlong forms, surrogates and what
 * is above U+10FFFF), and so many bytes more must follow. So that is the state:
 *
 *   bits 0-7    how many continuation bytes are wanted, 1 to 3
 *   bits 8-15   the lowest byte that may come next
 *   bits 16-23  the highest
 *
 * UTF8_START is 0, and UTF8_REJECT, 1, is no such triple, as its range is
 * empty. Runs of ASCII, by far the commonest text, are skipped in blocks, and
 * code points that lie whole in the input are judged without going through the
 * state.
 */
#include "utf8.h"

#include <string.h>

#define WANT(count, low, high)                                                 \
  ((uint32_t)(count) | (uint32_t)(low) << 8 | (uint32_t)(high) << 16)

static uint32_t after_lead(uint8_t byte) {
  if (byte < 0x80) return UTF8_START;
  if (byte < 0xC2) return UTF8_REJECT; /* continuation; C0, C1 are overlong */
  if (byte < 0xE0) return WANT(1, 0x80, 0xBF);
  if (byte == 0xE0) return WANT(2, 0xA0, 0xBF);
  if (byte == 0xED) return WANT(2, 0x80, 0x9F);
  if (byte < 0xF0) return WANT(2, 0x80, 0xBF);
  if (byte == 0xF0) return WANT(3, 0x90, 0xBF);
  if (byte < 0xF4) return WANT(3, 0x80, 0xBF);
  if (byte == 0xF4) return WANT(3, 0x80, 0x8F);
  return UTF8_REJECT;
}

static uint32_t after_byte(uint32_t state, uint8_t byte) {
  if (state == UTF8_START) return after_lead(byte);

  uint32_t count = state & 0xFF;
  if (byte < (state >> 8 & 0xFF) || byte > state >> 16) return UTF8_REJECT;
  return count == 1 ? UTF8_START : WANT(count - 1, 0x80, 0xBF);
}

static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end) {
  while (end - at >= 32) {
    uint64_t words[4];
    memcpy(words, at, sizeof words);
    if ((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080u)
      break;
    at += 32;
  }
  while (end - at >= 8) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    if (word & 0x8080808080808080u) break;
    at += 8;
  }
  while (at < end && *at < 0x80) at++;
  return at;
}

static bool is_tail(uint8_t byte) {
  return (byte & 0xC0) == 0x80;
}

/* The code points of two and three bytes that need no narrower range, which
 * is nearly all text that is not ASCII. Stops in front of anything else, good
 * or bad; `end` is left three bytes early, so nothing is read past the input.
 */
static const uint8_t *skip_common(const uint8_t *at, const uint8_t *end) {
  while (end - at >= 3) {
    uint8_t lead = at[0];
    if (lead >= 0xC2 && lead < 0xE0 && is_tail(at[1])) {
      at += 2;
    } else if (lead > 0xE0 && lead < 0xF0 && lead != 0xED && is_tail(at[1]) &&
               is_tail(at[2])) {
      at += 3;
    } else if (lead < 0x80) {
      at++;
    } else {
      break;
    }
  }
  return at;
}

uint32_t utf8_feed(uint32_t state, const uint8_t *bytes, size_t length) {
  if (state == UTF8_REJECT || length == 0) return state;

  const uint8_t *at = bytes;
  const uint8_t *end = bytes + length;
  while (at < end) {
    if (state == UTF8_START) {
      at = skip_ascii(at, end);
      at = skip_common(at, end);
      if (at == end) break;
    }
    state = after_byte(state, *at++);
    if (state == UTF8_REJECT) return state;
  }
  return state;
}

bool utf8_valid(const uint8_t *bytes, size_t length) {
  return utf8_feed(UTF8_START, bytes, length) == UTF8_START;
}
