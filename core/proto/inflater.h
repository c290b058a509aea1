/*
 * inflater - takes a compressed message apart (RFC 7692 7.2.2), step by step:
 * the caller gives room, looks at what came, and goes on or stops. So nothing
 * is inflated that nobody wants, whatever a peer packs into a few bytes.
 *
 *   inflater_begin(inflater, bytes, length);
 *   do result = inflater_step(inflater, room, sizeof room, &count);
 *   while (result == INFLATER_MORE);
 */
#ifndef RATCHET_PROTO_INFLATER_H
#define RATCHET_PROTO_INFLATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Owned by whoever made it. zlib's part of it (7 KiB, and a window of up to 32
 * KiB) is there from the first message on. One that keeps no context serves any
 * number of connections, a message of one after a message of another. */
struct inflater;

enum inflater_result {
  INFLATER_DONE,
  INFLATER_MORE,      /* the room is full; there may be more */
  INFLATER_CORRUPT,   /* no deflate data, or cut in the middle of a block */
  INFLATER_NO_MEMORY, /* after these two: only inflater_begin or _free */
};

/* `window_bits` is what the peer compresses with; 8 is taken for 9, as zlib
 * compresses with 9 when it is told 8. With `keeps_context` each message may
 * refer to those before it. NULL when there is no memory. */
struct inflater *inflater_new(int window_bits, bool keeps_context);
void inflater_free(struct inflater *inflater);

/* A whole message, without the 00 00 FF FF that its sender has cut off. The
 * bytes stay the caller's and must be there until the last step. */
void inflater_begin(struct inflater *inflater, const uint8_t *bytes,
                    size_t length);
/* Inflates as much as fits into `room` bytes at `to`; `count` is how much it
 * was. Of a message of no bytes nothing comes. */
enum inflater_result inflater_step(struct inflater *inflater, uint8_t *to,
                                   size_t room, size_t *count);

#endif
