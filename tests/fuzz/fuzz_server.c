/*
 * fuzz_server - the whole server, its clock and its peers in memory, with an
 * app that does what its peers tell it to.
 *
 * Input: byte 0 chooses the service, byte 1 how it ends, the rest are commands:
 * a byte whose low half says what (enum command), and whose high half says
 * which of four peers, and a few bytes of its own. So it is the input that
 * cuts the bytes, mixes the peers, moves the clock, and lets peers reset and
 * stop reading. The app acts by the first byte of a message and of a target,
 * and by commands.
 *
 * The process ends when what the server sends is not valid (witness.h), an open
 * has not its one close, something is told after it, a source is not dropped
 * once, or memory is left. Where no one is thrown out at the end, peers that
 * leave and time that passes must be enough for all connections to end.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "net/memory.h"
#include "proto/deflater.h"
#include "proto/framed.h"
#include "proto/handshake.h"
#include "server/opening.h"
#include "witness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 4, TOPICS = 2, MAX_COMMANDS = 400 };

/* What the app knows of a connection. */
struct user {
  struct connection *conn; /* while it is open, or held */
  bool is_asked;           /* a request was told and is not answered */
  bool is_held;            /* until the app has decided */
  bool is_open, was_open, was_closed;
  bool is_told; /* of its opening, as a client */
  struct source *source;
};

/* The other end of it. */
struct peer {
  struct memory_transport *memory; /* NULL: there is none */
  struct buffer pending;           /* bytes on their way to the server */
  size_t step;                     /* how many arrive in a turn */
  bool is_stuck, is_server;
  uint64_t id;
  struct witness witness;
  struct user user;
};

/* An answer's body, in so many pieces. Freed by drop. */
struct source {
  struct answer_source base;
  struct peer *peer;
  struct connection *conn; /* which drops it */
  int left;
  bool is_slow, is_asked;
};

static struct manual_clock time_of_all;
static struct server server;
static struct endpoint endpoint;
static struct service service;
static struct topic *topics[TOPICS];
static struct peer peers[PEERS];
static struct deflater *deflater; /* the peers' */
static bool is_ending;            /* the app only lets go */
static int sources, unused;

/* ---- the input */

static const uint8_t *input, *input_end;

static uint8_t next_byte(void) {
  return input < input_end ? *input++ : 0;
}

static struct slice next_bytes(size_t length) {
  size_t left = (size_t)(input_end - input);
  struct slice bytes = {(const char *)input, length < left ? length : left};
  input += bytes.length;
  return bytes;
}

/* ---- the app */

static struct peer *peer_of(const struct connection *conn) {
  for (size_t i = 0; i < PEERS; i++) {
    if (peers[i].id == conn->id) return &peers[i];
  }
  abort();
}

static void send_plain(struct connection *conn, struct slice text,
                       bool is_binary) {
  struct payload *frame;
  if (conn->is_raw) {
    frame = payload_new(text.length);
    expect(frame != NULL);
    memcpy(frame->head, text.at, text.length);
  } else {
    frame = framed_copy(is_binary ? OP_BINARY : OP_TEXT, text.at, text.length);
  }
  bool may_be_sent = connection_is_open(conn);
  enum send_result result = connection_send(conn, frame);
  expect((result == SEND_CLOSED) == !may_be_sent);
  payload_drop(frame);
}

static void send_large(struct connection *conn) {
  static const char large[40000] = "large";
  send_plain(conn, (struct slice){large, sizeof large}, true);
}

static void broadcast(struct topic *topic, const struct connection *except,
                      struct slice text) {
  struct payload *frame = framed_copy(OP_BINARY, text.at, text.length);
  struct payload *raw = topic->raw_count ? payload_new(text.length) : NULL;
  if (raw) memcpy(raw->head, text.at, text.length);
  expect(topic_broadcast(topic, frame, raw, except) <= topic->count);
  payload_drop(frame);
  if (raw) payload_drop(raw);
}

static void take_others(struct connection *conn) {
  struct slice message;
  bool is_binary;
  while (connection_take_message(conn, &message, &is_binary)) {
    expect(message.length <= endpoint.limits.max_message_size);
  }
}

