/*
 * test_output - what a connection sends: once a turn, through any window, and
 * what happens when the peer does not take it.
 */
#include "check.h"
#include "proto/framed.h"
#include "support_stage.h"

#include <errno.h>
#include <string.h>

TEST(connection_writes_once_a_turn) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage_send(stage->conn, 'a', 1);
  stage_send(stage->conn, 'b', 1);
  CHECK_EQ(connection_buffered(stage->conn), 6);
  stage_check(peer, "", "");
  stage_run(stage);
  CHECK_EQ(connection_buffered(stage->conn), 0);
  stage_check(peer, "", "text a; text b");
  stage_close(stage);
}

TEST(connection_sends_through_each_window) {
  for (size_t window = 1; window < 64; window += 3) {
    struct stage *stage = stage_open();
    struct peer *peer = stage_stuck(stage, window);
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
    stage_check(peer, "",
                "text; text b; text cc; text ddd; text eeee; text fffff; text "
                "gggggg; text hhhhhhh; text iiiiiiii; text jjjjjjjjj");
    CHECK_EQ(connection_buffered(stage->conn), 0);
    stage_close(stage);
  }
}

TEST(connection_pauses_at_the_high_water_mark) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 100);

  stage_send(stage->conn, 'x', 64 * 1024 + 100);
  stage_run(stage);
  CHECK_EQ(stage->conn->paused, PAUSE_OUTPUT);
  peer_frame(peer, OP_TEXT, "a");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "");
  peer_unstick(peer);
  stage_run(stage);
  stage_check(peer, "drain; text a", "text x x65636");
  CHECK_EQ(stage->conn->paused, 0);
  stage_close(stage);
}

TEST(connection_does_not_pause_below_the_high_water_mark) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 100);

  stage_send(stage->conn, 'x', 64 * 1024);
  stage_run(stage);
  CHECK_EQ(stage->conn->paused, 0);
  peer_frame(peer, OP_TEXT, "a");
  peer_unstick(peer);
  stage_run(stage);
  stage_check(peer, "text a", "text x x65536");
  stage_close(stage);
}

/* Bytes that are queued while others are being written count as well. */
TEST(connection_pauses_while_it_is_writing) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 100);

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
  peer_unstick(peer);
  for (int i = 0; i < 100; i++) stage_run(stage);
  CHECK(connection_is_open(stage->conn));
  CHECK_EQ(stage->conn->paused, 0);
  CHECK_EQ(connection_buffered(stage->conn), 0);
  stage_close(stage);
}

TEST(connection_pauses_at_many_small_frames) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 100);

  for (int i = 0; i < 520; i++) stage_send(stage->conn, 'x', 1);
  stage_run(stage);
  CHECK_EQ(stage->conn->paused, 0); /* some have gone, and 512 may wait */
  for (int i = 0; i < 40; i++) stage_send(stage->conn, 'x', 1);
  stage_run(stage);
  CHECK_EQ(stage->conn->paused, PAUSE_OUTPUT);
  CHECK(connection_buffered(stage->conn) < 16 * 1024);
  CHECK_TEXT(stage_events(stage), "");
  peer_unstick(peer);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "drain");
  CHECK_EQ(stage->conn->paused, 0);
  stage_close(stage);
}

TEST(connection_drains_below_the_low_water_mark) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 0);

  for (int i = 0; i < 80; i++) stage_send(stage->conn, 'x', 1000);
  memory_set_window(peer->memory, 2000);
  for (int i = 0; i < 80 && !stage->events[0]; i++) {
    peer_take(peer, 2000);
    stage_turn(stage);
  }
  CHECK(connection_buffered(stage->conn) < 16 * 1024);
  stage_check(peer, "drain", peer_heard(peer));
  peer_unstick(peer);
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
  struct peer *peer = stage_stuck(stage, 100);

  stage->act_on = "drain";
  stage->act = send_more;
  stage_send(stage->conn, 'x', 100000);
  stage_run(stage);
  peer_unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "text x x100000; text m x100000");
  stage_close(stage);
}

TEST(connection_answers_only_the_latest_ping_when_output_is_stuck) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 10);

  stage_send(stage->conn, 'x', 50);
  stage_run(stage);
  peer_frame(peer, OP_PING, "one");
  stage_run(stage);
  peer_frame(peer, OP_PING, "two");
  peer_frame(peer, OP_PING, "three");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "ping one; ping two; ping three");
  peer_unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "text x x50; pong three");
  stage_close(stage);
}

TEST(connection_sends_no_late_pong_after_its_close_frame) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 10);

  stage_send(stage->conn, 'x', 50);
  stage_run(stage);
  peer_frame(peer, OP_PING, "late");
  stage_run(stage);
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  peer_unstick(peer);
  stage_run(stage);
  const char *heard = peer_heard(peer);
  CHECK(strcmp(heard, "text x x50; close 1000") == 0 ||
        strcmp(heard, "text x x50; pong late; close 1000") == 0);
  stage_close(stage);
}

TEST(connection_that_overflows_is_closed) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 10);

  stage->endpoint.limits.max_buffered_amount = 5000;
  CHECK_EQ(stage_send(stage->conn, 'x', 5000), SEND_QUEUED);
  CHECK_EQ(stage_send(stage->conn, 'y', 10), SEND_DROPPED);
  CHECK_EQ(stage_send(stage->conn, 'z', 10), SEND_CLOSED);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "close 1013 the peer reads too slowly");
  peer_unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer),
             "text x x5000; close 1013 the peer reads too slowly; FIN");
  stage_close(stage);
}

TEST(connection_that_overflows_may_drop_messages) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 10);

  stage->endpoint.limits.max_buffered_amount = 5000;
  stage->endpoint.limits.overflow = OVERFLOW_DROP;
  CHECK_EQ(stage_send(stage->conn, 'x', 5000), SEND_QUEUED);
  CHECK_EQ(stage_send(stage->conn, 'y', 10), SEND_DROPPED);
  stage_run(stage);
  peer_unstick(peer);
  stage_run(stage);
  CHECK_EQ(stage_send(stage->conn, 'z', 10), SEND_QUEUED);
  stage_run(stage);
  stage_check(peer, "", "text x x5000; text zzzzzzzzzz");
  stage_close(stage);
}

TEST(connection_overflows_inside_a_message) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_stuck(stage, 10);

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
    struct peer *peer = stage_stuck(stage, 10);
    released = 0;
    struct payload *frame = framed_borrow(OP_BINARY, body, sizeof body,
                                          count_release, &released, 1);
    connection_send(stage->conn, frame);
    payload_drop(frame);
    stage_run(stage);
    CHECK_EQ(released, 0);
    if (ends == 0) peer_unstick(peer);
    if (ends == 1) memory_break(peer->memory, -EPIPE);
    if (ends == 2) connection_terminate(stage->conn);
    stage_run(stage);
    CHECK_EQ(released, 1);
    stage_close(stage);
    CHECK_EQ(released, 1);
  }
}
