/*
 * test_compression - what connections that agreed on permessage-deflate share,
 * and what is theirs alone: on the wire, in memory, in time.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/framed.h"
#include "proto/inflater.h"
#include "support_stage.h"
#include "support_starve.h"

#include <stdlib.h>
#include <string.h>

#define OFFER(offer)                                                           \
  "GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n"            \
  "Connection: Upgrade\r\nSec-WebSocket-Key: " STAGE_KEY "\r\n"                \
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: " offer "\r\n\r\n"
#define PLAIN   OFFER("permessage-deflate")
#define SMALL   OFFER("permessage-deflate; server_max_window_bits=9")
#define NOTHING OFFER("x-none")

enum { LENGTH = 1000 };

static struct stage *open_stage(bool is_dedicated) {
  struct stage *stage = stage_open();

  stage->endpoint.limits.keep_alive = 0; /* nobody answers pings */
  stage->endpoint.limits.deflate = deflate_settings_default;
  stage->endpoint.limits.deflate.is_wanted = true;
  stage->endpoint.limits.deflate.keeps_server_context = is_dedicated;
  stage->endpoint.limits.deflate.keeps_client_context = is_dedicated;
  return stage;
}

/* A peer behind that handshake; its head is left out of what it has heard. */
static struct peer *join(struct stage *stage, const char *handshake) {
  struct peer *peer = stage_connect(stage);

  peer_send_text(peer, handshake);
  stage_run(stage);
  peer_heard(peer);
  stage_events(stage);
  return peer;
}

static struct payload *message(char byte, size_t length) {
  char *text = malloc(length + 1);

  memset(text, byte, length);
  struct payload *frame = framed_copy(OP_TEXT, text, length);
  free(text);
  return frame;
}

static void queue(struct connection *conn, char byte, size_t length) {
  struct payload *frame = message(byte, length);

  CHECK_EQ(connection_send(conn, frame), SEND_QUEUED);
  payload_drop(frame);
}

static uint8_t text[65536]; /* of the frame taken last */

/* Takes the next frame that the peer has got, and inflates it to `text`. How
 * many bytes it had on the wire, 0 when it was not compressed. */
static size_t take_frame(struct peer *peer, struct inflater *inflater,
                         size_t *count) {
  size_t size = peer->length > 1 ? peer->got[1] : 0, header = 2;

  *count = 0;
  if (size == 126) {
    size = (size_t)peer->got[2] << 8 | peer->got[3];
    header = 4;
  }
  if (!CHECK(peer->length >= header + size)) return 0;
  bool is_deflated = peer->got[0] & FRAME_DEFLATED;
  if (is_deflated) {
    inflater_begin(inflater, peer->got + header, size);
    CHECK_EQ(inflater_step(inflater, text, sizeof text, count), INFLATER_DONE);
  } else {
    memcpy(text, peer->got + header, *count = size);
  }
  peer->length -= header + size;
  memmove(peer->got, peer->got + header + size, peer->length);
  return is_deflated ? size : 0;
}

/* The same, for one that must be a run of that byte. */
static size_t take(struct peer *peer, struct inflater *inflater, char byte,
                   size_t length) {
  size_t count, size = take_frame(peer, inflater, &count);

  CHECK_EQ(count, length);
  for (size_t i = 0; i < count; i++) CHECK(text[i] == (uint8_t)byte);
  return size;
}

TEST(compression_is_shared_by_connections_of_the_same_terms) {
  struct stage *stage = open_stage(false);
  join(stage, NOTHING);
  int64_t before = mem_in_use();
  join(stage, NOTHING);
  int64_t of_a_plain_one = mem_in_use() - before;
  CHECK(stage->conn->compression == NULL);

  join(stage, PLAIN);
  struct compression *first = stage->conn->compression;
  before = mem_in_use();
  join(stage, PLAIN);
  CHECK(first != NULL && stage->conn->compression == first);
  CHECK_EQ(mem_in_use() - before, of_a_plain_one);
  CHECK_EQ(first->references, 2);
  CHECK(!first->owns_deflater && !first->owns_inflater);

  join(stage, SMALL);
  struct compression *other = stage->conn->compression;
  CHECK(other != first && other->deflater != first->deflater);
  CHECK(other->inflater == first->inflater);
  stage_close(stage);
}

TEST(compression_of_a_message_is_made_once) {
  struct stage *stage = open_stage(false);
  struct inflater *inflater = inflater_new(15, false);
  struct connection *conns[4];
  struct peer *peers[4];

  for (int i = 0; i < 4; i++) {
    peers[i] = join(stage, i < 2 ? PLAIN : i < 3 ? SMALL : NOTHING);
    conns[i] = stage->conn;
  }
  struct payload *frame = message('a', LENGTH);
  for (int i = 0; i < 4; i++) connection_send(conns[i], frame);
  CHECK(frame->twin && frame->twin->twin && !frame->twin->twin->twin);
  CHECK_EQ(frame->twin->references + frame->twin->twin->references, 2 + 3);
  CHECK_EQ(frame->references, 2);
  payload_drop(frame);
  stage_run(stage);
  for (int i = 0; i < 4; i++) {
    size_t size = take(peers[i], inflater, 'a', LENGTH);
    CHECK_EQ(size > 0 && size < 50, i < 3);
  }
  inflater_free(inflater);
  stage_close(stage);
}

