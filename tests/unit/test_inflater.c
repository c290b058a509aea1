/*
 * test_inflater - the examples of RFC 7692 7.2.3 and what may go wrong, taken
 * in steps of every size.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/deflater.h"
#include "proto/inflater.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Inflates in steps of `room` bytes; what comes is in `text`. */
static enum inflater_result inflate_by(struct inflater *inflater,
                                       const void *bytes, size_t length,
                                       size_t room, char *text, size_t *count) {
  enum inflater_result result;
  size_t got;

  *count = 0;
  inflater_begin(inflater, guarded(bytes, length), length);
  do {
    result = inflater_step(inflater, (uint8_t *)text + *count, room, &got);
    *count += got;
    CHECK(got <= room);
    if (result == INFLATER_MORE) CHECK_EQ(got, room);
  } while (result == INFLATER_MORE);
  text[*count] = '\0';
  return result;
}

static const struct {
  const char *name, *bytes, *text; /* text NULL: corrupt */
} messages[] = {
    {"7.2.3.1 one block", "F248CDC9C90700", "Hello"},
    {"7.2.3.3 D29 a stored block", "00 0500 FAFF 'Hello' 00", "Hello"},
    {"7.2.3.4 D28 a last block", "F348CDC9C9070000", "Hello"},
    {"7.2.3.5 two blocks", "F24805000000FFFFCAC9C90700", "Hello"},
    {"7.2.3.6 D30 nothing", "00", ""},
    {"no bytes at all", "", ""},
    {"a last block and nothing more", "F348CDC9C90700", "Hello"},
    {"a last block that ends with its room", "F348CDC9C10700",
     "Hellllllllllllllllllllllllllllll"},
    {"a last block between others", "F348CDC9C90700 F248CDC9C90700",
     "HelloHello"},
    {"stored blocks of nothing", "00 0000 FFFF 00 0000 FFFF 00", ""},
    {"an empty last block", "0300 00", ""},
    {"many last blocks", "0300 0300 0300 0300 F248CDC9C90700", "Hello"},
    {"back-references in itself", "4A4CC4040000", "aaaaaaaaaaaaaaaaaaaa"},

    {"D24 no deflate data", "FFFFFFFF", NULL},
    {"a reserved block type", "06", NULL},
    {"a stored length that does not fit", "00 0500 FAFE 'Hello' 00", NULL},
    {"a stored block cut", "00 0500 FAFF 'Hel'", NULL},
    {"a block cut", "F248CDC9", NULL},
    {"a header cut", "04", NULL},
    {"a reference to before the message", "F200110000", NULL},
    {"garbage behind a last block", "F348CDC9C90700 FFFF", NULL},
    {"the tail left in, half of it", "F248CDC9C907000000", NULL},
};

TEST(inflater_takes_the_examples_in_steps_of_any_size) {
  struct inflater *inflater = inflater_new(15, false);
  char text[512];
  size_t count, length;

  for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
    uint8_t *bytes = bytes_of(messages[i].bytes, &length);
    for (size_t room = 1; room <= 12; room++) {
      check_context("%s, by %zu", messages[i].name, room);
      enum inflater_result result =
          inflate_by(inflater, bytes, length, room, text, &count);
      CHECK_EQ(result, messages[i].text ? INFLATER_DONE : INFLATER_CORRUPT);
      if (messages[i].text) CHECK_TEXT(text, messages[i].text);
    }
    free(bytes);
  }
  inflater_free(inflater);
}

