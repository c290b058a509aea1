/*
 * test_reader - every rule of RFC 6455 5 to 8 that a peer can break, and every
 * way in which the network can cut what it sends.
 *
 * A vector is the bytes of a connection and the events that they must make,
 * written as text: "text Hello; ping; violation 1002". It is replayed chopped
 * in all ways, and with each allocation failing; the events must not change.
 * Most frames are masked with zeros, so that the payload can be read here.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/reader.h"
#include "support_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY0 "00000000 "

static const struct vector vectors[] = {
    /* Good. */
    {"the example of 5.7", "81 85 37FA213D 7F9F4D5158", "text Hello", 0, 0, 0},
    {"unmasked, from a server", "81 05 'Hello' 89 00 82 01 FF",
     "text Hello; ping; binary <FF>", 0, 0, VECTOR_OF_SERVER},
    {"empty text", "81 80 " KEY0, "text", 0, 0, 0},
    {"empty binary", "82 80 01020304", "binary", 0, 0, 0},
    {"NUL in text", "81 83 " KEY0 "'a' 00 'b'", "text a<00>b", 0, 0, 0},
    {"three frames at once", "81 81 " KEY0 "'a' 81 81 " KEY0 "'b' 88 80 " KEY0,
     "text a; text b; close 1005", 0, 0, 0},
    {"16-bit length", "82 FE 007E " KEY0 "'a' x126", "binary a x126", 0, 0, 0},
    {"16-bit length, text", "81 FE 0100 " KEY0 "'a' x256", "text a x256", 0, 0,
     0},
    {"two fragments", "01 83 " KEY0 "'Hel' 80 82 " KEY0 "'lo'", "text Hello", 0,
     0, 0},
    {"fragments with real keys",
     "01 83 37FA213D 7F9F4D 00 81 01020304 6D 80 81 FFFFFFFF 90", "text Hello",
     0, 0, 0},
    {"empty fragments",
     "02 80 " KEY0 "00 80 " KEY0 "00 81 " KEY0 "'a' 00 80 " KEY0 "80 80 " KEY0,
     "binary a", 0, 0, 0},
    {"nothing but empty fragments", "01 80 " KEY0 "00 80 " KEY0 "80 80 " KEY0,
     "text", 0, 0, 0},
    {"controls between fragments",
     "01 81 " KEY0 "'a' 89 82 " KEY0 "'hi' 00 81 " KEY0 "'b' 8A 80 " KEY0
     "80 81 " KEY0 "'c'",
     "ping hi; pong; text abc", 0, 0, 0},
    {"a code point over four frames with pings",
     "01 81 " KEY0 "F0 89 80 " KEY0 "00 81 " KEY0 "9F 8A 81 " KEY0
     "'x' 00 81 " KEY0 "98 89 80 " KEY0 "80 81 " KEY0 "80",
     "ping; pong x; ping; text <F0><9F><98><80>", 0, 0, 0},
    {"the largest control frame", "89 FD " KEY0 "'p' x125", "ping p x125", 0, 0,
     0},
    {"binary is not text", "82 82 " KEY0 "FFFE", "binary <FF><FE>", 0, 0, 0},
    {"non-characters are text", "81 83 " KEY0 "EFBFBE", "text <EF><BF><BE>", 0,
     0, 0},
    {"exactly the largest size", "82 8A " KEY0 "'0123456789'",
     "binary 0123456789", 0, 10, 0},
    {"exactly the largest size, in fragments",
     "02 85 " KEY0 "'01234' 80 85 " KEY0 "'56789'", "binary 0123456789", 0, 10,
     0},
    {"controls do not count",
     "02 85 " KEY0 "'01234' 89 85 " KEY0 "'hello' 80 85 " KEY0 "'56789'",
     "ping hello; binary 0123456789", 0, 10, 0},
    {"the size counts anew",
     "02 85 " KEY0 "'01234' 80 80 " KEY0 "82 8A " KEY0 "'0123456789'",
     "binary 01234; binary 0123456789", 0, 10, 0},

    /* Close. */
    {"close without a code", "88 80 " KEY0, "close 1005", 0, 0, 0},
    {"close with a code", "88 82 " KEY0 "03E8", "close 1000", 0, 0, 0},
    {"close with a reason", "88 85 " KEY0 "03E9 'bye'", "close 1001 bye", 0, 0,
     0},
    {"close with the longest reason", "88 FD " KEY0 "0FA0 'r' x123",
     "close 4000 r x123", 0, 0, 0},
    {"close inside a message", "01 81 " KEY0 "'a' 88 82 " KEY0 "1387",
     "close 4999", 0, 0, 0},
    {"nothing after close",
     "88 82 " KEY0 "03F6 81 81 " KEY0 "'a' FF FF FF 88 80 " KEY0, "close 1014",
     0, 0, 0},
    {"close of one byte", "88 81 " KEY0 "03", "violation 1002", 2, 0, 0},
    {"close 0", "88 82 " KEY0 "0000", "violation 1002", 8, 0, 0},
    {"close 999", "88 82 " KEY0 "03E7", "violation 1002", 8, 0, 0},
    {"close 1004", "88 82 " KEY0 "03EC", "violation 1002", 8, 0, 0},
    {"close 1005", "88 82 " KEY0 "03ED", "violation 1002", 8, 0, 0},
    {"close 1006", "88 82 " KEY0 "03EE", "violation 1002", 8, 0, 0},
    {"close 1015", "88 85 " KEY0 "03F7 'bye'", "violation 1002", 8, 0, 0},
    {"close 1016", "88 82 " KEY0 "03F8", "violation 1002", 8, 0, 0},
    {"close 2999", "88 82 " KEY0 "0BB7", "violation 1002", 8, 0, 0},
    {"close 5000", "88 82 " KEY0 "1388", "violation 1002", 8, 0, 0},
    {"close 65535", "88 82 " KEY0 "FFFF", "violation 1002", 8, 0, 0},
    {"close reason not UTF-8", "88 86 " KEY0 "03E8 'a' FF 'bc'",
     "violation 1007", 10, 0, 0},
    {"close reason cut in a code point", "88 84 " KEY0 "03E8 E282",
     "violation 1007", 10, 0, 0},

    /* Header byte 0. */
    {"RSV1", "C1 80 " KEY0, "violation 1002", 1, 0, 0},
    {"RSV2", "A1 80 " KEY0, "violation 1002", 1, 0, 0},
    {"RSV3", "91 80 " KEY0, "violation 1002", 1, 0, 0},
    {"RSV1 on a control frame", "C9 80 " KEY0, "violation 1002", 1, 0, 0},
    {"RSV1 on a continuation", "01 80 " KEY0 "C0 80 " KEY0, "violation 1002", 7,
     0, 0},
    {"opcode 3", "83 80 " KEY0, "violation 1002", 1, 0, 0},
    {"opcode 7", "87 80 " KEY0, "violation 1002", 1, 0, 0},
    {"opcode 11", "8B 80 " KEY0, "violation 1002", 1, 0, 0},
    {"opcode 15", "8F 80 " KEY0, "violation 1002", 1, 0, 0},
    {"a fragmented ping", "09 80 " KEY0, "violation 1002", 1, 0, 0},
    {"a fragmented close", "08 80 " KEY0, "violation 1002", 1, 0, 0},
    {"continuation of nothing", "80 81 " KEY0 "'a'", "violation 1002", 1, 0, 0},
    {"continuation after the end",
     "01 81 " KEY0 "'a' 80 81 " KEY0 "'b' 80 81 " KEY0 "'c'",
     "text ab; violation 1002", 15, 0, 0},
    {"a new text inside a message", "01 81 " KEY0 "'a' 81 81 " KEY0 "'b'",
     "violation 1002", 8, 0, 0},
    {"a new binary inside an empty message", "01 80 " KEY0 "02 81 " KEY0 "'b'",
     "violation 1002", 7, 0, 0},

    /* Header byte 1. */
    {"an unmasked frame", "81 05 'Hello'", "violation 1002", 2, 0, 0},
    {"an unmasked close", "88 00", "violation 1002", 2, 0, 0},
    {"a masked frame, from a server", "81 85 37FA213D 7F9F4D5158",
     "violation 1002", 2, 0, VECTOR_OF_SERVER},
    {"a GET after the handshake", "'GET / HTTP/1.1'", "violation 1002", 1, 0,
     0},
    {"a control frame of 126", "89 FE 007E " KEY0 "'p' x126", "violation 1002",
     2, 0, 0},
    {"a control frame with a 64-bit length", "89 FF 0000000000000001 " KEY0,
     "violation 1002", 2, 0, 0},
    {"a control frame with a long length", "8A FE 0001 " KEY0 "'p'",
     "violation 1002", 2, 0, 0},

    /* Lengths. */
    {"125 in 16 bits", "82 FE 007D " KEY0 "'a' x125", "violation 1002", 4, 0,
     0},
    {"0 in 16 bits", "82 FE 0000 " KEY0, "violation 1002", 4, 0, 0},
    {"65535 in 64 bits", "82 FF 000000000000FFFF " KEY0, "violation 1002", 8, 0,
     0},
    {"0 in 64 bits", "82 FF 0000000000000000 " KEY0, "violation 1002", 8, 0, 0},
    {"the top bit", "82 FF 8000000000000000 " KEY0, "violation 1002", 3, 0, 0},
    {"2^63 - 1", "82 FF 7FFFFFFFFFFFFFFF " KEY0 "'a'", "violation 1009", 10, 0,
     0},
    {"one byte over", "82 8B " KEY0 "'0123456789A'", "violation 1009", 2, 10,
     0},
    {"over in 16 bits", "82 FE 0401 " KEY0 "'a'", "violation 1009", 4, 1024, 0},
    {"over in 64 bits", "82 FF 0000000000010001 " KEY0 "'a'", "violation 1009",
     10, 65536, 0},
    {"over in the sum",
     "02 85 " KEY0 "'01234' 89 80 " KEY0 "80 86 " KEY0 "'56789A'",
     "ping; violation 1009", 19, 10, 0},
    {"a sum that wraps", "02 81 " KEY0 "'a' 80 FF 7FFFFFFFFFFFFFFF " KEY0,
     "violation 1009", 17, UINT64_MAX / 4, 0},

    /* UTF-8. */
    {"a bad byte in the middle", "81 85 " KEY0 "'ab' FF 'cd'", "violation 1007",
     9, 0, 0},
    {"a bad byte behind a real key", "81 83 37FA213D 56 05 42",
     "violation 1007", 8, 0, 0},
    {"a bad byte in half a frame", "81 FE 1000 " KEY0 "'a' C0 'bcd'",
     "violation 1007", 10, 0, 0},
    {"a bad byte in the first fragment", "01 83 " KEY0 "'a' FF 'c' 80 80 " KEY0,
     "violation 1007", 8, 0, 0},
    {"an overlong slash", "81 82 " KEY0 "C0AF", "violation 1007", 7, 0, 0},
    {"a surrogate over two frames", "01 81 " KEY0 "ED 80 82 " KEY0 "A080",
     "violation 1007", 14, 0, 0},
    {"above U+10FFFF", "81 84 " KEY0 "F4908080", "violation 1007", 8, 0, 0},
    {"the end inside a code point", "81 83 " KEY0 "'a' E282", "violation 1007",
     9, 0, 0},
    {"the end inside a code point, in fragments",
     "01 82 " KEY0 "'a' C3 80 80 " KEY0, "violation 1007", 14, 0, 0},
    {"a good message before a bad one",
     "81 82 " KEY0 "'ok' 81 81 " KEY0 "80 81 82 " KEY0 "'no'",
     "text ok; violation 1007", 15, 0, 0},
};

