/*
 * test_connection - one peer from accept to the last byte: what the app is
 * told, what the peer hears, and when; with every way to end it.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/framed.h"
#include "support_stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_both(struct stage *stage, struct peer *peer,
                       const char *events, const char *heard) {
  CHECK_TEXT(stage_events(stage), events);
  CHECK_TEXT(peer_heard(peer), heard);
}

static void send_text(struct peer *peer, const char *text) {
  peer_send_bytes(peer, text, strlen(text));
}

/* ---- the handshake */

TEST(connection_upgrades) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage_run(stage);
  check_both(stage, peer, "", "");
  send_text(peer, STAGE_HANDSHAKE);
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
  send_text(peer, STAGE_HANDSHAKE);
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
  check_both(stage, peer, "open; text hi; ping p; text ab; close 1000 bye",
             "101; pong p; close 1000 bye; FIN");
  memory_send_fin(peer->memory);
  stage_run(stage);
  check_both(stage, peer, "", "gone");
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

static struct connection *undecided;

static void decide_later(struct stage *stage, struct connection *conn) {
  (void)stage;
  undecided = conn;
}

/* The request is answered turns later; the bytes behind it wait. */
TEST(connection_keeps_bytes_until_the_decision) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);
  uint8_t bytes[1024];
  size_t length = make_conversation(bytes);

  stage->decide = decide_later;
  peer_send_bytes(peer, bytes, length - 20);
  stage_run(stage);
  peer_send_bytes(peer, bytes + length - 20, 20);
  stage_wait(stage, SERVICE_DECIDE_TIMEOUT - 2000);
  check_both(stage, peer, "", "");
  connection_upgrade(undecided, &stage->endpoint, SLICE(""), SLICE(""));
  CHECK_TEXT(stage_events(stage), "open");
  stage_run(stage);
  check_both(stage, peer, "text hi; ping p; text ab; close 1000 bye",
             "101; pong p; close 1000 bye; FIN");
  stage_close(stage);
}

TEST(connection_that_is_gone_cannot_be_decided) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->decide = decide_later;
  send_text(peer, STAGE_HANDSHAKE);
  stage_run(stage);
  connection_hold(undecided);
  memory_break(peer->memory, -ECONNRESET);
  stage_run(stage);
  connection_upgrade(undecided, &stage->endpoint, SLICE(""), SLICE(""));
  connection_answer(undecided, 200, SLICE(""), SLICE("late"));
  connection_hand_over(undecided, &stage->endpoint);
  stage_run(stage);
  CHECK_EQ(undecided->state, CONNECTION_CLOSED);
  connection_drop(undecided);
  check_both(stage, peer, "", "gone");
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
  send_text(peer, request);
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
  send_text(peer, request);
  stage_run(stage);
  check_both(stage, peer, events, heard);
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
  check_both(stage, peer, "", "");
  stage_wait(stage, 1200);
  check_both(stage, peer, "refused 408", "408; FIN");
  stage_wait(stage, 1200); /* it does not close: linger */
  check_both(stage, peer, "", "gone");
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
  check_both(stage, peer, "refused 408", "408; FIN; gone");
  stage_close(stage);
}

TEST(connection_that_ends_before_its_request_leaves_no_trace) {
  struct stage *stage = stage_open();
  struct peer *peers[3];

  for (int i = 0; i < 3; i++) peers[i] = stage_connect(stage);
  send_text(peers[1], "GET /");
  memory_send_fin(peers[0]->memory);
  memory_send_fin(peers[1]->memory);
  memory_break(peers[2]->memory, -ECONNRESET);
  stage_run(stage);
  for (int i = 0; i < 3; i++) CHECK(peers[i]->memory == NULL);
  CHECK_TEXT(stage_events(stage), "");
  CHECK_EQ(stage->server.count, 0);
  stage_close(stage);
}

/* ---- closing */

