/* The body of a request: by length and chunked, cut anywhere. */
#include "check.h"

#include "base/mem.h"
#include "proto/http_body.h"

#include <string.h>

#define HEAD    "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

enum { LIMIT = 20 };

static const struct {
  const char *name, *head, *bytes;
  enum http_body_state state;
  size_t used; /* of a whole one */
  const char *content;
} cases[] = {
    {"by length", HEAD "Content-Length: 5\r\n\r\n", "HelloGET", HTTP_BODY_WHOLE,
     5, "Hello"},
    {"in chunks", CHUNKED, "3\r\nHel\r\n2;x=y\r\nlo\r\n0\r\n\r\nGET",
     HTTP_BODY_WHOLE, 24, "Hello"},
    {"with a trailer", CHUNKED, "1\r\na\r\n0\r\nX-A: b\r\n\r\n",
     HTTP_BODY_WHOLE, 19, "a"},
    {"no chunk at all", CHUNKED, "0\r\n\r\n", HTTP_BODY_WHOLE, 5, ""},
    {"announced too large", HEAD "Content-Length: 21\r\n\r\n", "a",
     HTTP_BODY_TOO_LARGE, 0, ""},
    {"chunks too large", CHUNKED, "14\r\n01234567890123456789\r\n1\r\na\r\n",
     HTTP_BODY_TOO_LARGE, 0, "01234567890123456789"},
    {"no size", CHUNKED, "x\r\n", HTTP_BODY_MALFORMED, 0, ""},
    {"a negative size", CHUNKED, "-1\r\n", HTTP_BODY_MALFORMED, 0, ""},
    {"an overflowing size", CHUNKED, "fffffffffffffffff\r\na",
     HTTP_BODY_MALFORMED, 0, ""},
    {"no end of a chunk", CHUNKED, "1\r\naa\r\n", HTTP_BODY_MALFORMED, 0, "a"},
};

static void check_cut(size_t i, size_t first) {
  struct http_body *body = http_body_new(
      (struct slice){cases[i].head, strlen(cases[i].head)}, LIMIT);
  size_t length = strlen(cases[i].bytes), used, sum = 0;
  size_t ends[] = {first, length};
  enum http_body_state state = HTTP_BODY_UNFINISHED;

  check_context("%s, cut at %zu", cases[i].name, first);
  for (int part = 0; part < 2 && state == HTTP_BODY_UNFINISHED; part++) {
    state = http_body_feed(body, cases[i].bytes + sum, ends[part] - sum, &used);
    sum += used;
  }
  CHECK_EQ(state, cases[i].state);
  if (state == HTTP_BODY_WHOLE) CHECK_EQ(sum, cases[i].used);
  struct slice content = http_body_content(body);
  CHECK_EQ(content.length, strlen(cases[i].content));
  CHECK(memcmp(content.at ? content.at : "", cases[i].content,
               content.length) == 0);
  http_body_free(body);
}

TEST(http_body_is_gathered_however_it_is_cut) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (size_t at = 0; at <= strlen(cases[i].bytes); at++) check_cut(i, at);
  }
}

TEST(http_body_survives_having_no_memory) {
  struct slice head = SLICE(CHUNKED);
  size_t used;

  mem_fail_at(0, false);
  int64_t before = mem_in_use();
  mem_fail_at(1, false);
  CHECK(http_body_new(head, LIMIT) == NULL);
  struct http_body *body = http_body_new(head, LIMIT);
  mem_fail_at(1, false);
  CHECK_EQ(http_body_feed(body, "1\r\na", 4, &used), HTTP_BODY_NO_MEMORY);
  mem_fail_at(0, false);
  http_body_free(body);
  CHECK_EQ(mem_in_use(), before);
}
