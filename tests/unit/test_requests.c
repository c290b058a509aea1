/*
 * Several requests on one connection, and bodies: what a client of plain HTTP
 * meets. (Heads and refusals: test_http_head.c; the upgrade:
 * test_connection.c.)
 */
#include "check.h"
#include "support_stage.h"

#include <stdio.h>
#include <string.h>

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

/* Answers with the method and the body. */
static void tell_body(struct stage *stage, struct connection *conn) {
  (void)stage;
  char text[256];
  struct http_head head;
  struct slice body = connection_body(conn);
  if (!connection_head(conn, &head)) return;
  int length =
      snprintf(text, sizeof text, "<%.*s %.*s>", (int)head.method.length,
               head.method.at, (int)body.length, body.at ? body.at : "");
  connection_answer(conn, 200, SLICE(""), (struct slice){text, (size_t)length});
}

/* The bodies of all answers, one behind the other, after sending the request in
 * two pieces. Borrowed until the next call. */
static const char *bodies_of(struct peer *peer) {
  static char bodies[64 * 1024];
  size_t length = 0;
  for (const char *at = peer_heard_raw(peer); (at = strchr(at, '<')); at++) {
    const char *end = strchr(at, '>');
    memcpy(bodies + length, at, (size_t)(end - at) + 1);
    length += (size_t)(end - at) + 1;
  }
  bodies[length] = '\0';
  return bodies;
}

static void check_requests(const char *text, size_t cut, const char *expected) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->decide = tell_body;
  peer_send_bytes(peer, text, cut);
  stage_run(stage);
  peer_send_bytes(peer, text + cut, strlen(text + cut));
  stage_run(stage);
  CHECK_TEXT(bodies_of(peer), expected);
  CHECK(!memory_is_shut_down(peer->memory));
  stage_close(stage);
}

TEST(requests_follow_each_other_however_they_are_cut) {
  static const char *const text =
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" POST
      "Content-Length: 4\r\n\r\nfour" POST
      "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";

  for (size_t cut = 0; cut <= strlen(text); cut++) {
    check_context("cut at %zu", cut);
    check_requests(text, cut, "<GET ><POST four><POST abc><GET >");
  }
}

static const char *answers_to(const char *text, bool *is_ended) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  stage->decide = tell_body;
  peer_send_text(peer, text);
  stage_run(stage);
  const char *answers = peer_heard_raw(peer);
  *is_ended = memory_is_shut_down(peer->memory);
  stage_close(stage);
  return answers;
}

TEST(requests_end_the_connection_when_the_client_says_so) {
  bool is_ended;

  const char *text = answers_to("GET / HTTP/1.1\r\nHost: a\r\n"
                                "Connection: close\r\n\r\nGET / HTTP/1.1\r\n",
                                &is_ended);
  CHECK(is_ended && strstr(text, "\r\nConnection: close\r\n\r\n<GET >"));
  text = answers_to("GET / HTTP/1.0\r\n\r\n", &is_ended);
  CHECK(is_ended && strstr(text, "\r\nConnection: close\r\n"));
  text =
      answers_to("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &is_ended);
  CHECK(!is_ended && strstr(text, "\r\nConnection: keep-alive\r\n"));
}

static void check_refusal(const char *text, const char *status) {
  bool is_ended;

  check_context("%s", status);
  const char *answers = answers_to(text, &is_ended);
  CHECK(is_ended);
  CHECK(strncmp(answers, status, strlen(status)) == 0);
  CHECK(strstr(answers, "\r\nConnection: close\r\n") != NULL);
}

TEST(requests_with_bad_bodies_are_refused) {
  check_refusal(POST "Content-Length: 1048577\r\n\r\n", "HTTP/1.1 413 ");
  check_refusal(POST "Transfer-Encoding: chunked\r\n\r\nz\r\n",
                "HTTP/1.1 400 ");
  check_refusal(POST "Content-Length: 1\r\nExpect: more\r\n\r\n",
                "HTTP/1.1 417 ");
  check_refusal(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 400 ");
}

TEST(requests_that_expect_100_are_told_to_go_on) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);
  const char *head = POST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";

  stage->decide = tell_body;
  peer_send_text(peer, head);
  stage_run(stage);
  CHECK_TEXT(peer_heard_raw(peer), "HTTP/1.1 100 Continue\r\n\r\n");
  peer_send_bytes(peer, "ab", 2);
  stage_run(stage);
  CHECK_TEXT(bodies_of(peer), "<POST ab>");
  stage_close(stage);
}

