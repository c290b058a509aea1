/*
 * test_wheel - every deadline is met once, in time: within a tick, long ones
 * within a second; whatever is started, stopped and restarted meanwhile.
 */
#include "check.h"
#include "server/wheel.h"

#include <stdlib.h>
#include <string.h>

enum { LONG = 15000 };

/* One deadline, and what became of it. */
struct timer {
  struct wheel_entry entry;
  uint64_t due, rang; /* ms */
  int times;
};

static struct manual_clock clock;
static struct wheel wheel;
static void (*on_timer)(struct timer *timer); /* called in each `expired` */

static void expired(struct wheel *its_wheel, struct wheel_entry *entry) {
  struct timer *timer = OWNER_OF(entry, struct timer, entry);

  CHECK(its_wheel == &wheel);
  CHECK(list_is_empty(&entry->link));
  timer->rang = clock.time;
  timer->times++;
  if (on_timer) on_timer(timer);
}

static void set_up(void) {
  manual_clock_init(&clock);
  wheel_init(&wheel, &clock.face, expired);
  on_timer = NULL;
}

static void init(struct timer *timer) {
  *timer = (struct timer){.times = 0};
  wheel_entry_init(&timer->entry);
}

static void start(struct timer *timer, uint64_t delay) {
  timer->due = clock.time + delay;
  wheel_start(&wheel, &timer->entry, delay);
}

/* Late by less than a tick; by a second more where it was far away. */
static void check_in_time(const struct timer *timer, uint64_t delay) {
  uint64_t most = delay >= LONG ? 1000 : WHEEL_TICK;

  CHECK(timer->rang >= timer->due);
  CHECK(timer->rang <= timer->due + most);
}

TEST(wheel_meets_single_deadlines) {
  static const uint64_t delays[] = {0,     1,     99,     100,    101,    5000,
                                    9999,  10000, 10001,  30000,  51100,  51200,
                                    51201, 60000, 102400, 600000, 3600000};

  for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
    for (uint64_t offset = 0; offset < 200; offset += 33) {
      struct timer timer;
      set_up();
      init(&timer);
      manual_clock_advance(&clock, offset);
      start(&timer, delays[i]);
      CHECK_EQ(wheel.count, 1);
      check_context("%d ms at %d", (int)delays[i], (int)offset);
      manual_clock_advance(&clock, delays[i] > 0 ? delays[i] - 1 : 0);
      CHECK_EQ(timer.times, 0);
      manual_clock_advance(&clock, 2000);
      CHECK_EQ(timer.times, 1);
      check_in_time(&timer, delays[i]);
      CHECK_EQ(wheel.count, 0);
      manual_clock_advance(&clock, 200000);
      CHECK_EQ(timer.times, 1);
    }
  }
}

TEST(wheel_rings_an_idle_clock_never) {
  set_up();
  manual_clock_advance(&clock, 1000000);
  CHECK_EQ(clock.wake, CLOCK_NEVER);
  struct timer timer;
  init(&timer);
  start(&timer, 300);
  CHECK(clock.wake != CLOCK_NEVER);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(timer.times, 1);
  check_in_time(&timer, 300);
  CHECK_EQ(clock.wake, CLOCK_NEVER);
}

TEST(wheel_forgets_what_is_stopped) {
  struct timer timer;
  set_up();
  init(&timer);
  wheel_stop(&wheel, &timer.entry);
  start(&timer, 500);
  manual_clock_advance(&clock, 400);
  wheel_stop(&wheel, &timer.entry);
  wheel_stop(&wheel, &timer.entry);
  CHECK_EQ(wheel.count, 0);
  manual_clock_advance(&clock, 100000);
  CHECK_EQ(timer.times, 0);
}

TEST(wheel_restarts) {
  struct timer timer;
  set_up();
  init(&timer);
  start(&timer, 500);
  for (int i = 0; i < 300; i++) {
    manual_clock_advance(&clock, 400);
    start(&timer, 500);
    CHECK_EQ(wheel.count, 1);
  }
  CHECK_EQ(timer.times, 0);
  manual_clock_advance(&clock, 10000);
  CHECK_EQ(timer.times, 1);
  check_in_time(&timer, 500);
}

