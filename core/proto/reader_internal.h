/*
 * reader_internal - what the files of the reader share: reader.c (its steps),
 * reader_header.c (a frame's header), reader_inflate.c (compressed messages).
 */
#ifndef RATCHET_PROTO_READER_INTERNAL_H
#define RATCHET_PROTO_READER_INTERNAL_H

#include "reader.h"

enum reader_state {
  STATE_HEADER,
  STATE_DATA,
  STATE_CONTROL,
  STATE_CLOSED,
  STATE_VIOLATED,
  STATE_NO_MEMORY,
};

enum {
  FIN_BIT = 0x80,
  OPCODE_BITS = 0x0F,
  CONTROL_BIT = 0x08,
  READER_GO_ON = -1, /* a step without an event; beside enum reader_result */
};

static inline size_t reader_available(const struct reader *reader) {
  return (size_t)(reader->end - reader->at);
}

/* ---- reader.c */

/* The peer has broken a rule: nothing is delivered after this. False. */
bool reader_violate(struct reader *reader, uint16_t code, const char *reason);
/* The same, a rule of the frames: 1002. */
bool reader_fail(struct reader *reader, const char *reason);
/* The same, the largest size: 1009. */
bool reader_fail_size(struct reader *reader);
/* There is no memory. False. */
bool reader_run_out(struct reader *reader);
/* Judges the next bytes of a text; false when they are none. */
bool reader_check_text(struct reader *reader, const uint8_t *bytes,
                       size_t length);
/* False when the text ends inside a code point. */
bool reader_check_text_end(struct reader *reader);

/* ---- reader_header.c */

/* Is there a complete header? Its bytes are then used up: `first`, `key` and
 * `remaining` are those of its frame. Or it has been refused, which the state
 * tells. */
bool reader_next_header(struct reader *reader);

/* ---- reader_inflate.c */

/* A message where it was inflated to: in the process's room, or, when that is
 * too small, in a block of its own. */
struct inflated {
  uint8_t *bytes, *block;
  size_t length, capacity;
};

/* `bytes` are the whole message as it came. False when it was refused; else the
 * block, if there is one, is the caller's. */
bool reader_inflate(struct reader *reader, const uint8_t *bytes, size_t length,
                    bool is_text, struct inflated *message);

#endif