/* 7.2.3.2: the second message refers to the first. */
TEST(inflater_keeps_a_context_or_not) {
  struct inflater *keeps = inflater_new(15, true);
  struct inflater *fresh = inflater_new(15, false);
  static const uint8_t first[] = "\xF2\x48\xCD\xC9\xC9\x07\x00";
  static const uint8_t last[] = "\xF3\x48\xCD\xC9\xC9\x07\x00\x00";
  static const uint8_t second[] = "\xF2\x00\x11\x00\x00";
  char text[64];
  size_t count;

  CHECK_EQ(inflate_by(keeps, first, 7, 64, text, &count), INFLATER_DONE);
  CHECK_EQ(inflate_by(keeps, second, 5, 64, text, &count), INFLATER_DONE);
  CHECK_TEXT(text, "Hello");
  CHECK_EQ(inflate_by(keeps, second, 5, 1, text, &count), INFLATER_DONE);
  CHECK_TEXT(text, "Hello");
  CHECK_EQ(inflate_by(keeps, last, 8, 64, text, &count), INFLATER_DONE);
  CHECK_EQ(inflate_by(keeps, second, 5, 64, text, &count), INFLATER_DONE);
  CHECK_TEXT(text, "Hello");

  CHECK_EQ(inflate_by(fresh, first, 7, 64, text, &count), INFLATER_DONE);
  CHECK_EQ(inflate_by(fresh, second, 5, 64, text, &count), INFLATER_CORRUPT);
  CHECK_EQ(inflate_by(fresh, first, 7, 64, text, &count), INFLATER_DONE);
  inflater_free(keeps);
  inflater_free(fresh);
  inflater_free(NULL);
}

/* A message that nobody wants to the end leaves nothing behind. */
TEST(inflater_may_be_left_in_the_middle) {
  struct inflater *inflater = inflater_new(15, false);
  struct deflater *deflater = deflater_new(9, 15, 8, false);
  static char zeros[100000], text[64];
  struct deflated bomb;
  size_t count;

  CHECK(deflater_run(deflater, (uint8_t *)zeros, sizeof zeros, &bomb));
  inflater_begin(inflater, bomb.bytes, bomb.length);
  CHECK_EQ(inflater_step(inflater, (uint8_t *)text, 64, &count), INFLATER_MORE);
  CHECK_EQ(count, 64);
  CHECK_EQ(
      inflate_by(inflater, "\xF2\x48\xCD\xC9\xC9\x07", 7, 64, text, &count),
      INFLATER_DONE);
  CHECK_TEXT(text, "Hello");
  deflater_free(deflater);
  inflater_free(inflater);
}

/* An agreed window of 8 bits is in truth one of 9: zlib's senders mean that. */
TEST(inflater_takes_8_bits_for_9) {
  struct inflater *inflater = inflater_new(8, true);
  struct deflater *deflater = deflater_new(9, 9, 8, true);
  static char text[2048], back[2049];
  struct deflated out;
  size_t count;

  for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * i % 23);
  for (int round = 0; round < 5; round++) {
    CHECK(deflater_run(deflater, (uint8_t *)text, sizeof text, &out));
    CHECK_EQ(inflate_by(inflater, out.bytes, out.length, 100, back, &count),
             INFLATER_DONE);
    CHECK_BYTES(back, count, text, sizeof text);
  }
  deflater_free(deflater);
  inflater_free(inflater);
}

TEST(inflater_says_when_there_is_no_memory) {
  static const uint8_t hello[] = "\xF2\x48\xCD\xC9\xC9\x07\x00";
  int64_t before = mem_in_use();
  char text[64];
  size_t count;
  int failed = 0;

  for (uint64_t nth = 1;; nth++) {
    mem_fail_at(nth, false);
    struct inflater *inflater = inflater_new(15, false);
    bool is_done = false;
    if (inflater) {
      enum inflater_result result =
          inflate_by(inflater, hello, 7, 64, text, &count);
      is_done = result == INFLATER_DONE;
      if (!is_done) {
        CHECK_EQ(result, INFLATER_NO_MEMORY);
        CHECK_EQ(inflate_by(inflater, hello, 7, 64, text, &count),
                 INFLATER_DONE); /* the next one finds memory */
      }
    }
    inflater_free(inflater);
    CHECK_EQ(mem_in_use(), before);
    bool had_nth = mem_requests() >= nth;
    mem_fail_at(0, false);
    failed += !is_done;
    if (!had_nth) break;
  }
  CHECK_EQ(failed, 3); /* itself, zlib's state, its window */
}
