/*
 * test_opening - connections that go out: what they ask, what they make of each
 * answer however it is cut, how they end, and that they are masked.
 */
#include "base/mem.h"
#include "check.h"
#include "proto/framed.h"
#include "proto/handshake.h"
#include "support_stage.h"
#include "support_starve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT = 5000 };

/* What was told. */
static struct {
  int opened, failed, status;
  char reason[128], body[64];
  size_t body_length;
  struct connection *conn;
} told;

static void on_opened(void *owner) {
  CHECK(owner == &told);
  told.opened++;
}

static void on_failed(void *owner, const char *reason,
                      const struct http_answer *answer, struct slice body) {
  CHECK(owner == &told);
  told.failed++;
  told.status = answer ? answer->status : 0;
  told.body_length = body.length;
  snprintf(told.reason, sizeof told.reason, "%s", reason);
  snprintf(told.body, sizeof told.body, "%.*s", (int)body.length, body.at);
}

static const struct opening_events events = {on_opened, on_failed};

static struct peer *ask_for(struct stage *stage, const char *protocols) {
  struct opening opening = {.target = SLICE("/chat"),
                            .host = SLICE("a.example"),
                            .protocols = slice_of(protocols),
                            .headers = SLICE("Origin: http://b\r\n"),
                            .endpoint = &stage->endpoint,
                            .timeout = TIMEOUT,
                            .events = &events,
                            .owner = &told};
  memset(&told, 0, sizeof told);
  struct peer *peer = stage_ask(stage, &opening, &stage->conn);
  told.conn = stage->conn;
  stage_run(stage);
  return peer;
}

static struct peer *ask(struct stage *stage) {
  return ask_for(stage, "");
}

/* The key of the request, which is taken. */
static void read_key(struct peer *peer, char key[HANDSHAKE_KEY_SIZE]) {
  static const char name[] = "Sec-WebSocket-Key: ";
  const char *request = peer_heard_raw(peer);
  const char *at = strstr(request, name);
  CHECK(strncmp(request, "GET /chat HTTP/1.1\r\nHost: a.example\r\n", 37) == 0);
  CHECK(strstr(request, "\r\nOrigin: http://b\r\n\r\n") != NULL);
  if (CHECK(at != NULL)) memcpy(key, at + sizeof name - 1, HANDSHAKE_KEY_SIZE);
  peer->has_head = true;
}

/* The 101 that belongs to the request, with more header lines and bytes behind.
 */
static size_t write_101(struct peer *peer, const char *more, char *text,
                        size_t size) {
  char key[HANDSHAKE_KEY_SIZE] = "", accept[HANDSHAKE_ACCEPT_SIZE];
  read_key(peer, key);
  CHECK_EQ(handshake_accept((struct slice){key, sizeof key}, accept), 0);
  return (size_t)snprintf(text, size,
                          "HTTP/1.1 101 Switching Protocols\r\n"
                          "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %.*s\r\n%s\r\n",
                          HANDSHAKE_ACCEPT_SIZE, accept, more);
}

static void accept_with(struct peer *peer, const char *more) {
  char text[1024];
  size_t length = write_101(peer, more, text, sizeof text);
  peer_send_bytes(peer, text, length);
  stage_run(peer->stage);
}

/* Open, with nothing of that left in events. */
static struct peer *ask_and_accept(struct stage *stage) {
  struct peer *peer = ask(stage);
  accept_with(peer, "");
  CHECK_EQ(told.opened, 1);
  CHECK_TEXT(stage_events(stage), "open");
  return peer;
}

TEST(opening_asks_and_is_open) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_for(stage, "a, b");
  struct http_answer answer;
  CHECK(!connection_answer_head(stage->conn, &answer));
  accept_with(peer, "Sec-WebSocket-Protocol: b\r\nX-A: c\r\n");
  CHECK_TEXT(stage_events(stage), "open");
  CHECK_EQ(told.opened, 1);
  CHECK(told.conn == stage->conn);
  CHECK_TEXT(connection_protocol(told.conn), "b");
  CHECK(connection_answer_head(told.conn, &answer));
  CHECK(slice_equals(http_head_get(&answer.head, "x-a", 0), SLICE("c")));
  struct http_head head;
  CHECK(!connection_head(told.conn, &head));
  CHECK_EQ(stage->server.outgoing, 1);
  stage_close(stage);
  CHECK_EQ(told.failed, 0);
}

