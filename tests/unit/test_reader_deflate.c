/*
 * test_reader_deflate - compressed messages as the reader sees them (RFC 7692
 * 6, 7.2): the examples, every rule that a peer can break, sizes, and each way
 * in which the network can cut what it sends. Vectors are as in test_reader.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/deflater.h"
#include "proto/reader.h"
#include "support_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY0  "00000000 "
#define HELLO "F248CDC9C90700 " /* 7 bytes */

#define FRESH   VECTOR_IS_DEFLATED
#define CONTEXT (VECTOR_IS_DEFLATED | VECTOR_KEEPS_CONTEXT)

static const struct vector vectors[] = {
    {"7.2.3.1 one frame", "C1 87 " KEY0 HELLO, "text Hello", 0, 0, FRESH},
    {"7.2.3.1 in fragments", "41 83 " KEY0 "F248CD 80 84 " KEY0 "C9C90700",
     "text Hello", 0, 0, FRESH},
    {"7.2.3.2 with a context", "C1 87 " KEY0 HELLO "C1 85 " KEY0 "F200110000",
     "text Hello; text Hello", 0, 0, CONTEXT},
    {"7.2.3.2 without one", "C1 87 " KEY0 HELLO "C1 87 " KEY0 HELLO,
     "text Hello; text Hello", 0, 0, FRESH},
    {"7.2.3.3 D29 a stored block", "C1 8B " KEY0 "000500FAFF 'Hello' 00",
     "text Hello", 0, 0, FRESH},
    {"7.2.3.4 D28 a last block", "C1 88 " KEY0 "F348CDC9C9070000", "text Hello",
     0, 0, FRESH},
    {"7.2.3.4 D28 and a context",
     "C1 88 " KEY0 "F348CDC9C9070000 C1 85 " KEY0 "F200110000",
     "text Hello; text Hello", 0, 0, CONTEXT},
    {"7.2.3.5 two blocks", "C1 8D " KEY0 "F24805000000FFFFCAC9C90700",
     "text Hello", 0, 0, FRESH},
    {"7.2.3.6 D30 an empty message", "C1 81 " KEY0 "00 C2 81 " KEY0 "00",
     "text; binary", 0, 0, FRESH},
    {"an empty one of no bytes", "C2 80 " KEY0, "binary", 0, 0, FRESH},
    {"an empty one in empty fragments", "41 80 " KEY0 "80 80 " KEY0, "text", 0,
     0, FRESH},
    {"empty fragments round it",
     "42 80 " KEY0 "00 87 " KEY0 HELLO "00 80 " KEY0 "80 80 " KEY0,
     "binary Hello", 0, 0, FRESH},
    {"D31 frames of one byte and pings",
     "41 81 " KEY0 "F2 00 81 " KEY0 "48 89 82 " KEY0 "'hi' 00 81 " KEY0
     "CD 00 81 " KEY0 "C9 8A 80 " KEY0 "00 81 " KEY0 "C9 00 81 " KEY0
     "07 80 81 " KEY0 "00",
     "ping hi; pong; text Hello", 0, 0, FRESH},
    {"D32 messages that are not compressed",
     "81 82 " KEY0 "'ok' C1 87 " KEY0 HELLO "01 81 " KEY0 "'a' 80 81 " KEY0
     "'b' 82 82 " KEY0 "FFFE C1 87 " KEY0 HELLO,
     "text ok; text Hello; text ab; binary <FF><FE>; text Hello", 0, 0, FRESH},
    {"a real key", "C1 87 37FA213D C5B2ECF4FEFD21", "text Hello", 0, 0, FRESH},
    {"a context past what is not compressed",
     "C1 87 " KEY0 HELLO "81 82 " KEY0 "'ok' C1 85 " KEY0 "F200110000",
     "text Hello; text ok; text Hello", 0, 0, CONTEXT},
    {"binary need not be text", "C2 88 " KEY0 "00 0200 FDFF FFFE 00",
     "binary <FF><FE>", 0, 0, FRESH},
    {"close inside a compressed message",
     "41 83 " KEY0 "F248CD 88 82 " KEY0 "03E8", "close 1000", 0, 0, FRESH},

    /* Reserved bits. */
    {"D21 RSV1 on a continuation", "41 83 " KEY0 "F248CD C0 84 " KEY0,
     "violation 1002", 10, 0, FRESH},
    {"D21 RSV1 on a continuation of a plain message",
     "01 81 " KEY0 "'a' C0 84 " KEY0, "violation 1002", 8, 0, FRESH},
    {"D22 RSV1 on a ping", "C9 80 " KEY0, "violation 1002", 1, 0, FRESH},
    {"D22 RSV1 on a pong", "CA 80 " KEY0, "violation 1002", 1, 0, FRESH},
    {"D22 RSV1 on a close", "C8 80 " KEY0, "violation 1002", 1, 0, FRESH},
    {"D23 RSV2", "A1 80 " KEY0, "violation 1002", 1, 0, FRESH},
    {"D23 RSV3", "91 80 " KEY0, "violation 1002", 1, 0, FRESH},
    {"D23 RSV1 and RSV2", "E1 80 " KEY0, "violation 1002", 1, 0, FRESH},
    {"RSV1 with opcode 3", "C3 80 " KEY0, "violation 1002", 1, 0, FRESH},
    {"a compressed message inside another",
     "41 83 " KEY0 "F248CD C1 87 " KEY0 HELLO, "violation 1002", 10, 0, FRESH},
    {"a compressed message inside a plain one",
     "01 81 " KEY0 "'a' C1 87 " KEY0 HELLO, "violation 1002", 8, 0, FRESH},

    /* Bad data. */
    {"D24 no deflate data", "C2 84 " KEY0 "FFFFFFFF", "violation 1007", 10, 0,
     FRESH},
    {"D24 in fragments", "42 82 " KEY0 "FFFF 80 82 " KEY0 "FFFF",
     "violation 1007", 16, 0, FRESH},
    {"a block that is cut", "C1 84 " KEY0 "F248CDC9", "violation 1007", 10, 0,
     FRESH},
    {"a context that was not kept",
     "C1 87 " KEY0 HELLO "C1 85 " KEY0 "F200110000",
     "text Hello; violation 1007", 24, 0, FRESH},
    {"D25 not UTF-8", "C1 88 " KEY0 "00 0200 FDFF FFFE 00", "violation 1007",
     14, 0, FRESH},
    {"D25 the end inside a code point", "C1 88 " KEY0 "00 0200 FDFF E282 00",
     "violation 1007", 14, 0, FRESH},
    {"D25 in fragments",
     "41 84 " KEY0 "00 0200 FD 00 83 " KEY0 "FF FFFE 80 81 " KEY0 "00",
     "violation 1007", 26, 0, FRESH},
    {"a code point over two blocks",
     "C1 8D " KEY0 "00 0100 FEFF C3 00 0100 FEFF A4 00", "text <C3><A4>", 0, 0,
     FRESH},

    /* Sizes. */
    {"exactly the largest size", "C1 87 " KEY0 HELLO, "text Hello", 0, 5,
     FRESH},
    {"one byte over", "C1 87 " KEY0 HELLO, "violation 1009", 13, 4, FRESH},
    {"nothing but empty is allowed", "C1 81 " KEY0 "00", "text", 0, 0, FRESH},
    {"much over, in few bytes", "C1 86 " KEY0 "4A4CC4040000", "violation 1009",
     12, 19, FRESH},
    {"much, in few bytes", "C1 86 " KEY0 "4A4CC4040000", "text a x20", 0, 20,
     FRESH},
    {"the size counts anew",
     "C1 87 " KEY0 HELLO "C1 87 " KEY0 HELLO "81 85 " KEY0 "'abcde'",
     "text Hello; text Hello; text abcde", 0, 5, FRESH},
    {"more on the wire than any message needs", "C1 FE 0410 " KEY0,
     "violation 1009", 4, 10, FRESH},
    {"the same in the sum",
     "42 FE 040F " KEY0 "00 x1039 89 80 " KEY0 "80 81 " KEY0 "00",
     "ping; violation 1009", 1055, 10, FRESH},
    {"a plain one gets no more for that", "82 8B " KEY0, "violation 1009", 2,
     10, FRESH},
};