static void act(struct connection *conn, uint8_t what, struct slice text,
                bool is_binary) {
  struct topic *topic = topics[what & 1];
  if (is_ending) return;
  switch (what >> 1 & 15) {
  case 0: expect(topic_add(topic, conn)); break;
  case 1: topic_remove(topic, conn); break;
  case 2: broadcast(topic, NULL, text); break;
  case 3: broadcast(topic, conn, text); break;
  case 4: connection_close(conn, 4000, SLICE("as told")); break;
  case 5: connection_terminate(conn); break;
  case 6: connection_pause(conn, PAUSE_ASKED); break;
  case 7: connection_resume(conn, PAUSE_ASKED); break;
  case 8: send_large(conn); break;
  case 9: take_others(conn); break;
  case 10:
    for (int i = 0; i < 40; i++) send_plain(conn, SLICE("many"), false);
    break;
  case 11: connection_resume(conn, PAUSE_BUSY); break;
  case 12: connection_pause(conn, PAUSE_BUSY); break;
  default: send_plain(conn, text, is_binary);
  }
}

static void on_open(struct endpoint *of, struct connection *conn) {
  struct user *user = &peer_of(conn)->user;
  expect(of == &endpoint && !user->is_open && !user->was_closed);
  expect(connection_is_open(conn));
  user->conn = conn;
  user->is_open = user->was_open = true;
  expect(topic_add(topics[0], conn));
}

static void on_message(struct endpoint *of, struct connection *conn,
                       struct slice message, bool is_binary) {
  expect(of == &endpoint && peer_of(conn)->user.is_open);
  expect(connection_is_open(conn));
  expect(conn->is_raw || message.length <= endpoint.limits.max_message_size);
  act(conn, message.length > 0 ? (uint8_t)message.at[0] : 31, message,
      is_binary);
}

static void on_control(struct endpoint *of, struct connection *conn,
                       enum opcode opcode, struct slice data) {
  expect(of == &endpoint && peer_of(conn)->user.is_open);
  expect(opcode == OP_PING || opcode == OP_PONG);
  if (data.length > 0) act(conn, (uint8_t)data.at[0], SLICE("control"), false);
}

static void on_drain(struct endpoint *of, struct connection *conn) {
  expect(of == &endpoint && peer_of(conn)->user.is_open);
  act(conn, 31, SLICE("drained"), false);
}

static void on_close(struct endpoint *of, struct connection *conn, int code,
                     struct slice reason) {
  struct user *user = &peer_of(conn)->user;
  expect(of == &endpoint && user->is_open && !connection_is_open(conn));
  expect(code >= 1000 && code < 5000 && reason.length <= 123);
  user->is_open = false;
  user->was_closed = true;
  act(conn, 0, SLICE(""), false); /* harmless on a dead one */
  act(conn, 31, SLICE("too late"), false);
  for (int i = 0; i < TOPICS; i++) expect(!topic_has(topics[i], conn));
}

static void on_unused(struct endpoint *of) {
  expect(of == &endpoint);
  unused++;
}

static const struct endpoint_events endpoint_events = {
    on_open, on_message, on_control, on_drain, on_close, on_unused};

/* ---- answers to requests */

static void give_piece(struct source *source, struct connection *conn) {
  static const char piece[9000] = "piece";
  source->is_asked = false;
  if (source->left-- > 0) {
    connection_add_piece(conn, (struct slice){piece, sizeof piece});
    return;
  }
  connection_end_answer(conn); /* and the source is no more */
}

static void next_of(struct answer_source *base, struct connection *conn) {
  struct source *source = (struct source *)base;
  expect(!source->is_asked);
  source->is_asked = true;
  if (!source->is_slow) give_piece(source, conn);
}

static void drop_of(struct answer_source *base) {
  struct source *source = (struct source *)base;
  expect(source->peer->user.source == source);
  source->peer->user.source = NULL;
  sources--;
  free(source);
}

/* May the place be taken by another one? */
static bool is_free(const struct peer *peer) {
  return !peer->memory && !peer->user.is_open && !peer->user.source &&
         !peer->user.is_held;
}