TEST(connection_is_closed_by_the_peer) {
  static const char *const cases[][3] = {
      {"88 80 00000000", "close 1005", "close 1000; FIN"},
      {"88 82 00000000 03E8", "close 1000", "close 1000; FIN"},
      {"88 85 00000000 0FA0 'bye'", "close 4000 bye", "close 4000 bye; FIN"},
      {"88 82 00000000 03E8 81 81 00000000 'x' FFFF", "close 1000",
       "close 1000; FIN"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct stage *stage = stage_open();
    struct peer *peer = stage_upgraded(stage);
    check_context("%s", cases[i][0]);
    peer_send(peer, cases[i][0]);
    stage_run(stage);
    check_both(stage, peer, cases[i][1], cases[i][2]);
    peer_frame(peer, OP_TEXT, "late");
    stage_run(stage);
    check_both(stage, peer, "", "");
    memory_send_fin(peer->memory);
    stage_run(stage);
    check_both(stage, peer, "", "gone");
    stage_close(stage);
  }
}

TEST(connection_is_closed_by_the_app) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  connection_close(stage->conn, 1001, SLICE("so long"));
  CHECK(!connection_is_open(stage->conn));
  connection_close(stage->conn, 1011, SLICE("a second time"));
  CHECK_EQ(stage_send(stage->conn, 'x', 1), SEND_CLOSED);
  stage_run(stage);
  check_both(stage, peer, "", "close 1001 so long");
  peer_frame(peer, OP_TEXT, "late");
  peer_frame(peer, OP_PING, "late");
  stage_run(stage);
  check_both(stage, peer, "", "");
  peer_send(peer, "88 82 00000000 03E9");
  stage_run(stage);
  check_both(stage, peer, "close 1001", "FIN");
  memory_send_fin(peer->memory);
  stage_run(stage);
  check_both(stage, peer, "", "gone");
  stage_close(stage);
}

TEST(connection_is_closed_by_both_at_once) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer_send(peer, "81 81 00000000 'a' 88 84 00000000 0FA1 'me'");
  connection_close(stage->conn, 4000, SLICE("you"));
  stage_run(stage);
  check_both(stage, peer, "close 4001 me", "close 4000 you; FIN");
  stage_close(stage);
}

TEST(connection_close_is_bounded_in_time) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  connection_close(stage->conn, 1000, SLICE(""));
  stage_wait(stage, 4900);
  check_both(stage, peer, "", "close 1000");
  stage_wait(stage, 300);
  check_both(stage, peer, "close 1006", "gone");
  stage_close(stage);
}

TEST(connection_lingers_for_a_moment) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer_send(peer, "88 80 00000000");
  stage_run(stage);
  stage_wait(stage, 900);
  check_both(stage, peer, "close 1005", "close 1000; FIN");
  peer_frame_of(peer, OP_TEXT, 'x', 1000);
  stage_run(stage);
  check_both(stage, peer, "", "");
  stage_wait(stage, 300);
  check_both(stage, peer, "", "gone");
  stage_close(stage);
}

/* The peer has closed, and still has to take most of 1,000 bytes. */
static struct peer *slow_to_take(struct stage *stage) {
  struct peer *peer = stage_upgraded(stage);

  peer->is_stuck = true;
  stage_send(stage->conn, 'x', 1000);
  peer_send(peer, "88 80 00000000");
  stage_run(stage);
  CHECK(memory_is_shut_down(peer->memory));
  return peer;
}

TEST(connection_lingers_while_its_bytes_are_taken) {
  struct stage *stage = stage_open();
  struct peer *peer = slow_to_take(stage);

  stage_wait(stage, 1200);
  for (int i = 0; i < 5; i++) {
    peer_take(peer, 100);
    stage_wait(stage, 4900);
    if (!CHECK(peer->memory != NULL)) break;
  }
  peer->is_stuck = false;
  stage_run(stage);
  check_both(stage, peer, "close 1005", "text x x1000; close 1000; FIN");
  stage_wait(stage, 5100);
  check_both(stage, peer, "", "gone");
  stage_close(stage);
}

TEST(connection_gives_up_when_its_bytes_are_not_taken) {
  struct stage *stage = stage_open();
  struct peer *peer = slow_to_take(stage);

  stage_wait(stage, 1200);
  CHECK(peer->memory != NULL);
  stage_wait(stage, 4700);
  CHECK(peer->memory != NULL);
  stage_wait(stage, 500);
  CHECK(peer->memory == NULL);
  stage_close(stage);
}

TEST(connection_sends_messages_before_its_close_frame) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  for (char byte = 'a'; byte < 'd'; byte++) stage_send(stage->conn, byte, 1);
  stage_send(stage->conn, 'x', 200000);
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  check_both(stage, peer, "",
             "text a; text b; text c; text x x200000; "
             "close 1000");
  stage_close(stage);
}

/* The same when the peer takes little at a time and closes too. */
TEST(connection_flushes_before_it_ends) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer->is_stuck = true;
  memory_set_window(peer->memory, 1000);
  stage_send(stage->conn, 'x', 5000);
  stage_run(stage);
  peer_send(peer, "88 82 00000000 03E8");
  stage_run(stage);
  check_both(stage, peer, "close 1000", "");
  for (int i = 0; i < 6; i++) {
    peer_take(peer, 1000);
    stage_run(stage);
  }
  check_both(stage, peer, "", "text x x5000; close 1000; FIN");
  stage_close(stage);
}