enum { VECTORS = sizeof vectors / sizeof *vectors };

TEST(reader_inflates_however_it_is_cut) {
  replay_cut_anywhere(vectors, VECTORS);
}

TEST(reader_judges_a_compressed_message_when_it_is_whole) {
  replay_to_the_byte(vectors, VECTORS);
}

/* D20: every vector that has RSV1 in it is refused where nothing was agreed. */
TEST(reader_inflates_nothing_that_was_not_agreed_on) {
  struct reader reader;
  struct reader_event event;
  size_t length;
  uint8_t *bytes = bytes_of("C1 87 " KEY0 HELLO, &length);

  reader_init(&reader, READER_SERVER, 100);
  reader_feed(&reader, bytes, length);
  CHECK_EQ(reader_next(&reader, &event), READER_VIOLATION);
  CHECK_EQ(event.code, 1002);
  reader_free(&reader);
  free(bytes);
}

TEST(reader_survives_each_failing_allocation_of_inflating) {
  replay_starved(vectors, VECTORS);
}

/* ---- large ones */

static struct deflated deflate_all(const uint8_t *bytes, size_t length) {
  struct deflater *deflater = deflater_new(9, 15, 8, false);
  struct deflated out = {NULL, 0, NULL};

  CHECK(deflater_run(deflater, bytes, length, &out));
  uint8_t *copy = malloc(out.length);
  memcpy(copy, out.bytes, out.length);
  mem_free(out.owned);
  deflater_free(deflater);
  return (struct deflated){copy, out.length, copy};
}