/* The answer and the first frames in one run of bytes, cut at each place. */
TEST(opening_is_the_same_however_the_answer_is_cut) {
  char text[1024];
  for (size_t cut = 1; cut < 400; cut++) {
    struct stage *stage = stage_open();
    struct peer *peer = ask(stage);
    size_t length = write_101(peer, "", text, sizeof text - 20);
    memcpy(text + length, "\x81\x02hi\x89\x01p\x82\x00", 9);
    length += 9;
    check_context("cut at %d of %d", (int)cut, (int)length);
    if (cut < length) {
      peer_send_bytes(peer, text, cut);
      stage_run(stage);
      peer_send_bytes(peer, text + cut, length - cut);
    } else {
      for (size_t i = 0; i < length; i++) {
        peer_send_bytes(peer, text + i, 1);
        stage_turn(stage);
      }
    }
    stage_run(stage);
    CHECK_TEXT(stage_events(stage), "open; text hi; ping p; binary");
    CHECK_TEXT(peer_heard(peer), "pong p");
    CHECK_EQ(told.opened, 1);
    stage_close(stage);
    if (cut >= length) break;
  }
  check_no_context();
}

TEST(opening_masks_what_it_sends) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_and_accept(stage);
  stage_send(told.conn, 'a', 3);
  stage_send(told.conn, 'a', 3);
  stage_run(stage);
  CHECK_EQ(peer->length, 2 * (2 + 4 + 3));
  CHECK_EQ(peer->got[1], 0x83);
  CHECK(memcmp(peer->got, peer->got + 9, 9) != 0);
  CHECK_TEXT(peer_heard(peer), "text aaa; text aaa");
  stage_send(told.conn, 'b', 70000);
  connection_close(told.conn, 4000, SLICE("bye"));
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "text b x70000; close 4000 bye");
  stage_close(stage);
}

TEST(opening_takes_no_masked_frame) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_and_accept(stage);
  peer_frame(peer, OP_TEXT, "x");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage),
             "close 1002 A frame from a server is masked.");
  CHECK_TEXT(peer_heard(peer), "close 1002 A frame from a server is masked.");
  stage_close(stage);
}

/* RFC 6455 7.1.1: the server's FIN is the first. */
TEST(opening_closes_after_the_server) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_and_accept(stage);
  connection_close(told.conn, 1000, SLICE(""));
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "close 1000");
  peer_send(peer, "88 02 03E8");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "close 1000");
  CHECK_TEXT(peer_heard(peer), "");
  memory_send_fin(peer->memory);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "gone");
  stage_close(stage);
}

TEST(opening_does_not_wait_long_for_the_servers_end) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_and_accept(stage);
  peer_send(peer, "88 05 0FA0 'bye'");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "close 4000 bye");
  CHECK_TEXT(peer_heard(peer), "close 4000 bye");
  stage_wait(stage, 1200);
  CHECK_TEXT(peer_heard(peer), "gone");
  stage_close(stage);
}

static const struct {
  const char *name, *answer, *reason;
  int status;
  bool has_fin;
  const char *body;
} failures[] = {
    {"401 with a length",
     "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nshoo!",
     "did not switch", 401, false, "shoo!"},
    {"403 in chunks",
     "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\nsho\r\n2\r\no!\r\n0\r\n\r\n",
     "did not switch", 403, false, "shoo!"},
    {"404 without an end", "HTTP/1.0 404 Not Found\r\n\r\nnowhere",
     "did not switch", 404, true, "nowhere"},
    {"302 without a body", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
     "did not switch", 302, false, ""},
    {"200 like a web page", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
     "did not switch", 200, false, "hi"},
    {"100 before",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
     "Link: x\r\n\r\nHTTP/1.1 503 Busy\r\n"
     "Content-Length: 1\r\n\r\nx",
     "did not switch", 503, false, "x"},
    {"a length that does not come",
     "HTTP/1.1 401 Unauthorized\r\nContent-Length: 50\r\n\r\nshoo!",
     "did not switch", 401, true, "shoo!"},
    {"malformed chunks",
     "HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\nx", "did not switch",
     401, false, ""},
    {"no HTTP", "SSH-2.0-OpenSSH\r\n", "not HTTP", 0, false, ""},
    {"two lengths",
     "HTTP/1.1 401 No\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     "Content-Length is no number, repeated", 0, false, ""},
    {"nothing", "", "closed during the handshake", 0, true, ""},
    {"half a head", "HTTP/1.1 101 Swit", "closed during the handshake", 0, true,
     ""},
    {"a wrong accept",
     "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
     "not that of the key", 0, false, ""},
};

static void check_failure(size_t i, bool is_cut) {
  struct stage *stage = stage_open();
  struct peer *peer = ask(stage);
  size_t length = strlen(failures[i].answer);
  check_context("%s%s", failures[i].name, is_cut ? ", byte by byte" : "");
  for (size_t at = 0; is_cut && at < length; at++) {
    peer_send_bytes(peer, failures[i].answer + at, 1);
    stage_turn(stage);
  }
  if (!is_cut) peer_send_bytes(peer, failures[i].answer, length);
  if (failures[i].has_fin && peer->memory) memory_send_fin(peer->memory);
  stage_run(stage);
  CHECK_EQ(told.failed, 1);
  CHECK_EQ(told.opened, 0);
  CHECK_EQ(told.status, failures[i].status);
  CHECK(strstr(told.reason, failures[i].reason) != NULL);
  CHECK_TEXT(told.body, failures[i].body);
  CHECK_TEXT(stage_events(stage), "");
  CHECK(peer->memory == NULL);
  stage_close(stage);
}

TEST(opening_says_why_it_failed) {
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
    check_failure(i, false);
    check_failure(i, true);
  }
  check_no_context();
}

