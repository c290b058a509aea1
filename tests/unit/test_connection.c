/*
 * test_connection - one peer from its first byte to what an app does with it:
 * requests and upgrades, cut anywhere, and whatever an app may do in the middle
 * of its events. Its end, input, output, keep-alive and raw bytes have tests of
 * their own.
 */
#include "check.h"
#include "support_stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the handshake */

TEST(connection_upgrades) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage_run(stage);
  stage_check(peer, "", "");
  peer_send_text(peer, STAGE_HANDSHAKE);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open");
  CHECK_TEXT(peer_heard_raw(peer),
             "HTTP/1.1 101 Switching Protocols\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  stage_close(stage);
}

static void upgrade_with_more(struct stage *stage, struct connection *conn) {
  connection_upgrade(conn, &stage->endpoint, SLICE("chat"),
                     SLICE("X-A: b\r\nX-C: d\r\n"));
}

TEST(connection_upgrades_with_protocol_and_headers) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->decide = upgrade_with_more;
  peer_send_text(peer, STAGE_HANDSHAKE);
  stage_run(stage);
  CHECK_TEXT(connection_protocol(stage->conn), "chat");
  const char *answer = peer_heard_raw(peer);
  CHECK(strstr(answer, "\r\nSec-WebSocket-Protocol: chat\r\nX-A: b\r\n"
                       "X-C: d\r\n\r\n") != NULL);
  stage_close(stage);
}

/* A whole conversation in one run of bytes, cut at each place: the events are
 * the same. */
static size_t make_conversation(uint8_t *bytes) {
  size_t length = strlen(STAGE_HANDSHAKE), more;
  uint8_t *frames = bytes_of("81 82 00000000 'hi' 01 81 01020304 60"
                             "89 81 00000000 'p' 80 81 00000000 'b'"
                             "88 85 00000000 03E8 'bye'",
                             &more);

  memcpy(bytes, STAGE_HANDSHAKE, length);
  memcpy(bytes + length, frames, more);
  free(frames);
  return length + more;
}

static void check_conversation(struct stage *stage, struct peer *peer) {
  stage_run(stage);
  stage_check(peer, "open; text hi; ping p; text ab; close 1000 bye",
              "101; pong p; close 1000 bye; FIN");
  memory_send_fin(peer->memory);
  stage_run(stage);
  stage_check(peer, "", "gone");
}

TEST(connection_takes_a_conversation_cut_anywhere) {
  uint8_t bytes[1024];
  size_t length = make_conversation(bytes);

  for (size_t cut = 0; cut <= length; cut++) {
    struct stage *stage = stage_open();
    struct peer *peer = stage_connect(stage);
    check_context("cut at %zu", cut);
    peer_send_bytes(peer, bytes, cut);
    stage_turn(stage);
    if (cut % 2) stage_run(stage);
    peer_send_bytes(peer, bytes + cut, length - cut);
    check_conversation(stage, peer);
    stage_close(stage);
  }
}

TEST(connection_takes_a_conversation_bytewise) {
  uint8_t bytes[1024];
  size_t length = make_conversation(bytes);
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  for (size_t i = 0; i < length; i++) {
    peer_send_bytes(peer, bytes + i, 1);
    stage_turn(stage);
  }
  check_conversation(stage, peer);
  stage_close(stage);
}

/* The request is answered turns later; the bytes behind it wait. */
TEST(connection_keeps_bytes_until_the_decision) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);
  uint8_t bytes[1024];
  size_t length = make_conversation(bytes);

  stage->decide = stage_decide_later;
  peer_send_bytes(peer, bytes, length - 20);
  stage_run(stage);
  peer_send_bytes(peer, bytes + length - 20, 20);
  stage_wait(stage, SERVICE_DECIDE_TIMEOUT - 2000);
  stage_check(peer, "", "");
  connection_upgrade(stage->conn, &stage->endpoint, SLICE(""), SLICE(""));
  CHECK_TEXT(stage_events(stage), "open");
  stage_run(stage);
  stage_check(peer, "text hi; ping p; text ab; close 1000 bye",
              "101; pong p; close 1000 bye; FIN");
  stage_close(stage);
}

