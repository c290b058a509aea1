/*
 * reader - the state machine behind reader.h.
 *
 *            header complete                 payload complete
 *   HEADER ------------------> DATA --------------------------> HEADER
 *     |  |                                                        ^
 *     |  +-------------------> CONTROL ---------------------------+
 *     |                            |
 *     +-- whole frame: no state    +-- close --> CLOSED
 *
 *   any --> VIOLATED or NO_MEMORY, which stay.
 *
 * A frame that lies whole in the input never leaves HEADER: it is unmasked
 * where it lies and handed out as it lies there. This is nearly every frame of
 * nearly every connection, so it is the path to keep short. DATA and CONTROL
 * are for what the end of the input, or the peer's fragmentation, has cut.
 *
 * The fragments of a message are copied behind each other into one buffer. A
 * list of them would save the copy and let a peer pin a list node with two
 * bytes; here a fragment costs what it carries, and an empty one nothing.
 *
 * Checks are made in the order of the bytes they judge, never later than the
 * byte that decides: this is what makes the answer independent of how the
 * network cut the input.
 */
#include "reader_internal.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "close_code.h"

#include <string.h>

enum {
  GATHER_STEP = 256 * 1024,
  SPACE_MIN = 8 * 1024, /* below this, a second read costs more than a copy */
};

_Static_assert(sizeof(struct reader) <= 104, "one is in each connection");

static bool is_control(const struct reader *reader) {
  return reader->first & CONTROL_BIT;
}

static bool is_final(const struct reader *reader) {
  return reader->first & FIN_BIT;
}

static void free_gathered(struct reader *reader) {
  mem_free(reader->gathered);
  reader->gathered = NULL;
  reader->length = reader->capacity = 0;
}

static void free_control(struct reader *reader) {
  mem_free(reader->control);
  reader->control = NULL;
}

/* Nothing is delivered after this. */
static void stop(struct reader *reader, enum reader_state state) {
  free_gathered(reader);
  reader->opcode = 0;
  reader->header_length = 0;
  reader->at = reader->end;
  reader->state = (uint8_t)state;
}

bool reader_violate(struct reader *reader, uint16_t code, const char *reason) {
  stop(reader, STATE_VIOLATED);
  free_control(reader);
  reader->code = code;
  reader->reason = reason;
  return false;
}

bool reader_fail(struct reader *reader, const char *reason) {
  return reader_violate(reader, CLOSE_PROTOCOL_ERROR, reason);
}

bool reader_run_out(struct reader *reader) {
  stop(reader, STATE_NO_MEMORY);
  free_control(reader);
  return false;
}

bool reader_fail_size(struct reader *reader) {
  return reader_violate(reader, CLOSE_TOO_BIG,
                        "The message is larger than is accepted here.");
}

/* ---- payload */

/* Unmasks the next bytes of the frame, wherever they are by now. Returns
 * whether they are known to be ASCII. */
static bool unmask(struct reader *reader, uint8_t *bytes, size_t length) {
  uint64_t offset = reader->offset;

  reader->offset += length;
  reader->remaining -= length;
  if (reader->role == READER_CLIENT) return false;
  return frame_mask(bytes, length, reader->key, offset);
}

/* Text is judged as it comes, so that a bad byte ends the connection when it
 * is seen and not when the message is whole. */
bool reader_check_text(struct reader *reader, const uint8_t *bytes,
                       size_t length) {
  reader->utf8 = utf8_feed(reader->utf8, bytes, length);
  if (reader->utf8 != UTF8_REJECT) return true;
  return reader_violate(reader, CLOSE_INVALID_PAYLOAD,
                        "A text message is not valid UTF-8.");
}

bool reader_check_text_end(struct reader *reader) {
  if (reader->utf8 == UTF8_START) return true;
  return reader_violate(reader, CLOSE_INVALID_PAYLOAD,
                        "A text message ends inside a code point.");
}