/* The message in one frame, or in fragments of `size`, with zeros as key. */
static uint8_t *frame_all(const struct deflated *message, size_t size,
                          size_t *length) {
  uint8_t *bytes = malloc(message->length + (message->length / size + 2) * 14);
  static const uint8_t key[4];
  size_t at = 0;

  *length = 0;
  do {
    size_t count = message->length - at < size ? message->length - at : size;
    uint8_t *frame = bytes + *length;
    size_t header = frame_write_masked_header(
        frame, at ? OP_CONTINUATION : OP_BINARY, count, key);
    if (at == 0) frame[0] |= FRAME_DEFLATED;
    memcpy(frame + header, message->bytes + at, count);
    at += count;
    if (at < message->length) frame[0] &= 0x7F;
    *length += header + count;
  } while (at < message->length);
  return bytes;
}

/* The first event of the frames, fed in pieces, and the most memory that was
 * asked for. */
static enum reader_result read_first(struct reader *reader, uint8_t *bytes,
                                     size_t length,
                                     struct reader_event *event) {
  enum reader_result result = READER_NEED_MORE;

  while (length > 0 && result == READER_NEED_MORE) {
    size_t piece = length < 65536 ? length : 65536;
    reader_feed(reader, bytes, piece);
    result = reader_next(reader, event);
    bytes += piece;
    length -= piece;
  }
  return result;
}

/* D26, D27: 64 MiB of zeros, whole and in frames of one byte, are stopped at
 * the limit. */
TEST(reader_stops_a_bomb_at_the_limit) {
  enum { SIZE = 64 << 20, LIMIT = 1 << 20 };
  uint8_t *zeros = calloc(1, SIZE);
  struct deflated bomb = deflate_all(zeros, SIZE);
  struct inflater *inflater = inflater_new(15, false);

  CHECK(bomb.length < 70000);
  for (size_t size = 1; size <= bomb.length; size += bomb.length - 1) {
    struct reader reader;
    struct reader_event event;
    size_t length;
    uint8_t *bytes = frame_all(&bomb, size, &length);
    int64_t before = mem_in_use();
    reader_init(&reader, READER_SERVER, LIMIT);
    reader_inflate_with(&reader, inflater);
    mem_fail_at(0, false);
    CHECK_EQ(read_first(&reader, bytes, length, &event), READER_VIOLATION);
    CHECK_EQ(event.code, 1009);
    CHECK(mem_requests() < 60); /* few and small: of the pieces, up to LIMIT */
    reader_free(&reader);
    CHECK(mem_in_use() <= before + 2); /* zlib's state and window */
    free(bytes);
  }
  inflater_free(inflater);
  free(bomb.owned);
  free(zeros);
}

