/*
 * send_queue - the frames that wait to be written on one connection, in order.
 *
 * A queue of references, not of bytes: a broadcast frame is shared by all its
 * queues. An empty queue owns no memory.
 */
#ifndef RATCHET_SERVER_SEND_QUEUE_H
#define RATCHET_SERVER_SEND_QUEUE_H

#include "base/payload.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  SEND_PIECES_MAX = 64,
  SEND_GATHER_MAX = 64 * 1024, /* of the small frames copied for one write */
};

struct send_block;

/* Part of the connection; all zero is an empty one. Holds a reference to each
 * frame until its last byte is consumed. */
struct send_queue {
  struct send_block *first, *last;
  size_t length;  /* bytes that wait */
  uint32_t count; /* frames that wait */
  size_t offset;  /* bytes of the first frame that are already gone */
};

/* Takes a reference of its own. False when there is no memory. */
bool send_queue_add(struct send_queue *queue, struct payload *payload);

/* The bytes at the front, for one write. Small frames are copied together into
 * `gathered` (SEND_GATHER_MAX bytes) unless it is NULL; the rest are slices of
 * the frames, valid until they are consumed. */
size_t send_queue_pieces(const struct send_queue *queue, uint8_t *gathered,
                         struct slice pieces[SEND_PIECES_MAX]);

void send_queue_consume(struct send_queue *queue, size_t length);
void send_queue_clear(struct send_queue *queue);

#endif