static int deliver(struct reader_event *event, enum reader_result result,
                   const uint8_t *data, size_t length) {
  event->data = data;
  event->length = length;
  event->code = 0;
  event->reason = NULL;
  return (int)result;
}

static enum reader_result result_of(uint8_t opcode) {
  switch (opcode) {
  case OP_TEXT: return READER_TEXT;
  case OP_BINARY: return READER_BINARY;
  case OP_PING: return READER_PING;
  case OP_PONG: return READER_PONG;
  default: return READER_CLOSE;
  }
}

/* ---- control frames */

/* The payload of a close frame, as far as it is there: a code, then a reason
 * (RFC 6455 5.5.1, 7.4). It is short enough to be looked at again and again. */
static bool check_close(struct reader *reader, const uint8_t *payload,
                        size_t length) {
  if (length < 2) return true;
  if (!close_code_is_sendable(payload[0] << 8 | payload[1])) {
    return reader_fail(reader,
                       "A close frame has a code that must not be sent.");
  }

  uint32_t utf8 = utf8_feed(UTF8_START, payload + 2, length - 2);
  bool is_whole = reader->remaining == 0;
  if (utf8 == UTF8_START || (utf8 != UTF8_REJECT && !is_whole)) return true;
  return reader_violate(reader, CLOSE_INVALID_PAYLOAD,
                        "The reason in a close frame is not valid UTF-8.");
}

static int deliver_close(struct reader *reader, struct reader_event *event,
                         const uint8_t *payload, size_t length) {
  bool has_code = length >= 2;
  size_t skip = has_code ? 2 : 0;

  stop(reader, STATE_CLOSED);
  deliver(event, READER_CLOSE, payload + skip, length - skip);
  event->code = has_code ? (uint16_t)(payload[0] << 8 | payload[1])
                         : (uint16_t)CLOSE_NO_STATUS;
  return READER_CLOSE;
}

static int deliver_control(struct reader *reader, struct reader_event *event,
                           const uint8_t *payload, size_t length) {
  uint8_t opcode = reader->first & OPCODE_BITS;

  reader->state = STATE_HEADER;
  if (opcode == OP_CLOSE) return deliver_close(reader, event, payload, length);
  return deliver(event, result_of(opcode), payload, length);
}

static bool is_close(const struct reader *reader) {
  return (reader->first & OPCODE_BITS) == OP_CLOSE;
}

/* The rest of a control frame that did not lie whole in the input. */
static int step_control(struct reader *reader, struct reader_event *event) {
  size_t count = reader_available(reader);

  if (count == 0) return READER_NEED_MORE;
  if (count > reader->remaining) count = (size_t)reader->remaining;
  if (!reader->control) {
    reader->control = mem_alloc((size_t)reader->remaining);
    if (!reader->control) {
      reader_run_out(reader);
      return READER_GO_ON;
    }
  }

  uint8_t *to = reader->control + reader->offset;
  memcpy(to, reader->at, count);
  reader->at += count;
  unmask(reader, to, count);
  size_t length = (size_t)reader->offset;
  if (is_close(reader) && !check_close(reader, reader->control, length)) {
    return READER_GO_ON;
  }
  if (reader->remaining > 0) return READER_NEED_MORE;
  return deliver_control(reader, event, reader->control, length);
}

static int begin_control(struct reader *reader, struct reader_event *event) {
  if (reader_available(reader) < reader->remaining) {
    reader->state = STATE_CONTROL;
    return READER_GO_ON;
  }

  uint8_t *payload = reader->at;
  size_t length = (size_t)reader->remaining;
  reader->at += length;
  unmask(reader, payload, length);
  if (is_close(reader) && !check_close(reader, payload, length))
    return READER_GO_ON;
  return deliver_control(reader, event, payload, length);
}

/* ---- messages */