TEST(requests_have_time_limits) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage), *slow = stage_connect(stage);
  const char *get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const char *part = POST "Content-Length: 5\r\n\r\nHel";

  stage->decide = tell_body;
  peer_send_text(peer, get);
  peer_send_text(slow, part);
  stage_run(stage);
  CHECK_TEXT(bodies_of(peer), "<GET >");
  stage_wait(stage, SERVICE_HEADER_TIMEOUT + 2000);
  CHECK(memory_is_shut_down(peer->memory)); /* between two requests: no 408 */
  CHECK_TEXT(peer_heard_raw(peer), "");
  stage_wait(stage, SERVICE_BODY_TIMEOUT - SERVICE_HEADER_TIMEOUT - 500);
  CHECK_TEXT(peer_heard(slow), "408; FIN");
  stage_close(stage);
}

/* Each byte is life, but no reason to wait longer for the rest. */
static void check_drip(const char *start, const char *drip, uint32_t limit) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);

  check_context("%s", drip);
  stage->decide = tell_body;
  peer_send_text(peer, start);
  stage_run(stage);
  for (uint32_t waited = 0; waited < limit - 1000; waited += 500) {
    peer_send_text(peer, drip);
    stage_wait(stage, 500);
  }
  CHECK(!memory_is_shut_down(peer->memory));
  stage_wait(stage, 2000);
  CHECK_TEXT(peer_heard(peer), "408; FIN");
  stage_close(stage);
}

TEST(requests_that_drip_have_time_limits) {
  check_drip("", "a", SERVICE_HEADER_TIMEOUT);
  check_drip("GET / HTTP/1.1\r\nHost: a\r\n", "X:\r\n", SERVICE_HEADER_TIMEOUT);
  check_drip(POST "Content-Length: 1000\r\n\r\n", "a", SERVICE_BODY_TIMEOUT);
  check_drip(POST "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n",
             SERVICE_BODY_TIMEOUT);
  check_drip(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X:\r\n",
             SERVICE_BODY_TIMEOUT);
}

TEST(requests_wait_while_the_client_takes_no_answers) {
  struct stage *stage = stage_open();
  struct peer *peer = stage_connect(stage);
  const char *get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

  stage->decide = tell_body;
  memory_set_window(peer->memory, 1000);
  for (int i = 0; i < 5000; i++) peer_send_text(peer, get);
  for (int i = 0; i < 3; i++) stage_run(stage);
  CHECK(connection_buffered(stage->conn) < 200 * 1024);
  memory_set_window(peer->memory, SIZE_MAX);
  size_t answers = 0;
  for (int i = 0; i < 200; i++) {
    stage_run(stage);
    answers += strlen(bodies_of(peer)) / strlen("<GET >");
  }
  CHECK(answers > 0);
  stage_close(stage);
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

TEST(requests_are_answered_without_a_body_where_head_asks) {
  struct stage *stage = stage_open();
  stage->decide = tell_body;
  struct peer *peer = stage_connect(stage);
  peer_send_bytes(peer, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 28);
  stage_run(stage);
  CHECK(ends_with(peer_heard_raw(peer), "\r\n\r\n"));
  /* What is refused behind it is no HEAD, as far as anybody knows. */
  peer_send_bytes(peer, "no request\r\n\r\n", 14);
  stage_run(stage);
  CHECK(ends_with(peer_heard_raw(peer), "."));

  /* A head that is refused is a HEAD all the same. */
  peer = stage_connect(stage);
  peer_send_bytes(peer, "\r\nHEAD / HTTP/1.1\r\nNo: host\r\n\r\n", 31);
  stage_run(stage);
  const char *heard = peer_heard_raw(peer);
  CHECK(strstr(heard, "HTTP/1.1 400 ") == heard &&
        ends_with(heard, "\r\n\r\n"));
  stage_close(stage);
}
