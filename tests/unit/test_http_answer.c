/*
 * test_http_answer - heads of answers that must pass, and those that must not
 * with the byte at which they must be refused.
 */
#include "check.h"
#include "proto/http_answer.h"
#include "proto/http_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 4096 };

/* `status` 0: refused, by the scan after `decisive` bytes; by the parse when
 * that is 0. */
static const struct vector {
  const char *name, *text;
  int status;
  size_t decisive;
  enum http_answer_body body;
} vectors[] = {
    {"a switch",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
     "Connection: Upgrade\r\n\r\n",
     101, 0, HTTP_ANSWER_NO_BODY},
    {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 0,
     HTTP_ANSWER_FRAMED},
    {"an empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0,
     HTTP_ANSWER_NO_BODY},
    {"chunked",
     "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n", 401, 0,
     HTTP_ANSWER_FRAMED},
    {"until the end", "HTTP/1.0 404 Not Found\r\n\r\n", 404, 0,
     HTTP_ANSWER_UNTIL_END},
    {"no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0,
     HTTP_ANSWER_NO_BODY},
    {"not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
     304, 0, HTTP_ANSWER_NO_BODY},
    {"no phrase", "HTTP/1.1 200 \r\n\r\n", 200, 0, HTTP_ANSWER_UNTIL_END},
    {"no space before it", "HTTP/1.1 200\r\n\r\n", 200, 0,
     HTTP_ANSWER_UNTIL_END},
    {"8-bit bytes in it", "HTTP/1.1 999 Caf\xC3\xA9\r\n\r\n", 999, 0,
     HTTP_ANSWER_UNTIL_END},
    {"an upgrade without 101",
     "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
     200, 0, HTTP_ANSWER_UNTIL_END},

    {"another protocol", "SSH-2.0-x\r\n", 0, 1, 0},
    {"a TLS alert", "\x15\x03\x01", 0, 1, 0},
    {"lower case", "http/1.1 200 OK\r\n", 0, 1, 0},
    {"HTTP/2", "HTTP/2.0 200 OK\r\n", 0, 6, 0},
    {"HTTP/1.2", "HTTP/1.2 200 OK\r\n", 0, 8, 0},
    {"an empty line before", "\r\nHTTP/1.1 200 OK\r\n", 0, 1, 0},
    {"two spaces", "HTTP/1.1  200 OK\r\n", 0, 10, 0},
    {"two digits", "HTTP/1.1 20 OK\r\n", 0, 12, 0},
    {"four digits", "HTTP/1.1 2000 OK\r\n", 0, 13, 0},
    {"a zero before", "HTTP/1.1 020 OK\r\n", 0, 10, 0},
    {"a bare LF", "HTTP/1.1 200 OK\n\r\n", 0, 16, 0},
    {"a bare CR", "HTTP/1.1 200 O\rK\r\n", 0, 16, 0},
    {"a control byte", "HTTP/1.1 200 O\x01K\r\n", 0, 15, 0},
    {"a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", 0, 24, 0},
    {"a space before the colon", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 0, 19, 0},
    {"no name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n", 0, 18, 0},
    {"a bare LF in a header", "HTTP/1.1 200 OK\r\nA: b\n\r\n", 0, 22, 0},
    {"two lengths",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 0, 0,
     0},
    {"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
     0, 0, 0},
    {"a length and chunks",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
     "chunked\r\n\r\n",
     0, 0, 0},
    {"another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 0,
     0, 0},
};

enum { VECTORS = sizeof vectors / sizeof *vectors };

/* A vector on its way through the scan. */
struct gathering {
  const struct vector *vector;
  struct http_scan scan;
  struct refusal refusal;
  char bytes[1024];
  size_t length, size, decided;
};

static void start(void *context) {
  struct gathering *gathering = context;
  *gathering = (struct gathering){.vector = gathering->vector};
}

static void feed(void *context, uint8_t *piece, size_t length) {
  struct gathering *gathering = context;
  if (gathering->size || gathering->refusal.status) return;
  memcpy(gathering->bytes + gathering->length, piece, length);
  gathering->length += length;
  const char *bytes =
      (const char *)guarded(gathering->bytes, gathering->length);
  gathering->size = http_answer_scan(&gathering->scan, bytes, gathering->length,
                                     MAX_SIZE, &gathering->refusal);
  if (gathering->refusal.status) gathering->decided = gathering->length;
}

