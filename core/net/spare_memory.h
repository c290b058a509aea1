/*
 * spare_memory - gives back to the system what a burst had needed.
 *
 * What 100 peers that do not read are owed is freed when they go, but in pieces
 * that lie between others, and so it stays with the process. Whether there is
 * much of it is looked at in each turn of the loop, which costs next to
 * nothing; to give it back takes a while, so it is done when it has lain idle
 * for a moment, and only where it makes a difference.
 */
#ifndef RATCHET_NET_SPARE_MEMORY_H
#define RATCHET_NET_SPARE_MEMORY_H

#include "clock.h"

#include <stddef.h>

enum {
  SPARE_MEMORY_MOST = 2 * 1024 * 1024, /* bytes that may stay */
  SPARE_MEMORY_IDLE = 1000,            /* ms for which they lie idle before */
  SPARE_MEMORY_PAUSE = 10 * 1000,      /* ms from one time to the next */
};

/* Owned by main (or a test), by value; borrows the clock. There is one in the
 * process, as there is one heap. */
struct spare_memory {
  struct clock *clock;
  struct alarm alarm; /* while much lies idle */
  size_t peak;        /* bytes that were in use before it did */
  uint64_t given;     /* when some was last given back, 0 for never */
};

void spare_memory_init(struct spare_memory *spare, struct clock *clock);
/* To be called at the end of each turn. */
void spare_memory_watch(struct spare_memory *spare);
/* No more alarm. */
void spare_memory_stop(struct spare_memory *spare);

#endif