TEST(compression_is_for_messages_that_it_makes_smaller) {
  static const uint8_t noise[] =
      "\x93\x1F\xC8\x05\x7A\xE6\x4D\xB2\x29\xF0\x8B\x64\xD7\x3C\xA1\x58";
  struct stage *stage = open_stage(false);
  struct inflater *inflater = inflater_new(15, false);
  struct peer *peer = join(stage, PLAIN);
  struct connection *conn = stage->conn;

  queue(conn, 'a', 127);
  queue(conn, 'b', 128);
  struct payload *frame = message('c', LENGTH);
  connection_send_as_is(conn, frame);
  payload_drop(frame);
  frame = framed_copy(OP_PING, NULL, 0);
  connection_send(conn, frame);
  payload_drop(frame);
  stage_run(stage);
  CHECK_EQ(take(peer, inflater, 'a', 127), 0);
  CHECK(take(peer, inflater, 'b', 128) > 0);
  CHECK_EQ(take(peer, inflater, 'c', LENGTH), 0);
  CHECK_TEXT(peer_heard(peer), "ping");

  conn->compression->threshold = 0;
  frame = framed_copy(OP_BINARY, noise, sizeof noise);
  for (int i = 0; i < 2; i++) connection_send(conn, frame);
  CHECK(frame->twin && payload_length(frame->twin) == 0);
  CHECK_EQ(frame->references, 3);
  payload_drop(frame);
  inflater_free(inflater);
  stage_close(stage);
}

TEST(compression_with_a_context_is_a_connections_own) {
  struct stage *stage = open_stage(true);
  struct inflater *inflaters[2];
  struct connection *conns[2];
  struct peer *peers[2];
  size_t sizes[4];

  for (int i = 0; i < 2; i++) {
    inflaters[i] = inflater_new(15, true);
    peers[i] = join(stage, PLAIN);
    conns[i] = stage->conn;
  }
  CHECK(conns[0]->compression != conns[1]->compression);
  for (int n = 0; n < 4; n++) {
    for (int i = 0; i < 2; i++) queue(conns[i], (char)('a' + i), LENGTH);
    stage_run(stage);
    for (int i = 0; i < 2; i++) {
      sizes[n] = take(peers[i], inflaters[i], (char)('a' + i), LENGTH);
    }
    if (n == 2) stage_wait(stage, COMPRESSION_IDLE + 2000);
    if (n > 1)
      CHECK(!deflater_is_at_work(conns[0]->compression->deflater) == (n == 2));
  }
  CHECK(sizes[1] < sizes[0]);
  CHECK_EQ(sizes[3], sizes[0]); /* a new context */
  for (int i = 0; i < 2; i++) inflater_free(inflaters[i]);
  stage_close(stage);
}

/* Who goes on sending keeps its context, and who closes leaves no timer. */
TEST(compression_gives_back_contexts_that_rest) {
  struct stage *stage = open_stage(true);
  struct connection *conns[3];
  struct peer *peers[3];

  for (int i = 0; i < 3; i++) {
    peers[i] = join(stage, PLAIN);
    conns[i] = stage->conn;
    queue(conns[i], 'a', LENGTH);
  }
  for (int second = 0; second < 100; second += 10) {
    queue(conns[1], 'b', LENGTH);
    stage_wait(stage, 10000);
    bool is_early = second < 50;
    CHECK_EQ(deflater_is_at_work(conns[0]->compression->deflater), is_early);
    CHECK(deflater_is_at_work(conns[1]->compression->deflater));
  }
  connection_terminate(conns[1]);
  stage_run(stage);
  CHECK(peers[1]->memory == NULL);
  CHECK(list_is_empty(&stage->server.compressions.working));
  CHECK(list_is_empty(&stage->server.compressions.timer.link));
  stage_close(stage);
}

/* The context does not know what the queue had no place for. */
TEST(compression_leaves_out_what_is_dropped) {
  struct stage *stage = open_stage(true);
  struct inflater *inflater = inflater_new(15, true);
  struct peer *peer = join(stage, PLAIN);
  struct connection *conn = stage->conn;

  conn->endpoint->limits.overflow = OVERFLOW_DROP;
  conn->endpoint->limits.max_buffered_amount = 30;
  queue(conn, 'a', LENGTH);
  while (connection_buffered(conn) <= 30) queue(conn, 'a', LENGTH);
  struct payload *frame = message('b', LENGTH);
  CHECK_EQ(connection_send(conn, frame), SEND_DROPPED);
  payload_drop(frame);
  stage_run(stage);
  queue(conn, 'c', LENGTH);
  stage_run(stage);
  CHECK(peer->length > 0);
  while (peer->length > 0 && check_failures() == 0) {
    bool is_last = peer->length < 40 && peer->got[1] == peer->length - 2;
    take(peer, inflater, is_last ? 'c' : 'a', LENGTH);
  }
  inflater_free(inflater);
  stage_close(stage);
}