TEST(connection_that_cannot_flush_is_dropped_in_time) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer->is_stuck = true;
  memory_set_window(peer->memory, 100);
  stage_send(stage->conn, 'x', 5000);
  stage_run(stage);
  peer_send(peer, "88 82 00000000 03E8");
  stage_run(stage);
  stage_wait(stage, 4800);
  CHECK(peer->memory != NULL);
  stage_wait(stage, 400);
  check_both(stage, peer, "close 1000", "gone");
  stage_close(stage);
}

static void unstick(struct peer *peer);

TEST(connection_waits_for_a_peer_that_takes_its_output_slowly) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer->is_stuck = true;
  memory_set_window(peer->memory, 20000);
  stage_send(stage->conn, 'x', 200000); /* in requests of 32 KiB */
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  peer_send(peer, "88 82 00000000 03E8");
  stage_run(stage);
  for (int i = 0; i < 9; i++) {
    stage_wait(stage, 2000); /* 18 s in all; closeTimeout is 5 */
    CHECK(peer->memory != NULL);
    peer_take(peer, 20000);
    stage_run(stage);
  }
  unstick(peer);
  stage_run(stage);
  check_both(stage, peer, "close 1000", "text x x200000; close 1000; FIN");
  stage_close(stage);
}

static void check_violation(const char *frames, const char *before, int code) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);
  char start[32];

  check_context("%s", frames);
  peer_send(peer, frames);
  peer_frame(peer, OP_TEXT, "never");
  stage_run(stage);
  snprintf(start, sizeof start, "%sclose %d ", before, code);
  CHECK(strncmp(stage_events(stage), start, strlen(start)) == 0);
  const char *heard = peer_heard(peer);
  snprintf(start, sizeof start, "close %d ", code);
  CHECK(strncmp(heard, start, strlen(start)) == 0);
  CHECK_TEXT(heard + strlen(heard) - 5, "; FIN");
  peer_frame(peer, OP_TEXT, "never");
  stage_wait(stage, 1200);
  check_both(stage, peer, "", "gone");
  stage_close(stage);
}

TEST(connection_fails_on_violations) {
  check_violation("81 00", "", 1002);
  check_violation("C1 80 00000000", "", 1002);
  check_violation("81 81 00000000 'a' 83 80 00000000", "text a; ", 1002);
  check_violation("81 81 00000000 FF", "", 1007);
  check_violation("82 FF 0000000000200000 00000000", "", 1009);
  check_violation("88 82 00000000 03ED", "", 1002);
  check_violation("'GET / HTTP/1.1' 0D 0A", "", 1002);
}

TEST(connection_tells_the_end_of_the_stream_once) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer_send(peer, "81 81 00000000 'a' 81 85 00000000 'b'");
  memory_send_fin(peer->memory);
  stage_run(stage);
  stage_wait(stage, 20000);
  check_both(stage, peer, "text a; close 1006", "FIN; gone");
  stage_close(stage);
}

TEST(connection_flushes_after_the_end_of_the_stream) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->echoes = true;
  peer_frame(peer, OP_TEXT, "half closed");
  memory_send_fin(peer->memory);
  stage_run(stage);
  check_both(stage, peer, "text half closed; close 1006",
             "text half closed; FIN; gone");
  stage_close(stage);
}

TEST(connection_tells_a_reset_once) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage_send(stage->conn, 'x', 10);
  memory_break(peer->memory, -ECONNRESET);
  stage_run(stage);
  check_both(stage, peer, "close 1006", "gone");
  stage_close(stage);
}

TEST(connection_is_lost_when_writing_fails) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  memory_break(peer->memory, -EPIPE);
  stage_send(stage->conn, 'x', 10);
  server_turn(&stage->server);
  CHECK_TEXT(stage_events(stage), "close 1006");
  stage_run(stage);
  check_both(stage, peer, "", "gone");
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

static const char all_kinds[] = "81 81 00000000 'a' 82 81 00000000 'b'"
                                "89 81 00000000 'p' 8A 81 00000000 'q'"
                                "88 82 00000000 03E8";

