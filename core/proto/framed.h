/* framed - a message as a payload that is ready to be queued: header and all.
 */
#ifndef RATCHET_PROTO_FRAMED_H
#define RATCHET_PROTO_FRAMED_H

#include "base/payload.h"
#include "deflater.h"
#include "frame.h"

#include <stdbool.h>

/* An unmasked frame with a copy of the bytes. One reference; NULL when there is
 * no memory. */
struct payload *framed_copy(enum opcode opcode, const void *bytes,
                            size_t length);

/* An unmasked frame round bytes that stay where they are until
 * release(owner, tag). When it returns NULL, release is not called. */
struct payload *framed_borrow(enum opcode opcode, const void *bytes,
                              size_t length, payload_release release,
                              void *owner, int tag);

/* A close frame (RFC 6455 5.5.1). CLOSE_NO_STATUS makes an empty one; a reason
 * over 123 bytes is cut between characters. */
struct payload *framed_close(int code, const char *reason, size_t length);

/* Is it a frame of a message, text or binary, and not compressed? */
static inline bool framed_is_message(const struct payload *frame) {
  uint8_t first = frame->head[0];
  return first == (0x80 | OP_TEXT) || first == (0x80 | OP_BINARY);
}

/* The length of the message in a frame made by framed_copy or _borrow. */
size_t framed_length(const struct payload *frame);

/* The same message as a compressed frame (RFC 7692 7.2.1: RSV1). NULL when
 * there is no memory. */
struct payload *framed_deflated(const struct payload *frame,
                                struct deflater *deflater);

/* A copy of an unmasked frame, masked with a key of its own that nobody can
 * foresee (RFC 6455 5.3), for a client to send. NULL when there is no memory.
 */
struct payload *framed_masked(const struct payload *frame);

#endif
