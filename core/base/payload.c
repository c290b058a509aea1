#include "payload.h"

#include "pool.h"

struct payload *payload_new(size_t length) {
  return payload_borrow(length, NULL, 0, NULL, NULL, 0);
}

struct payload *payload_copy(struct slice bytes) {
  struct payload *payload = payload_new(bytes.length);
  if (payload && bytes.length > 0) {
    memcpy(payload->head, bytes.at, bytes.length);
  }
  return payload;
}

struct payload *payload_borrow(size_t head_length, const void *body,
                               size_t body_length, payload_release release,
                               void *owner, int tag) {
  struct payload *payload = pool_take(sizeof *payload + head_length);
  if (!payload) return NULL;
  *payload = (struct payload){
      .references = 1,
      .tag = tag,
      .head_length = head_length,
      .body_length = body_length,
      .body = body,
      .release = release,
      .owner = owner,
  };
  return payload;
}

void payload_drop(struct payload *payload) {
  if (--payload->references > 0) return;
  if (payload->release) payload->release(payload->owner, payload->tag);
  if (payload->twin) payload_drop(payload->twin);
  pool_give(payload, sizeof *payload + payload->head_length);
}