/* `bytes` are the whole message as it came; they may be the gathered ones. */
static int deliver_inflated(struct reader *reader, struct reader_event *event,
                            uint8_t opcode, const uint8_t *bytes,
                            size_t length) {
  struct inflated message;

  if (!reader_inflate(reader, bytes, length, opcode == OP_TEXT, &message)) {
    return READER_GO_ON;
  }
  free_gathered(reader);
  reader->gathered = message.block; /* free_given gives it back. */
  reader->opcode = 0;
  return deliver(event, result_of(opcode), message.bytes, message.length);
}

/* The whole message lies in the input: the path that counts. */
static int take_whole(struct reader *reader, struct reader_event *event,
                      uint8_t opcode) {
  uint8_t *payload = reader->at;
  size_t length = (size_t)reader->remaining;

  reader->at += length;
  bool is_ascii = unmask(reader, payload, length);
  if (reader->first & FRAME_DEFLATED) {
    return deliver_inflated(reader, event, opcode, payload, length);
  }
  if (opcode == OP_BINARY) {
    return deliver(event, READER_BINARY, payload, length);
  }
  if (!is_ascii) {
    reader->utf8 = UTF8_START;
    if (!reader_check_text(reader, payload, length)) return READER_GO_ON;
    if (!reader_check_text_end(reader)) return READER_GO_ON;
  }
  return deliver(event, READER_TEXT, payload, length);
}

static int step_header(struct reader *reader, struct reader_event *event) {
  if (!reader_next_header(reader)) {
    return reader->state == STATE_HEADER ? (int)READER_NEED_MORE : READER_GO_ON;
  }

  uint8_t opcode = reader->first & OPCODE_BITS;
  if (is_control(reader)) return begin_control(reader, event);
  if (opcode != OP_CONTINUATION) {
    if (is_final(reader) && reader_available(reader) >= reader->remaining) {
      return take_whole(reader, event, opcode);
    }
    reader->opcode = opcode;
    reader->is_deflated = reader->first & FRAME_DEFLATED;
    reader->utf8 = UTF8_START;
  }
  reader->state = STATE_DATA;
  return READER_GO_ON;
}

/* Makes room for `count` bytes of the current frame. Its announced size is
 * believed for 256 KiB, beyond that the buffer at most doubles what has really
 * come. A fragmented message grows by half its size, or a million fragments of
 * one byte would be copied a million times. */
static bool make_room(struct reader *reader, size_t count) {
  size_t need = reader->length + count;
  if (need <= reader->capacity) return true;

  size_t announced = reader->length + (size_t)reader->remaining;
  size_t step = 2 * reader->capacity;
  if (step < GATHER_STEP) step = GATHER_STEP;
  size_t capacity = announced < step ? announced : step;
  size_t half_more = reader->capacity + reader->capacity / 2;
  if (half_more > reader->max_length) half_more = (size_t)reader->max_length;
  if (!is_final(reader) && capacity < half_more) capacity = half_more;
  if (capacity < need) capacity = need;

  uint8_t *grown = mem_resize(reader->gathered, capacity);
  if (!grown) return false;
  reader->gathered = grown;
  reader->capacity = capacity;
  return true;
}

/* Moves what the input has of the current frame to the end of the message.
 * Bytes that were read to where reader_space said are there already. */
static bool gather(struct reader *reader, size_t count) {
  if (!make_room(reader, count)) return reader_run_out(reader);

  uint8_t *to = reader->gathered + reader->length;
  if (reader->at != to) memcpy(to, reader->at, count);
  reader->at += count;
  reader->length += count;
  bool is_ascii = unmask(reader, to, count);
  if (reader->opcode != OP_TEXT || reader->is_deflated) return true;
  if (is_ascii && reader->utf8 == UTF8_START) return true;
  return reader_check_text(reader, to, count);
}