/* The events of a session in which `act` is done at one of them. */
static const char *session_with(const char *act_on,
                                void (*act)(struct stage *stage,
                                            struct connection *conn)) {
  static char events[1024];
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->act_on = act_on;
  stage->act = act;
  send_text(peer, STAGE_HANDSHAKE);
  peer_send(peer, all_kinds);
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

static void pause_it(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_pause(conn, PAUSE_ASKED);
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
  check_both(stage, peer, "close 1005", "close 1000; FIN; gone");
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

/* ---- pausing */

TEST(connection_keeps_the_rest_of_a_chunk_while_it_is_paused) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text b";
  stage->act = pause_it;
  peer_send(peer, "81 81 00000000 'a' 81 81 00000000 'b' 81 81 00000000 'c'"
                  "89 80 00000000 01 81 00000000 'd'");
  stage_run(stage);
  check_both(stage, peer, "text a; text b", "");
  peer_send(peer, "80 81 00000000 'e'");
  stage_wait(stage, 1000);
  check_both(stage, peer, "", "");
  connection_resume(stage->conn, PAUSE_ASKED);
  check_both(stage, peer, "", ""); /* not from inside the call */
  stage_run(stage);
  check_both(stage, peer, "text c; ping; text de", "pong");
  stage_close(stage);
}

TEST(connection_may_be_paused_at_each_message) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act = pause_it;
  peer_send(peer, all_kinds);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "text a");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "binary b");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "ping p");
  connection_resume(stage->conn, PAUSE_ASKED);
  connection_pause(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "pong q");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  check_both(stage, peer, "close 1000", "pong p; close 1000; FIN");
  stage_close(stage);
}

TEST(connection_pauses_for_several_reasons) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  connection_pause(stage->conn, PAUSE_ASKED);
  connection_pause(stage->conn, PAUSE_BUSY);
  peer_frame(peer, OP_TEXT, "a");
  connection_resume(stage->conn, PAUSE_ASKED);
  connection_resume(stage->conn, PAUSE_OUTPUT);
  stage_run(stage);
  check_both(stage, peer, "", "");
  connection_resume(stage->conn, PAUSE_BUSY);
  stage_run(stage);
  check_both(stage, peer, "text a", "");
  stage_close(stage);
}

TEST(connection_paused_in_open_waits) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->act_on = "open";
  stage->act = pause_it;
  send_text(peer, STAGE_HANDSHAKE);
  peer_frame(peer, OP_TEXT, "a");
  stage_run(stage);
  peer_frame(peer, OP_TEXT, "b");
  stage_run(stage);
  check_both(stage, peer, "open", "101");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  check_both(stage, peer, "text a; text b", "");
  stage_close(stage);
}

TEST(connection_hears_the_end_after_what_waited) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text a";
  stage->act = pause_it;
  peer_frame(peer, OP_TEXT, "a");
  peer_frame(peer, OP_TEXT, "b");
  memory_send_fin(peer->memory);
  stage_run(stage);
  check_both(stage, peer, "text a", "");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  check_both(stage, peer, "text b; close 1006", "FIN; gone");
  stage_close(stage);
}

TEST(connection_that_is_closed_while_paused_hears_the_answer) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text a";
  stage->act = pause_it;
  peer_frame(peer, OP_TEXT, "a");
  peer_frame(peer, OP_TEXT, "b");
  stage_run(stage);
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  peer_send(peer, "88 82 00000000 03E8");
  stage_run(stage);
  check_both(stage, peer, "text a; close 1000", "close 1000; FIN");
  stage_close(stage);
}

TEST(connection_looks_at_what_waited_before_what_comes) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text a";
  stage->act = pause_it;
  peer_frame(peer, OP_TEXT, "a");
  peer_send(peer, "82 FE 0100 00000000 'x' x250");
  stage_run(stage);
  peer_send(peer, "'y' x6 88 82 00000000 0FA0");
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage); /* reads first, then does what is due */
  check_both(stage, peer, "text a; close 4000", "close 1000; FIN");
  stage_close(stage);
}

TEST(connection_is_not_read_while_it_is_paused) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  connection_pause(stage->conn, PAUSE_ASKED);
  for (int i = 0; i < 100; i++) {
    peer_frame_of(peer, OP_TEXT, 'x', 10000);
    stage_turn(stage);
  }
  CHECK_EQ(stage->conn->unread.length, 0);
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK(strlen(stage_events(stage)) > 100 * strlen("text x x10000"));
  stage_close(stage);
}

/* ---- messages that came together */

