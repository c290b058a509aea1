/*
 * A frame's header (RFC 6455 5.2), taken from the input and judged byte by
 * byte: what may stand in it depends on who sends, on what was agreed, and on
 * the message that is under way.
 */
#include "reader_internal.h"

#include <string.h>

enum {
  RSV_BITS = 0x70,
  MASK_BIT = 0x80,
  LENGTH_BITS = 0x7F,
};

/* RFC 7692 6: RSV1 on the first frame of a message says that it is compressed;
 * it means nothing elsewhere. */
static bool check_reserved(struct reader *reader, uint8_t byte) {
  uint8_t opcode = byte & OPCODE_BITS;

  if (!reader->inflater || (byte & RSV_BITS) != FRAME_DEFLATED) {
    return reader_fail(reader,
                       "A frame has a reserved bit set, but no extension that "
                       "defines it was agreed on.");
  }
  if (opcode == OP_TEXT || opcode == OP_BINARY) return true;
  return reader_fail(reader,
                     "A frame that does not begin a message is marked as "
                     "compressed.");
}

/* Header byte 0: FIN, RSV1-3, opcode. */
static bool check_first(struct reader *reader, uint8_t byte) {
  uint8_t opcode = byte & OPCODE_BITS;

  if ((byte & RSV_BITS) && !check_reserved(reader, byte)) return false;
  if (opcode > OP_PONG || (opcode > OP_BINARY && opcode < OP_CLOSE)) {
    return reader_fail(reader, "A frame has a reserved opcode.");
  }
  if (opcode & CONTROL_BIT) {
    if (byte & FIN_BIT) return true;
    return reader_fail(reader, "A control frame is fragmented.");
  }
  if (opcode == OP_CONTINUATION && !reader->opcode) {
    return reader_fail(reader, "A continuation frame came without a message to "
                               "continue.");
  }
  if (opcode != OP_CONTINUATION && reader->opcode) {
    return reader_fail(reader, "A new message began inside a fragmented one.");
  }
  return true;
}

/* Header byte 1: MASK and the short length. */
static bool check_second(struct reader *reader, uint8_t first, uint8_t byte) {
  uint8_t length = byte & LENGTH_BITS;
  bool is_masked = byte & MASK_BIT;

  if (!is_masked && reader->role == READER_SERVER) {
    return reader_fail(reader, "A frame from a client is not masked.");
  }
  if (is_masked && reader->role == READER_CLIENT) {
    return reader_fail(reader, "A frame from a server is masked.");
  }
  if (!(first & CONTROL_BIT)) return true;
  if (length > FRAME_CONTROL_MAX) {
    return reader_fail(reader, "A control frame is longer than 125 bytes.");
  }
  if ((first & OPCODE_BITS) == OP_CLOSE && length == 1) {
    return reader_fail(reader, "A close frame has a payload of one byte.");
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
  reader_fail(reader, "A frame's length is not written in its shortest form.");
  return 0;
}

/* The length in eight bytes. */
static uint64_t take_long(struct reader *reader, const uint8_t *bytes,
                          size_t count) {
  uint64_t length = 0;

  if (count > 0 && bytes[0] & 0x80) {
    reader_fail(reader, "A frame's 64-bit length has its top bit set.");
    return 0;
  }
  for (size_t i = 0; i < 8 && i < count; i++) length = length << 8 | bytes[i];
  if (count >= 6 && length >> (count < 8 ? (count - 6) * 8 : 16) == 0) {
    reader_fail(reader,
                "A frame's length is not written in its shortest form.");
    return 0;
  }
  return count < 8 ? 0 : length;
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
  return reader_fail_size(reader);
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

  if (more > reader_available(reader)) more = reader_available(reader);
  memcpy(reader->header + had, reader->at, more);
  size_t size = take_header(reader, reader->header, had + more);
  if (reader->state != STATE_HEADER) return false;
  reader->header_length = size ? 0 : (uint8_t)(had + more);
  reader->at += size ? size - had : more;
  return size > 0;
}

/* Is there a complete header? Its bytes are then used up. */
bool reader_next_header(struct reader *reader) {
  if (reader_available(reader) == 0) return false;
  if (reader->header_length > 0) return take_cut_header(reader);

  size_t size = take_header(reader, reader->at, reader_available(reader));
  if (size == 0) {
    return reader->state == STATE_HEADER && take_cut_header(reader);
  }
  reader->at += size;
  return true;
}