TEST(connection_that_is_gone_cannot_be_decided) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->decide = stage_decide_later;
  peer_send_text(peer, STAGE_HANDSHAKE);
  stage_run(stage);
  connection_hold(stage->conn);
  memory_break(peer->memory, -ECONNRESET);
  stage_run(stage);
  connection_upgrade(stage->conn, &stage->endpoint, SLICE(""), SLICE(""));
  connection_answer(stage->conn, 200, SLICE(""), SLICE("late"));
  connection_hand_over(stage->conn, &stage->endpoint);
  stage_run(stage);
  CHECK_EQ(stage->conn->state, CONNECTION_CLOSED);
  connection_drop(stage->conn);
  stage_check(peer, "", "gone");
  stage_close(stage);
}

static void answer(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_answer(conn, 200, SLICE("Content-Type: text/plain\r\n"),
                    SLICE("Hello"));
  connection_answer(conn, 500, SLICE(""), SLICE("once only"));
}

static const char *answer_to(const char *request) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->decide = answer;
  peer_send_text(peer, request);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  CHECK(memory_is_shut_down(peer->memory));
  const char *text = peer_heard_raw(peer);
  stage_close(stage);
  return text;
}

TEST(connection_answers_a_request) {
  const char *text = answer_to("GET / HTTP/1.1\r\nHost: a\r\n"
                               "Connection: close\r\n\r\n");

  CHECK(strncmp(text, "HTTP/1.1 200 OK\r\nDate: ", 23) == 0);
  text = strstr(text, " GMT\r\n");
  CHECK_TEXT(text, " GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
                   "Connection: close\r\n\r\nHello");
}

TEST(connection_answers_head_without_a_body) {
  const char *text = answer_to("HEAD / HTTP/1.1\r\nHost: a\r\n"
                               "Connection: close\r\n\r\n");

  text = strstr(text, "Content-Length");
  CHECK_TEXT(text, "Content-Length: 5\r\nConnection: close\r\n\r\n");
}

static void check_refused(const char *request, const char *events,
                          const char *heard) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  check_context("%.20s", request);
  peer_send_text(peer, request);
  stage_run(stage);
  stage_check(peer, events, heard);
  stage_close(stage);
}

TEST(connection_refuses_bad_heads) {
  static char large[20000];
  const char *rest = " HTTP/1.1\r\nHost: a\r\n\r\n";

  check_refused("GET / HTTP/1.1\r\n\r\n", "refused 400", "400; FIN");
  check_refused("\x16\x03\x01\x02", "refused 400", "400; FIN");
  check_refused("GET / HTTP/3.0\r\nHost: a\r\n\r\n", "refused 505", "505; FIN");
  strcpy(large, "GET /");
  memset(large + 5, 'a', 17000);
  strcpy(large + 17005, rest);
  check_refused(large, "refused 414", "414; FIN");
  strcpy(large, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
  memset(large + strlen(large), 'a', 17000);
  check_refused(large, "refused 431", "431; FIN");
}

TEST(connection_gives_the_head_back) {
  struct stage *stage = stage_open();
  struct http_head head;

  stage_upgraded(stage);
  if (CHECK(connection_head(stage->conn, &head))) {
    CHECK_BYTES(head.target.at, head.target.length, "/chat", 5);
    CHECK(slice_equals(http_head_get(&head, "host", 0), SLICE("a.example")));
  }
  CHECK_EQ(stage->conn->peer.port, 4321);
  stage_close(stage);
}

TEST(connection_that_says_nothing_is_refused_in_time) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage_wait(stage, 9900);
  stage_check(peer, "", "");
  stage_wait(stage, 1200);
  stage_check(peer, "refused 408", "408; FIN");
  stage_wait(stage, 1200); /* it does not close: linger */
  stage_check(peer, "", "gone");
  stage_close(stage);
}

TEST(connection_that_drips_is_refused_in_time) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);
  const char *head = STAGE_HANDSHAKE;

  for (int i = 0; i < 22; i++) {
    peer_send_bytes(peer, head + i, 1);
    stage_wait(stage, 500);
  }
  stage_wait(stage, 2000);
  stage_check(peer, "refused 408", "408; FIN; gone");
  stage_close(stage);
}