static void note_taken(struct stage *stage, struct connection *conn) {
  struct slice message;
  bool is_binary;
  char text[64];

  stage->act = NULL;
  while (connection_take_message(conn, &message, &is_binary)) {
    snprintf(text, sizeof text, "took %s %.*s", is_binary ? "binary" : "text",
             (int)message.length, message.at);
    stage_note(stage, text);
  }
}

TEST(connection_gives_messages_that_came_together) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act = note_taken;
  peer_send(peer, "81 81 00000000 'a' 82 81 00000000 'b' 81 82 00000000 'cd'"
                  "89 81 00000000 'p' 81 81 00000000 'e' 81 85 00000000 'f'");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage),
             "text a; took binary b; took text cd; ping p; text e");
  stage->act = note_taken;
  peer_send(peer, "'ghij' 81 81 00000000 'k' 88 80 00000000");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "text fghij; took text k; close 1005");
  stage_close(stage);
}

static void take_and_pause(struct stage *stage, struct connection *conn) {
  note_taken(stage, conn);
  connection_pause(conn, PAUSE_ASKED);
}

/* What was looked at and not taken is not lost. */
TEST(connection_delivers_what_was_not_taken) {
  static const char *const frames[] = {"89 81 00000000 'p'", "88 80 00000000",
                                       "FF"};
  static const char *const events[] = {"ping p; text z", "close 1005",
                                       "close 1002"};

  for (int i = 0; i < 3; i++) {
    struct stage *stage = stage_open();
    struct peer *peer = stage_upgraded(stage);
    check_context("%s", frames[i]);
    stage->act_on = "text";
    stage->act = take_and_pause;
    peer_frame(peer, OP_TEXT, "a");
    peer_send(peer, frames[i]);
    if (i == 0) peer_frame(peer, OP_TEXT, "z");
    stage_run(stage);
    connection_resume(stage->conn, PAUSE_ASKED);
    stage_run(stage);
    const char *told = stage_events(stage);
    CHECK(strncmp(told, "text a; ", 8) == 0);
    CHECK(strncmp(told + 8, events[i], strlen(events[i])) == 0);
    stage_close(stage);
  }
}

static void end_and_take(struct stage *stage, struct connection *conn) {
  struct slice message;
  bool is_binary;

  if (stage->echoes)
    connection_terminate(conn);
  else
    connection_close(conn, 1000, SLICE(""));
  CHECK(!connection_take_message(conn, &message, &is_binary));
}

TEST(connection_gives_no_message_after_its_end) {
  for (int terminates = 0; terminates < 2; terminates++) {
    struct stage *stage = stage_open();
    struct peer *peer = stage_upgraded(stage);
    struct slice message;
    bool is_binary;
    CHECK(!connection_take_message(stage->conn, &message, &is_binary));
    stage->echoes = terminates;
    stage->act_on = "text";
    stage->act = end_and_take;
    peer_send(peer, "81 81 00000000 'a' 81 81 00000000 'b' 88 80 00000000");
    stage_run(stage);
    CHECK_TEXT(stage_events(stage),
               terminates ? "text a; close 1006" : "text a; close 1005");
    stage_close(stage);
  }
}

/* ---- output */

static struct peer *stuck_peer(struct stage *stage, size_t window) {
  struct peer *peer = stage_upgraded(stage);

  peer->is_stuck = true;
  memory_set_window(peer->memory, window);
  return peer;
}

static void unstick(struct peer *peer) {
  peer->is_stuck = false;
  memory_set_window(peer->memory, SIZE_MAX);
}

TEST(connection_writes_once_a_turn) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage_send(stage->conn, 'a', 1);
  stage_send(stage->conn, 'b', 1);
  CHECK_EQ(connection_buffered(stage->conn), 6);
  check_both(stage, peer, "", "");
  stage_run(stage);
  CHECK_EQ(connection_buffered(stage->conn), 0);
  check_both(stage, peer, "", "text a; text b");
  stage_close(stage);
}

TEST(connection_sends_through_each_window) {
  for (size_t window = 1; window < 64; window += 3) {
    struct stage *stage = stage_open();
    struct peer *peer = stuck_peer(stage, window);
    check_context("window %zu", window);
    for (int i = 0; i < 10; i++) {
      stage_send(stage->conn, (char)('a' + i), (size_t)i);
      peer_take(peer, window / 2);
      stage_turn(stage);
    }
    for (int i = 0; i < 200; i++) {
      peer_take(peer, window);
      stage_turn(stage);
    }
    check_both(stage, peer, "",
               "text; text b; text cc; text ddd; text eeee; text fffff; text "
               "gggggg; text hhhhhhh; text iiiiiiii; text jjjjjjjjj");
    CHECK_EQ(connection_buffered(stage->conn), 0);
    stage_close(stage);
  }
}

