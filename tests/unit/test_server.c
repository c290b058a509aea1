/*
 * test_server - all connections: how they say goodbye, how many there may be,
 * and a session with each allocation failing in turn.
 */
#include "base/mem.h"
#include "base/pool.h"
#include "check.h"
#include "proto/framed.h"
#include "support_stage.h"
#include "support_starve.h"

#include <errno.h>
#include <string.h>

/* ---- draining */

static void on_drained(void *owner) {
  stage_note(owner, "drained");
}

static void drain(struct stage *stage) {
  server_drain(&stage->server, on_drained, stage);
}

TEST(server_that_is_empty_drains_at_once) {
  struct stage *stage = stage_open();

  drain(stage);
  CHECK_TEXT(stage_events(stage), "drained");
  stage_close(stage);
}

TEST(server_says_goodbye_to_all) {
  struct stage *stage = stage_open();
  struct peer *peers[3];

  for (int i = 0; i < 3; i++) peers[i] = stage_upgraded(stage);
  stage_send(stage->conn, 'x', 1);
  drain(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peers[0]), "close 1001 the server goes away");
  CHECK_TEXT(peer_heard(peers[2]), "text x; close 1001 the server goes away");
  CHECK_TEXT(stage_events(stage), "");
  for (int i = 0; i < 3; i++) {
    peer_send(peers[i], "88 82 00000000 03E9");
    memory_send_fin(peers[i]->memory);
  }
  stage_run(stage);
  CHECK_TEXT(stage_events(stage),
             "close 1001; 2:close 1001; 3:close 1001; drained");
  stage_wait(stage, 20000);
  CHECK_TEXT(stage_events(stage), "");
  stage_close(stage);
}

TEST(server_drains_connections_in_each_state) {
  struct stage *stage = stage_open();
  struct peer *http = stage_connect(stage);
  struct peer *open = stage_upgraded(stage), *closing = stage_upgraded(stage);
  struct peer *ending = stage_upgraded(stage), *deciding;

  connection_close(stage->conn, 4000, SLICE(""));
  stage_run(stage);
  peer_send(ending, "88 80 00000000");
  stage_run(stage);
  stage->decide = stage_decide_later;
  deciding = stage_connect(stage);
  peer_send_text(deciding, STAGE_HANDSHAKE);
  peer_send_bytes(http, "GET", 3);
  stage_run(stage);
  struct connection *undecided = stage->conn;
  stage_events(stage);
  drain(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(http), "gone");
  CHECK_TEXT(peer_heard(open), "close 1001 the server goes away");
  peer_heard(closing);
  CHECK_TEXT(peer_heard(deciding), "");
  connection_upgrade(undecided, &stage->endpoint, SLICE(""), SLICE(""));
  stage_run(stage);
  CHECK_TEXT(peer_heard(deciding), "101; close 1001");
  CHECK_TEXT(stage_events(stage), "5:open");
  for (int i = 0; i < 12; i++) stage_wait(stage, 1000);
  CHECK_EQ(stage->server.count, 0);
  const char *events = stage_events(stage);
  CHECK_TEXT(events + strlen(events) - 7, "drained");
  stage_close(stage);
}

/* Once: not again when those who were left have gone too. */
static void check_drained_once(struct stage *stage) {
  CHECK_TEXT(stage_events(stage), "drained");
  CHECK_EQ(stage->server.count, 1);
  server_terminate(&stage->server);
  stage_wait(stage, 20000);
  CHECK_TEXT(stage_events(stage), "close 1006");
  CHECK_EQ(stage->server.count, 0);
}

TEST(server_drains_in_time) {
  struct stage *stage = stage_open();

  stage_upgraded(stage);
  stage->endpoint.limits.close_timeout = 60000;
  drain(stage);
  stage_wait(stage, 9900);
  CHECK_TEXT(stage_events(stage), "");
  stage_wait(stage, 1200);
  check_drained_once(stage);
  stage_close(stage);
}

TEST(server_drains_undecided_requests_in_time) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->decide = stage_decide_later;
  peer_send_text(peer, STAGE_HANDSHAKE);
  stage_run(stage);
  drain(stage);
  stage_wait(stage, 11100);
  CHECK_TEXT(stage_events(stage), "drained");
  stage_close(stage);
}

