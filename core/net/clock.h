/*
 * clock - the time as the server sees it, and one alarm. The loop has a real
 * one; a test moves its own by hand, and nothing above can tell the difference.
 */
#ifndef RATCHET_NET_CLOCK_H
#define RATCHET_NET_CLOCK_H

#include <stdint.h>

enum { CLOCK_NEVER = 0 };

/* Owned by whoever embeds it. */
struct clock {
  /* Milliseconds; only differences mean something. */
  uint64_t (*now)(struct clock *clock);
  /* Calls `ring` once, at that time or soon after; replaces what was set
   * before. CLOCK_NEVER sets nothing. */
  void (*set_alarm)(struct clock *clock, uint64_t when);
  void (*ring)(void *owner);
  void *owner;
};

static inline uint64_t clock_now(struct clock *clock) {
  return clock->now(clock);
}

/* A clock that stands still until it is moved. */
struct manual_clock {
  struct clock face;
  uint64_t time, alarm;
};

void manual_clock_init(struct manual_clock *clock);
/* Moves on, stopping at each alarm on the way to let it ring. */
void manual_clock_advance(struct manual_clock *clock, uint64_t milliseconds);

#endif