TEST(connection_pauses_at_the_high_water_mark) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 100);

  stage_send(stage->conn, 'x', 64 * 1024 + 100);
  stage_run(stage);
  CHECK_EQ(stage->conn->paused, PAUSE_OUTPUT);
  peer_frame(peer, OP_TEXT, "a");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  unstick(peer);
  stage_run(stage);
  check_both(stage, peer, "drain; text a", "text x x65636");
  CHECK_EQ(stage->conn->paused, 0);
  stage_close(stage);
}

TEST(connection_does_not_pause_below_the_high_water_mark) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 100);

  stage_send(stage->conn, 'x', 64 * 1024);
  stage_run(stage);
  CHECK_EQ(stage->conn->paused, 0);
  peer_frame(peer, OP_TEXT, "a");
  unstick(peer);
  stage_run(stage);
  check_both(stage, peer, "text a", "text x x65536");
  stage_close(stage);
}

/* Bytes that are queued while others are being written count as well. */
TEST(connection_pauses_while_it_is_writing) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 100);

  stage->echoes = true;
  peer_frame_of(peer, OP_BINARY, 'x', 1000);
  stage_run(stage);
  for (int i = 0; i < 200; i++) {
    peer_frame_of(peer, OP_BINARY, 'x', 10000);
    stage_run(stage);
  }
  CHECK(stage->conn->paused & PAUSE_OUTPUT);
  CHECK(connection_buffered(stage->conn) < 100000);
  CHECK(connection_is_open(stage->conn));
  stage_events(stage);
  unstick(peer);
  for (int i = 0; i < 100; i++) stage_run(stage);
  CHECK(connection_is_open(stage->conn));
  CHECK_EQ(stage->conn->paused, 0);
  CHECK_EQ(connection_buffered(stage->conn), 0);
  stage_close(stage);
}

TEST(connection_drains_below_the_low_water_mark) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 0);

  for (int i = 0; i < 80; i++) stage_send(stage->conn, 'x', 1000);
  memory_set_window(peer->memory, 2000);
  for (int i = 0; i < 80 && !stage->events[0]; i++) {
    peer_take(peer, 2000);
    stage_turn(stage);
  }
  CHECK(connection_buffered(stage->conn) < 16 * 1024);
  check_both(stage, peer, "drain", peer_heard(peer));
  unstick(peer);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  stage_close(stage);
}

static void send_more(struct stage *stage, struct connection *conn) {
  stage->act = NULL;
  stage_send(conn, 'm', 100000);
}

TEST(connection_may_send_in_its_drain_event) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 100);

  stage->act_on = "drain";
  stage->act = send_more;
  stage_send(stage->conn, 'x', 100000);
  stage_run(stage);
  unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "text x x100000; text m x100000");
  stage_close(stage);
}

TEST(connection_answers_only_the_latest_ping_when_output_is_stuck) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 10);

  stage_send(stage->conn, 'x', 50);
  stage_run(stage);
  peer_frame(peer, OP_PING, "one");
  stage_run(stage);
  peer_frame(peer, OP_PING, "two");
  peer_frame(peer, OP_PING, "three");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "ping one; ping two; ping three");
  unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "text x x50; pong three");
  stage_close(stage);
}

TEST(connection_sends_no_late_pong_after_its_close_frame) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 10);

  stage_send(stage->conn, 'x', 50);
  stage_run(stage);
  peer_frame(peer, OP_PING, "late");
  stage_run(stage);
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  unstick(peer);
  stage_run(stage);
  const char *heard = peer_heard(peer);
  CHECK(strcmp(heard, "text x x50; close 1000") == 0 ||
        strcmp(heard, "text x x50; pong late; close 1000") == 0);
  stage_close(stage);
}

TEST(connection_that_overflows_is_closed) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 10);

  stage->endpoint.limits.max_buffered_amount = 5000;
  CHECK_EQ(stage_send(stage->conn, 'x', 5000), SEND_QUEUED);
  CHECK_EQ(stage_send(stage->conn, 'y', 10), SEND_DROPPED);
  CHECK_EQ(stage_send(stage->conn, 'z', 10), SEND_CLOSED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "close 1013 the peer reads too slowly");
  unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer),
             "text x x5000; close 1013 the peer reads too slowly; FIN");
  stage_close(stage);
}

