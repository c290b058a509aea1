/*
 * clock - the time as the server sees it, and alarms. The loop has a real one;
 * a test moves its own by hand, and nothing above can tell the difference.
 *
 * Any number of alarms may be set. Two for the same millisecond ring in the
 * order in which they were set.
 */
#ifndef RATCHET_NET_CLOCK_H
#define RATCHET_NET_CLOCK_H

#include "base/heap.h"

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_NEVER = 0 };

/* Part of what wants to be told of a time; borrowed by the clock while it is
 * set. All zeros but `ring` is an alarm that is not set. */
struct alarm {
  struct heap_node node;
  uint64_t due; /* CLOCK_NEVER: it is not set */
  uint64_t order;
  /* Called once for each time that the alarm was set, at that time or soon
   * after; it may set any alarm, this one too. */
  void (*ring)(struct alarm *alarm);
};

/* Owned by whoever embeds it. */
struct clock {
  /* Milliseconds; only differences mean something. Stands still during a turn
   * of the loop. */
  uint64_t (*now)(struct clock *clock);
  /* Looks at the time anew: a turn may have been long. */
  void (*refresh)(struct clock *clock);
  /* Has clock_ring called once, then or soon after, in place of what was asked
   * for before. CLOCK_NEVER: not at all. */
  void (*wake_at)(struct clock *clock, uint64_t when);
  struct heap alarms;
  uint64_t order; /* of the last alarm that was set */
  bool is_ringing;
};

/* The three functions stay as they are; there are no alarms yet. */
void clock_init(struct clock *clock);

static inline void clock_refresh(struct clock *clock) {
  clock->refresh(clock);
}

static inline uint64_t clock_now(struct clock *clock) {
  return clock->now(clock);
}

/* Sets the alarm, or sets it anew. */
void clock_set(struct clock *clock, struct alarm *alarm, uint64_t due);
static inline bool clock_has(const struct alarm *alarm) {
  return alarm->due != CLOCK_NEVER;
}

/* It does not ring, if it was set. */
void clock_clear(struct clock *clock, struct alarm *alarm);
/* When the first alarm rings; CLOCK_NEVER when none is set. */
uint64_t clock_next(const struct clock *clock);
/* Rings what is due. One that is set meanwhile waits for the next time. */
void clock_ring(struct clock *clock);

/* A clock that stands still until it is moved. */
struct manual_clock {
  struct clock face;
  uint64_t time, wake;
};

void manual_clock_init(struct manual_clock *clock);
/* Moves on, stopping at each alarm on the way to let it ring. */
void manual_clock_advance(struct manual_clock *clock, uint64_t milliseconds);

#endif