TEST(opening_bounds_what_it_reads) {
  static const char page[8192] = {'x'};
  static const char *const heads[] = {
      "HTTP/1.1 500 No\r\n\r\n",
      "HTTP/1.1 500 No\r\nContent-Length: 10000000\r\n\r\n"};
  for (int i = 0; i < 2; i++) {
    struct stage *stage = stage_open();
    struct peer *peer = ask(stage);
    peer_send_text(peer, heads[i]);
    for (int n = 0; n < 100 && told.failed == 0; n++) {
      peer_send_bytes(peer, page, sizeof page);
      stage_run(stage);
    }
    CHECK_EQ(told.failed, 1);
    CHECK_EQ(told.status, 500);
    CHECK(told.body_length <= OPENING_MAX_BODY_SIZE);
    stage_close(stage);
  }
  struct stage *stage = stage_open();
  struct peer *peer = ask(stage);
  peer_send_text(peer, "HTTP/1.1 101 ");
  for (int n = 0; n < 100 && told.failed == 0; n++) {
    peer_send_text(
        peer, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    stage_run(stage);
  }
  CHECK(strstr(told.reason, "larger than allowed") != NULL);
  stage_close(stage);
}

TEST(opening_does_not_wait_for_100_for_ever) {
  struct stage *stage = stage_open();
  struct peer *peer = ask(stage);
  for (int i = 0; i < 20; i++) {
    peer_send_text(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    stage_run(stage);
  }
  CHECK_EQ(told.failed, 1);
  stage_close(stage);
}

TEST(opening_gives_up_in_time) {
  struct stage *stage = stage_open();
  struct peer *peer = ask(stage);
  peer_send_text(peer, "HTTP/1.1 1");
  stage_wait(stage, TIMEOUT - 500);
  CHECK_EQ(told.failed, 0);
  stage_wait(stage, 1000);
  CHECK_EQ(told.failed, 1);
  CHECK(strstr(told.reason, "no answer to the handshake in time") != NULL);
  CHECK(peer->memory == NULL);
  peer = ask(stage);
  peer_send_text(peer, "HTTP/1.1 401 No\r\n\r\nbo");
  stage_run(stage);
  stage_wait(stage, TIMEOUT + 500);
  CHECK(strstr(told.reason, "body took too long") != NULL);
  CHECK_TEXT(told.body, "bo");
  stage_close(stage);
}

TEST(opening_hears_a_reset) {
  struct stage *stage = stage_open();
  struct peer *peer = ask(stage);
  memory_break(peer->memory, -ECONNRESET);
  stage_run(stage);
  CHECK_EQ(told.failed, 1);
  CHECK_TEXT(told.reason, "The connection was lost.");
  stage_close(stage);
}

TEST(opening_may_be_forgotten) {
  struct stage *stage = stage_open();
  struct peer *peer = ask(stage);
  connection_forget_opening(stage->conn);
  stage_run(stage);
  CHECK(peer->memory == NULL);
  peer = ask(stage);
  accept_with(peer, "");
  connection_forget_opening(told.conn); /* too late */
  stage_run(stage);
  CHECK(peer->memory != NULL);
  stage_close(stage);
  CHECK_EQ(told.failed, 0);
}

static void terminate_it(struct stage *stage, struct connection *conn) {
  (void)stage;
  connection_terminate(conn);
}

TEST(opening_may_be_terminated_in_open) {
  struct stage *stage = stage_open();
  struct peer *peer = ask(stage);
  stage->act_on = "open";
  stage->act = terminate_it;
  accept_with(peer, "");
  CHECK_TEXT(stage_events(stage), "open; close 1006");
  CHECK_EQ(told.opened, 1);
  CHECK(peer->memory == NULL);
  stage_close(stage);
}

/* The server may wait for us to read before it reads itself. */
TEST(opening_reads_on_while_its_output_is_stuck) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_and_accept(stage);
  peer->is_stuck = true;
  memory_set_window(peer->memory, 1000);
  stage_send(told.conn, 'a', 200000);
  stage_run(stage);
  CHECK(connection_buffered(told.conn) > 100000);
  peer_send(peer, "81 02 'hi'");
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "text hi");
  peer->is_stuck = false;
  for (int i = 0; i < 100; i++) stage_run(stage);
  CHECK_TEXT(stage_events(stage), "drain");
  CHECK_TEXT(peer_heard(peer), "text a x200000");
  stage_close(stage);
}

