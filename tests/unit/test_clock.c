/* test_clock - time that is moved by hand, and stops at each alarm. */
#include "check.h"
#include "net/clock.h"

#include <stdlib.h>

static struct manual_clock clock;

/* Rings every `period` ms, `left` times, and notes when. */
struct ringer {
  struct alarm alarm;
  uint64_t period, rings[16];
  int count, left;
};

static void ring(struct alarm *alarm) {
  struct ringer *ringer = OWNER_OF(alarm, struct ringer, alarm);

  CHECK(!clock_has(alarm));
  ringer->rings[ringer->count++] = clock_now(&clock.face);
  if (--ringer->left <= 0) return;
  clock_set(&clock.face, alarm, clock_now(&clock.face) + ringer->period);
}

static uint64_t set_up(void) {
  manual_clock_init(&clock);
  return clock_now(&clock.face);
}

TEST(clock_stands_still_until_it_is_moved) {
  uint64_t start = set_up();

  CHECK_EQ(clock_now(&clock.face), start);
  manual_clock_advance(&clock, 0);
  CHECK_EQ(clock_now(&clock.face), start);
  manual_clock_advance(&clock, 12345);
  CHECK_EQ(clock_now(&clock.face), start + 12345);
}

TEST(clock_stops_at_each_alarm) {
  struct ringer ringer = {.alarm.ring = ring, .period = 30, .left = 5};
  uint64_t start = set_up();

  clock_set(&clock.face, &ringer.alarm, start + 10);
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
  struct ringer ringer = {.alarm.ring = ring, .left = 1};
  uint64_t start = set_up();

  clock_set(&clock.face, &ringer.alarm, start - 5);
  manual_clock_advance(&clock, 0);
  CHECK_EQ(ringer.count, 1);
  CHECK_EQ(ringer.rings[0], start);
}

TEST(clock_alarm_that_is_set_anew_rings_once) {
  struct ringer ringer = {.alarm.ring = ring, .left = 1};
  uint64_t start = set_up();

  clock_set(&clock.face, &ringer.alarm, start + 10);
  clock_set(&clock.face, &ringer.alarm, start + 50);
  manual_clock_advance(&clock, 49);
  CHECK_EQ(ringer.count, 0);
  manual_clock_advance(&clock, 1);
  CHECK_EQ(ringer.count, 1);
  clock_set(&clock.face, &ringer.alarm, start + 60);
  clock_clear(&clock.face, &ringer.alarm);
  clock_clear(&clock.face, &ringer.alarm);
  manual_clock_advance(&clock, 1000);
  CHECK_EQ(ringer.count, 1);
}

TEST(clock_rings_in_the_order_in_which_alarms_were_set) {
  enum { ALARMS = 5 };
  static int order[ALARMS], rung;
  struct noting {
    struct alarm alarm;
    int number;
  } noting[ALARMS];
  uint64_t start = set_up();

  rung = 0;
  for (int i = 0; i < ALARMS; i++) {
    noting[i] = (struct noting){.number = i};
    clock_set(&clock.face, &noting[i].alarm, start + 7);
  }
  /* The ring function is looked up when it rings. */
  for (int i = 0; i < ALARMS; i++) {
    noting[i].alarm.ring = NULL;
  }
  for (struct heap_node *node; (node = clock.face.alarms.first);) {
    struct alarm *alarm = OWNER_OF(node, struct alarm, node);
    order[rung++] = OWNER_OF(alarm, struct noting, alarm)->number;
    clock_clear(&clock.face, alarm);
  }
  CHECK_EQ(rung, ALARMS);
  for (int i = 0; i < ALARMS; i++) CHECK_EQ(order[i], i);
}

static struct ringer *victim;

static void ring_and_clear(struct alarm *alarm) {
  (void)alarm;
  clock_clear(&clock.face, &victim->alarm);
}

TEST(clock_alarm_may_be_cleared_by_another) {
  struct ringer other = {.alarm.ring = ring, .left = 1};
  struct ringer first = {.alarm.ring = ring_and_clear};
  uint64_t start = set_up();

  victim = &other;
  clock_set(&clock.face, &first.alarm, start + 5);
  clock_set(&clock.face, &other.alarm, start + 5);
  manual_clock_advance(&clock, 100);
  CHECK_EQ(other.count, 0);
}

/* Against a plain search for the least. */
TEST(clock_many_alarms_ring_when_they_are_due) {
  enum { ALARMS = 200, STEPS = 4000 };
  static struct ringer ringers[ALARMS];
  static uint64_t due[ALARMS];
  uint64_t now = set_up();

  srand(7);
  for (int i = 0; i < ALARMS; i++) {
    ringers[i] = (struct ringer){.alarm.ring = ring};
    due[i] = 0;
  }
  for (int step = 0; step < STEPS; step++) {
    int which = rand() % ALARMS;
    if (rand() % 4 == 0) {
      clock_clear(&clock.face, &ringers[which].alarm);
      due[which] = 0;
    } else {
      due[which] = now + 1 + (uint64_t)(rand() % 500);
      clock_set(&clock.face, &ringers[which].alarm, due[which]);
    }
    uint64_t span = (uint64_t)(rand() % 20);
    manual_clock_advance(&clock, span);
    now += span;
    for (int i = 0; i < ALARMS; i++) {
      bool is_due = due[i] != 0 && due[i] <= now;
      CHECK_EQ(ringers[i].count, is_due ? 1 : 0);
      if (is_due) CHECK_EQ(ringers[i].rings[0], due[i]);
      ringers[i].count = 0;
      if (is_due) due[i] = 0;
    }
  }
}
