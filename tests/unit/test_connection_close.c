/*
 * test_connection_close - every way to end a connection: by the peer, by the
 * app, by both, by a violation, by the network; what each side hears of it, and
 * in which time.
 */
#include "check.h"
#include "support_stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
    stage_check(peer, cases[i][1], cases[i][2]);
    peer_frame(peer, OP_TEXT, "late");
    stage_run(stage);
    stage_check(peer, "", "");
    memory_send_fin(peer->memory);
    stage_run(stage);
    stage_check(peer, "", "gone");
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
  stage_check(peer, "", "close 1001 so long");
  peer_frame(peer, OP_TEXT, "late");
  peer_frame(peer, OP_PING, "late");
  stage_run(stage);
  stage_check(peer, "", "");
  peer_send(peer, "88 82 00000000 03E9");
  stage_run(stage);
  stage_check(peer, "close 1001", "FIN");
  memory_send_fin(peer->memory);
  stage_run(stage);
  stage_check(peer, "", "gone");
  stage_close(stage);
}

TEST(connection_is_closed_by_both_at_once) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer_send(peer, "81 81 00000000 'a' 88 84 00000000 0FA1 'me'");
  connection_close(stage->conn, 4000, SLICE("you"));
  stage_run(stage);
  stage_check(peer, "close 4001 me", "close 4000 you; FIN");
  stage_close(stage);
}

TEST(connection_close_is_bounded_in_time) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  connection_close(stage->conn, 1000, SLICE(""));
  stage_wait(stage, 4900);
  stage_check(peer, "", "close 1000");
  stage_wait(stage, 300);
  stage_check(peer, "close 1006", "gone");
  stage_close(stage);
}

/* A proxy before the peer may still have to hand on what came before. */
TEST(connection_waits_for_the_peers_end_as_for_its_close_frame) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  peer_send(peer, "88 80 00000000");
  stage_run(stage);
  stage_wait(stage, 4800);
  stage_check(peer, "close 1005", "close 1000; FIN");
  peer_frame_of(peer, OP_TEXT, 'x', 1000);
  stage_run(stage);
  stage_check(peer, "", "");
  stage_wait(stage, 400);
  stage_check(peer, "", "gone");
  stage_close(stage);
}

/* However short closeTimeout is; an app's 0 is 1 here. */
TEST(connection_waits_a_second_at_least_for_the_peers_end) {
  static const uint32_t timeouts[] = {1, 300};
  for (size_t i = 0; i < 2; i++) {
    struct stage *stage = stage_open();
    stage->endpoint.limits.close_timeout = timeouts[i];
    struct peer *peer = stage_upgraded(stage);
    check_context("%u ms", (unsigned)timeouts[i]);
    peer_send(peer, "88 80 00000000");
    stage_run(stage);
    stage_wait(stage, 900);
    stage_check(peer, "close 1005", "close 1000; FIN");
    stage_wait(stage, 300);
    stage_check(peer, "", "gone");
    stage_close(stage);
  }
  check_no_context();
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
  stage_check(peer, "close 1005", "text x x1000; close 1000; FIN");
  stage_wait(stage, 5100);
  stage_check(peer, "", "gone");
  stage_close(stage);
}

TEST(connection_that_closes_waits_while_its_bytes_are_taken) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 100000);

  stage_send(stage->conn, 'a', 50000);
  stage_run(stage);
  connection_close(stage->conn, 1000, SLICE("bye"));
  stage_run(stage);
  for (int i = 0; i < 9; i++) {
    peer_take(peer, 5000);
    stage_wait(stage, 1000);
    if (!CHECK(peer->memory != NULL)) break;
  }
  CHECK_TEXT(stage_events(stage), "close 1006");
  peer->is_stuck = false;
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "text a x50000; close 1000 bye; FIN");
  stage_wait(stage, 5100);
  stage_check(peer, "", "gone");
  stage_close(stage);
}

TEST(connection_gives_up_when_its_bytes_are_not_taken) {
  struct stage *stage = stage_open();
  struct peer *peer = slow_to_take(stage);

  stage_wait(stage, 5200);
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
  stage_check(peer, "",
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
  stage_check(peer, "close 1000", "");
  for (int i = 0; i < 6; i++) {
    peer_take(peer, 1000);
    stage_run(stage);
  }
  stage_check(peer, "", "text x x5000; close 1000; FIN");
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
  stage_check(peer, "close 1000", "gone");
  stage_close(stage);
}

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
  peer_unstick(peer);
  stage_run(stage);
  stage_check(peer, "close 1000", "text x x200000; close 1000; FIN");
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
  stage_wait(stage, 5200);
  stage_check(peer, "", "gone");
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
  stage_check(peer, "text a; close 1006", "FIN; gone");
  stage_close(stage);
}

TEST(connection_flushes_after_the_end_of_the_stream) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->echoes = true;
  peer_frame(peer, OP_TEXT, "half closed");
  memory_send_fin(peer->memory);
  stage_run(stage);
  stage_check(peer, "text half closed; close 1006",
              "text half closed; FIN; gone");
  stage_close(stage);
}

TEST(connection_tells_a_reset_once) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage_send(stage->conn, 'x', 10);
  memory_break(peer->memory, -ECONNRESET);
  stage_run(stage);
  stage_check(peer, "close 1006", "gone");
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
  stage_check(peer, "", "gone");
  stage_close(stage);
}
