/*
 * test_input - what a connection receives while it is paused, and messages that
 * came together: nothing is lost, nothing comes out of order, and nothing from
 * inside a call.
 */
#include "check.h"
#include "support_stage.h"

#include <stdio.h>
#include <string.h>

/* ---- pausing */

TEST(connection_keeps_the_rest_of_a_chunk_while_it_is_paused) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text b";
  stage->act = stage_pause;
  peer_send(peer, "81 81 00000000 'a' 81 81 00000000 'b' 81 81 00000000 'c'"
                  "89 80 00000000 01 81 00000000 'd'");
  stage_run(stage);
  stage_check(peer, "text a; text b", "");
  peer_send(peer, "80 81 00000000 'e'");
  stage_wait(stage, 1000);
  stage_check(peer, "", "");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_check(peer, "", ""); /* not from inside the call */
  stage_run(stage);
  stage_check(peer, "text c; ping; text de", "pong");
  stage_close(stage);
}

TEST(connection_may_be_paused_at_each_message) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act = stage_pause;
  peer_send(peer, STAGE_ALL_KINDS);
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
  stage_check(peer, "close 1000", "pong p; close 1000; FIN");
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
  stage_check(peer, "", "");
  connection_resume(stage->conn, PAUSE_BUSY);
  stage_run(stage);
  stage_check(peer, "text a", "");
  stage_close(stage);
}

TEST(connection_paused_in_open_waits) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->act_on = "open";
  stage->act = stage_pause;
  peer_send_text(peer, STAGE_HANDSHAKE);
  peer_frame(peer, OP_TEXT, "a");
  stage_run(stage);
  peer_frame(peer, OP_TEXT, "b");
  stage_run(stage);
  stage_check(peer, "open", "101");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  stage_check(peer, "text a; text b", "");
  stage_close(stage);
}

TEST(connection_hears_the_end_after_what_waited) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text a";
  stage->act = stage_pause;
  peer_frame(peer, OP_TEXT, "a");
  peer_frame(peer, OP_TEXT, "b");
  memory_send_fin(peer->memory);
  stage_run(stage);
  stage_check(peer, "text a", "");
  connection_resume(stage->conn, PAUSE_ASKED);
  stage_run(stage);
  stage_check(peer, "text b; close 1006", "FIN; gone");
  stage_close(stage);
}

TEST(connection_that_is_closed_while_paused_hears_the_answer) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text a";
  stage->act = stage_pause;
  peer_frame(peer, OP_TEXT, "a");
  peer_frame(peer, OP_TEXT, "b");
  stage_run(stage);
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  peer_send(peer, "88 82 00000000 03E8");
  stage_run(stage);
  stage_check(peer, "text a; close 1000", "close 1000; FIN");
  stage_close(stage);
}

TEST(connection_looks_at_what_waited_before_what_comes) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_upgraded(stage);

  stage->act_on = "text a";
  stage->act = stage_pause;
  peer_frame(peer, OP_TEXT, "a");
  peer_send(peer, "82 FE 0100 00000000 'x' x250");
  stage_run(stage);
  peer_send(peer, "'y' x6 88 82 00000000 0FA0");
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage); /* reads first, then does what is due */
  stage_check(peer, "text a; close 4000", "close 1000; FIN");
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