TEST(wheel_restarts_earlier_and_later) {
  struct timer timer;
  set_up();
  init(&timer);
  start(&timer, 60000);
  manual_clock_advance(&clock, 1000);
  start(&timer, 200);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(timer.times, 1);
  check_in_time(&timer, 200);
  start(&timer, 200);
  start(&timer, 60000);
  manual_clock_advance(&clock, 59999);
  CHECK_EQ(timer.times, 1);
  manual_clock_advance(&clock, 1100);
  CHECK_EQ(timer.times, 2);
  check_in_time(&timer, 60000);
}

static struct timer pair[2];

static void stop_both(struct timer *timer) {
  (void)timer;
  wheel_stop(&wheel, &pair[0].entry);
  wheel_stop(&wheel, &pair[1].entry);
}

TEST(wheel_entry_may_stop_others_that_are_due) {
  set_up();
  init(&pair[0]);
  init(&pair[1]);
  on_timer = stop_both;
  start(&pair[0], 250);
  start(&pair[1], 250);
  manual_clock_advance(&clock, 5000);
  CHECK_EQ(pair[0].times, 1);
  CHECK_EQ(pair[1].times, 0);
  CHECK_EQ(wheel.count, 0);
}

static void start_again(struct timer *timer) {
  check_in_time(timer, 0);
  if (timer->times < 5) start(timer, 0);
  if (timer->times == 1) start(&pair[1], 51200);
}

/* Into the slot that is being looked at, and into the one a round later. */
TEST(wheel_entry_may_start_entries) {
  set_up();
  init(&pair[0]);
  init(&pair[1]);
  on_timer = start_again;
  start(&pair[0], 0);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(pair[0].times, 5);
  CHECK_EQ(pair[1].times, 0);
  CHECK_EQ(wheel.count, 1);
  on_timer = NULL;
  manual_clock_advance(&clock, 53000);
  CHECK_EQ(pair[1].times, 1);
  check_in_time(&pair[1], 51200);
}

static void move_other(struct timer *timer) {
  if (timer == &pair[0]) start(&pair[1], 1000);
}

TEST(wheel_entry_may_restart_others_that_are_due) {
  set_up();
  init(&pair[0]);
  init(&pair[1]);
  on_timer = move_other;
  start(&pair[0], 250);
  start(&pair[1], 250);
  manual_clock_advance(&clock, 900);
  CHECK_EQ(pair[0].times, 1);
  CHECK_EQ(pair[1].times, 0);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(pair[1].times, 1);
  check_in_time(&pair[1], 1000);
}

static int rung;

static void count_one(struct timer *timer) {
  (void)timer;
  rung++;
}

/* Others have a turn between any two shares. */
TEST(wheel_meets_many_deadlines_a_few_at_a_time) {
  enum { MANY = 10 * WHEEL_SHARE };
  static struct timer timers[MANY], late;
  set_up();
  rung = 0;
  on_timer = count_one;
  init(&late);
  for (int i = 0; i < MANY; i++) init(&timers[i]);
  for (int i = 0; i < MANY; i++) start(&timers[i], 200);
  manual_clock_advance(&clock, 199 - clock.time % WHEEL_TICK);
  CHECK_EQ(rung, 0);
  for (int i = 0; rung == 0 && i < 2 * WHEEL_TICK; i++) {
    manual_clock_advance(&clock, 1);
  }
  CHECK_EQ(rung, WHEEL_SHARE);
  start(&late, 200); /* the rest does not wait for it */
  wheel_stop(&wheel, &timers[MANY - 1].entry);
  for (int i = 2; i <= 10; i++) {
    manual_clock_advance(&clock, 1);
    CHECK_EQ(rung, i * WHEEL_SHARE - (i == 10));
  }
  manual_clock_advance(&clock, 300);
  CHECK_EQ(late.times, 1);
  check_in_time(&late, 200);
  CHECK_EQ(timers[MANY - 1].times, 0);
  CHECK_EQ(wheel.count, 0);
}