static void begin_answer(struct peer *peer, struct connection *conn,
                         bool has_length, bool is_slow, int pieces) {
  struct source *source = calloc(1, sizeof *source);
  expect(source != NULL && !peer->user.source);
  source->base = (struct answer_source){next_of, drop_of};
  source->peer = peer;
  source->conn = conn;
  source->left = pieces;
  source->is_slow = is_slow;
  peer->user.source = source;
  sources++;
  connection_begin_answer(conn, 200, SLICE("X-Made: up\r\n"),
                          has_length ? (uint64_t)pieces * 9000
                                     : ANSWER_LENGTH_UNKNOWN,
                          &source->base);
}

static void hand_over(struct peer *peer, struct connection *conn) {
  struct witness *witness = &peer->witness;
  size_t last = (witness->first + witness->count - 1) % WITNESS_EXPECTED;
  witness->expected[last] = EXPECT_RAW;
  connection_hand_over(conn, &endpoint);
}

static void answer(struct peer *peer, struct connection *conn,
                   const struct http_head *head, uint8_t how) {
  static const int statuses[] = {200, 204, 304, 404, 500};
  peer->user.is_asked = false;
  switch (how >> 2 & 7) {
  case 0:
    connection_answer(conn, statuses[(how & 3) + 1], SLICE(""), SLICE("body"));
    break;
  case 1: begin_answer(peer, conn, how & 1, how & 2, 3); break;
  case 2: begin_answer(peer, conn, how & 1, how & 2, 30); break;
  case 3: hand_over(peer, conn); break;
  case 4: connection_terminate(conn); break;
  default:
    peer->user.is_asked = true; /* if refused, that is no second answer */
    if (head && handshake_is_wanted(head)) {
      connection_upgrade(conn, &endpoint, SLICE(""),
                         SLICE("X-Some: thing\r\n"));
    } else {
      peer->user.is_asked = false;
      connection_answer(conn, 200, SLICE("X-A: b\r\n"), connection_body(conn));
    }
  }
}

static void on_request(struct service *of, struct connection *conn,
                       const struct http_head *head) {
  struct peer *peer = peer_of(conn);
  expect(of == &service && !peer->user.is_asked && !peer->user.was_open);
  expect(head->target.length > 0);
  bool is_head = slice_equals(head->method, SLICE("HEAD"));
  witness_expect(&peer->witness, is_head ? EXPECT_HEAD_ONLY : EXPECT_ANSWER);
  peer->user.is_asked = true;
  uint8_t how = head->target.length > 1 ? (uint8_t)head->target.at[1] : 20;
  if (how != 'l' || is_ending) {
    answer(peer, conn, head, how);
    return;
  }
  connection_hold(conn); /* the answer is a command's matter */
  peer->user.conn = conn;
  peer->user.is_held = true;
}

static void on_refused(struct service *of, struct connection *conn,
                       const struct refusal *refusal) {
  struct peer *peer = peer_of(conn);
  expect(of == &service && refusal->reason && refusal->reason[0]);
  bool is_asked = peer->user.is_asked;
  peer->user.is_asked = false;
  if (refusal->status == 0 || is_asked) return;
  const char *head = conn->head ? conn->head : "";
  if (strncmp(head, "\r\n", 2) == 0) head += 2;
  bool is_head = strncmp(head, "HEAD ", 5) == 0;
  witness_expect(&peer->witness, is_head ? EXPECT_HEAD_ONLY : EXPECT_ANSWER);
}

/* ---- as a client */

static void on_opened(void *owner) {
  struct peer *peer = owner;
  expect(!peer->user.is_told);
  peer->user.is_told = true;
}

static void on_failed(void *owner, const char *reason,
                      const struct http_answer *given, struct slice body) {
  struct peer *peer = owner;
  expect(!peer->user.is_told && reason[0]);
  expect(body.length <= OPENING_MAX_BODY_SIZE && (given || body.length == 0));
  peer->user.is_told = true;
}

static const struct opening_events opening_events = {on_opened, on_failed};

/* ---- the peers */

static void begin_peer(struct peer *peer, bool is_server) {
  peer->memory = memory_transport_new();
  expect(peer->memory != NULL);
  peer->step = SIZE_MAX;
  peer->is_server = is_server;
  peer->id = server.last_id + 1;
  witness_init(&peer->witness, is_server);
}

static void end_peer(struct peer *peer) {
  peer->memory = NULL;
  buffer_free(&peer->pending);
  witness_free(&peer->witness);
}