static void echo_back(struct stage *stage, struct peer *peer) {
  /* "Hello" compressed, whole and in fragments, then a plain message. */
  peer_send(peer, "C1 87 00000000 F248CDC9C90700");
  peer_send(peer, "41 83 00000000 F248CD 80 84 00000000 C9C90700");
  stage_run(stage);
  peer_frame_of(peer, OP_TEXT, 'x', LENGTH);
  stage_run(stage);
}

static bool has_agreed(const struct peer *peer) {
  static const char name[] = "permessage-deflate";
  return peer->length > 0 &&
         memmem(peer->got, peer->length, name, sizeof name - 1);
}

static void drop_head(struct peer *peer) {
  if (peer->length == 0) return;
  uint8_t *end = memmem(peer->got, peer->length, "\r\n\r\n", 4);
  size_t head = end ? (size_t)(end + 4 - peer->got) : peer->length;

  peer->length -= head;
  if (peer->length > 0) memmove(peer->got, peer->got + head, peer->length);
}

/* Each text is one that was sent. */
static void check_echoes(struct peer *peer, struct inflater *inflater) {
  size_t count;

  while (peer->length > 1 && (peer->got[0] & 0x0F) == OP_TEXT) {
    take_frame(peer, inflater, &count);
    bool is_hello = count == 5 && memcmp(text, "Hello", 5) == 0;
    if (!CHECK(is_hello || (count == LENGTH && text[0] == 'x'))) return;
  }
  peer->length = 0;
}

/* Without memory: no extension, a message as it is, or 1011; never a message
 * that the peer cannot read, and nothing else notices. */
static bool play_starved(uint64_t nth, bool is_sticky, bool is_dedicated) {
  struct stage *stage = open_stage(is_dedicated);

  check_context("allocation %d%s, dedicated %d", (int)nth,
                is_sticky ? " and all after" : "", is_dedicated);
  stage->echoes = true;
  stage->endpoint.limits.deflate.threshold = 0;
  starve(STARVE_CORE, nth, is_sticky);
  struct peer *peer = stage_connect(stage);
  peer_send_text(peer, PLAIN);
  stage_run(stage);
  if (has_agreed(peer)) echo_back(stage, peer);
  bool was_starved = starve_end();
  struct inflater *inflater = inflater_new(15, is_dedicated);
  drop_head(peer);
  check_echoes(peer, inflater);
  inflater_free(inflater);
  stage_events(stage);
  struct peer *fresh = stage_upgraded(stage);
  peer_frame(fresh, OP_TEXT, "well?");
  stage_run(stage);
  CHECK_TEXT(peer_heard(fresh), "text well?");
  stage_close(stage);
  return was_starved;
}

TEST(compression_survives_each_failing_allocation) {
  for (int mode = 0; mode < 4; mode++) {
    uint64_t n = 1;
    while (n < 300 && play_starved(n, mode & 1, mode & 2)) n++;
    CHECK(n > 10 && n < 300);
  }
}

/* Messages that are much larger than what carries them are delivered a few at a
 * time: another connection gets its turn between them. */
TEST(compression_gives_nobody_more_than_its_share) {
  enum { EACH = 300 * 1024, MESSAGES = 8 };
  struct stage *stage = open_stage(false);
  struct deflater *deflater = deflater_new(9, 15, 8, false);
  struct peer *peer = join(stage, PLAIN);
  char *zeros = calloc(1, EACH);
  struct payload *frame = framed_copy(OP_BINARY, zeros, EACH);
  struct payload *deflated = framed_deflated(frame, deflater);
  uint8_t bytes[MESSAGES * 1000];
  size_t length = 0;

  for (int i = 0; i < MESSAGES; i++) {
    size_t size = framed_length(deflated);
    static const uint8_t key[4];
    size_t header =
        frame_write_masked_header(bytes + length, OP_BINARY, size, key);
    bytes[length] |= FRAME_DEFLATED;
    memcpy(bytes + length + header,
           deflated->head + deflated->head_length - size, size);
    length += header + size;
  }
  peer_send_bytes(peer, bytes, length);
  /* Two when they are read, then two at the end of each turn. */
  for (int turn = 0; turn < 3; turn++) {
    stage_turn(stage);
    CHECK(server_has_more(&stage->server));
    const char *events = stage_events(stage);
    check_context("turn %d: %s", turn, events);
    CHECK_EQ(strlen(events), turn ? 40 : 82);
  }
  stage_run(stage);
  CHECK(!server_has_more(&stage->server));
  CHECK_TEXT(stage_events(stage), "");
  peer_frame(peer, OP_TEXT, "on");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "text on");
  payload_drop(deflated);
  payload_drop(frame);
  deflater_free(deflater);
  free(zeros);
  stage_close(stage);
}