enum { VECTORS = sizeof vectors / sizeof *vectors };

TEST(reader_makes_the_same_events_however_it_is_cut) {
  replay_cut_anywhere(vectors, VECTORS);
}

TEST(reader_sees_a_violation_at_the_byte_that_decides) {
  replay_to_the_byte(vectors, VECTORS);
}

TEST(reader_survives_each_failing_allocation) {
  replay_starved(vectors, VECTORS);
}

TEST(reader_needs_no_memory_for_whole_messages) {
  struct vector vector = {"", "", "", 0, 0, 0};
  struct replay replay;
  size_t length;
  uint8_t *bytes = bytes_of("81 85 " KEY0 "'Hello' 82 FE 00C8 " KEY0 "'a' x200 "
                            "89 81 " KEY0 "'p' 88 82 " KEY0 "03E8",
                            &length);

  mem_fail_at(1, true);
  replay_start(&replay, &vector);
  replay_feed(&replay, guarded(bytes, length), length);
  CHECK_TEXT(replay.events, "text Hello; binary a x200; ping p; close 1000");
  CHECK_EQ(mem_requests(), 0);
  mem_fail_at(0, false);
  replay_end(&replay);
  free(bytes);
}

/* The payload is where it was fed: in place, not copied. */
TEST(reader_hands_out_slices_of_the_input) {
  struct reader reader;
  struct reader_event event;
  const uint8_t *unused;
  size_t length;
  uint8_t *bytes = bytes_of("81 82 01020304 6063 82 81 " KEY0 "'c'", &length);

  reader_init(&reader, READER_SERVER, 100);
  reader_feed(&reader, bytes, length);
  CHECK_EQ(reader_next(&reader, &event), READER_TEXT);
  CHECK(event.data == bytes + 6);
  CHECK_BYTES(event.data, event.length, "aa", 2);
  CHECK_EQ(reader_unused(&reader, &unused), 7);
  CHECK(unused == bytes + 8);
  CHECK_EQ(reader_next(&reader, &event), READER_BINARY);
  CHECK_EQ(reader_next(&reader, &event), READER_NEED_MORE);
  CHECK_EQ(reader_unused(&reader, &unused), 0);
  reader_free(&reader);
  free(bytes);
}

