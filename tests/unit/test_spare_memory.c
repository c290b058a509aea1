/* test_spare_memory - bursts of blocks, and a clock that is moved by hand. */
#include "base/mem.h"
#include "check.h"
#include "net/spare_memory.h"

enum { BLOCKS = 1024, BLOCK = 16 * 1024 }; /* 16 MiB: more than an eighth */

static struct manual_clock clock;
static struct spare_memory spare;

static void set_up(void) {
  manual_clock_init(&clock);
  manual_clock_advance(&clock, 12345);
  mem_forget_most();
  spare_memory_init(&spare, &clock.face);
}

static void burst(size_t count) {
  static void *blocks[BLOCKS];
  for (size_t i = 0; i < count; i++) blocks[i] = mem_alloc(BLOCK);
  spare_memory_watch(&spare);
  for (size_t i = 0; i < count; i++) mem_free(blocks[i]);
  spare_memory_watch(&spare);
}

TEST(spare_memory_is_given_back_when_it_lies_idle) {
  set_up();
  uint64_t start = clock_now(&clock.face);
  burst(BLOCKS);
  manual_clock_advance(&clock, SPARE_MEMORY_IDLE - 1);
  CHECK_EQ(spare.given, 0);
  manual_clock_advance(&clock, 1);
  CHECK_EQ(spare.given, start + SPARE_MEMORY_IDLE);
  spare_memory_watch(&spare);
  CHECK_EQ(clock_next(&clock.face), CLOCK_NEVER);
}

TEST(spare_memory_that_is_little_stays) {
  set_up();
  burst(SPARE_MEMORY_MOST / BLOCK / 2);
  CHECK_EQ(clock_next(&clock.face), CLOCK_NEVER);
}

TEST(spare_memory_stays_for_the_next_burst) {
  set_up();
  for (int i = 0; i < 10; i++) {
    burst(BLOCKS);
    manual_clock_advance(&clock, SPARE_MEMORY_IDLE / 2);
  }
  CHECK_EQ(spare.given, 0);
  manual_clock_advance(&clock, SPARE_MEMORY_IDLE);
  spare_memory_watch(&spare); /* that was the last of them */
  manual_clock_advance(&clock, SPARE_MEMORY_IDLE);
  CHECK(spare.given > 0);
}

TEST(spare_memory_is_given_back_now_and_then) {
  set_up();
  burst(BLOCKS);
  manual_clock_advance(&clock, SPARE_MEMORY_IDLE);
  uint64_t first = spare.given;
  burst(BLOCKS);
  manual_clock_advance(&clock, SPARE_MEMORY_PAUSE - 1);
  CHECK_EQ(spare.given, first);
  manual_clock_advance(&clock, 1);
  CHECK_EQ(spare.given, first + SPARE_MEMORY_PAUSE);
}

TEST(spare_memory_may_be_stopped) {
  set_up();
  burst(BLOCKS);
  spare_memory_stop(&spare);
  CHECK_EQ(clock_next(&clock.face), CLOCK_NEVER);
}
