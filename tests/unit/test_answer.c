/*
 * Answers whose body comes piece by piece: framing, who is asked when, and what
 * happens when either side does not keep to it.
 */
#include "check.h"
#include "support_stage.h"
#include "support_starve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* What the app's body is made of: `script` has a piece for each "|"-ended part;
 * at its end comes `ending`. Counts what is asked of it. */
static struct source {
  struct answer_source face;
  const char *script; /* NULL: `size` bytes, for ever */
  size_t size;
  char ending; /* '.' the end, '!' a failure, '?' nothing: later */
  int asked, dropped;
  int status;
  uint64_t length;
} source;

static void add_run(struct connection *conn, size_t size) {
  char *bytes = malloc(size);
  memset(bytes, 'x', size);
  connection_add_piece(conn, (struct slice){bytes, size});
  free(bytes);
}

static void source_next(struct answer_source *face, struct connection *conn) {
  CHECK(face == &source.face);
  source.asked++;
  if (!source.script) {
    add_run(conn, source.size);
    return;
  }
  const char *end = strchr(source.script, '|');
  if (end) {
    struct slice piece = {source.script, (size_t)(end - source.script)};
    source.script = end + 1;
    connection_add_piece(conn, piece);
  } else if (source.ending == '.') {
    connection_end_answer(conn);
  } else if (source.ending == '!') {
    connection_fail_answer(conn);
  }
}

static void source_drop(struct answer_source *face) {
  CHECK(face == &source.face);
  source.dropped++;
}

static void begin(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_begin_answer(conn, source.status, SLICE("X-A: b\r\n"),
                          source.length, &source.face);
}

static struct stage *open_stage(const char *script, char ending) {
  struct stage *stage = stage_open();
  source = (struct source){.face = {source_next, source_drop},
                           .script = script,
                           .ending = ending,
                           .status = 200,
                           .length = ANSWER_LENGTH_UNKNOWN};
  stage->decide = begin;
  return stage;
}

static struct peer *ask(struct stage *stage, const char *request) {
  struct peer *peer = stage_connect(stage);
  peer_send_text(peer, request);
  stage_run(stage);
  return peer;
}

/* What follows the Date and the app's own header. */
static const char *rest_of(const char *answer) {
  const char *at = strstr(answer, "X-A: b\r\n");
  return at ? at + 8 : answer;
}

#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

TEST(answer_goes_out_in_chunks) {
  struct stage *stage = open_stage("Hello||sixteen bytes, yes|", '.');
  struct peer *peer = ask(stage, GET);

  CHECK_TEXT(rest_of(peer_heard_raw(peer)),
             CHUNKED "5\r\nHello\r\n12\r\nsixteen bytes, yes\r\n0\r\n\r\n");
  CHECK(!memory_is_shut_down(peer->memory));
  CHECK_EQ(source.asked, 4);
  CHECK_EQ(source.dropped, 1);
  stage_close(stage);
}

TEST(answer_without_pieces_is_empty) {
  struct stage *stage = open_stage("", '.');

  CHECK_TEXT(rest_of(peer_heard_raw(ask(stage, GET))), CHUNKED "0\r\n\r\n");
  stage_close(stage);
}