/* Feeds the notation whole; returns the last result before READER_NEED_MORE. */
static enum reader_result feed_text(struct reader *reader, const char *text) {
  enum reader_result last = READER_NEED_MORE, result;
  struct reader_event event;
  size_t length;
  uint8_t *bytes = bytes_of(text, &length);

  reader_feed(reader, bytes, length);
  while ((result = reader_next(reader, &event)) != READER_NEED_MORE) {
    last = result;
    if (result == READER_VIOLATION || result == READER_NO_MEMORY) break;
  }
  free(bytes);
  return last;
}

TEST(reader_knows_when_it_is_mid_message) {
  static const char *const middles[] = {
      "81",
      "81 85",
      "81 85 0000",
      "81 85 " KEY0,
      "81 85 " KEY0 "'He'",
      "01 80 " KEY0,
      "01 81 " KEY0 "'a'",
      "01 81 " KEY0 "'a' 89 80 " KEY0,
      "89 81 " KEY0,
  };
  struct reader reader;

  for (size_t i = 0; i < sizeof middles / sizeof *middles; i++) {
    reader_init(&reader, READER_SERVER, 100);
    CHECK(!reader_is_mid_message(&reader));
    check_context("%s", middles[i]);
    feed_text(&reader, middles[i]);
    CHECK(reader_is_mid_message(&reader));
    reader_free(&reader);
    CHECK(!reader_is_mid_message(&reader));
  }
}

