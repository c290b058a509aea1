/*
 * test_utf8 - against a reference that decodes by the book: take the number
 * out, then ask whether it was allowed and written in the shortest way.
 */
#include "base/utf8.h"
#include "check.h"

#include <string.h>

/* How many bytes the code point at `bytes` has; 0: it is bad or cut. */
static size_t decode(const uint8_t *bytes, size_t length) {
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t point = bytes[0];
  size_t size = point < 0x80   ? 1
                : point < 0xC0 ? 0
                : point < 0xE0 ? 2
                : point < 0xF0 ? 3
                : point < 0xF8 ? 4
                               : 0;

  if (size < 2 || size > length) return size == 1;
  point &= 0x7Fu >> size;
  for (size_t i = 1; i < size; i++) {
    if ((bytes[i] & 0xC0) != 0x80) return 0;
    point = point << 6 | (bytes[i] & 0x3F);
  }
  if (point < smallest[size] || point > 0x10FFFF) return 0;
  return point >= 0xD800 && point <= 0xDFFF ? 0 : size;
}

static bool is_good(const uint8_t *bytes, size_t length) {
  for (size_t at = 0; at < length;) {
    size_t size = decode(bytes + at, length - at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

static uint32_t feed_bytewise(const uint8_t *bytes, size_t length) {
  uint32_t state = UTF8_START;

  for (size_t i = 0; i < length; i++) state = utf8_feed(state, bytes + i, 1);
  return state;
}

/* Judged as it should, whole and byte by byte? Millions of these run, so a
 * check is spent on the wrong ones only. */
static bool is_judged(const uint8_t *bytes, size_t length, bool good) {
  return utf8_valid(bytes, length) == good &&
         (feed_bytewise(bytes, length) == UTF8_START) == good;
}

static size_t encode(uint32_t point, uint8_t bytes[4]) {
  if (point < 0x80) return bytes[0] = (uint8_t)point, 1;

  size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (size_t i = size - 1; i > 0; i--, point >>= 6) {
    bytes[i] = (uint8_t)(0x80 | (point & 0x3F));
  }
  bytes[0] = (uint8_t)(0xF00u >> size | point);
  return size;
}

TEST(utf8_takes_each_code_point) {
  for (uint32_t point = 0; point <= 0x10FFFF + 16; point++) {
    uint8_t bytes[4];
    size_t length = encode(point, bytes);
    bool good = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    if (is_judged(bytes, length, good)) continue;
    check_context("U+%04X", point);
    CHECK_EQ(utf8_valid(bytes, length), good);
    CHECK_EQ(feed_bytewise(bytes, length) == UTF8_START, good);
  }
}

TEST(utf8_judges_all_short_strings) {
  for (uint32_t word = 0; word < 1u << 24; word++) {
    uint8_t bytes[3] = {(uint8_t)(word >> 16), (uint8_t)(word >> 8),
                        (uint8_t)word};
    size_t length = word < 0x100 ? 1 : word < 0x10000 ? 2 : 3;
    const uint8_t *from = bytes + 3 - length;
    bool good = is_good(from, length);
    if (is_judged(from, length, good)) continue;
    check_context("%02X %02X %02X", bytes[0], bytes[1], bytes[2]);
    CHECK_EQ(utf8_valid(from, length), good);
    CHECK_EQ(feed_bytewise(from, length) == UTF8_START, good);
  }
}

/* Four bytes: each lead with each second byte, and the edges behind them. */
TEST(utf8_judges_four_bytes) {
  static const uint8_t edges[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};

  for (uint32_t word = 0; word < 0x10000 * 36u; word++) {
    uint8_t bytes[4] = {(uint8_t)(word >> 8), (uint8_t)word,
                        edges[(word >> 16) % 6], edges[(word >> 16) / 6]};
    bool good = is_good(bytes, 4);
    if (is_judged(bytes, 4, good)) continue;
    check_context("%02X %02X %02X %02X", bytes[0], bytes[1], bytes[2],
                  bytes[3]);
    CHECK_EQ(utf8_valid(bytes, 4), good);
    CHECK_EQ(feed_bytewise(bytes, 4) == UTF8_START, good);
  }
}

/* A prefix is refused exactly when no continuation can make it good. */
TEST(utf8_refuses_at_the_first_impossible_byte) {
  static const struct {
    const char *bytes;
    size_t impossible; /* index of that byte */
  } cases[] = {
      {"\x80", 0},           {"\xC0", 0},
      {"\xC1", 0},           {"\xF5", 0},
      {"\xFF", 0},           {"\xE0\x9F", 1},
      {"\xED\xA0", 1},       {"\xF0\x8F", 1},
      {"\xF4\x90", 1},       {"\xC3(", 1},
      {"\xE2\x82(", 2},      {"\xF0\x9F\x98\xC0", 3},
      {"ok\xE0\xA0\xFF", 4}, {"\xED\x9F\xBF\xED\xBF", 4},
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
    size_t at = cases[i].impossible;
    check_context("case %zu", i);
    uint32_t state = utf8_feed(UTF8_START, bytes, at);
    CHECK(state != UTF8_REJECT);
    CHECK_EQ(utf8_feed(state, bytes + at, 1), UTF8_REJECT);
    CHECK_EQ(utf8_feed(UTF8_START, bytes, at + 1), UTF8_REJECT);
  }
}

TEST(utf8_stays_refused) {
  CHECK_EQ(utf8_feed(UTF8_REJECT, (const uint8_t *)"fine", 4), UTF8_REJECT);
  CHECK_EQ(utf8_feed(UTF8_REJECT, NULL, 0), UTF8_REJECT);
}

TEST(utf8_knows_when_it_is_inside_a_code_point) {
  const uint8_t *smile = (const uint8_t *)"\xF0\x9F\x98\x80";

  for (size_t cut = 1; cut < 4; cut++) {
    uint32_t state = utf8_feed(UTF8_START, smile, cut);
    CHECK(state != UTF8_START && state != UTF8_REJECT);
    CHECK(!utf8_valid(smile, cut));
    CHECK_EQ(utf8_feed(state, NULL, 0), state);
    CHECK_EQ(utf8_feed(state, smile + cut, 4 - cut), UTF8_START);
  }
}

/* The blocks of the fast path: one odd byte at each place of texts of each
 * length, at each distance from the guard page. */
TEST(utf8_finds_an_odd_byte_anywhere) {
  uint8_t text[100];

  for (size_t length = 1; length <= sizeof text; length++) {
    memset(text, 'a', sizeof text);
    CHECK(utf8_valid(guarded(text, length), length));
    for (size_t at = 0; at < length; at++) {
      text[at] = 0xFF;
      CHECK(!utf8_valid(guarded(text, length), length));
      text[at] = 'a';
    }
  }
}

TEST(utf8_chopped_is_as_whole) {
  static const char text[] = "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 and so "
                             "on, until the block of 32 is full \xED\x9F\xBF";
  const uint8_t *bytes = (const uint8_t *)text;
  size_t length = sizeof text - 1;

  for (size_t cut = 0; cut <= length; cut++) {
    uint32_t state = utf8_feed(UTF8_START, guarded(bytes, cut), cut);
    state = utf8_feed(state, guarded(bytes + cut, length - cut), length - cut);
    check_context("cut at %zu", cut);
    CHECK_EQ(state, UTF8_START);
  }
}
