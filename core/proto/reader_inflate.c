/*
 * A compressed message (RFC 7692 7.2.2), when it is whole: inflated into the
 * room that all readers share, or a block of its own, and judged as it comes.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "close_code.h"
#include "reader_internal.h"

#include <string.h>

enum { ROOM = 64 * 1024 };

/* What most compressed messages are inflated to. Of the process: there is one
 * loop in it. */
static uint8_t shared_room[ROOM];

/* False when there is no memory. A message is let become one byte too large, so
 * that it is seen to be. */
static bool grow(struct reader *reader, struct inflated *to) {
  size_t capacity = 2 * to->capacity;
  if (capacity > reader->max_length && reader->max_length >= to->capacity) {
    capacity = (size_t)reader->max_length + 1;
  }
  uint8_t *block = mem_resize(to->block, capacity);
  if (!block) return false;
  if (!to->block) memcpy(block, shared_room, to->length);
  to->bytes = to->block = block;
  to->capacity = capacity;
  return true;
}

static bool check_inflated(struct reader *reader, const struct inflated *to,
                           size_t count, bool is_text) {
  const uint8_t *bytes = to->bytes + to->length - count;
  if (to->length > reader->max_length) return reader_fail_size(reader);
  return !is_text || reader_check_text(reader, bytes, count);
}

/* Stops at the first byte that is one too many, or not text. */
static bool inflate_all(struct reader *reader, struct inflated *to,
                        bool is_text) {
  for (;;) {
    size_t count;
    enum inflater_result result =
        inflater_step(reader->inflater, to->bytes + to->length,
                      to->capacity - to->length, &count);
    to->length += count;
    if (result == INFLATER_NO_MEMORY) return reader_run_out(reader);
    if (!check_inflated(reader, to, count, is_text)) return false;
    if (result == INFLATER_DONE)
      return !is_text || reader_check_text_end(reader);
    if (result == INFLATER_CORRUPT) {
      return reader_violate(reader, CLOSE_INVALID_PAYLOAD,
                            "A compressed message cannot be inflated.");
    }
    if (!grow(reader, to)) return reader_run_out(reader);
  }
}

bool reader_inflate(struct reader *reader, const uint8_t *bytes, size_t length,
                    bool is_text, struct inflated *message) {
  *message = (struct inflated){.bytes = shared_room, .capacity = ROOM};
  reader->utf8 = UTF8_START;
  inflater_begin(reader->inflater, bytes, length);
  if (inflate_all(reader, message, is_text)) return true;
  mem_free(message->block);
  return false;
}