TEST(reader_holds_nothing_for_a_header) {
  int64_t before = mem_in_use();
  struct reader reader;
  uint8_t *space;

  reader_init(&reader, READER_SERVER, UINT64_MAX);
  feed_text(&reader, "82 FF 7FFFFFFFFFFFFFFF 01020304");
  CHECK_EQ(reader_space(&reader, &space), 0);
  CHECK_EQ(mem_in_use(), before);
  reader_free(&reader);
}

TEST(reader_believes_an_announced_size_for_256_kib_only) {
  struct reader reader;
  uint8_t *space;

  reader_init(&reader, READER_SERVER, UINT64_MAX);
  feed_text(&reader, "82 FF 7FFFFFFFFFFFFFFF 01020304 'a'");
  CHECK_EQ(reader_space(&reader, &space), 256 * 1024 - 1);
  reader_free(&reader);

  reader_init(&reader, READER_SERVER, UINT64_MAX);
  feed_text(&reader, "82 FE 4000 01020304 'a'");
  CHECK_EQ(reader_space(&reader, &space), 0x4000 - 1);
  reader_free(&reader);
}

TEST(reader_offers_no_space_when_little_is_missing) {
  struct reader reader;
  uint8_t *space;

  reader_init(&reader, READER_SERVER, 1 << 20);
  CHECK_EQ(reader_space(&reader, &space), 0);
  feed_text(&reader, "82 FE 2000 01020304 'a'");
  CHECK_EQ(reader_space(&reader, &space), 0); /* 8191 bytes are to come */
  reader_free(&reader);
}