TEST(connection_that_overflows_may_drop_messages) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 10);

  stage->endpoint.limits.max_buffered_amount = 5000;
  stage->endpoint.limits.overflow = OVERFLOW_DROP;
  CHECK_EQ(stage_send(stage->conn, 'x', 5000), SEND_QUEUED);
  CHECK_EQ(stage_send(stage->conn, 'y', 10), SEND_DROPPED);
  stage_run(stage);
  unstick(peer);
  stage_run(stage);
  CHECK_EQ(stage_send(stage->conn, 'z', 10), SEND_QUEUED);
  stage_run(stage);
  check_both(stage, peer, "", "text x x5000; text zzzzzzzzzz");
  stage_close(stage);
}

TEST(connection_overflows_inside_a_message) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 10);

  stage->endpoint.limits.max_buffered_amount = 100;
  stage->echoes = true;
  for (int i = 0; i < 5; i++) peer_frame_of(peer, OP_TEXT, 'x', 200);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "text x x200; text x x200; "
                                  "close 1013 the peer reads too slowly");
  stage_close(stage);
}

static void count_release(void *owner, int tag) {
  *(int *)owner += tag;
}

TEST(connection_releases_borrowed_bodies_once) {
  static const char body[100000] = "x";
  int released = 0;

  for (int ends = 0; ends < 3; ends++) {
    struct stage *stage = stage_open();
    struct peer *peer = stuck_peer(stage, 10);
    released = 0;
    struct payload *frame = framed_borrow(OP_BINARY, body, sizeof body,
                                          count_release, &released, 1);
    connection_send(stage->conn, frame);
    payload_drop(frame);
    stage_run(stage);
    CHECK_EQ(released, 0);
    if (ends == 0) unstick(peer);
    if (ends == 1) memory_break(peer->memory, -EPIPE);
    if (ends == 2) connection_terminate(stage->conn);
    stage_run(stage);
    CHECK_EQ(released, 1);
    stage_close(stage);
    CHECK_EQ(released, 1);
  }
}

/* ---- keep-alive */

TEST(connection_pings_a_silent_peer_and_loses_it) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage_wait(stage, 26900);
  check_both(stage, peer, "", "");
  stage_wait(stage, 4200); /* 27 to 30 s, and a second's coarseness */
  check_both(stage, peer, "", "ping");
  stage_wait(stage, 26000);
  check_both(stage, peer, "", "");
  stage_wait(stage, 6000);
  check_both(stage, peer, "close 1006", "gone");
  stage_close(stage);
}

TEST(connection_takes_any_byte_for_life) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer_send(peer, "82 FE 4000 00000000");
  for (int i = 0; i < 200; i++) {
    stage_wait(stage, 25000);
    peer_send(peer, "00");
    stage_run(stage);
  }
  check_both(stage, peer, "", "");
  stage_close(stage);
}

TEST(connection_that_answers_pings_lives) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);
  int pings = 0;

  for (int i = 0; i < 1000; i++) {
    stage_wait(stage, 1000);
    if (strcmp(peer_heard(peer), "ping") != 0) continue;
    pings++;
    peer_send(peer, "8A 80 00000000");
    stage_run(stage);
  }
  CHECK(connection_is_open(stage->conn));
  CHECK(pings >= 32 && pings <= 38);
  stage_close(stage);
}

TEST(connection_never_pings_without_keep_alive) {
  struct stage *stage = stage_open();
  stage->endpoint.limits.keep_alive = 0;
  struct peer *peer = stage_upgraded(stage);

  CHECK_EQ(stage->server.wheel.count, 0);
  stage_wait(stage, 10000000);
  check_both(stage, peer, "", "");
  stage_close(stage);
}

TEST(connection_that_is_paused_is_not_lost) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  connection_pause(stage->conn, PAUSE_BUSY);
  stage_wait(stage, 1000000);
  CHECK_TEXT(stage_events(stage), "");
  connection_resume(stage->conn, PAUSE_BUSY);
  peer_frame(peer, OP_TEXT, "still here");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "text still here");
  stage_close(stage);
}

/* The peer's pong waits unread: that is our doing. */
TEST(connection_that_is_paused_after_a_ping_is_not_lost) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage_wait(stage, 31100);
  CHECK_TEXT(peer_heard(peer), "ping");
  connection_pause(stage->conn, PAUSE_ASKED);
  peer_send(peer, "8A 80 00000000");
  stage_wait(stage, 100000);
  if (CHECK_TEXT(stage_events(stage), "")) {
    connection_resume(stage->conn, PAUSE_ASKED);
    stage_run(stage);
    CHECK_TEXT(stage_events(stage), "pong");
  }
  stage_close(stage);
}

