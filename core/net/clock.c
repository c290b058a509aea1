#include "clock.h"

static struct alarm *alarm_of(const struct heap_node *node) {
  return OWNER_OF(node, struct alarm, node);
}

static bool is_before(const struct heap_node *a, const struct heap_node *b) {
  const struct alarm *one = alarm_of(a), *other = alarm_of(b);
  if (one->due != other->due) return one->due < other->due;
  return one->order < other->order;
}

static struct alarm *first_alarm(const struct clock *clock) {
  return clock->alarms.first ? alarm_of(clock->alarms.first) : NULL;
}

void clock_init(struct clock *clock) {
  clock->alarms = (struct heap){.is_before = is_before};
  clock->order = 0;
  clock->is_ringing = false;
}

uint64_t clock_next(const struct clock *clock) {
  struct alarm *first = first_alarm(clock);
  return first ? first->due : CLOCK_NEVER;
}

static void wake_for_first(struct clock *clock) {
  clock->wake_at(clock, clock_next(clock));
}

void clock_set(struct clock *clock, struct alarm *alarm, uint64_t due) {
  if (clock_has(alarm)) heap_remove(&clock->alarms, &alarm->node);
  alarm->due = due > CLOCK_NEVER ? due : 1;
  alarm->order = ++clock->order;
  heap_insert(&clock->alarms, &alarm->node);
  if (!clock->is_ringing && first_alarm(clock) == alarm) wake_for_first(clock);
}

/* The clock may wake once for nothing: cheaper than asking it again. */
void clock_clear(struct clock *clock, struct alarm *alarm) {
  if (!clock_has(alarm)) return;
  heap_remove(&clock->alarms, &alarm->node);
  alarm->due = CLOCK_NEVER;
}

void clock_ring(struct clock *clock) {
  uint64_t last = clock->order, now = clock_now(clock);
  struct alarm *alarm;
  clock->is_ringing = true;
  while ((alarm = first_alarm(clock)) && alarm->due <= now &&
         alarm->order <= last) {
    clock_clear(clock, alarm);
    alarm->ring(alarm);
  }
  clock->is_ringing = false;
  wake_for_first(clock);
}

static uint64_t manual_now(struct clock *clock) {
  return ((struct manual_clock *)clock)->time;
}

static void manual_refresh(struct clock *clock) {
  (void)clock; /* it moves by hand only */
}

static void manual_wake_at(struct clock *clock, uint64_t when) {
  ((struct manual_clock *)clock)->wake = when;
}

void manual_clock_init(struct manual_clock *clock) {
  *clock = (struct manual_clock){
      .face = {.now = manual_now,
               .refresh = manual_refresh,
               .wake_at = manual_wake_at},
      .time = 1000,
  };
  clock_init(&clock->face);
}

void manual_clock_advance(struct manual_clock *clock, uint64_t milliseconds) {
  uint64_t end = clock->time + milliseconds;
  while (clock->wake != CLOCK_NEVER && clock->wake <= end) {
    if (clock->wake > clock->time) clock->time = clock->wake;
    clock->wake = CLOCK_NEVER;
    clock_ring(&clock->face);
  }
  clock->time = end;
}