/* Sizes round the room that small messages are inflated to, and its double. */
TEST(reader_inflates_messages_of_each_size) {
  static const size_t sizes[] = {1,      65535,  65536,  65537,  131071, 131072,
                                 131073, 262144, 262145, 700000, 1 << 20};
  uint8_t *bytes = malloc(1 << 20);
  struct inflater *inflater = inflater_new(15, false);
  uint32_t seed = 3;

  for (size_t i = 0; i < 1 << 20; i++) {
    seed = seed * 1664525 + 1013904223;
    bytes[i] = (uint8_t)('a' + (seed >> 28));
  }
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct deflated message = deflate_all(bytes, sizes[i]);
    for (uint64_t max = sizes[i] - 1; max <= sizes[i] + 1; max++) {
      struct reader reader;
      struct reader_event event;
      size_t length;
      uint8_t *frames = frame_all(&message, 50000, &length);
      int64_t before = mem_in_use();
      check_context("%zu, at most %d", sizes[i], (int)max);
      reader_init(&reader, READER_SERVER, max);
      reader_inflate_with(&reader, inflater);
      enum reader_result result = read_first(&reader, frames, length, &event);
      CHECK_EQ(result, max < sizes[i] ? READER_VIOLATION : READER_BINARY);
      if (result == READER_BINARY) {
        CHECK_BYTES(event.data, event.length, bytes, sizes[i]);
        CHECK_EQ(reader_next(&reader, &event), READER_NEED_MORE);
      }
      CHECK(reader.gathered == NULL);
      reader_free(&reader);
      if (i > 0) CHECK_EQ(mem_in_use(), before);
      free(frames);
    }
    free(message.owned);
  }
  inflater_free(inflater);
  free(bytes);
}

/* Text is judged over the end of the room; the second one is bad behind it. */
TEST(reader_judges_inflated_text_to_its_end) {
  enum { SIZE = 65536 + 9 };
  static uint8_t text[SIZE];
  struct inflater *inflater = inflater_new(15, false);

  for (int is_bad = 0; is_bad < 2; is_bad++) {
    struct reader reader;
    struct reader_event event;
    size_t length;
    memset(text, 'a', SIZE);
    text[65535] = 0xC3;
    text[65536] = 0xA4;
    if (is_bad) text[SIZE - 1] = 0xFF;
    struct deflated message = deflate_all(text, SIZE);
    uint8_t *frames = frame_all(&message, SIZE, &length);
    frames[0] = 0xC1;
    reader_init(&reader, READER_SERVER, SIZE);
    reader_inflate_with(&reader, inflater);
    enum reader_result result = read_first(&reader, frames, length, &event);
    CHECK_EQ(result, is_bad ? READER_VIOLATION : READER_TEXT);
    CHECK_EQ(event.code, is_bad ? 1007 : 0);
    reader_free(&reader);
    free(message.owned);
    free(frames);
  }
  inflater_free(inflater);
}

/* Noise is larger on the wire than it is. */
TEST(reader_takes_what_could_not_be_compressed) {
  enum { SIZE = 1 << 20 };
  uint8_t *noise = malloc(SIZE);
  struct inflater *inflater = inflater_new(15, false);
  struct reader reader;
  struct reader_event event;
  uint32_t seed = 5;
  size_t length;

  for (size_t i = 0; i < SIZE; i++) {
    seed = seed * 1664525 + 1013904223;
    noise[i] = (uint8_t)(seed >> 24);
  }
  struct deflated message = deflate_all(noise, SIZE);
  CHECK(message.length > SIZE);
  uint8_t *frames = frame_all(&message, SIZE * 2, &length);
  reader_init(&reader, READER_SERVER, SIZE);
  reader_inflate_with(&reader, inflater);
  CHECK_EQ(read_first(&reader, frames, length, &event), READER_BINARY);
  CHECK_BYTES(event.data, event.length, noise, SIZE);
  reader_free(&reader);
  inflater_free(inflater);
  free(message.owned);
  free(frames);
  free(noise);
}

/* One inflater for many readers that are in the middle of messages. */
TEST(reader_shares_an_inflater) {
  enum { READERS = 5 };
  struct inflater *inflater = inflater_new(15, false);
  struct reader readers[READERS];
  struct reader_event event;
  size_t length;
  uint8_t *bytes =
      bytes_of("41 83 " KEY0 "F248CD 80 84 " KEY0 "C9C90700", &length);

  for (int i = 0; i < READERS; i++) {
    reader_init(&readers[i], READER_SERVER, 100);
    reader_inflate_with(&readers[i], inflater);
  }
  for (size_t at = 0; at < length; at++) {
    for (int i = 0; i < READERS; i++) {
      reader_feed(&readers[i], guarded(bytes + at, 1), 1);
      enum reader_result result = reader_next(&readers[i], &event);
      CHECK_EQ(result, at + 1 < length ? READER_NEED_MORE : READER_TEXT);
      if (result == READER_TEXT) {
        CHECK_BYTES(event.data, event.length, "Hello", 5);
      }
    }
  }
  for (int i = 0; i < READERS; i++) reader_free(&readers[i]);
  inflater_free(inflater);
  free(bytes);
}