TEST(reader_offers_no_space_without_memory_and_goes_on) {
  struct reader reader;
  uint8_t *space;

  reader_init(&reader, READER_SERVER, 1 << 20);
  feed_text(&reader, "02 81 " KEY0 "'a'");
  feed_text(&reader, "80 FE 4000 " KEY0 "'b'");
  reader.capacity = reader.length; /* as if it were full */
  mem_fail_at(1, false);
  CHECK_EQ(reader_space(&reader, &space), 0);
  CHECK_EQ(feed_text(&reader, "'c' x16383"), READER_BINARY);
  mem_fail_at(0, false);
  reader_free(&reader);
}

TEST(reader_pays_nothing_for_empty_fragments) {
  int64_t before = mem_in_use();
  struct reader reader;

  mem_fail_at(0, false);
  reader_init(&reader, READER_SERVER, 1 << 20);
  feed_text(&reader, "01 80 " KEY0);
  for (int i = 0; i < 200000; i++) {
    uint8_t empty[6] = {0x00, 0x80, 1, 2, 3, 4};
    struct reader_event event;
    reader_feed(&reader, empty, sizeof empty);
    if (reader_next(&reader, &event) != READER_NEED_MORE) CHECK(false);
  }
  CHECK_EQ(mem_requests(), 0);
  CHECK_EQ(mem_in_use(), before);
  CHECK_EQ(feed_text(&reader, "80 80 " KEY0), READER_TEXT);
  reader_free(&reader);
}

/* The buffer may be half as large again as what came, and grows seldom. */
TEST(reader_pays_little_for_fragments_of_one_byte) {
  struct reader reader;

  mem_fail_at(0, false);
  reader_init(&reader, READER_SERVER, 1 << 20);
  feed_text(&reader, "01 81 " KEY0 "'a'");
  for (int i = 0; i < 131000; i++) {
    uint8_t one[7] = {0x00, 0x81, 0, 0, 0, 0, 'b'};
    struct reader_event event;
    reader_feed(&reader, one, sizeof one);
    if (reader_next(&reader, &event) != READER_NEED_MORE) CHECK(false);
  }
  CHECK(mem_requests() < 50);
  CHECK(reader.capacity <= 131000 + 65536);
  CHECK_EQ(feed_text(&reader, "80 80 " KEY0), READER_TEXT);
  reader_free(&reader);
}

/* A stream of random frames, and what must come of it. */
struct stream {
  uint8_t *bytes, *wanted; /* on the wire; payloads of data messages joined */
  size_t length, wanted_length;
  uint32_t seed;
  int messages, pings;
};

enum { STREAM_MAX = 6 << 20 };

static uint32_t random_below(struct stream *stream, uint32_t bound) {
  stream->seed = stream->seed * 1664525 + 1013904223;
  return (uint32_t)((uint64_t)stream->seed * bound >> 32);
}

static size_t random_size(struct stream *stream) {
  static const uint32_t bounds[] = {2, 126, 600, 70000, 700000};

  return random_below(stream, bounds[random_below(stream, 5)]);
}