TEST(opening_keeps_alive_and_notices_silence) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_and_accept(stage);
  stage_wait(stage, 31000);
  CHECK_TEXT(peer_heard(peer), "ping");
  stage_wait(stage, 31000);
  CHECK_TEXT(stage_events(stage), "close 1006");
  stage_close(stage);
}

static void note_drained(void *owner) {
  stage_note(owner, "drained");
}

/* Those whom it might serve go first. */
TEST(opening_goes_last_when_the_server_drains) {
  struct stage *stage = stage_open();
  struct peer *peer = ask_and_accept(stage);
  struct peer *client = stage_upgraded(stage);
  struct peer *half = ask(stage);
  server_drain(&stage->server, note_drained, stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "");
  CHECK_TEXT(peer_heard(client), "close 1001 the server goes away");
  peer_send(client, "88 82 00000000 03E9");
  memory_send_fin(client->memory);
  stage_run(stage);
  CHECK_TEXT(peer_heard(peer), "close 1001 the server goes away");
  CHECK(half->memory == NULL);
  CHECK_EQ(told.failed, 1);
  CHECK_TEXT(stage_events(stage), "2:close 1001");
  peer_send(peer, "88 02 03E9");
  memory_send_fin(peer->memory);
  stage_run(stage);
  CHECK_TEXT(stage_events(stage), "close 1001; drained");
  stage_close(stage);
}

TEST(opening_does_not_hold_the_end_up) {
  struct stage *stage = stage_open();
  ask_and_accept(stage);
  server_drain(&stage->server, note_drained, stage);
  stage_wait(stage, 500);
  CHECK_TEXT(stage_events(stage), "");
  stage_wait(stage, 700);
  CHECK_TEXT(stage_events(stage), "drained");
  stage_close(stage);
}

TEST(opening_does_not_count_as_a_client) {
  struct stage *stage = stage_open();
  stage->server.max_connections = 1;
  ask_and_accept(stage);
  struct peer *client = stage_connect(stage);
  peer_send_text(client, STAGE_HANDSHAKE);
  stage_run(stage);
  CHECK_TEXT(peer_heard(client), "101");
  struct peer *second = stage_connect(stage);
  stage_run(stage);
  CHECK_TEXT(peer_heard(second), "503; FIN");
  stage_close(stage);
  CHECK_EQ(stage->server.outgoing, 0);
}

/* Each allocation fails in turn: told once, or an outcome that needed none. */
static void play_without_memory(bool is_deflated) {
  const char *terms = is_deflated
                          ? "Sec-WebSocket-Extensions: permessage-deflate; "
                            "server_no_context_takeover\r\n"
                          : "";
  bool came = true;
  for (uint64_t nth = 1; came; nth++) {
    check_context("allocation %d", (int)nth);
    struct stage *stage = stage_open();
    stage->endpoint.limits.deflate = deflate_settings_default;
    stage->endpoint.limits.deflate.is_wanted = is_deflated;
    starve(STARVE_CORE, nth, false);
    struct peer *peer = ask(stage);
    bool is_under_way = told.conn != NULL;
    if (is_under_way && peer->memory && !told.failed) accept_with(peer, terms);
    if (told.opened && told.conn->state == CONNECTION_OPEN) {
      stage_send(told.conn, 'a', 200);
      stage_run(stage);
    }
    came = starve_end();
    CHECK_EQ(told.opened + told.failed, is_under_way ? 1 : 0);
    stage_close(stage);
    if (!CHECK(nth < 60)) break;
  }
  check_no_context();
}

TEST(opening_survives_without_memory) {
  play_without_memory(false);
}

TEST(opening_survives_without_memory_to_compress) {
  play_without_memory(true);
}