/* A loop that was blocked: the clock jumps over several rounds at once. */
TEST(wheel_catches_up_after_a_long_block) {
  struct timer timers[40];
  set_up();
  for (int i = 0; i < 40; i++) {
    init(&timers[i]);
    start(&timers[i], (uint64_t)i * 7777);
  }
  clock.time += 200000;
  manual_clock_advance(&clock, 0);
  for (int i = 0; i < 40; i++) {
    bool is_due = (uint64_t)i * 7777 + 1000 < 200000;
    check_context("%d", i);
    if (is_due) CHECK_EQ(timers[i].times, 1);
    if (timers[i].due > clock.time) CHECK_EQ(timers[i].times, 0);
  }
  manual_clock_advance(&clock, 200000);
  for (int i = 0; i < 40; i++) CHECK_EQ(timers[i].times, 1);
  CHECK_EQ(wheel.count, 0);
}

/* Starting while the last tick looked at is long ago. */
TEST(wheel_starts_after_a_long_block) {
  struct timer timer;
  set_up();
  init(&pair[0]);
  init(&timer);
  start(&pair[0], 1000000);
  clock.time += 120000;
  start(&timer, 300);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(timer.times, 1);
  check_in_time(&timer, 300);
  CHECK_EQ(pair[0].times, 0);
  manual_clock_advance(&clock, 1000000);
  CHECK_EQ(pair[0].times, 1);
  check_in_time(&pair[0], 1000000);
}

/* ---- against a model: what runs, and when it is due */

enum { TIMERS = 4000, STEPS = 600 };

static struct timer timers[TIMERS];
static uint64_t delays[TIMERS];
static bool runs[TIMERS];
static uint32_t seed;
static size_t running;

static uint32_t random_below(uint32_t bound) {
  seed = seed * 1664525 + 1013904223;
  return (uint32_t)((uint64_t)seed * bound >> 32);
}

static uint64_t random_delay(void) {
  static const uint32_t bounds[] = {2, 300, 12000, 60000, 200000};

  return random_below(bounds[random_below(5)]);
}

static void start_random(size_t i) {
  if (!runs[i]) running++;
  runs[i] = true;
  delays[i] = random_delay();
  start(&timers[i], delays[i]);
}

static void note_model(struct timer *timer) {
  size_t i = (size_t)(timer - timers);

  if (CHECK(runs[i])) running--;
  runs[i] = false;
  check_in_time(timer, delays[i]);
  if (random_below(4) == 0) start_random(i);
}

static void stop_random(size_t i) {
  if (runs[i]) running--;
  runs[i] = false;
  wheel_stop(&wheel, &timers[i].entry);
}

/* Nothing that runs is overdue by more than it may be. */
static void check_none_is_late(void) {
  for (size_t i = 0; i < TIMERS; i++) {
    uint64_t most = delays[i] >= LONG ? 1000 : WHEEL_TICK;
    if (runs[i] && timers[i].due + most < clock.time) CHECK(false);
  }
}

TEST(wheel_agrees_with_a_model) {
  for (seed = 1; seed <= 5;) {
    uint32_t this_seed = seed;
    check_context("seed %u", seed);
    set_up();
    on_timer = note_model;
    running = 0;
    for (size_t i = 0; i < TIMERS; i++) {
      init(&timers[i]);
      runs[i] = false;
    }
    for (int step = 0; step < STEPS; step++) {
      for (int i = 0; i < 50; i++) start_random(random_below(TIMERS));
      for (int i = 0; i < 20; i++) stop_random(random_below(TIMERS));
      manual_clock_advance(&clock, random_below(800));
      CHECK_EQ(wheel.count, running);
      if (step % 50 == 0) check_none_is_late();
    }
    for (int i = 0; i < 100 && running > 0; i++) {
      manual_clock_advance(&clock, 100000);
    }
    CHECK_EQ(wheel.count, 0);
    CHECK_EQ(running, 0);
    seed = this_seed + 1;
  }
}
