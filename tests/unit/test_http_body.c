/* The body of a request: by length and chunked, cut anywhere. */
#include "check.h"

#include "base/mem.h"
#include "proto/http_body.h"
#include "proto/http_chunks.h"

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
    {"a size over the limit", CHUNKED, "15\r\n", HTTP_BODY_TOO_LARGE, 0, ""},
    {"a space and an extension", CHUNKED, "1 \t;a=\"b\"\r\na\r\n0\r\n\r\n",
     HTTP_BODY_WHOLE, 19, "a"},
    {"sixteen digits", CHUNKED, "0000000000000001\r\na\r\n0\r\n\r\n",
     HTTP_BODY_WHOLE, 26, "a"},
    {"an empty size", CHUNKED, "\r\n", HTTP_BODY_MALFORMED, 0, ""},
    {"an extension only", CHUNKED, ";a\r\n", HTTP_BODY_MALFORMED, 0, ""},
    {"a space before the size", CHUNKED, " 1\r\n", HTTP_BODY_MALFORMED, 0, ""},
    {"a space behind the size", CHUNKED, "1 \r\n", HTTP_BODY_MALFORMED, 0, ""},
    {"seventeen digits", CHUNKED, "00000000000000001\r\n", HTTP_BODY_MALFORMED,
     0, ""},
    {"a size with 0x", CHUNKED, "0x1\r\n", HTTP_BODY_MALFORMED, 0, ""},
    {"a size ended by LF", CHUNKED, "1\na", HTTP_BODY_MALFORMED, 0, ""},
    {"a size ended by CR", CHUNKED, "1\ra", HTTP_BODY_MALFORMED, 0, ""},
    {"LF in an extension", CHUNKED, "1;a\n", HTTP_BODY_MALFORMED, 0, ""},
    {"DEL in an extension", CHUNKED, "1;\x7f", HTTP_BODY_MALFORMED, 0, ""},
    {"a chunk ended by LF", CHUNKED, "1\r\na\n", HTTP_BODY_MALFORMED, 0, "a"},
    {"a chunk ended by CR", CHUNKED, "1\r\na\r0", HTTP_BODY_MALFORMED, 0, "a"},
    {"an end of LF", CHUNKED, "0\r\n\n", HTTP_BODY_MALFORMED, 0, ""},
    {"an end of CR", CHUNKED, "0\r\n\rG", HTTP_BODY_MALFORMED, 0, ""},
    {"a trailer without a name", CHUNKED, "0\r\n: a\r\n", HTTP_BODY_MALFORMED,
     0, ""},
    {"a trailer without a colon", CHUNKED, "0\r\nX\r\n", HTTP_BODY_MALFORMED, 0,
     ""},
    {"a space in a trailer's name", CHUNKED, "0\r\nX : a\r\n",
     HTTP_BODY_MALFORMED, 0, ""},
    {"a folded trailer", CHUNKED, "0\r\nX: a\r\n b\r\n", HTTP_BODY_MALFORMED, 0,
     ""},
    {"a trailer ended by LF", CHUNKED, "0\r\nX: a\n", HTTP_BODY_MALFORMED, 0,
     ""},
    {"no end of a chunk", CHUNKED, "1\r\naa\r\n", HTTP_BODY_MALFORMED, 0, "a"},
};

static struct http_body *body_of(const char *text) {
  struct http_head head;
  struct refusal refusal;

  CHECK(http_head_parse(&head, text, strlen(text), &refusal));
  return http_body_new(&head, LIMIT);
}

static void check_cut(size_t i, size_t first) {
  struct http_body *body = body_of(cases[i].head);
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

TEST(http_body_ends_with_the_connection) {
  size_t used;

  struct http_body *body = http_body_new_framed(HTTP_UNTIL_END, 0, LIMIT);
  CHECK_EQ(http_body_feed(body, "Hel", 3, &used), HTTP_BODY_UNFINISHED);
  CHECK_EQ(http_body_feed(body, "lo", 2, &used), HTTP_BODY_UNFINISHED);
  CHECK_EQ(used, 2);
  CHECK_EQ(http_body_end(body), HTTP_BODY_WHOLE);
  struct slice content = http_body_content(body);
  CHECK_BYTES(content.at, content.length, "Hello", 5);
  http_body_free(body);
}

TEST(http_body_of_another_framing_does_not_end_with_the_connection) {
  size_t used;

  struct http_body *body = http_body_new_framed(HTTP_BY_LENGTH, 2, LIMIT);
  http_body_feed(body, "a", 1, &used);
  CHECK_EQ(http_body_end(body), HTTP_BODY_UNFINISHED);
  http_body_free(body);
  body = http_body_new_framed(HTTP_BY_CHUNKS, 0, LIMIT);
  CHECK_EQ(http_body_end(body), HTTP_BODY_UNFINISHED);
  http_body_free(body);
}

TEST(http_body_until_the_end_is_bounded) {
  size_t used;

  struct http_body *body = http_body_new_framed(HTTP_UNTIL_END, 0, 3);
  CHECK_EQ(http_body_feed(body, "abc", 3, &used), HTTP_BODY_UNFINISHED);
  CHECK_EQ(http_body_feed(body, "d", 1, &used), HTTP_BODY_TOO_LARGE);
  CHECK_EQ(http_body_end(body), HTTP_BODY_TOO_LARGE);
  http_body_free(body);
}

TEST(http_body_of_no_length_is_whole_from_the_start) {
  size_t used;

  struct http_body *body = http_body_new_framed(HTTP_BY_LENGTH, 0, LIMIT);
  CHECK_EQ(http_body_feed(body, "next", 4, &used), HTTP_BODY_WHOLE);
  CHECK_EQ(used, 0);
  http_body_free(body);
}

TEST(http_body_survives_having_no_memory) {
  size_t used;

  mem_fail_at(0, false);
  int64_t before = mem_in_use();
  mem_fail_at(1, false);
  CHECK(body_of(CHUNKED) == NULL);
  struct http_body *body = body_of(CHUNKED);
  mem_fail_at(1, false);
  CHECK_EQ(http_body_feed(body, "1\r\na", 4, &used), HTTP_BODY_NO_MEMORY);
  mem_fail_at(0, false);
  http_body_free(body);
  CHECK_EQ(mem_in_use(), before);
}

/* Feeds the beginning, then the filling over and over; returns the state. */
static enum http_body_state state_after(const char *start, const char *filling,
                                        size_t times) {
  struct http_body *body = body_of(CHUNKED);
  size_t used;

  enum http_body_state state =
      http_body_feed(body, start, strlen(start), &used);
  for (size_t i = 0; i < times; i++) {
    state = http_body_feed(body, filling, strlen(filling), &used);
  }
  http_body_free(body);
  return state;
}

TEST(http_body_bounds_what_is_no_content) {
  const size_t most = HTTP_CHUNKS_MAX_EXTRA;

  CHECK_EQ(state_after("1;", "a", most - 1), HTTP_BODY_UNFINISHED);
  CHECK_EQ(state_after("1;", "a", most), HTTP_BODY_MALFORMED);
  CHECK_EQ(state_after("1", " ", most + 1), HTTP_BODY_MALFORMED);
  CHECK_EQ(state_after("0\r\n", "X", most + 1), HTTP_BODY_MALFORMED);
  CHECK_EQ(state_after("0\r\nX:", "a", most), HTTP_BODY_MALFORMED);
  CHECK_EQ(state_after("0\r\n", "X:\r\n", most / 2 + 1), HTTP_BODY_MALFORMED);
}
