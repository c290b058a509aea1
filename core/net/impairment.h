/*
 * impairment - a transport round another one that can be made bad: what goes
 * out arrives in pieces of certain sizes, or both ways have a bandwidth. As
 * long as neither is asked for, everything passes as it is.
 */
#ifndef RATCHET_NET_IMPAIRMENT_H
#define RATCHET_NET_IMPAIRMENT_H

#include "base/list.h"
#include "clock.h"
#include "transport.h"

enum { IMPAIRMENT_PIECES_MAX = 16 };

struct impairment {
  size_t rate; /* bytes a second, each way; 0: no limit */
  /* The sizes of the pieces, over and over, one in each run; 0 of them: as they
   * come. */
  size_t count;
  uint32_t pieces[IMPAIRMENT_PIECES_MAX];
};

/* Takes the transport over and closes it when there is no memory: NULL. It
 * stands in `impairments`, which impairments_run goes through; borrows the
 * clock. */
struct transport *impairment_new(struct transport *inner, struct clock *clock,
                                 struct list *impairments);
/* False when the transport is none of these. */
bool impairment_set(struct transport *transport,
                    const struct impairment *impairment);
/* Lets out what is due of each. True when anything was, or has passed either
 * way since the last run. */
bool impairments_run(struct list *impairments);

#endif
