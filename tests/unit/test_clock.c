/* test_clock - time that is moved by hand, and stops at each alarm. */
#include "check.h"
#include "net/clock.h"

/* Rings every `period` ms, `left` times, and notes when. */
struct ringer {
  struct manual_clock *clock;
  uint64_t period, rings[16];
  int count, left;
};

static void ring(void *owner) {
  struct ringer *ringer = owner;
  struct clock *clock = &ringer->clock->face;

  ringer->rings[ringer->count++] = clock_now(clock);
  if (--ringer->left <= 0) return;
  clock->set_alarm(clock, clock_now(clock) + ringer->period);
}

static void set_up(struct manual_clock *clock, struct ringer *ringer) {
  manual_clock_init(clock);
  clock->face.ring = ring;
  clock->face.owner = ringer;
  ringer->clock = clock;
}

TEST(clock_stands_still_until_it_is_moved) {
  struct manual_clock clock;
  manual_clock_init(&clock);
  uint64_t start = clock_now(&clock.face);

  CHECK_EQ(clock_now(&clock.face), start);
  manual_clock_advance(&clock, 0);
  CHECK_EQ(clock_now(&clock.face), start);
  manual_clock_advance(&clock, 12345);
  CHECK_EQ(clock_now(&clock.face), start + 12345);
}

TEST(clock_stops_at_each_alarm) {
  struct manual_clock clock;
  struct ringer ringer = {.period = 30, .left = 5};
  set_up(&clock, &ringer);
  uint64_t start = clock_now(&clock.face);

  clock.face.set_alarm(&clock.face, start + 10);
  manual_clock_advance(&clock, 9);
  CHECK_EQ(ringer.count, 0);
  manual_clock_advance(&clock, 100);
  CHECK_EQ(ringer.count, 4);
  for (int i = 0; i < 4; i++) {
    CHECK_EQ(ringer.rings[i], start + 10 + 30 * (uint64_t)i);
  }
  CHECK_EQ(clock_now(&clock.face), start + 109);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(ringer.count, 5);
}

TEST(clock_rings_an_alarm_of_the_past_at_once) {
  struct manual_clock clock;
  struct ringer ringer = {.left = 1};
  set_up(&clock, &ringer);
  uint64_t start = clock_now(&clock.face);

  clock.face.set_alarm(&clock.face, start - 5);
  manual_clock_advance(&clock, 0);
  CHECK_EQ(ringer.count, 1);
  CHECK_EQ(ringer.rings[0], start);
}

TEST(clock_has_one_alarm) {
  struct manual_clock clock;
  struct ringer ringer = {.left = 1};
  set_up(&clock, &ringer);
  uint64_t start = clock_now(&clock.face);

  clock.face.set_alarm(&clock.face, start + 10);
  clock.face.set_alarm(&clock.face, start + 50);
  manual_clock_advance(&clock, 49);
  CHECK_EQ(ringer.count, 0);
  clock.face.set_alarm(&clock.face, CLOCK_NEVER);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(ringer.count, 0);
}
