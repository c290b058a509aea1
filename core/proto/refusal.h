/*
 * refusal - an answer that ends a request before anybody was asked: a status,
 * and one sentence for the log and, in development, for the body.
 */
#ifndef RATCHET_PROTO_REFUSAL_H
#define RATCHET_PROTO_REFUSAL_H

#include <stdbool.h>

struct refusal {
  int status;         /* 0: nothing is wrong */
  const char *reason; /* a constant */
};

/* False: what a check returns that refuses. */
static inline bool refusal_set(struct refusal *refusal, int status,
                               const char *reason) {
  *refusal = (struct refusal){status, reason};
  return false;
}

#endif