TEST(answer_ends_with_the_connection_for_http_1_0) {
  struct stage *stage = open_stage("ab|c|", '.');
  struct peer *peer =
      ask(stage, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

  CHECK(memory_is_shut_down(peer->memory));
  CHECK_TEXT(rest_of(peer_heard_raw(peer)), "Connection: close\r\n\r\nabc");
  stage_close(stage);
}

TEST(answer_with_a_length_keeps_an_http_1_0_client) {
  struct stage *stage = open_stage("ab|c|", '.');

  source.length = 3;
  struct peer *peer =
      ask(stage, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(!memory_is_shut_down(peer->memory));
  CHECK_TEXT(rest_of(peer_heard_raw(peer)),
             "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nabc");
  stage_close(stage);
}

static void check_length(uint64_t length, const char *expected) {
  struct stage *stage = open_stage("ab||c|", '.');
  char text[64];

  check_context("%d of 3", (int)length);
  source.length = length;
  struct peer *peer = ask(stage, GET);
  const char *rest = rest_of(peer_heard_raw(peer));
  snprintf(text, sizeof text, "Content-Length: %d\r\n\r\n%s", (int)length,
           expected ? expected : "");
  if (expected)
    CHECK_TEXT(rest, text);
  else
    CHECK(peer->memory == NULL); /* before it was whole */
  CHECK_EQ(source.dropped, 1);
  stage_close(stage);
}

TEST(answer_is_held_to_its_length) {
  check_length(3, "abc");
  check_length(2, NULL);
  check_length(4, NULL);
  check_length(0, NULL);
}

static void check_bodiless(const char *request, int status, uint64_t length,
                           const char *rest) {
  struct stage *stage = open_stage("ab|", '.');

  source.status = status;
  source.length = length;
  struct peer *peer = ask(stage, request);
  CHECK_TEXT(rest_of(peer_heard_raw(peer)), rest);
  CHECK(!memory_is_shut_down(peer->memory));
  CHECK_EQ(source.asked, 0);
  CHECK_EQ(source.dropped, 1);
  stage_close(stage);
}

TEST(answer_without_a_body_asks_for_none) {
  const char *head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";

  check_bodiless(head, 200, ANSWER_LENGTH_UNKNOWN, CHUNKED);
  check_bodiless(head, 200, 7, "Content-Length: 7\r\n\r\n");
  check_bodiless(GET, 204, ANSWER_LENGTH_UNKNOWN, "\r\n");
  check_bodiless(GET, 304, 7, "\r\n");
}

TEST(answer_that_fails_ends_without_a_last_chunk) {
  struct stage *stage = open_stage("ab|", '!');
  struct peer *peer = ask(stage, GET GET);

  CHECK(peer->memory == NULL);
  CHECK(strstr(peer_heard_raw(peer), "\r\n0\r\n") == NULL);
  CHECK_EQ(source.dropped, 1);
  stage_close(stage);
}

/* The pieces come when nobody is in a hurry, and requests wait behind. */
TEST(answer_comes_late_and_before_the_next_one) {
  struct stage *stage = open_stage("", '?');
  struct peer *peer = ask(stage, GET GET);

  CHECK_TEXT(rest_of(peer_heard_raw(peer)), CHUNKED);
  stage_wait(stage, 3600 * 1000); /* the app has as long as it likes */
  CHECK_EQ(source.asked, 1);
  CHECK(connection_add_piece(stage->conn, SLICE("late")));
  stage_run(stage);
  CHECK_TEXT(peer_heard_raw(peer), "4\r\nlate\r\n");
  CHECK_EQ(source.asked, 2);
  CHECK_EQ(source.dropped, 0);
  CHECK(connection_end_answer(stage->conn));
  CHECK(connection_end_answer(stage->conn)); /* nothing happens */
  CHECK(connection_add_piece(stage->conn, SLICE("too late")));
  stage_run(stage);
  const char *text = peer_heard_raw(peer);
  CHECK(strncmp(text, "0\r\n\r\nHTTP/1.1 200 OK\r\n", 22) == 0);
  CHECK_TEXT(rest_of(text), CHUNKED);
  stage_close(stage);
}

TEST(answer_is_asked_for_as_the_peer_takes_it) {
  struct stage *stage = open_stage(NULL, '.');
  struct peer *peer = stage_connect(stage);

  source.size = 10000;
  peer->is_stuck = true;
  memory_set_window(peer->memory, 40000);
  peer_send_text(peer, GET);
  for (int i = 0; i < 10; i++) stage_run(stage);
  int asked = source.asked;
  CHECK(asked >= 5 && asked <= 7); /* the window, and 16 KiB that wait */
  for (int i = 0; i < 4; i++) {
    stage_wait(stage, SERVICE_TAKE_TIMEOUT - 5000);
    peer_take(peer, 40000);
    for (int j = 0; j < 10; j++) stage_run(stage);
  }
  CHECK(source.asked >= asked + 12 && source.asked <= asked + 16);
  CHECK_EQ(source.dropped, 0);
  CHECK_TEXT(stage_events(stage), "");
  stage_wait(stage, SERVICE_TAKE_TIMEOUT + 2000);
  CHECK(peer->memory == NULL);
  CHECK_TEXT(stage_events(stage), "refused");
  CHECK_EQ(source.dropped, 1);
  stage_close(stage);
}

TEST(answer_without_end_leaves_turns_to_others) {
  struct stage *stage = open_stage(NULL, '.');

  source.size = 1;
  ask(stage, GET);
  int asked = source.asked;
  CHECK(server_has_more(&stage->server));
  stage_turn(stage);
  CHECK(source.asked > asked && source.asked <= asked + 100);
  CHECK(server_has_more(&stage->server));
  struct peer *other = ask(stage, GET);
  CHECK(strstr(peer_heard_raw(other), CHUNKED "1\r\nx\r\n1\r\nx\r\n") != NULL);
  stage_close(stage);
}

TEST(answer_goes_on_for_who_only_listens) {
  struct stage *stage = open_stage("", '?');
  struct peer *peer = ask(stage, GET);

  peer_send_text(peer, GET); /* is answered too */
  memory_send_fin(peer->memory);
  stage_run(stage);
  CHECK(!memory_is_shut_down(peer->memory));
  CHECK(connection_add_piece(stage->conn, SLICE("ab")));
  CHECK(connection_end_answer(stage->conn));
  stage_run(stage);
  const char *text = peer_heard_raw(peer);
  CHECK(strstr(text, CHUNKED "2\r\nab\r\n0\r\n\r\nHTTP/1.1 200 OK") != NULL);
  CHECK(!memory_is_shut_down(peer->memory)); /* the second answer is due */
  CHECK(connection_end_answer(stage->conn));
  stage_run(stage);
  CHECK(peer->memory == NULL);
  stage_close(stage);
}

TEST(answer_does_not_wait_for_ever_for_who_may_have_left) {
  struct stage *stage = open_stage("", '?');
  struct peer *peer = ask(stage, GET);

  memory_send_fin(peer->memory);
  for (int i = 0; i < 3; i++) {
    stage_wait(stage, SERVICE_TAKE_TIMEOUT - 5000);
    CHECK(connection_add_piece(stage->conn, SLICE("it lives")));
    stage_run(stage);
  }
  CHECK(peer->memory != NULL);
  stage_wait(stage, SERVICE_TAKE_TIMEOUT + 2000);
  CHECK(peer->memory == NULL);
  CHECK_EQ(source.dropped, 1);
  stage_close(stage);
}

TEST(answer_is_dropped_with_its_peer) {
  struct stage *stage = open_stage("", '?');
  struct peer *peer = ask(stage, GET);

  memory_break(peer->memory, -104);
  stage_run(stage);
  CHECK(peer->memory == NULL);
  CHECK_EQ(source.dropped, 1);
  stage_close(stage);
  stage = open_stage("", '?');
  ask(stage, GET);
  stage_close(stage); /* the server ends */
  CHECK_EQ(source.dropped, 1);
}

static void begin_then_upgrade(struct stage *stage, struct connection *conn) {
  if (source.dropped == 0)
    begin(stage, conn);
  else
    connection_upgrade(conn, &stage->endpoint, SLICE(""), SLICE(""));
}

static void begin_then_hand_over(struct stage *stage, struct connection *conn) {
  if (source.dropped == 0)
    begin(stage, conn);
  else
    connection_hand_over(conn, &stage->endpoint);
}

/* FIN is heard during the answer; what is behind the request is still served.
 */
TEST(answer_is_followed_by_what_came_before_the_end) {
  struct stage *stage = open_stage("ab|", '?');
  stage->decide = begin_then_upgrade;
  struct peer *peer = ask(stage, GET STAGE_HANDSHAKE);
  peer_send(peer, "81 85 00 00 00 00 'Hello'");
  memory_send_fin(peer->memory);
  stage_run(stage);
  connection_end_answer(stage->conn);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; text Hello; close 1006");
  stage_wait(stage, 2000);
  CHECK_EQ(stage->server.count, 0);
  stage_close(stage);
}

TEST(answer_is_followed_by_raw_bytes_that_came_before_the_end) {
  struct stage *stage = open_stage("ab|", '?');
  stage->decide = begin_then_hand_over;
  struct peer *peer = ask(stage, GET GET "raw");
  memory_send_fin(peer->memory);
  stage_run(stage);
  connection_end_answer(stage->conn);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; binary raw; close 1000");
  stage_wait(stage, 2000);
  CHECK_EQ(stage->server.count, 0);
  stage_close(stage);
}

TEST(answer_takes_only_so_much_of_what_follows) {
  struct stage *stage = open_stage("", '?');
  struct peer *peer = ask(stage, GET);
  size_t most = 3 * SERVICE_MAX_HEADER_SIZE;
  char *more = malloc(most);

  memset(more, 'x', most);
  for (int i = 0; i < 10; i++) {
    peer_send_bytes(peer, more, most);
    stage_run(stage);
  }
  CHECK_EQ(stage->conn->unread.length, most);
  free(more);
  stage_close(stage);
}

TEST(answer_outlives_the_drain_that_begins_during_it) {
  struct stage *stage = open_stage("", '?');
  struct peer *peer = ask(stage, GET GET);

  server_drain(&stage->server, (void (*)(void *))NULL, NULL);
  stage_run(stage);
  CHECK(!memory_is_shut_down(peer->memory));
  connection_add_piece(stage->conn, SLICE("ab"));
  connection_end_answer(stage->conn);
  stage_run(stage);
  CHECK(memory_is_shut_down(peer->memory));
  CHECK_TEXT(rest_of(peer_heard_raw(peer)), CHUNKED "2\r\nab\r\n0\r\n\r\n");
  stage_close(stage);
}

TEST(answer_has_one_source_whatever_has_no_memory) {
  bool is_enough = true;

  for (uint64_t n = 1; is_enough && n < 100; n++) {
    check_context("allocation %d", (int)n);
    struct stage *stage = open_stage("Hello|there|", '.');
    starve(STARVE_CORE, n, false);
    ask(stage, GET);
    is_enough = starve_end();
    stage_close(stage);
    CHECK_EQ(source.dropped, source.asked > 0 || source.dropped > 0 ? 1 : 0);
  }
  CHECK(!is_enough);
  CHECK_EQ(source.asked, 3);
}

/* Too late: whoever was asked has been refused meanwhile. */
TEST(answer_that_nobody_waits_for_is_dropped) {
  struct stage *stage = open_stage("", '.');

  stage->decide = NULL; /* upgrades */
  peer_send_bytes(stage_connect(stage), STAGE_HANDSHAKE,
                  strlen(STAGE_HANDSHAKE));
  stage_run(stage);
  begin(stage, stage->conn);
  CHECK_EQ(source.dropped, 1);
  CHECK_EQ(source.asked, 0);
  stage_close(stage);
}
