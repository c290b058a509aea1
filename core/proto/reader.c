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
#include "reader.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "close_code.h"

#include <string.h>

enum state {
  STATE_HEADER,
  STATE_DATA,
  STATE_CONTROL,
  STATE_CLOSED,
  STATE_VIOLATED,
  STATE_NO_MEMORY,
};

enum {
  FIN_BIT = 0x80,
  RSV_BITS = 0x70,
  OPCODE_BITS = 0x0F,
  CONTROL_BIT = 0x08,
  MASK_BIT = 0x80,
  LENGTH_BITS = 0x7F,
  GO_ON = -1, /* a step without an event; beside enum reader_result */
  GATHER_STEP = 256 * 1024,
  SPACE_MIN = 8 * 1024, /* below this, a second read costs more than a copy */
  ROOM = 64 * 1024,
};

_Static_assert(sizeof(struct reader) <= 104, "one is in each connection");

/* What most compressed messages are inflated to. Of the process: there is one
 * loop in it. */
static uint8_t shared_room[ROOM];

static bool is_control(const struct reader *reader) {
  return reader->first & CONTROL_BIT;
}

static bool is_final(const struct reader *reader) {
  return reader->first & FIN_BIT;
}

static size_t available(const struct reader *reader) {
  return (size_t)(reader->end - reader->at);
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
static void stop(struct reader *reader, enum state state) {
  free_gathered(reader);
  reader->opcode = 0;
  reader->header_length = 0;
  reader->at = reader->end;
  reader->state = (uint8_t)state;
}

static bool violate(struct reader *reader, uint16_t code, const char *reason) {
  stop(reader, STATE_VIOLATED);
  free_control(reader);
  reader->code = code;
  reader->reason = reason;
  return false;
}

static bool fail(struct reader *reader, const char *reason) {
  return violate(reader, CLOSE_PROTOCOL_ERROR, reason);
}

static bool run_out(struct reader *reader) {
  stop(reader, STATE_NO_MEMORY);
  free_control(reader);
  return false;
}

/* RFC 7692 6: RSV1 on the first frame of a message says that it is compressed;
 * it means nothing elsewhere. */
static bool check_reserved(struct reader *reader, uint8_t byte) {
  uint8_t opcode = byte & OPCODE_BITS;

  if (!reader->inflater || (byte & RSV_BITS) != FRAME_DEFLATED) {
    return fail(reader, "A frame has a reserved bit set, but no extension that "
                        "defines it was agreed on.");
  }
  if (opcode == OP_TEXT || opcode == OP_BINARY) return true;
  return fail(reader, "A frame that does not begin a message is marked as "
                      "compressed.");
}

/* Header byte 0: FIN, RSV1-3, opcode. */
static bool check_first(struct reader *reader, uint8_t byte) {
  uint8_t opcode = byte & OPCODE_BITS;

  if ((byte & RSV_BITS) && !check_reserved(reader, byte)) return false;
  if (opcode > OP_PONG || (opcode > OP_BINARY && opcode < OP_CLOSE)) {
    return fail(reader, "A frame has a reserved opcode.");
  }
  if (opcode & CONTROL_BIT) {
    if (byte & FIN_BIT) return true;
    return fail(reader, "A control frame is fragmented.");
  }
  if (opcode == OP_CONTINUATION && !reader->opcode) {
    return fail(reader, "A continuation frame came without a message to "
                        "continue.");
  }
  if (opcode != OP_CONTINUATION && reader->opcode) {
    return fail(reader, "A new message began inside a fragmented one.");
  }
  return true;
}

/* Header byte 1: MASK and the short length. */
static bool check_second(struct reader *reader, uint8_t first, uint8_t byte) {
  uint8_t length = byte & LENGTH_BITS;
  bool is_masked = byte & MASK_BIT;

  if (!is_masked && reader->role == READER_SERVER) {
    return fail(reader, "A frame from a client is not masked.");
  }
  if (is_masked && reader->role == READER_CLIENT) {
    return fail(reader, "A frame from a server is masked.");
  }
  if (!(first & CONTROL_BIT)) return true;
  if (length > FRAME_CONTROL_MAX) {
    return fail(reader, "A control frame is longer than 125 bytes.");
  }
  if ((first & OPCODE_BITS) == OP_CLOSE && length == 1) {
    return fail(reader, "A close frame has a payload of one byte.");
  }
  return true;
}

/* The length in two bytes; as in take_long, 0 is "incomplete, or refused", and
 * this is no loss, as only a length over 125 may be written so. */
static uint64_t take_medium(struct reader *reader, const uint8_t *bytes,
                            size_t count) {
  if (count < 2) return 0;

  uint64_t length = (uint64_t)bytes[0] << 8 | bytes[1];
  if (length > 125) return length;
  fail(reader, "A frame's length is not written in its shortest form.");
  return 0;
}

/* The length in eight bytes. */
static uint64_t take_long(struct reader *reader, const uint8_t *bytes,
                          size_t count) {
  uint64_t length = 0;

  if (count > 0 && bytes[0] & 0x80) {
    fail(reader, "A frame's 64-bit length has its top bit set.");
    return 0;
  }
  for (size_t i = 0; i < 8 && i < count; i++) length = length << 8 | bytes[i];
  if (count >= 6 && length >> (count < 8 ? (count - 6) * 8 : 16) == 0) {
    fail(reader, "A frame's length is not written in its shortest form.");
    return 0;
  }
  return count < 8 ? 0 : length;
}

static bool fail_size(struct reader *reader) {
  return violate(reader, CLOSE_TOO_BIG,
                 "The message is larger than is accepted here.");
}

/* Is the message compressed that a frame with this byte 0 belongs to? */
static bool is_deflated(const struct reader *reader, uint8_t first) {
  if ((first & OPCODE_BITS) == OP_CONTINUATION) return reader->is_deflated;
  return first & FRAME_DEFLATED;
}

/* What cannot be compressed, or is so in small pieces, is larger on the wire
 * than inflated: half as large again is enough for all but bad intent. */
static uint64_t most_deflated(uint64_t inflated) {
  uint64_t most = inflated + inflated / 2 + 1024;
  return most < inflated ? inflated : most;
}

static bool check_size(struct reader *reader, uint8_t first, uint64_t length) {
  if (first & CONTROL_BIT) return true;
  uint64_t most = reader->max_length;
  if (is_deflated(reader, first)) most = most_deflated(most);
  if (length <= most - reader->length) return true;
  return fail_size(reader);
}

/* Takes the header that begins at `bytes`. Returns its size; or 0 when more is
 * needed, or when it was refused, which the state tells. */
static size_t take_header(struct reader *reader, const uint8_t *bytes,
                          size_t count) {
  if (count == 0 || !check_first(reader, bytes[0]) || count < 2) return 0;
  if (!check_second(reader, bytes[0], bytes[1])) return 0;

  size_t size = 2;
  uint64_t length = bytes[1] & LENGTH_BITS;
  if (length == 126) {
    length = take_medium(reader, bytes + 2, count - 2);
    if (length == 0) return 0;
    size = 4;
  } else if (length == 127) {
    length = take_long(reader, bytes + 2, count - 2);
    if (length == 0) return 0;
    size = 10;
  }
  if (!check_size(reader, bytes[0], length)) return 0;
  if (bytes[1] & MASK_BIT) {
    if (count < size + 4) return 0;
    memcpy(reader->key, bytes + size, 4);
    size += 4;
  }
  reader->first = bytes[0];
  reader->offset = 0;
  reader->remaining = length;
  return size;
}

/* A header that came in pieces: they are put together in reader->header. */
static bool take_cut_header(struct reader *reader) {
  size_t had = reader->header_length;
  size_t more = FRAME_HEADER_MAX - had;

  if (more > available(reader)) more = available(reader);
  memcpy(reader->header + had, reader->at, more);
  size_t size = take_header(reader, reader->header, had + more);
  if (reader->state != STATE_HEADER) return false;
  reader->header_length = size ? 0 : (uint8_t)(had + more);
  reader->at += size ? size - had : more;
  return size > 0;
}

/* Is there a complete header? Its bytes are then used up. */
static bool next_header(struct reader *reader) {
  if (available(reader) == 0) return false;
  if (reader->header_length > 0) return take_cut_header(reader);

  size_t size = take_header(reader, reader->at, available(reader));
  if (size == 0) {
    return reader->state == STATE_HEADER && take_cut_header(reader);
  }
  reader->at += size;
  return true;
}

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
static bool check_text(struct reader *reader, const uint8_t *bytes,
                       size_t length, bool is_ascii) {
  if (is_ascii && reader->utf8 == UTF8_START) return true;

  reader->utf8 = utf8_feed(reader->utf8, bytes, length);
  if (reader->utf8 != UTF8_REJECT) return true;
  return violate(reader, CLOSE_INVALID_PAYLOAD,
                 "A text message is not valid UTF-8.");
}

static bool check_text_end(struct reader *reader) {
  if (reader->utf8 == UTF8_START) return true;
  return violate(reader, CLOSE_INVALID_PAYLOAD,
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

/* The payload of a close frame, as far as it is there: a code, then a reason
 * (RFC 6455 5.5.1, 7.4). It is short enough to be looked at again and again. */
static bool check_close(struct reader *reader, const uint8_t *payload,
                        size_t length) {
  if (length < 2) return true;
  if (!close_code_is_sendable(payload[0] << 8 | payload[1])) {
    return fail(reader, "A close frame has a code that must not be sent.");
  }

  uint32_t utf8 = utf8_feed(UTF8_START, payload + 2, length - 2);
  bool is_whole = reader->remaining == 0;
  if (utf8 == UTF8_START || (utf8 != UTF8_REJECT && !is_whole)) return true;
  return violate(reader, CLOSE_INVALID_PAYLOAD,
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
  size_t count = available(reader);

  if (count == 0) return READER_NEED_MORE;
  if (count > reader->remaining) count = (size_t)reader->remaining;
  if (!reader->control) {
    reader->control = mem_alloc((size_t)reader->remaining);
    if (!reader->control) {
      run_out(reader);
      return GO_ON;
    }
  }

  uint8_t *to = reader->control + reader->offset;
  memcpy(to, reader->at, count);
  reader->at += count;
  unmask(reader, to, count);
  size_t length = (size_t)reader->offset;
  if (is_close(reader) && !check_close(reader, reader->control, length)) {
    return GO_ON;
  }
  if (reader->remaining > 0) return READER_NEED_MORE;
  return deliver_control(reader, event, reader->control, length);
}

static int begin_control(struct reader *reader, struct reader_event *event) {
  if (available(reader) < reader->remaining) {
    reader->state = STATE_CONTROL;
    return GO_ON;
  }

  uint8_t *payload = reader->at;
  size_t length = (size_t)reader->remaining;
  reader->at += length;
  unmask(reader, payload, length);
  if (is_close(reader) && !check_close(reader, payload, length)) return GO_ON;
  return deliver_control(reader, event, payload, length);
}

/* Where the inflated message lies: in the process's room, or, when that is too
 * small, in a block of its own. */
struct inflated {
  uint8_t *bytes, *block;
  size_t length, capacity;
};

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
  if (to->length > reader->max_length) return fail_size(reader);
  return !is_text || check_text(reader, bytes, count, false);
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
    if (result == INFLATER_NO_MEMORY) return run_out(reader);
    if (!check_inflated(reader, to, count, is_text)) return false;
    if (result == INFLATER_DONE) return !is_text || check_text_end(reader);
    if (result == INFLATER_CORRUPT) {
      return violate(reader, CLOSE_INVALID_PAYLOAD,
                     "A compressed message cannot be inflated.");
    }
    if (!grow(reader, to)) return run_out(reader);
  }
}

/* `bytes` are the whole message as it came; they may be the gathered ones. */
static int deliver_inflated(struct reader *reader, struct reader_event *event,
                            uint8_t opcode, const uint8_t *bytes,
                            size_t length) {
  struct inflated to = {.bytes = shared_room, .capacity = ROOM};

  reader->utf8 = UTF8_START;
  inflater_begin(reader->inflater, bytes, length);
  if (!inflate_all(reader, &to, opcode == OP_TEXT)) {
    mem_free(to.block);
    return GO_ON;
  }
  free_gathered(reader);
  reader->gathered = to.block; /* free_given gives it back. */
  reader->opcode = 0;
  return deliver(event, result_of(opcode), to.bytes, to.length);
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
    if (!check_text(reader, payload, length, false)) return GO_ON;
    if (!check_text_end(reader)) return GO_ON;
  }
  return deliver(event, READER_TEXT, payload, length);
}

static int step_header(struct reader *reader, struct reader_event *event) {
  if (!next_header(reader)) {
    return reader->state == STATE_HEADER ? (int)READER_NEED_MORE : GO_ON;
  }

  uint8_t opcode = reader->first & OPCODE_BITS;
  if (is_control(reader)) return begin_control(reader, event);
  if (opcode != OP_CONTINUATION) {
    if (is_final(reader) && available(reader) >= reader->remaining) {
      return take_whole(reader, event, opcode);
    }
    reader->opcode = opcode;
    reader->is_deflated = reader->first & FRAME_DEFLATED;
    reader->utf8 = UTF8_START;
  }
  reader->state = STATE_DATA;
  return GO_ON;
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
  if (!make_room(reader, count)) return run_out(reader);

  uint8_t *to = reader->gathered + reader->length;
  if (reader->at != to) memcpy(to, reader->at, count);
  reader->at += count;
  reader->length += count;
  bool is_ascii = unmask(reader, to, count);
  if (reader->opcode != OP_TEXT || reader->is_deflated) return true;
  return check_text(reader, to, count, is_ascii);
}

static int deliver_gathered(struct reader *reader, struct reader_event *event) {
  static const uint8_t nothing[1];
  uint8_t opcode = reader->opcode;

  if (reader->is_deflated) {
    return deliver_inflated(reader, event, opcode, reader->gathered,
                            reader->length);
  }
  if (opcode == OP_TEXT && !check_text_end(reader)) return GO_ON;
  reader->opcode = 0; /* free_given then knows that the buffer is free. */
  const uint8_t *data = reader->gathered ? reader->gathered : nothing;
  size_t length = reader->length;
  reader->length = 0;
  return deliver(event, result_of(opcode), data, length);
}

static int step_data(struct reader *reader, struct reader_event *event) {
  size_t count = available(reader);

  if (count > reader->remaining) count = (size_t)reader->remaining;
  if (count > 0 && !gather(reader, count)) return GO_ON;
  if (reader->remaining > 0) return READER_NEED_MORE;
  reader->state = STATE_HEADER;
  return is_final(reader) ? deliver_gathered(reader, event) : GO_ON;
}

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
    if (result != GO_ON) return (enum reader_result)result;
  }
}

void reader_drop_unused(struct reader *reader) {
  reader->at = reader->end;
}

size_t reader_unused(const struct reader *reader, const uint8_t **bytes) {
  *bytes = reader->at;
  return available(reader);
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
