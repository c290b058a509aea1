#include "wheel.h"

enum { LONG_DELAY = 15000, LONG_TICKS = 1000 / WHEEL_TICK };

static uint64_t now_in_ticks(struct wheel *wheel) {
  return clock_now(wheel->clock) / WHEEL_TICK;
}

static void set_alarm(struct wheel *wheel, uint64_t tick) {
  wheel->next = tick;
  clock_set(wheel->clock, &wheel->alarm, tick * WHEEL_TICK);
}

/* As soon as all others have had their turn. Whatever is started meanwhile is
 * due later. */
static void set_alarm_for_rest(struct wheel *wheel) {
  wheel->next = wheel->done > 0 ? wheel->done : 1;
  clock_set(wheel->clock, &wheel->alarm, clock_now(wheel->clock) + 1);
}

/* The next tick whose slot holds anything. It may turn out to be of a later
 * round; then the alarm rings once for nothing. */
static void set_next_alarm(struct wheel *wheel) {
  wheel->next = 0;
  if (wheel->count == 0) return;
  if (!list_is_empty(&wheel->due)) {
    set_alarm_for_rest(wheel);
    return;
  }
  uint64_t tick = wheel->done + 1;
  while (list_is_empty(&wheel->slots[tick % WHEEL_SLOTS])) tick++;
  set_alarm(wheel, tick);
}

/* What is due is set apart first: `expired` may start entries anew, even into
 * the slot that is being looked at. */
static void take_due(struct wheel *wheel, struct list *slot) {
  for (struct list *link = slot->next, *next; link != slot; link = next) {
    next = link->next;
    struct wheel_entry *entry = OWNER_OF(link, struct wheel_entry, link);
    if (entry->due > wheel->done) continue;
    list_remove(link);
    list_append(&wheel->due, link);
  }
}

static void ring(struct alarm *alarm) {
  struct wheel *wheel = OWNER_OF(alarm, struct wheel, alarm);
  uint64_t now = now_in_ticks(wheel), from = wheel->done + 1;
  if (now >= from + WHEEL_SLOTS) from = now - WHEEL_SLOTS + 1;
  wheel->done = now;
  for (uint64_t tick = from; tick <= now; tick++) {
    take_due(wheel, &wheel->slots[tick % WHEEL_SLOTS]);
  }
  for (int i = 0; i < WHEEL_SHARE; i++) {
    struct list *link = list_take_first(&wheel->due);
    if (!link) break;
    wheel->count--;
    wheel->expired(wheel, OWNER_OF(link, struct wheel_entry, link));
  }
  set_next_alarm(wheel);
}

void wheel_init(struct wheel *wheel, struct clock *clock,
                void (*expired)(struct wheel *wheel,
                                struct wheel_entry *entry)) {
  wheel->clock = clock;
  wheel->expired = expired;
  wheel->count = 0;
  wheel->next = 0;
  list_init(&wheel->due);
  for (int i = 0; i < WHEEL_SLOTS; i++) list_init(&wheel->slots[i]);
  wheel->done = now_in_ticks(wheel);
  wheel->alarm = (struct alarm){.ring = ring};
}

void wheel_entry_init(struct wheel_entry *entry) {
  list_init(&entry->link);
  entry->owner = 0;
}

void wheel_stop(struct wheel *wheel, struct wheel_entry *entry) {
  if (list_is_empty(&entry->link)) return;
  list_remove(&entry->link);
  wheel->count--;
}

void wheel_start(struct wheel *wheel, struct wheel_entry *entry,
                 uint64_t delay) {
  wheel_stop(wheel, entry);
  if (wheel->count == 0) wheel->done = now_in_ticks(wheel);
  uint64_t when = clock_now(wheel->clock) + delay;
  entry->due = (when + WHEEL_TICK - 1) / WHEEL_TICK;
  if (delay >= LONG_DELAY) {
    entry->due = (entry->due + LONG_TICKS - 1) / LONG_TICKS * LONG_TICKS;
  }
  if (entry->due <= wheel->done) entry->due = wheel->done + 1;
  list_append(&wheel->slots[entry->due % WHEEL_SLOTS], &entry->link);
  wheel->count++;
  if (wheel->next == 0 || entry->due < wheel->next) {
    set_alarm(wheel, entry->due);
  }
}