TEST(server_drains_at_once_when_asked_twice) {
  struct stage *stage = stage_open();

  stage_upgraded(stage);
  drain(stage);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  drain(stage);
  check_drained_once(stage);
  stage_close(stage);
}

TEST(server_that_drains_accepts_nobody) {
  struct stage *stage = stage_open();

  stage_upgraded(stage);
  drain(stage);
  struct peer *late = stage_connect(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(late), "gone");
  CHECK_TEXT(stage_events(stage), "");
  stage_close(stage);
}

static void drain_inside(struct stage *stage, struct connection *conn) {
  (void)conn;
  stage->act = NULL;
  drain(stage);
}

TEST(server_may_be_drained_inside_an_event) {
  static const char *const events[] = {"open", "text", "close"};

  for (int i = 0; i < 3; i++) {
    struct stage *stage = stage_open();
    struct peer *peer = stage_connect(stage);
    check_context("%s", events[i]);
    stage->act_on = events[i];
    stage->act = drain_inside;
    peer_send_text(peer, STAGE_HANDSHAKE);
    peer_frame(peer, OP_TEXT, "a");
    peer_send(peer, "88 82 00000000 03E8");
    memory_send_fin(peer->memory);
    stage_run(stage);
    CHECK_TEXT(stage_events(stage), i ? "open; text a; close 1000; drained"
                                      : "open; close 1000; drained");
    stage_close(stage);
  }
}

/* ---- how many */

TEST(server_refuses_more_than_it_may_have) {
  struct stage *stage = stage_open();
  struct peer *first, *second;
  stage->server.max_connections = 1;
  first = stage_upgraded(stage);
  second = stage_connect(stage);
  peer_send_text(second, STAGE_HANDSHAKE);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "2:refused 503");
  CHECK(memory_is_shut_down(second->memory));
  const char *answer = peer_heard_raw(second);
  CHECK(strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
  CHECK(strstr(answer, "\r\nRetry-After: ") != NULL);
  memory_send_fin(second->memory);
  stage_run(stage);
  CHECK_EQ(stage->server.count, 1);
  memory_break(first->memory, -ECONNRESET);
  stage_run(stage);
  stage_events(stage);
  CHECK_TEXT((stage_upgraded(stage), stage_events(stage)), "");
  CHECK_EQ(stage->server.count, 1);
  stage_close(stage);
}

TEST(server_closes_raw_ones_that_are_too_many) {
  struct stage *stage = stage_open();
  stage->server.max_connections = 0;
  stage->service.raw = &stage->endpoint;
  struct peer *peer = stage_connect(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "gone");
  CHECK_TEXT(stage_events(stage), "");
  stage_close(stage);
}

TEST(server_terminates_all) {
  struct stage *stage = stage_open();

  for (int i = 0; i < 3; i++) stage_upgraded(stage);
  server_terminate(&stage->server);
  server_terminate(&stage->server);
  CHECK_TEXT(stage_events(stage), "");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "close 1006; 2:close 1006; 3:close 1006");
  stage_close(stage);
}

static void terminate_all(struct stage *stage, struct connection *conn) {
  (void)conn;
  server_terminate(&stage->server);
}

TEST(server_terminates_all_inside_an_event) {
  struct stage *stage = stage_open();
  struct peer *peers[3];

  for (int i = 0; i < 3; i++) peers[i] = stage_upgraded(stage);
  stage->act = terminate_all;
  peer_frame(peers[1], OP_TEXT, "a");
  peer_frame(peers[2], OP_TEXT, "b");
  stage_run(stage);
  CHECK_EQ(stage->server.count, 0);
  const char *events = stage_events(stage);
  CHECK(strncmp(events, "2:text a; ", 10) == 0);
  CHECK(!strstr(events, "text b"));
  stage_close(stage);
}

/* ---- without memory */

TEST(server_init_needs_memory) {
  struct manual_clock clock;
  struct server server;

  manual_clock_init(&clock);
  mem_fail_at(1, false);
  CHECK_EQ(server_init(&server, &clock.face), -ENOMEM);
  mem_fail_at(0, false);
}

