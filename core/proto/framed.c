#include "framed.h"

#include "base/mem.h"
#include "base/random.h"
#include "close_code.h"

#include <string.h>

struct payload *framed_copy(enum opcode opcode, const void *bytes,
                            size_t length) {
  uint8_t header[FRAME_HEADER_MAX];
  size_t header_length = frame_write_header(header, opcode, length);
  struct payload *payload = payload_new(header_length + length);
  if (!payload) return NULL;
  memcpy(payload->head, header, header_length);
  if (length > 0) memcpy(payload->head + header_length, bytes, length);
  return payload;
}

struct payload *framed_borrow(enum opcode opcode, const void *bytes,
                              size_t length, payload_release release,
                              void *owner, int tag) {
  uint8_t header[FRAME_HEADER_MAX];
  size_t header_length = frame_write_header(header, opcode, length);
  struct payload *payload =
      payload_borrow(header_length, bytes, length, release, owner, tag);
  if (payload) memcpy(payload->head, header, header_length);
  return payload;
}

/* No code point is cut in two: UTF-8 continuation bytes are 10xxxxxx. */
static size_t fitting_length(const char *reason, size_t length) {
  size_t most = FRAME_CONTROL_MAX - 2;
  if (length <= most) return length;
  while (most > 0 && ((unsigned char)reason[most] & 0xC0) == 0x80) most--;
  return most;
}

struct payload *framed_close(int code, const char *reason, size_t length) {
  uint8_t body[FRAME_CONTROL_MAX];
  if (code == CLOSE_NO_STATUS) return framed_copy(OP_CLOSE, NULL, 0);
  length = fitting_length(reason, length);
  body[0] = (uint8_t)(code >> 8);
  body[1] = (uint8_t)code;
  if (length > 0) memcpy(body + 2, reason, length);
  return framed_copy(OP_CLOSE, body, length + 2);
}

enum { MASK_BIT = 0x80, KEY_SIZE = 4 };

/* Of an unmasked frame. */
static size_t header_size(uint8_t second) {
  return second == 127 ? 10 : second == 126 ? 4 : 2;
}

struct payload *framed_masked(const struct payload *frame) {
  size_t size = header_size(frame->head[1]);
  size_t inner =
      frame->head_length - size; /* of its bytes, behind the header */
  struct payload *payload = payload_new(payload_length(frame) + KEY_SIZE);
  if (!payload) return NULL;
  uint8_t *key = payload->head + size, *bytes = key + KEY_SIZE;
  if (!random_bytes(key, KEY_SIZE)) {
    payload_drop(payload);
    return NULL;
  }
  memcpy(payload->head, frame->head, size);
  payload->head[1] |= MASK_BIT;
  memcpy(bytes, frame->head + size, inner);
  if (frame->body_length > 0) {
    memcpy(bytes + inner, frame->body, frame->body_length);
  }
  frame_mask(bytes, inner + frame->body_length, key, 0);
  return payload;
}

size_t framed_length(const struct payload *frame) {
  return payload_length(frame) - header_size(frame->head[1]);
}

static void free_body(void *owner, int tag) {
  (void)tag;
  mem_free(owner);
}

struct payload *framed_deflated(const struct payload *frame,
                                struct deflater *deflater) {
  enum opcode opcode = frame->head[0] & 0x0F;
  const uint8_t *bytes = frame->body_length
                             ? frame->body
                             : frame->head + header_size(frame->head[1]);
  struct deflated deflated;
  if (!deflater_run(deflater, bytes, framed_length(frame), &deflated)) {
    return NULL;
  }
  struct payload *payload =
      deflated.owned ? framed_borrow(opcode, deflated.bytes, deflated.length,
                                     free_body, deflated.owned, 0)
                     : framed_copy(opcode, deflated.bytes, deflated.length);
  if (payload) {
    payload->head[0] |= FRAME_DEFLATED;
    return payload;
  }
  mem_free(deflated.owned);
  deflater_rest(deflater); /* nobody gets what its context has seen */
  return NULL;
}