static int deliver_gathered(struct reader *reader, struct reader_event *event) {
  static const uint8_t nothing[1];
  uint8_t opcode = reader->opcode;

  if (reader->is_deflated) {
    return deliver_inflated(reader, event, opcode, reader->gathered,
                            reader->length);
  }
  if (opcode == OP_TEXT && !reader_check_text_end(reader)) return READER_GO_ON;
  reader->opcode = 0; /* free_given then knows that the buffer is free. */
  const uint8_t *data = reader->gathered ? reader->gathered : nothing;
  size_t length = reader->length;
  reader->length = 0;
  return deliver(event, result_of(opcode), data, length);
}

static int step_data(struct reader *reader, struct reader_event *event) {
  size_t count = reader_available(reader);

  if (count > reader->remaining) count = (size_t)reader->remaining;
  if (count > 0 && !gather(reader, count)) return READER_GO_ON;
  if (reader->remaining > 0) return READER_NEED_MORE;
  reader->state = STATE_HEADER;
  return is_final(reader) ? deliver_gathered(reader, event) : READER_GO_ON;
}

/* ---- its steps */

/* After the end: what comes is dropped, and the answer stays. */
static int step_stopped(struct reader *reader, struct reader_event *event) {
  reader->at = reader->end;
  if (reader->state == STATE_CLOSED) return READER_NEED_MORE;
  if (reader->state == STATE_NO_MEMORY) {
    return deliver(event, READER_NO_MEMORY, NULL, 0);
  }
  deliver(event, READER_VIOLATION, NULL, 0);
  event->code = reader->code;
  event->reason = reader->reason;
  return READER_VIOLATION;
}

static int step(struct reader *reader, struct reader_event *event) {
  switch (reader->state) {
  case STATE_HEADER: return step_header(reader, event);
  case STATE_DATA: return step_data(reader, event);
  case STATE_CONTROL: return step_control(reader, event);
  default: return step_stopped(reader, event);
  }
}

/* What the event before was made of. */
static void free_given(struct reader *reader) {
  if (reader->gathered && !reader->opcode) free_gathered(reader);
  if (reader->control && reader->state != STATE_CONTROL) free_control(reader);
}

void reader_init(struct reader *reader, enum reader_role role,
                 uint64_t max_message_size) {
  *reader = (struct reader){
      .role = (uint8_t)role,
      .max_length = max_message_size,
  };
}

void reader_free(struct reader *reader) {
  stop(reader, STATE_CLOSED);
  free_control(reader);
}

void reader_inflate_with(struct reader *reader, struct inflater *inflater) {
  reader->inflater = inflater;
}

void reader_feed(struct reader *reader, uint8_t *bytes, size_t length) {
  reader->at = bytes;
  reader->end = bytes + length;
}

enum reader_result reader_next(struct reader *reader,
                               struct reader_event *event) {
  free_given(reader);
  for (;;) {
    int result = step(reader, event);
    if (result != READER_GO_ON) return (enum reader_result)result;
  }
}

void reader_drop_unused(struct reader *reader) {
  reader->at = reader->end;
}

size_t reader_unused(const struct reader *reader, const uint8_t **bytes) {
  *bytes = reader->at;
  return reader_available(reader);
}

/* Only once payload of this very frame has come: a header alone, which costs a
 * peer nothing, makes us hold nothing. */
size_t reader_space(struct reader *reader, uint8_t **bytes) {
  if (reader->state != STATE_DATA || reader->offset == 0) return 0;
  if (reader->remaining < SPACE_MIN) return 0;
  if (!make_room(reader, SPACE_MIN)) return 0; /* The next gather may do. */

  size_t room = reader->capacity - reader->length;
  *bytes = reader->gathered + reader->length;
  return room < reader->remaining ? room : (size_t)reader->remaining;
}

bool reader_is_mid_message(const struct reader *reader) {
  if (reader->state == STATE_DATA || reader->state == STATE_CONTROL)
    return true;
  return reader->header_length > 0 || reader->opcode != 0;
}
