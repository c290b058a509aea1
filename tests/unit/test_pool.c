/*
 * test_pool - blocks come back where blocks are recycled; where they are not
 * (sanitizer builds), nothing is kept.
 */
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define RECYCLES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RECYCLES 0
#endif
#endif
#ifndef RECYCLES
#define RECYCLES 1
#endif

enum { KEPT_BYTES = 256 * 1024 };

static const size_t sizes[] = {1,   8,   63,  64,   65,   127,  128,  129,
                               255, 256, 257, 1024, 2048, 4095, 4096, 4097};
enum { SIZES = sizeof sizes / sizeof *sizes };

TEST(pool_blocks_are_as_large_as_asked_for) {
  pool_drain();
  int64_t before = mem_in_use();

  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < SIZES; i++) {
      char *block = pool_take(sizes[i]);
      if (!CHECK(block != NULL)) continue;
      memset(block, 0x5A, sizes[i]);
      pool_give(block, sizes[i]);
    }
  }
  pool_drain();
  CHECK_EQ(mem_in_use(), before);
}

TEST(pool_blocks_do_not_overlap) {
  unsigned char *blocks[SIZES];
  pool_drain();

  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < SIZES; i++) {
      blocks[i] = pool_take(sizes[i]);
      memset(blocks[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < SIZES; i++) {
      CHECK_EQ(blocks[i][0], i);
      CHECK_EQ(blocks[i][sizes[i] - 1], i);
      pool_give(blocks[i], sizes[i]);
    }
  }
  pool_drain();
}

TEST(pool_recycles_within_a_class) {
  pool_drain();
  void *first = pool_take(65);
  pool_give(first, 65);
  mem_fail_at(0, false);
  void *second = pool_take(128);

  CHECK_EQ(mem_requests(), RECYCLES ? 0 : 1);
  if (RECYCLES) CHECK(second == first);
  pool_give(second, 128);
  pool_drain();
}

TEST(pool_takes_large_blocks_from_mem) {
  pool_drain();
  int64_t before = mem_in_use();
  void *block = pool_take(4097);

  CHECK_EQ(mem_in_use(), before + 1);
  pool_give(block, 4097);
  CHECK_EQ(mem_in_use(), before);
}

static void take_and_give(void **blocks, size_t count, size_t size) {
  for (size_t i = 0; i < count; i++) blocks[i] = pool_take(size);
  for (size_t i = 0; i < count; i++) pool_give(blocks[i], size);
}

TEST(pool_does_not_keep_a_burst) {
  static void *blocks[KEPT_BYTES / 64 + 500];
  pool_drain();
  int64_t before = mem_in_use();

  take_and_give(blocks, KEPT_BYTES / 64 + 500, 64);
  CHECK_EQ(mem_in_use() - before, RECYCLES ? KEPT_BYTES / 64 : 0);
  take_and_give(blocks, KEPT_BYTES / 4096 + 500, 4096);
  CHECK_EQ(mem_in_use() - before,
           RECYCLES ? KEPT_BYTES / 64 + KEPT_BYTES / 4096 : 0);
  take_and_give(blocks, KEPT_BYTES / 64 + 500, 64);
  pool_drain();
  CHECK_EQ(mem_in_use(), before);
}

TEST(pool_says_when_there_is_no_memory) {
  pool_drain();
  mem_fail_at(1, true);
  for (size_t i = 0; i < SIZES; i++) CHECK(pool_take(sizes[i]) == NULL);
  mem_fail_at(0, false);
}
