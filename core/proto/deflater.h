/*
 * deflater - compresses messages (RFC 7692 7.2.1), each whole.
 */
#ifndef RATCHET_PROTO_DEFLATER_H
#define RATCHET_PROTO_DEFLATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Owned by whoever made it. zlib's part, of 2^(window_bits + 2) +
 * 2^(memory_level + 9) bytes and 6 KiB, is there from the first message until
 * deflater_rest. One that keeps no context serves any number of connections. */
struct deflater;

/* `window_bits` 9 to 15, `memory_level` 1 to 9, `level` 1 to 9 (zlib's). With
 * `keeps_context` a message refers to those before it, so one deflater is for
 * one peer, who has to get all that it makes. NULL when there is no memory. */
struct deflater *deflater_new(int level, int window_bits, int memory_level,
                              bool keeps_context);
void deflater_free(struct deflater *deflater);
/* Gives zlib's part back. The next message begins a new context, as it may at
 * any time: a message need not refer to others (RFC 7692 7.2.3.2). */
void deflater_rest(struct deflater *deflater);
/* Is there a context that deflater_rest would give back? */
bool deflater_is_at_work(const struct deflater *deflater);

/* A number that is the same for deflaters that make the same of a message; 0
 * for one that keeps a context. */
int deflater_key(const struct deflater *deflater);

/* A message compressed, without 00 00 FF FF. The bytes are valid until any
 * deflater runs again; those in `owned` (NULL when there are none) are the
 * caller's, to be freed by mem_free. */
struct deflated {
  const uint8_t *bytes;
  size_t length;
  uint8_t *owned;
};

/* False when there is no memory; then it is as if nothing had been asked. */
bool deflater_run(struct deflater *deflater, const uint8_t *bytes,
                  size_t length, struct deflated *out);

#endif