static void arrive(struct peer *peer) {
  if (!is_free(peer)) return;
  memset(peer, 0, sizeof *peer);
  begin_peer(peer, false);
  if (service.raw) peer->witness.state = HEARS_ALL;
  server_accept(&server, &service, memory_transport_face(peer->memory));
  if (server.last_id < peer->id) peer->id = 0; /* refused without a word */
}

static void be_asked(struct peer *peer) {
  if (!is_free(peer)) return;
  memset(peer, 0, sizeof *peer);
  begin_peer(peer, true);
  struct opening opening = {.target = SLICE("/"),
                            .host = SLICE("a.example"),
                            .endpoint = &endpoint,
                            .timeout = 5000,
                            .events = &opening_events,
                            .owner = peer};
  struct connection *conn =
      connection_ask(&server, memory_transport_face(peer->memory), &opening);
  expect(conn != NULL);
}

static void post(struct peer *peer, struct slice bytes) {
  if (peer->pending.length > 1 << 20) return;
  expect(buffer_append(&peer->pending, bytes.at, bytes.length));
}

static void listen_to(struct peer *peer, size_t most) {
  const struct buffer *received = memory_received(peer->memory);
  size_t length = received->length < most ? received->length : most;
  if (length == 0) return;
  witness_hear(&peer->witness, received->bytes, length);
  memory_take(peer->memory, length);
}

static void run_peer(struct peer *peer) {
  if (!peer->memory) return;
  size_t length = peer->pending.length;
  if (length > peer->step) length = peer->step;
  if (length > 0) {
    expect(memory_send(peer->memory, peer->pending.bytes, length));
    buffer_consume(&peer->pending, length);
  }
  bool is_closed = memory_is_closed(peer->memory);
  if (!peer->is_stuck || is_closed) listen_to(peer, SIZE_MAX);
  if (memory_is_shut_down(peer->memory) && !peer->is_stuck) {
    witness_end(&peer->witness);
  }
  if (!memory_run(peer->memory)) end_peer(peer);
}

static void turn(void) {
  for (size_t i = 0; i < PEERS; i++) run_peer(&peers[i]);
  server_turn(&server);
}

/* ---- what peers send */

#define UPGRADE                                                                \
  "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                            \
  "Sec-WebSocket-Version: 13\r\n"
#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate; "

static const char *const ready[] = {
    "GET /~ HTTP/1.1\r\n" UPGRADE "\r\n",
    "GET /~ HTTP/1.1\r\n" UPGRADE DEFLATE "client_max_window_bits\r\n\r\n",
    "GET /l HTTP/1.1\r\n" UPGRADE DEFLATE "server_max_window_bits=9\r\n\r\n",
    "GET /~ HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /~ HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /B HTTP/1.0\r\n\r\n",
    "GET /D HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /E HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /J HTTP/1.0\r\n\r\n",
    "GET /l HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /L HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /~ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
    "Expect: 100-continue\r\n\r\n",
    "POST /~ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "GET /~ HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
};

static void post_answer(struct peer *peer, uint8_t kind) {
  char text[300], accept[HANDSHAKE_ACCEPT_SIZE];
  struct slice key = {peer->witness.key, sizeof peer->witness.key};
  expect(handshake_accept(key, accept) == 0);
  int length = snprintf(
      text, sizeof text,
      "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: %.28s\r\n%s\r\n",
      accept, kind & 1 ? DEFLATE "client_no_context_takeover\r\n" : "");
  post(peer, (struct slice){text, (size_t)length});
}

static void post_ready(struct peer *peer, uint8_t which) {
  if (peer->is_server)
    post_answer(peer, which);
  else
    post(peer, slice_of(ready[which % (sizeof ready / sizeof *ready)]));
}

/* The text is masked where it lies. */
static void post_frame(struct peer *peer, uint8_t first, uint8_t *text,
                       size_t length) {
  static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
  uint8_t header[FRAME_HEADER_MAX];
  size_t size = peer->is_server
                    ? frame_write_header(header, OP_TEXT, length)
                    : frame_write_masked_header(header, OP_TEXT, length, key);
  header[0] = first;
  if (!peer->is_server) frame_mask(text, length, key, 0);
  post(peer, (struct slice){(char *)header, size});
  post(peer, (struct slice){(char *)text, length});
}