static void put_frame(struct stream *stream, enum opcode opcode, bool final,
                      size_t size) {
  uint8_t key[4], *frame = stream->bytes + stream->length;

  for (int i = 0; i < 4; i++) key[i] = (uint8_t)random_below(stream, 256);
  size_t header = frame_write_masked_header(frame, opcode, size, key);
  if (!final) frame[0] &= 0x7F;
  uint8_t *payload = frame + header;
  for (size_t i = 0; i < size; i++) {
    payload[i] = (uint8_t)('a' + (i + stream->length) % 26);
  }
  if (!(opcode & 8)) {
    memcpy(stream->wanted + stream->wanted_length, payload, size);
    stream->wanted_length += size;
  }
  frame_mask_plain(payload, size, key, 0);
  stream->length += header + size;
}

static void put_message(struct stream *stream) {
  enum opcode opcode = random_below(stream, 2) ? OP_TEXT : OP_BINARY;
  uint32_t fragments = random_below(stream, 2) ? random_below(stream, 4) : 0;

  for (uint32_t i = 0; i <= fragments; i++) {
    put_frame(stream, i ? OP_CONTINUATION : opcode, i == fragments,
              random_size(stream));
    if (random_below(stream, 2)) continue;
    put_frame(stream, OP_PING, true, random_below(stream, 126));
    stream->pings++;
  }
  stream->messages++;
}

/* Reads the stream as a socket would be read, in random pieces; large ones to
 * where the reader wants them, if `uses_space`. Returns the data bytes seen. */
static size_t read_stream(struct stream *stream, bool uses_space) {
  static uint8_t shared[65536];
  struct reader reader;
  struct reader_event event;
  enum reader_result result;
  size_t at = 0, seen = 0;
  int spaces = 0;

  reader_init(&reader, READER_SERVER, 8 << 20);
  while (at < stream->length) {
    uint8_t *to = shared;
    size_t room = uses_space ? reader_space(&reader, &to) : 0;
    spaces += room > 0;
    if (room == 0) room = sizeof shared;
    size_t count = 1 + random_below(stream, (uint32_t)room);
    if (count > stream->length - at) count = stream->length - at;
    memcpy(to, stream->bytes + at, count);
    at += count;
    reader_feed(&reader, to, count);
    while ((result = reader_next(&reader, &event)) != READER_NEED_MORE) {
      if (!CHECK(result <= READER_PING)) goto done;
      if (result == READER_PING) {
        stream->pings--;
        continue;
      }
      stream->messages--;
      CHECK_BYTES(event.data, event.length, stream->wanted + seen,
                  event.length);
      seen += event.length;
    }
  }
  CHECK_EQ(spaces > 0, uses_space);
done:
  CHECK(!reader_is_mid_message(&reader));
  reader_free(&reader);
  return seen;
}

TEST(reader_reads_random_streams) {
  int64_t before = mem_in_use();
  struct stream stream = {.bytes = malloc(STREAM_MAX),
                          .wanted = malloc(STREAM_MAX)};

  for (uint32_t seed = 1; seed <= 20; seed++) {
    stream.seed = seed;
    stream.length = stream.wanted_length = 0;
    stream.messages = stream.pings = 0;
    while (stream.length < 3 << 20) put_message(&stream);
    check_context("seed %u", seed);
    CHECK_EQ(read_stream(&stream, seed % 2), stream.wanted_length);
    CHECK_EQ(stream.messages, 0);
    CHECK_EQ(stream.pings, 0);
    CHECK_EQ(mem_in_use(), before);
  }
  free(stream.bytes);
  free(stream.wanted);
}

/* A bad byte that comes straight into the message's buffer. */
TEST(reader_fails_fast_in_its_own_space) {
  struct reader reader;
  struct reader_event event;
  uint8_t *space;
  int64_t before = mem_in_use();

  reader_init(&reader, READER_SERVER, 1 << 20);
  feed_text(&reader, "81 FF 0000000000020000 " KEY0 "'a'");
  CHECK(reader_space(&reader, &space) > 3);
  memcpy(space, "ok\xFF", 3);
  reader_feed(&reader, space, 3);
  CHECK_EQ(reader_next(&reader, &event), READER_VIOLATION);
  CHECK_EQ(event.code, 1007);
  CHECK_EQ(mem_in_use(), before);
  CHECK_EQ(reader_space(&reader, &space), 0);
  reader_free(&reader);
}
