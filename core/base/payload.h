/*
 * payload - immutable, reference-counted bytes on their way out. A broadcast is
 * one payload on a thousand queues.
 *
 * Small ones are one block, bytes and all. A large one borrows its body (a
 * string that a script owns) and holds only what stands before it, so that it
 * is sent without a copy.
 *
 * The same message in another form (compressed) hangs on the payload as its
 * twin, so that it is made once, whoever it is sent to, and lives as long.
 */
#ifndef RATCHET_BASE_PAYLOAD_H
#define RATCHET_BASE_PAYLOAD_H

#include "slice.h"

#include <stddef.h>
#include <stdint.h>

/* Says that a borrowed body is no longer needed. */
typedef void (*payload_release)(void *owner, int tag);

/* Owned by its references: who makes one holds the first, each queue it stands
 * on holds one; the last to drop it frees it and releases the body. Holds its
 * twin, which may have one in turn. */
struct payload {
  uint32_t references;
  int tag; /* for whoever made it */
  size_t head_length;
  size_t body_length; /* 0 for one without a borrowed body */
  const uint8_t *body;
  payload_release release;
  void *owner;
  struct payload *twin; /* or NULL */
  uint8_t head[];
};

/* Room for `length` bytes in head, for the caller to fill before anyone else
 * sees it. One reference. NULL when there is no memory. */
struct payload *payload_new(size_t length);

/* The same, with a copy of the bytes in head. */
struct payload *payload_copy(struct slice bytes);

/* As payload_new, followed by a body that stays valid until release(owner, tag)
 * is called. */
struct payload *payload_borrow(size_t head_length, const void *body,
                               size_t body_length, payload_release release,
                               void *owner, int tag);

static inline struct payload *payload_hold(struct payload *payload) {
  payload->references++;
  return payload;
}

void payload_drop(struct payload *payload);

static inline size_t payload_length(const struct payload *payload) {
  return payload->head_length + payload->body_length;
}

#endif