static void post_short(struct peer *peer, uint8_t first, struct slice text) {
  uint8_t copy[UINT8_MAX];
  memcpy(copy, text.at, text.length);
  post_frame(peer, first, copy, text.length);
}

static void post_long(struct peer *peer, uint8_t first, size_t length,
                      uint8_t byte) {
  static uint8_t text[1 << 17];
  memset(text, byte, length);
  post_frame(peer, first, text, length);
}

static void post_deflated(struct peer *peer, struct slice text) {
  uint8_t copy[2 * UINT8_MAX];
  struct deflated out;
  expect(deflater_run(deflater, (const uint8_t *)text.at, text.length, &out));
  expect(out.length <= sizeof copy);
  memcpy(copy, out.bytes, out.length);
  post_frame(peer, 0xC2, copy, out.length);
  mem_free(out.owned);
}

/* ---- commands */

enum command {
  CONNECT,
  SEND_BYTES,    /* length, bytes */
  SEND_READY,    /* which */
  SEND_FRAME,    /* byte 0 of it, length, payload */
  SEND_LARGE,    /* byte 0 of it, exponent of the length, one byte */
  SEND_DEFLATED, /* length, text */
  WAIT,          /* exponent of the milliseconds */
  STICK,         /* exponent of the window */
  TAKE,          /* exponent of the length; 0: goes on reading */
  RESET,
  FINISH,
  STEP,   /* how many bytes arrive in a turn; 0: all */
  TURN,   /* how many */
  ACT,    /* what the app does */
  DECIDE, /* how a request is answered, or its next piece */
  BE_ASKED,
};

/* The answer to a request that was left open, which may be too late. */
static void answer_held(struct peer *peer, uint8_t how) {
  struct connection *conn = peer->user.conn;
  struct http_head head;
  peer->user.is_held = false;
  if (peer->user.is_asked) {
    bool has_head = connection_head(conn, &head);
    answer(peer, conn, has_head ? &head : NULL, how);
  }
  connection_drop(conn);
}

static void decide(struct peer *peer, uint8_t how) {
  struct source *source = peer->user.source;
  if (peer->user.is_held) {
    answer_held(peer, how);
  } else if (source && source->is_asked) {
    if (how & 0x80)
      connection_fail_answer(source->conn);
    else
      give_piece(source, source->conn);
  }
}

/* The commands that need both ends. */
static void play_on(struct peer *peer, enum command command) {
  switch (command) {
  case SEND_BYTES: post(peer, next_bytes(next_byte())); break;
  case SEND_READY: post_ready(peer, next_byte()); break;
  case SEND_FRAME: {
    uint8_t first = next_byte();
    post_short(peer, first, next_bytes(next_byte()));
    break;
  }
  case SEND_LARGE: {
    uint8_t first = next_byte(), exponent = next_byte() % 18;
    post_long(peer, first, (size_t)1 << exponent, next_byte());
    break;
  }
  case SEND_DEFLATED: post_deflated(peer, next_bytes(next_byte())); break;
  case STICK:
    peer->is_stuck = true;
    memory_set_window(peer->memory, (size_t)1 << next_byte() % 18);
    break;
  case TAKE: {
    uint8_t exponent = next_byte() % 18;
    listen_to(peer, (size_t)1 << exponent);
    if (exponent > 0) break;
    peer->is_stuck = false;
    memory_set_window(peer->memory, SIZE_MAX);
    break;
  }
  case RESET: memory_break(peer->memory, -ECONNRESET); break;
  case FINISH: memory_send_fin(peer->memory); break;
  case STEP: {
    uint8_t step = next_byte();
    peer->step = step ? step : SIZE_MAX;
    break;
  }
  case ACT: {
    uint8_t what = next_byte();
    if (peer->user.is_open) act(peer->user.conn, what, SLICE("act"), false);
    break;
  }
  default: break;
  }
}

static void play(void) {
  uint8_t byte = next_byte();
  struct peer *peer = &peers[byte >> 4 & 3];
  enum command command = byte & 15;
  switch (command) {
  case CONNECT: arrive(peer); break;
  case BE_ASKED: be_asked(peer); break;
  case WAIT:
    manual_clock_advance(&time_of_all, (uint64_t)1 << next_byte() % 18);
    break;
  case DECIDE: decide(peer, next_byte()); break;
  case TURN:
    for (int i = next_byte() % 16; i >= 0; i--) turn();
    break;
  default:
    if (peer->memory) play_on(peer, command);
  }
  if (byte & 0x80) turn();
}

