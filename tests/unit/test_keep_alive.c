/*
 * test_keep_alive - silent peers are pinged, and lost when they stay silent;
 * those that say anything are not.
 */
#include "check.h"
#include "support_stage.h"

#include <string.h>

TEST(connection_pings_a_silent_peer_and_loses_it) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage_wait(stage, 26900);
  stage_check(peer, "", "");
  stage_wait(stage, 4200); /* 27 to 30 s, and a second's coarseness */
  stage_check(peer, "", "ping");
  stage_wait(stage, 26000);
  stage_check(peer, "", "");
  stage_wait(stage, 6000);
  stage_check(peer, "close 1006", "gone");
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
  stage_check(peer, "", "");
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
  stage_check(peer, "", "");
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
  struct peer *peer = stage_stuck(stage, 10);

  stage_send(stage->conn, 'x', 100000);
  stage_wait(stage, 70000);
  CHECK_TEXT(stage_events(stage), "close 1006");
  CHECK(peer->memory == NULL);
  stage_close(stage);
}