TEST(connection_that_ends_before_its_request_leaves_no_trace) {
  struct stage *stage = stage_open();
  struct peer *peers[3];

  for (int i = 0; i < 3; i++) peers[i] = stage_connect(stage);
  peer_send_text(peers[1], "GET /");
  memory_send_fin(peers[0]->memory);
  memory_send_fin(peers[1]->memory);
  memory_break(peers[2]->memory, -ECONNRESET);
  stage_run(stage);
  for (int i = 0; i < 3; i++) CHECK(peers[i]->memory == NULL);
  CHECK_TEXT(stage_events(stage), "");
  CHECK_EQ(stage->server.count, 0);
  stage_close(stage);
}

/* ---- what an app may do in the middle of its events */

static void terminate(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_terminate(conn);
  CHECK_EQ(stage_send(conn, 'x', 1), SEND_CLOSED);
  connection_close(conn, 1000, SLICE(""));
  connection_pause(conn, PAUSE_ASKED);
  connection_resume(conn, PAUSE_ASKED);
}

/* The events of a session in which `act` is done at one of them. */
static const char *session_with(const char *act_on,
                                void (*act)(struct stage *stage,
                                            struct connection *conn)) {
  static char events[1024];
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->act_on = act_on;
  stage->act = act;
  peer_send_text(peer, STAGE_HANDSHAKE);
  peer_send(peer, STAGE_ALL_KINDS);
  stage_run(stage);
  stage_wait(stage, 20000);
  stage_run(stage);
  snprintf(events, sizeof events, "%s", stage_events(stage));
  CHECK(peer->memory == NULL);
  CHECK_EQ(stage->server.count, 0);
  stage_close(stage);
  return events;
}

TEST(connection_may_be_terminated_inside_each_event) {
  CHECK_TEXT(session_with("open", terminate), "open; close 1006");
  CHECK_TEXT(session_with("text", terminate), "open; text a; close 1006");
  CHECK_TEXT(session_with("binary", terminate),
             "open; text a; binary b; close 1006");
  CHECK_TEXT(session_with("ping", terminate),
             "open; text a; binary b; ping p; close 1006");
  CHECK_TEXT(session_with("pong", terminate),
             "open; text a; binary b; ping p; pong q; close 1006");
  CHECK_TEXT(session_with("close", terminate),
             "open; text a; binary b; ping p; pong q; close 1000");
  CHECK_TEXT(session_with(NULL, terminate), "open; close 1006");
}

static void close_it(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_close(conn, 4000, SLICE("enough"));
}

TEST(connection_may_be_closed_inside_each_event) {
  CHECK_TEXT(session_with("open", close_it), "open; close 1000");
  CHECK_TEXT(session_with("text", close_it), "open; text a; close 1000");
  CHECK_TEXT(session_with("binary", close_it),
             "open; text a; binary b; close 1000");
  CHECK_TEXT(session_with("ping", close_it),
             "open; text a; binary b; ping p; close 1000");
  CHECK_TEXT(session_with("pong", close_it),
             "open; text a; binary b; ping p; pong q; close 1000");
  CHECK_TEXT(session_with("close", close_it),
             "open; text a; binary b; ping p; pong q; close 1000");
}

static void pause_and_resume(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_pause(conn, PAUSE_ASKED);
  connection_resume(conn, PAUSE_ASKED);
}

TEST(connection_may_be_paused_for_no_time_inside_each_event) {
  CHECK_TEXT(session_with(NULL, pause_and_resume),
             "open; text a; binary b; ping p; pong q; close 1000");
}

static void hold_across_turns(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_hold(conn);
}

TEST(connection_that_is_held_outlives_its_transport) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);
  struct connection *conn = stage->conn;

  stage->act_on = "close";
  stage->act = hold_across_turns;
  peer_send(peer, "88 80 00000000");
  memory_send_fin(peer->memory);
  stage_run(stage);
  stage_check(peer, "close 1005", "close 1000; FIN; gone");
  CHECK_EQ(stage->server.count, 1);
  CHECK_EQ(stage_send(conn, 'x', 1), SEND_CLOSED);
  connection_close(conn, 1000, SLICE(""));
  connection_terminate(conn);
  connection_pause(conn, PAUSE_ASKED);
  connection_resume(conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  connection_drop(conn);
  CHECK_EQ(stage->server.count, 0);
  stage_close(stage);
}