static void finish(void *context) {
  struct gathering *gathering = context;
  const struct vector *vector = gathering->vector;
  static struct http_answer answer;
  struct refusal refusal = {0};
  if (vector->decisive > 0) {
    CHECK_EQ(gathering->refusal.status, 502);
    CHECK(gathering->refusal.reason != NULL);
    return;
  }
  CHECK_EQ(gathering->size, strlen(vector->text));
  const char *bytes = (const char *)guarded(gathering->bytes, gathering->size);
  bool is_good = http_answer_parse(&answer, bytes, gathering->size, &refusal);
  CHECK_EQ(is_good, vector->status != 0);
  CHECK_EQ(refusal.status, vector->status ? 0 : 502);
  if (!is_good) return;
  CHECK_EQ(answer.status, vector->status);
  CHECK_EQ(http_answer_body(&answer, false), vector->body);
  CHECK_EQ(http_answer_body(&answer, true), HTTP_ANSWER_NO_BODY);
}

TEST(http_answer_is_judged_the_same_however_it_is_cut) {
  for (size_t i = 0; i < VECTORS; i++) {
    struct gathering gathering = {.vector = &vectors[i]};
    struct chop_user user = {start, feed, finish, &gathering};
    check_context("%s", vectors[i].name);
    chop(vectors[i].text, strlen(vectors[i].text), &user);
  }
  check_no_context();
}

TEST(http_answer_is_refused_at_the_byte_that_decides) {
  for (size_t i = 0; i < VECTORS; i++) {
    struct gathering gathering = {.vector = &vectors[i]};
    const char *text = vectors[i].text;
    check_context("%s", vectors[i].name);
    start(&gathering);
    for (size_t at = 0; text[at]; at++) {
      feed(&gathering, guarded(text + at, 1), 1);
    }
    CHECK_EQ(gathering.decided, vectors[i].decisive);
  }
  check_no_context();
}

static bool is(struct slice text, const char *wanted) {
  return text.at && slice_equals(text, slice_of(wanted));
}

TEST(http_answer_names_the_parts) {
  static struct http_answer answer;
  struct refusal refusal;
  const char *text = "HTTP/1.1 404 Not Found \r\nX-A:  b c \t\r\nx-a: d\r\n"
                     "Connection: close\r\nContent-Length: 42\r\n\r\n";
  CHECK(http_answer_parse(&answer, text, strlen(text), &refusal));
  CHECK(is(answer.phrase, "Not Found"));
  CHECK(is(http_head_get(&answer.head, "X-a", 0), "b c"));
  CHECK(is(http_head_get(&answer.head, "x-A", 1), "d"));
  CHECK_EQ(answer.head.length, 42);
  CHECK_EQ(answer.head.minor, 1);
  CHECK(!answer.head.keep_alive);
  CHECK(http_head_has_body(&answer.head));
}

static size_t scan_repeated(const char *before, const char *item, size_t times,
                            struct refusal *refusal) {
  struct http_scan scan = {0};
  size_t length = strlen(before), size = strlen(item);
  char *bytes = malloc(length + size * times);
  memcpy(bytes, before, length);
  for (size_t i = 0; i < times; i++)
    memcpy(bytes + length + i * size, item, size);
  size_t found =
      http_answer_scan(&scan, bytes, length + size * times, MAX_SIZE, refusal);
  free(bytes);
  return found;
}

TEST(http_answer_is_bounded) {
  const char *line = "HTTP/1.1 200 OK\r\n";
  struct refusal refusal;
  CHECK_EQ(scan_repeated("HTTP/1.1 200 ", "a", 1 << 20, &refusal), 0);
  CHECK_EQ(refusal.status, 502);
  CHECK_TEXT(refusal.reason, "The answer's head is larger than allowed.");
  CHECK_EQ(scan_repeated(line, "A: bcdefgh\r\n", 100, &refusal), 0);
  CHECK_EQ(refusal.status, 0);
  CHECK_EQ(scan_repeated(line, "A: b\r\n", 101, &refusal), 0);
  CHECK_TEXT(refusal.reason, "There are more than 100 header lines.");
  CHECK_EQ(scan_repeated("HTTP/1.1 200 OK\r\nX: ", "a", 1 << 20, &refusal), 0);
  CHECK_TEXT(refusal.reason, "The answer's head is larger than allowed.");
}

/* The parse alone must bear what is no whole head. */
TEST(http_answer_refuses_what_is_no_head) {
  static struct http_answer answer;
  const char *texts[] = {"", "HTTP/1.1 200 OK\r\n",
                         "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                         "HTTP/1.1 200 OK\r\n\r\nmore"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct refusal refusal = {0};
    CHECK(!http_answer_parse(&answer, texts[i], strlen(texts[i]), &refusal));
    CHECK_EQ(refusal.status, 502);
  }
}