static void join(struct stage *stage, struct connection *conn) {
  struct topic *topic = topic_get(&stage->server.topics, SLICE("all"));

  if (!topic) return;
  topic_add(topic, conn);
  topic_drop(topic);
}

static void broadcast(struct stage *stage) {
  struct topic *topic = topic_get(&stage->server.topics, SLICE("all"));
  struct payload *frame = framed_copy(OP_TEXT, "news", 4);

  if (topic && frame) topic_broadcast(topic, frame, NULL, NULL);
  if (frame) payload_drop(frame);
  if (topic) topic_drop(topic);
}

static void upgrade_with_protocol(struct stage *stage,
                                  struct connection *conn) {
  connection_upgrade(conn, &stage->endpoint, SLICE("chat"), SLICE("X: y\r\n"));
}

/* A session that uses everything; the handshake comes in two pieces. */
static void play_session(struct stage *stage, struct peer *peer) {
  static const char head[] = STAGE_HANDSHAKE;

  peer_send_bytes(peer, head, 50);
  stage_run(stage);
  peer_send_bytes(peer, head + 50, strlen(head) - 50);
  peer_send(peer, "01 81 00000000 'a' 89 82 00000000 'hi' 80 81 00000000 'b'");
  stage_run(stage);
  peer_frame(peer, OP_BINARY, "");
  peer_frame_of(peer, OP_TEXT, 'x', 200);
  peer_frame_of(peer, OP_TEXT, 'y', 5000);
  peer_frame_of(peer, OP_TEXT, 'z', 100000);
  peer_send(peer, "01 81 00000000 'd' 89 82 00000000 'h'");
  stage_run(stage);
  peer_send(peer, "'i' 80 FE 4000 00000000 'd' x16384");
  stage_run(stage);
  broadcast(stage);
  stage_run(stage);
  peer_send(peer, "88 85 00000000 03E8 'bye'");
  if (peer->memory) memory_send_fin(peer->memory);
  stage_run(stage);
}

static const char session_events[] =
    "open; ping hi; text ab; binary; text x x200; text y x5000; "
    "text z x100000; ping hi; text d x16385";

/* Told in order up to where it ended: each `open` has its `close`. */
static void check_session_events(const char *events, bool was_starved) {
  bool was_open = strncmp(events, "open", 4) == 0;
  const char *close = strstr(events, "close ");

  CHECK_EQ(was_open, close != NULL);
  if (was_open && close) CHECK(!strchr(close, ';'));
  if (was_starved) return;
  CHECK_EQ(strncmp(events, session_events, strlen(session_events)), 0);
  CHECK(strstr(events, "; close 1000 bye") != NULL);
}

static void check_fresh_session(struct stage *stage) {
  stage->act = NULL;
  struct peer *fresh = stage_upgraded(stage);
  peer_frame(fresh, OP_TEXT, "well?");
  stage_run(stage);
  CHECK_TEXT(peer_heard(fresh), "text well?");
  CHECK(strstr(stage_events(stage), "text well?") != NULL);
}

/* One session with the n-th allocation failing; was there an n-th? */
static bool play_starved(uint64_t nth, bool is_sticky) {
  static char events[STAGE_TEXT];
  struct stage *stage = stage_open();

  check_context("allocation %d%s", (int)nth, is_sticky ? " and all after" : "");
  stage->echoes = true;
  stage->act_on = "open";
  stage->act = join;
  stage->decide = upgrade_with_protocol;
  starve(STARVE_CORE, nth, is_sticky);
  struct peer *peer = stage_connect(stage);
  play_session(stage, peer);
  bool was_starved = starve_end();
  stage_wait(stage, 20000);
  CHECK(peer->memory == NULL);
  CHECK_EQ(stage->server.count, 0);
  memcpy(events, stage_events(stage), sizeof events);
  check_session_events(events, was_starved);
  check_fresh_session(stage);
  stage_close(stage);
  return was_starved;
}

TEST(server_survives_each_failing_allocation) {
  uint64_t n = 1;
  while (n < 500 && play_starved(n, false)) n++;
  CHECK(n > 10 && n < 500);
}

TEST(server_survives_when_memory_ends) {
  uint64_t n = 1;
  while (n < 500 && play_starved(n, true)) n++;
  CHECK(n > 10 && n < 500);
}