TEST(connection_that_takes_nothing_is_lost) {
  struct stage *stage = stage_open();
  struct peer *peer = stuck_peer(stage, 10);

  stage_send(stage->conn, 'x', 100000);
  stage_wait(stage, 70000);
  CHECK_TEXT(stage_events(stage), "close 1006");
  CHECK(peer->memory == NULL);
  stage_close(stage);
}

/* ---- raw bytes */

static void send_bytes(struct connection *conn, const char *text) {
  struct payload *payload = payload_new(strlen(text));

  memcpy(payload->head, text, strlen(text));
  CHECK_EQ(connection_send(conn, payload), SEND_QUEUED);
  payload_drop(payload);
}

static struct peer *raw_peer(struct stage *stage) {
  stage->service.raw = &stage->endpoint;
  return stage_connect(stage);
}

TEST(connection_carries_raw_bytes) {
  struct stage *stage = stage_open();
  struct peer *peer = raw_peer(stage);

  CHECK_TEXT(stage_events(stage), "open");
  send_text(peer, "one");
  stage_run(stage);
  send_bytes(stage->conn, "an");
  send_bytes(stage->conn, "swer");
  send_text(peer, "two\r\n");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "binary one; binary two<0D><0A>");
  CHECK_TEXT(peer_heard_raw(peer), "answer");
  stage_wait(stage, 1000000);
  CHECK_TEXT(stage_events(stage), "");
  memory_send_fin(peer->memory);
  stage_run(stage);
  check_both(stage, peer, "close 1000", "FIN; gone");
  stage_close(stage);
}

TEST(connection_closes_raw_after_its_bytes) {
  struct stage *stage = stage_open();
  struct peer *peer = raw_peer(stage);

  stage_run(stage);
  peer->is_stuck = true;
  memory_set_window(peer->memory, 2);
  send_bytes(stage->conn, "bye");
  connection_close(stage->conn, 1000, SLICE(""));
  send_text(peer, "late");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; close 1000");
  CHECK(!memory_is_shut_down(peer->memory));
  unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard_raw(peer), "bye");
  CHECK(memory_is_shut_down(peer->memory));
  stage_close(stage);
}

TEST(connection_pauses_raw_bytes) {
  struct stage *stage = stage_open();
  struct peer *peer = raw_peer(stage);

  stage->act_on = "binary a";
  stage->act = pause_it;
  send_text(peer, "a");
  stage_run(stage);
  send_text(peer, "b");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; binary a");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "binary b");
  stage_close(stage);
}

TEST(connection_sends_empty_raw_payloads_as_nothing) {
  struct stage *stage = stage_open();
  struct peer *peer = raw_peer(stage);

  stage_run(stage);
  for (int i = 0; i < 2000; i++) send_bytes(stage->conn, "");
  stage_run(stage);
  CHECK_EQ(stage->conn->queue.count, 0);
  send_bytes(stage->conn, "");
  send_bytes(stage->conn, "a");
  stage_run(stage);
  CHECK_TEXT(peer_heard_raw(peer), "a");
  stage_close(stage);
}

TEST(connection_that_overflows_raw_is_lost) {
  struct stage *stage = stage_open();
  struct peer *peer = raw_peer(stage);
  struct payload *payload = payload_new(5000);

  memset(payload->head, 'x', 5000);
  stage->endpoint.limits.max_buffered_amount = 4000;
  memory_set_window(peer->memory, 10);
  CHECK_EQ(connection_send(stage->conn, payload), SEND_QUEUED);
  CHECK_EQ(connection_send(stage->conn, payload), SEND_DROPPED);
  payload_drop(payload);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; close 1006");
  CHECK(peer->memory == NULL);
  stage_close(stage);
}

static void hand_over(struct stage *stage, struct connection *conn) {
  connection_hand_over(conn, &stage->endpoint);
}

TEST(connection_is_handed_over) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);
  struct http_head head;

  stage->decide = hand_over;
  send_text(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; binary body");
  CHECK_TEXT(peer_heard_raw(peer), "");
  CHECK(connection_head(stage->conn, &head));
  send_text(peer, " more");
  stage_wait(stage, 1000000);
  CHECK_TEXT(stage_events(stage), "binary  more");
  send_bytes(stage->conn, "HTTP/1.1 200 OK\r\n\r\n");
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  check_both(stage, peer, "close 1000", "200; FIN");
  stage_close(stage);
}
