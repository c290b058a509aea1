/*
 * test_connection_raw - connections without a WebSocket: bytes as they come, on
 * a raw service or handed over by a handler.
 */
#include "check.h"
#include "support_stage.h"

#include <string.h>

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
  peer_send_text(peer, "one");
  stage_run(stage);
  send_bytes(stage->conn, "an");
  send_bytes(stage->conn, "swer");
  peer_send_text(peer, "two\r\n");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "binary one; binary two<0D><0A>");
  CHECK_TEXT(peer_heard_raw(peer), "answer");
  stage_wait(stage, 1000000);
  CHECK_TEXT(stage_events(stage), "");
  memory_send_fin(peer->memory);
  stage_run(stage);
  stage_check(peer, "close 1000", "FIN; gone");
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
  peer_send_text(peer, "late");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; close 1000");
  CHECK(!memory_is_shut_down(peer->memory));
  peer_unstick(peer);
  stage_run(stage);
  CHECK_TEXT(peer_heard_raw(peer), "bye");
  CHECK(memory_is_shut_down(peer->memory));
  stage_close(stage);
}

TEST(connection_pauses_raw_bytes) {
  struct stage *stage = stage_open();
  struct peer *peer = raw_peer(stage);

  stage->act_on = "binary a";
  stage->act = stage_pause;
  peer_send_text(peer, "a");
  stage_run(stage);
  peer_send_text(peer, "b");
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
  peer_send_text(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "open; binary body");
  CHECK_TEXT(peer_heard_raw(peer), "");
  CHECK(connection_head(stage->conn, &head));
  peer_send_text(peer, " more");
  stage_wait(stage, 1000000);
  CHECK_TEXT(stage_events(stage), "binary  more");
  send_bytes(stage->conn, "HTTP/1.1 200 OK\r\n\r\n");
  connection_close(stage->conn, 1000, SLICE(""));
  stage_run(stage);
  stage_check(peer, "close 1000", "200; FIN");
  stage_close(stage);
}
