/*
 * owner - from a part to what it is part of. Links, heap nodes, alarms and
 * handles lie in the things that they are for, so that none of them has to be
 * allocated or pointed to; this is the way back.
 */
#ifndef RATCHET_BASE_OWNER_H
#define RATCHET_BASE_OWNER_H

#include <stddef.h>

/* The struct `type` whose `member` the pointer points to. */
#define OWNER_OF(part, type, member)                                           \
  ((type *)(void *)((char *)(part)-offsetof(type, member)))

#endif