/* ---- the beginning and the end */

static void begin(uint8_t choice) {
  static const struct networks no_networks;
  memset(peers, 0, sizeof peers);
  is_ending = false;
  sources = unused = 0;
  manual_clock_init(&time_of_all);
  expect(server_init(&server, &time_of_all.face) == 0);
  endpoint = (struct endpoint){
      .events = &endpoint_events, .limits = limits_default, .references = 1};
  struct limits *limits = &endpoint.limits;
  struct deflate_settings *deflate = &limits->deflate;
  *deflate = deflate_settings_default;
  deflate->is_wanted = choice & 1;
  deflate->keeps_server_context = deflate->keeps_client_context = choice & 2;
  deflate->window_bits = 9; /* small ones are set up sooner */
  deflate->memory_level = 1;
  deflate->threshold = 4;
  limits->max_message_size = choice & 4 ? 300 : 200000;
  limits->max_buffered_amount = choice & 8 ? 5000 : 300000;
  limits->overflow = choice & 16 ? OVERFLOW_DROP : OVERFLOW_CLOSE;
  service = (struct service){.request = on_request,
                             .refused = on_refused,
                             .header_timeout = SERVICE_HEADER_TIMEOUT,
                             .max_header_size = 2000,
                             .max_body_size = 5000,
                             .max_per_address = 3,
                             .trusted = no_networks,
                             .has_proxy_header = choice & 32,
                             .raw = choice & 64 ? &endpoint : NULL};
  topics[0] = topic_get(&server.topics, SLICE("first"));
  topics[1] = topic_get(&server.topics, SLICE("second"));
}

static void let_go(struct peer *peer) {
  if (!peer->memory) return;
  peer->step = SIZE_MAX;
  peer->is_stuck = false;
  memory_set_window(peer->memory, SIZE_MAX);
  memory_send_fin(peer->memory);
  if (peer->user.is_open) {
    connection_resume(peer->user.conn, PAUSE_ASKED);
    connection_resume(peer->user.conn, PAUSE_BUSY);
  }
}

static void drained(void *owner) {
  *(bool *)owner = true;
}

/* Everybody leaves, and what the app owes is given. */
static void leave(void) {
  for (size_t i = 0; i < PEERS; i++) let_go(&peers[i]);
  for (int i = 0; i < 100 && server.count > 0; i++) {
    for (size_t n = 0; n < PEERS; n++) decide(&peers[n], 31);
    for (int n = 0; n < 4; n++) turn();
    manual_clock_advance(&time_of_all, 2500);
  }
  expect(server.count == 0);
}

static void end(uint8_t how) {
  bool is_drained = false;
  is_ending = true;
  if (how & 1) server_drain(&server, drained, &is_drained);
  if (how & 2)
    leave();
  else
    server_terminate(&server);
  for (size_t i = 0; i < PEERS; i++) decide(&peers[i], 31);
  for (int i = 0; i < 4; i++) turn();
  expect(server.count == 0 && sources == 0 && unused == 0);
  if (how & 1) expect(is_drained);
  for (size_t i = 0; i < PEERS; i++) {
    expect(!peers[i].memory && !peers[i].user.is_open);
    expect(peers[i].user.was_open == peers[i].user.was_closed);
  }
  for (int i = 0; i < TOPICS; i++) {
    expect(topics[i]->count == 0);
    topic_drop(topics[i]);
  }
  expect(endpoint.references == 1);
  server_free(&server);
  pool_drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  if (!deflater) {
    struct deflated out;
    log_set_level(LOG_OFF);
    mem_fail_at(0, false); /* switches the counting on */
    deflater = deflater_new(1, 9, 1, false);
    expect(deflater && deflater_run(deflater, data, 1, &out));
    mem_free(out.owned);
  }
  int64_t held = mem_in_use();
  input = data + 2;
  input_end = data + size;
  begin(data[0]);
  for (int i = 0; i < MAX_COMMANDS && input < input_end; i++) play();
  end(data[1]);
  expect(mem_in_use() == held);
  return 0;
}
