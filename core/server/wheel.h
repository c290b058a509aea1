/*
 * wheel - the deadlines of all connections on one alarm of the clock. Coarse
 * on purpose: a deadline is met within a tenth of a second, one that is 15
 * seconds away or more within a second, and setting one costs a few writes.
 * Where thousands are due at once they are met a few at a time, so that others
 * are served in between.
 */
#ifndef RATCHET_SERVER_WHEEL_H
#define RATCHET_SERVER_WHEEL_H

#include "base/list.h"
#include "net/clock.h"

#include <stddef.h>
#include <stdint.h>

enum {
  WHEEL_SLOTS = 512,
  WHEEL_TICK = 100,  /* ms */
  WHEEL_SHARE = 100, /* deadlines that are met in one turn */
};

/* Part of what has the deadline; in the wheel while it runs. */
struct wheel_entry {
  struct list link;
  uint64_t due : 56;  /* in ticks */
  uint64_t owner : 8; /* for `expired`: what it is part of; 0 by itself */
};

/* Borrows the clock. Owns nothing else. */
struct wheel {
  struct clock *clock;
  void (*expired)(struct wheel *wheel, struct wheel_entry *entry);
  uint64_t done; /* the last tick that was looked at */
  struct alarm alarm;
  uint64_t next; /* the tick that it is set for, 0 for none */
  size_t count;
  struct list due; /* those whose turn it is not yet */
  struct list slots[WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, struct clock *clock,
                void (*expired)(struct wheel *wheel,
                                struct wheel_entry *entry));
void wheel_entry_init(struct wheel_entry *entry);
/* (Re)starts the entry: `expired` is called once, `delay` ms from now. */
void wheel_start(struct wheel *wheel, struct wheel_entry *entry,
                 uint64_t delay);
void wheel_stop(struct wheel *wheel, struct wheel_entry *entry);

#endif
