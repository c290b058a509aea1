/*
 * test_deflater - what is compressed can be inflated, with each set of
 * parameters and at each size where something changes.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/deflater.h"
#include "proto/inflater.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 400 * 1024 };

static uint8_t text[MOST], back[MOST + 1];

/* Noise cannot be compressed, the rest can. */
static void fill(bool is_noise) {
  uint32_t seed = 7;
  for (size_t i = 0; i < MOST; i++) {
    seed = seed * 1664525 + 1013904223;
    text[i] = is_noise ? (uint8_t)(seed >> 24) : (uint8_t)('a' + (seed >> 30));
  }
}

/* Compresses `length` bytes and inflates them again; returns how many bytes
 * they were in between. */
static size_t there_and_back(struct deflater *deflater,
                             struct inflater *inflater, size_t length) {
  struct deflated out;
  size_t count;

  if (!CHECK(deflater_run(deflater, text, length, &out))) return 0;
  inflater_begin(inflater, out.bytes, out.length);
  CHECK_EQ(inflater_step(inflater, back, MOST + 1, &count), INFLATER_DONE);
  CHECK_BYTES(back, count, text, length);
  mem_free(out.owned);
  return out.length;
}

TEST(deflater_makes_what_can_be_inflated) {
  static const size_t sizes[] = {0,     1,     2,      5,      127,
                                 128,   1000,  16384,  65000,  65530,
                                 65536, 70000, 131072, 262144, MOST};

  for (int i = 0; i < 2; i++) {
    fill(i);
    for (int bits = 9; bits <= 15; bits += 3) {
      for (int level = 1; level <= 9; level += 4) {
        for (int keeps = 0; keeps < 2; keeps++) {
          int64_t before = mem_in_use();
          struct deflater *deflater =
              deflater_new(level, bits, 1 + level * 7 / 9, keeps);
          struct inflater *inflater = inflater_new(bits, keeps);
          check_context("noise %d, bits %d, level %d, keeps %d", i, bits, level,
                        keeps);
          for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
            there_and_back(deflater, inflater, sizes[n]);
          }
          deflater_free(deflater);
          inflater_free(inflater);
          CHECK_EQ(mem_in_use(), before);
        }
      }
    }
  }
}

/* The flush ends at every place round the end of the room. */
TEST(deflater_ends_where_its_room_does) {
  struct deflater *deflater = deflater_new(1, 15, 8, false);
  struct inflater *inflater = inflater_new(15, false);

  fill(true);
  for (size_t length = 65480; length < 65560; length++) {
    check_context("%zu", length);
    there_and_back(deflater, inflater, length);
  }
  deflater_free(deflater);
  inflater_free(inflater);
}

TEST(deflater_says_nothing_in_one_byte) {
  struct deflater *deflater = deflater_new(1, 15, 8, true);
  struct deflated out;

  for (int i = 0; i < 3; i++) {
    CHECK(deflater_run(deflater, text, 0, &out));
    CHECK_BYTES(out.bytes, out.length, "\0", 1);
    CHECK(!out.owned);
  }
  deflater_free(deflater);
}

TEST(deflater_with_a_context_refers_to_messages_before) {
  struct deflater *keeps = deflater_new(6, 15, 8, true);
  struct deflater *fresh = deflater_new(6, 15, 8, false);
  struct inflater *inflater = inflater_new(15, true);

  fill(true);
  size_t first = there_and_back(keeps, inflater, 1000);
  CHECK(there_and_back(keeps, inflater, 1000) < first / 10);
  CHECK(deflater_is_at_work(keeps));
  deflater_rest(keeps);
  CHECK(!deflater_is_at_work(keeps));
  CHECK_EQ(there_and_back(keeps, inflater, 1000), first); /* a new context */
  CHECK_EQ(there_and_back(fresh, inflater, 1000), first);
  CHECK_EQ(there_and_back(fresh, inflater, 1000), first);
  deflater_free(keeps);
  deflater_free(fresh);
  deflater_free(NULL);
  inflater_free(inflater);
}

TEST(deflater_key_tells_who_makes_the_same) {
  struct deflater *a = deflater_new(1, 15, 8, false);
  struct deflater *same = deflater_new(1, 15, 8, false);
  struct deflater *level = deflater_new(2, 15, 8, false);
  struct deflater *bits = deflater_new(1, 9, 8, false);
  struct deflater *memory = deflater_new(1, 15, 7, false);
  struct deflater *keeps = deflater_new(1, 15, 8, true);

  CHECK_EQ(deflater_key(a), deflater_key(same));
  CHECK(deflater_key(a) != deflater_key(level));
  CHECK(deflater_key(a) != deflater_key(bits));
  CHECK(deflater_key(a) != deflater_key(memory));
  CHECK_EQ(deflater_key(keeps), 0);
  deflater_free(a);
  deflater_free(same);
  deflater_free(level);
  deflater_free(bits);
  deflater_free(memory);
  deflater_free(keeps);
}

/* After each failure it goes on, and the peer's context still fits. */
TEST(deflater_survives_each_failing_allocation) {
  int64_t before = mem_in_use();
  struct deflated out;

  fill(true);
  for (uint64_t nth = 1;; nth++) {
    mem_fail_at(nth, false);
    struct deflater *deflater = deflater_new(1, 15, 8, true);
    if (deflater && deflater_run(deflater, text, 200000, &out)) {
      mem_free(out.owned);
    }
    bool had_nth = mem_requests() >= nth;
    mem_fail_at(0, false);
    if (deflater && had_nth) {
      struct inflater *inflater = inflater_new(15, true);
      there_and_back(deflater, inflater, 1000);
      inflater_free(inflater);
    }
    deflater_free(deflater);
    CHECK_EQ(mem_in_use(), before);
    if (!had_nth) break;
  }
}
