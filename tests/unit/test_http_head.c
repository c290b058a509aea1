/*
 * test_http_head - heads that must pass, heads that must not and the byte at
 * which they must be refused; the second list is mostly the history of request
 * smuggling.
 */
#include "check.h"
#include "proto/http_bytes.h"
#include "proto/http_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 8192 };

/* `status` 0: a good head. `decisive`: how many bytes until http_scan refuses;
 * 0 when it lets the head pass, and http_head_parse judges. */
struct vector {
  const char *name, *text;
  int status;
  size_t decisive;
};

#define GET      "GET / HTTP/1.1\r\n"
#define HOST     "Host: a\r\n"
#define GET_HOST GET HOST

static const struct vector vectors[] = {
    {"a good one", GET_HOST "\r\n", 0, 0},
    {"all parts",
     "OPTIONS /a?b=c%20d HTTP/1.1\r\nHost: example.com:8080\r\n"
     "Accept: */*\r\nX-Empty:\r\nX-Blank: \t \r\nConnection: close\r\n\r\n",
     0, 0},
    {"one empty line before", "\r\n" GET_HOST "\r\n", 0, 0},
    {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0, 0},
    {"no space after the colon", GET "Host:a\r\n\r\n", 0, 0},
    {"8-bit bytes in a value", GET_HOST "X: caf\xC3\xA9 \xFF\r\n\r\n", 0, 0},
    {"a tab in a value", GET_HOST "X: a\tb\r\n\r\n", 0, 0},
    {"markup in the target", "GET /<script>\"^{|} HTTP/1.1\r\n" HOST "\r\n", 0,
     0},
    {"an asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"an absolute target", "GET http://a:80/b HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"an absolute target without a path",
     "GET https://a?b HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"a length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 12\r\n\r\n", 0, 0},
    {"chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n",
     0, 0},
    {"an upgrade", GET_HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
     0, 0},

    /* The request line. */
    {"two empty lines before", "\r\n\r\n" GET_HOST "\r\n", 400, 3},
    {"a CR before", "\rGET / HTTP/1.1\r\n", 400, 2},
    {"a space before", " GET / HTTP/1.1\r\n", 400, 1},
    {"a LF before", "\n" GET_HOST "\r\n", 400, 1},
    {"the preface of h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 12},
    {"a TLS ClientHello", "\x16\x03\x01\x02", 400, 1},
    {"8-bit noise", "\xE2\x28\xA1", 400, 1},
    {"a bracket in the method", "G[T / HTTP/1.1\r\n", 400, 2},
    {"a long method", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HT",
     400, 33},
    {"HTTP/0.9", "GET /\r\n", 400, 6},
    {"HTTP/0.9 with a bare LF", "GET /\n", 400, 6},
    {"two spaces", "GET  / HTTP/1.1\r\n", 400, 5},
    {"two spaces after the target", "GET /  HTTP/1.1\r\n", 400, 7},
    {"a space in the target", "GET /a b HTTP/1.1\r\n", 400, 8},
    {"lower-case http", "GET / http/1.1\r\n", 400, 7},
    {"RTSP", "GET / RTSP/1.0\r\n", 400, 7},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n", 505, 12},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n", 505, 14},
    {"HTTP/1.10", "GET / HTTP/1.10\r\n", 400, 15},
    {"HTTP/1.x", "GET / HTTP/1.x\r\n", 400, 14},
    {"HTTP/x", "GET / HTTP/x\r\n", 400, 12},
    {"a space after the version", "GET / HTTP/1.1 \r\n", 400, 15},
    {"a fragment", "GET /#a HTTP/1.1\r\n", 400, 6},
    {"a control character in the target", "GET /\x01 HTTP/1.1\r\n", 400, 6},
    {"DEL in the target", "GET /\x7F HTTP/1.1\r\n", 400, 6},
    {"an 8-bit target", "GET /\xC3\xA9 HTTP/1.1\r\n", 400, 6},
    {"a tab in the request line", "GET\t/ HTTP/1.1\r\n", 400, 4},

    /* Lines. */
    {"a bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n",
     400, 15},
    {"a bare CR behind the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n",
     400, 16},
    {"a bare LF behind a header", GET "Host: a\n\r\n", 400, 24},
    {"a bare CR in a value", GET "Host: a\rb\r\n\r\n", 400, 25},
    {"CR CR LF", GET "Host: a\r\r\n\r\n", 400, 25},
    {"a head ended by CR X", GET_HOST "\rX", 400, 27},
    {"a head ended by a bare LF", GET_HOST "\n", 400, 26},
    {"a folded line", GET_HOST "X: a\r\n b\r\n\r\n", 400, 32},
    {"a folded upgrade", GET_HOST "X: a\r\n\tUpgrade: websocket\r\n\r\n", 400,
     32},
    {"white space before the first header", GET " Host: a\r\n\r\n", 400, 17},
    {"a space before the colon", GET "Host : a\r\n\r\n", 400, 21},
    {"a tab before the colon", GET "Host\t: a\r\n\r\n", 400, 21},
    {"an empty name", GET ": a\r\n\r\n", 400, 17},
    {"no colon", GET "Host\r\n\r\n", 400, 21},
    {"a bad byte in a name", GET "Ho(st: a\r\n\r\n", 400, 19},
    {"an 8-bit name", GET "H\xF6st: a\r\n\r\n", 400, 18},
    {"a bad byte first in a name", GET "\x80: a\r\n\r\n", 400, 17},
    {"a control character in a value", GET "Host: a\x01\r\n\r\n", 400, 24},
    {"DEL in a value", GET "Host: a\x7F\r\n\r\n", 400, 24},
    {"a NUL would end this test's text", GET "Host: a\x02", 400, 24},

    /* What the second pass judges. */
    {"an unknown method", "BREW / HTTP/1.1\r\n" HOST "\r\n", 501, 0},
    {"a method of one letter", "G / HTTP/1.1\r\n" HOST "\r\n", 501, 0},
    {"a lower-case method", "get / HTTP/1.1\r\n" HOST "\r\n", 501, 0},
    {"PRI in HTTP/1.1", "PRI * HTTP/1.1\r\n" HOST "\r\n", 505, 0},
    {"no Host", GET "\r\n", 400, 0},
    {"two Hosts", GET HOST "host: a\r\n\r\n", 400, 0},
    {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400, 0},
    {"an asterisk for GET", "GET * HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"a target without a slash", "GET a HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"an authority", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"an absolute target without a host",
     "GET http:///b HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"an absolute target with a user",
     "GET http://me@a/ HTTP/1.1\r\n" HOST "\r\n", 400, 0},
    {"a length with a sign",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: +0\r\n\r\n", 400, 0},
    {"a negative length",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400, 0},
    {"a list of lengths",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", 400, 0},
    {"a length in hex",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n", 400, 0},
    {"an empty length", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
     400, 0},
    {"a length in two words",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n", 400, 0},
    {"a length that overflows",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n",
     400, 0},
    {"two lengths",
     "POST / HTTP/1.1\r\n" HOST
     "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
     400, 0},
    {"the same length twice",
     "POST / HTTP/1.1\r\n" HOST
     "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
     400, 0},
    {"a length, then chunked",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     400, 0},
    {"chunked, then a length",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
     "Content-Length: 1\r\n\r\n",
     400, 0},
    {"chunked in HTTP/1.0",
     "POST / HTTP/1.0\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     400, 0},
    {"another coding",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
     0},
    {"another coding on a line before",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n"
     "Transfer-Encoding: chunked\r\n\r\n",
     501, 0},
    {"only another coding",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 400, 0},
    {"gzip alone", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n",
     400, 0},
    {"chunked, then gzip in another line",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
     "Transfer-Encoding: gzip\r\n\r\n",
     400, 0},
    {"chunked twice",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n",
     400, 0},
    {"an empty coding",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: ,chunked\r\n\r\n", 400, 0},
    {"a malformed coding",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400,
     0},
};

enum { VECTORS = sizeof vectors / sizeof *vectors };

/* The bytes as a connection would gather them. */
struct gathering {
  const struct vector *vector;
  struct http_scan scan;
  struct refusal refusal;
  char bytes[4 * MAX_SIZE];
  size_t length, size, decided;
};

static void start(void *context) {
  struct gathering *gathering = context;

  gathering->scan = (struct http_scan){0};
  gathering->refusal = (struct refusal){0, NULL};
  gathering->length = gathering->size = gathering->decided = 0;
}

static void feed(void *context, uint8_t *piece, size_t length) {
  struct gathering *gathering = context;

  memcpy(gathering->bytes + gathering->length, piece, length);
  gathering->length += length;
  if (gathering->decided) return;

  const void *bytes = guarded(gathering->bytes, gathering->length);
  gathering->size = http_scan(&gathering->scan, bytes, gathering->length,
                              MAX_SIZE, &gathering->refusal);
  if (gathering->size == 0 && gathering->refusal.status == 0) return;
  gathering->decided = gathering->length;
}

static void check_refusal(const struct refusal *refusal, int status) {
  CHECK_EQ(refusal->status, status);
  CHECK_EQ(refusal->reason != NULL, status != 0);
}

static void finish(void *context) {
  struct gathering *gathering = context;
  const struct vector *vector = gathering->vector;
  struct http_head head;

  if (vector->decisive > 0) {
    CHECK_EQ(gathering->size, 0);
    check_refusal(&gathering->refusal, vector->status);
    return;
  }
  if (!CHECK_EQ(gathering->size, strlen(vector->text))) return;
  check_refusal(&gathering->refusal, 0);
  const void *bytes = guarded(gathering->bytes, gathering->size);
  CHECK_EQ(http_head_parse(&head, bytes, gathering->size, &gathering->refusal),
           vector->status == 0);
  check_refusal(&gathering->refusal, vector->status);
}

TEST(http_head_is_judged_the_same_however_it_is_cut) {
  for (size_t i = 0; i < VECTORS; i++) {
    struct gathering gathering = {.vector = &vectors[i]};
    struct chop_user user = {start, feed, finish, &gathering};
    check_context("%s", vectors[i].name);
    chop(vectors[i].text, strlen(vectors[i].text), &user);
  }
}

TEST(http_scan_refuses_at_the_byte_that_decides) {
  for (size_t i = 0; i < VECTORS; i++) {
    struct gathering gathering = {.vector = &vectors[i]};
    const char *text = vectors[i].text;
    check_context("%s", vectors[i].name);
    start(&gathering);
    for (size_t at = 0; text[at]; at++)
      feed(&gathering, guarded(text + at, 1), 1);
    size_t wanted = vectors[i].decisive ? vectors[i].decisive : strlen(text);
    CHECK_EQ(gathering.decided, wanted);
  }
}

static int scan_status(const char *bytes, size_t length) {
  struct http_scan scan = {0};
  struct refusal refusal;

  size_t size = http_scan(&scan, bytes, length, MAX_SIZE, &refusal);
  CHECK(size == 0 || refusal.status == 0);
  size_t again = http_scan(&scan, bytes, length, MAX_SIZE, &refusal);
  CHECK_EQ(again, size); /* It answers the same when asked again. */
  return refusal.status;
}

TEST(http_scan_refuses_nul) {
  static const char value[] = GET "Host: a\0b\r\n\r\n";
  static const char name[] = GET "Ho\0st: a\r\n\r\n";
  static const char target[] = "GET /\0 HTTP/1.1\r\n\r\n";
  static const char nothing[16] = {0};

  CHECK_EQ(scan_status(value, sizeof value - 1), 400);
  CHECK_EQ(scan_status(name, sizeof name - 1), 400);
  CHECK_EQ(scan_status(target, sizeof target - 1), 400);
  CHECK_EQ(scan_status(nothing, sizeof nothing), 400);
}

static int repeat_status(const char *before, const char *item, size_t times) {
  size_t length = strlen(before), size = strlen(item);
  char *bytes = malloc(length + size * times);

  memcpy(bytes, before, length);
  for (size_t i = 0; i < times; i++) {
    memcpy(bytes + length + i * size, item, size);
  }
  int status = scan_status(bytes, length + size * times);
  free(bytes);
  return status;
}

TEST(http_scan_bounds_what_it_reads) {
  CHECK_EQ(repeat_status("GET /", "a", 65536), 414);
  CHECK_EQ(repeat_status("GET /", "a", MAX_SIZE - 5), 414);
  CHECK_EQ(repeat_status("GET /", "a", MAX_SIZE - 6), 0);
  CHECK_EQ(repeat_status(GET "X: ", "a", 1 << 20), 431);
  CHECK_EQ(repeat_status(GET, "a", 1 << 20), 431);
  CHECK_EQ(repeat_status(GET, "A:b\r\n", 10000), 431);
  CHECK_EQ(repeat_status("", "\r\n", 20000), 400);
}

TEST(http_scan_takes_100_header_lines) {
  CHECK_EQ(repeat_status(GET, "A:b\r\n", 100), 0);
  CHECK_EQ(repeat_status(GET, "A:b\r\n", 101), 431);
}

TEST(http_scan_takes_a_head_of_just_the_size) {
  struct http_scan scan = {0};
  struct refusal refusal;
  size_t length = strlen(GET_HOST "\r\n");

  CHECK_EQ(http_scan(&scan, GET_HOST "\r\n", length, length, &refusal), length);
  scan = (struct http_scan){0};
  CHECK_EQ(http_scan(&scan, GET_HOST "\r\n", length, length - 1, &refusal), 0);
  CHECK_EQ(refusal.status, 431);
}

/* What follows the head is another's. */
TEST(http_scan_stops_behind_the_head) {
  static const char bytes[] = GET_HOST "\r\n\x81\x85\0\n\r";
  struct http_scan scan = {0};
  struct refusal refusal;
  size_t size = http_scan(&scan, bytes, sizeof bytes, MAX_SIZE, &refusal);

  CHECK_EQ(size, strlen(GET_HOST "\r\n"));
  CHECK_EQ(refusal.status, 0);
}

static bool parse(struct http_head *head, const char *text) {
  struct refusal refusal;

  return http_head_parse(head, text, strlen(text), &refusal);
}

static bool is(struct slice text, const char *wanted) {
  return text.at && slice_equals(text, slice_of(wanted));
}

TEST(http_head_names_the_parts) {
  struct http_head head;

  CHECK(parse(&head, "\r\nPUT /a?b HTTP/1.1\r\nHost: a\r\nX-A:  b c \t\r\n"
                     "x-a: d\r\nX-Empty:\r\nX-Blank:   \r\n"
                     "Content-Length: 42\r\n\r\n"));
  CHECK(is(head.method, "PUT"));
  CHECK(is(head.target, "/a?b"));
  CHECK_EQ(head.major * 10 + head.minor, 11);
  CHECK_EQ(head.count, 6);
  CHECK(is(head.headers[1].name, "X-A"));
  CHECK(is(http_head_get(&head, "X-a", 0), "b c"));
  CHECK(is(http_head_get(&head, "X-a", 1), "d"));
  CHECK(!http_head_get(&head, "X-a", 2).at);
  CHECK(is(http_head_get(&head, "x-empty", 0), ""));
  CHECK(is(http_head_get(&head, "x-blank", 0), ""));
  CHECK(!http_head_get(&head, "x", 0).at);
  CHECK(head.has_length && head.length == 42 && !head.chunked);
}

TEST(http_head_knows_the_body) {
  struct http_head head;

  CHECK(parse(&head, GET_HOST "\r\n"));
  CHECK(!head.has_length && !head.chunked && head.length == 0);
  CHECK(parse(&head, GET_HOST "Content-Length: 0\r\n\r\n"));
  CHECK(head.has_length && head.length == 0);
  CHECK(parse(&head, GET_HOST "Transfer-Encoding: CHUNKED\r\n\r\n"));
  CHECK(head.chunked && !head.has_length);
}

TEST(http_head_knows_who_stays) {
  struct http_head head;

  CHECK(parse(&head, GET_HOST "\r\n") && head.keep_alive);
  CHECK(parse(&head, GET_HOST "Connection: close\r\n\r\n") && !head.keep_alive);
  CHECK(parse(&head, "GET / HTTP/1.0\r\n\r\n") && !head.keep_alive);
  CHECK(parse(&head, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  CHECK(head.keep_alive);
}

TEST(http_head_finds_items_of_lists) {
  struct http_head head;

  CHECK(parse(&head, GET_HOST "Connection: keep-alive\r\n"
                              "Connection: , x ,Upgrade\r\n\r\n"));
  CHECK(http_head_lists(&head, "connection", "upgrade"));
  CHECK(http_head_lists(&head, "Connection", "KEEP-ALIVE"));
  CHECK(!http_head_lists(&head, "connection", "up"));
  CHECK(!http_head_lists(&head, "upgrade", "websocket"));
}

TEST(http_head_judges_hosts) {
  static const char *const good[] = {"a",
                                     "a:80",
                                     "a:",
                                     "example.com:65535",
                                     "127.0.0.1:1",
                                     "[::1]",
                                     "[::1]:8080",
                                     "[2001:db8::1]",
                                     "a_b-c.~d",
                                     "a%20b",
                                     "",
                                     "a:00080",
                                     "[::ffff:1.2.3.4]"};
  static const char *const bad[] = {
      "a b",    "a:b",      "a:80:80", "a:65536",  "a:-1", "me@a",
      "a/b",    "a\\b",     "[::1",    "::1",      "[]",   "[g]",
      ":80",    "a%2",      "a%zz",    "a,b:c",    "a?b",  "a\"b\"",
      "[::1]a", "a:000080", "a\tb",    "\xC3\xA9", "<a>"};
  struct http_head head;
  char text[200];

  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    check_context("%s", good[i]);
    snprintf(text, sizeof text, GET "Host: %s\r\n\r\n", good[i]);
    CHECK(parse(&head, text));
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    check_context("%s", bad[i]);
    snprintf(text, sizeof text, GET "Host: %s\r\n\r\n", bad[i]);
    CHECK(!parse(&head, text));
  }
}

TEST(http_head_knows_tokens) {
  CHECK(http_is_token(SLICE("chat.v1!#$%&'*+-^_`|~")));
  CHECK(!http_is_token(SLICE("")));
  CHECK(!http_is_token(SLICE("a b")));
  CHECK(!http_is_token(SLICE("a\0")));
  CHECK(!http_is_token(SLICE("\xC3")));
  for (const char *at = "()<>@,;:\\\"/[]?={} \t\x7F"; *at; at++) {
    check_context("'%c'", *at);
    CHECK(!http_is_token((struct slice){at, 1}));
  }
}

/* The parse alone must bear what the scan would not let through. */
TEST(http_head_refuses_what_is_no_head) {
  struct http_head head;

  CHECK(!parse(&head, ""));
  CHECK(!parse(&head, "GET"));
  CHECK(!parse(&head, GET_HOST));
  CHECK(!parse(&head, "\x16\x03\x01"));
  CHECK(!parse(&head, "HTTP/1.1 200 OK\r\n\r\n"));
}
