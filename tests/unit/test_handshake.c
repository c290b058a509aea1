/*
 * test_handshake - what a client's handshake may look like and what not
 * (RFC 6455 4.1, 4.2.1, 9.1, 11.3).
 */
#include "check.h"
#include "proto/handshake.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEY   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13   "Sec-WebSocket-Version: 13\r\n"
#define UP    "Upgrade: websocket\r\n"
#define CONN  "Connection: Upgrade\r\n"
#define HOST  "Host: a\r\n"
#define GET   "GET /chat HTTP/1.1\r\n"
#define BASIC GET HOST UP CONN KEY V13

/* The status of the refusal, 0 when the handshake is good. */
static int judge(const char *text) {
  struct http_scan scan = {0};
  struct http_head head;
  struct refusal refusal;
  size_t length = strlen(text);
  const void *bytes = guarded(text, length);

  if (http_scan(&scan, bytes, length, 65536, &refusal) != length) {
    return refusal.status;
  }
  if (!http_head_parse(&head, bytes, length, &refusal)) return refusal.status;
  bool is_good = handshake_check(&head, &refusal);
  CHECK_EQ(is_good, refusal.status == 0);
  CHECK_EQ(is_good, refusal.reason == NULL);
  return refusal.status;
}

static const struct {
  const char *name, *text;
  int status;
} cases[] = {
    {"a good one", BASIC "\r\n", 0},
    {"names and tokens in other cases",
     GET "HOST: a\r\nUPGRADE: WebSocket\r\nconnection: uPGRADE\r\n"
         "sec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "SEC-WEBSOCKET-VERSION: 13\r\n\r\n",
     0},
    {"upgrade in a list",
     GET HOST "Upgrade: h2c, websocket\r\n"
              "Connection: keep-alive, Upgrade\r\n" KEY V13 "\r\n",
     0},
    {"several lines of each",
     GET HOST "Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n"
              "Connection: upgrade\r\n" KEY V13 "\r\n",
     0},
    {"a body of no bytes", BASIC "Content-Length: 0\r\n\r\n", 0},
    {"an expectation", BASIC "Expect: 100-continue\r\n\r\n", 0},
    {"an absolute target",
     "GET http://a/chat HTTP/1.1\r\n" HOST UP CONN KEY V13 "\r\n", 0},

    {"POST", "POST / HTTP/1.1\r\n" HOST UP CONN KEY V13 "\r\n", 405},
    {"HTTP/1.0", "GET / HTTP/1.0\r\n" HOST UP CONN KEY V13 "\r\n", 400},
    {"no Host", GET UP CONN KEY V13 "\r\n", 400},
    {"an empty Host", GET "Host:\r\n" UP CONN KEY V13 "\r\n", 400},
    {"two Hosts", BASIC HOST "\r\n", 400},
    {"no Upgrade", GET HOST CONN KEY V13 "\r\n", 426},
    {"websocketx", GET HOST "Upgrade: websocketx\r\n" CONN KEY V13 "\r\n", 426},
    {"no Connection", GET HOST UP KEY V13 "\r\n", 426},
    {"Connection without upgrade",
     GET HOST UP "Connection: keep-alive\r\n" KEY V13 "\r\n", 426},
    {"a folded Upgrade",
     GET HOST "X: a\r\n Upgrade: websocket\r\n" CONN KEY V13 "\r\n", 400},
    {"a body", BASIC "Content-Length: 1\r\n\r\n", 400},
    {"a chunked body", BASIC "Transfer-Encoding: chunked\r\n\r\n", 400},

    {"version 12", GET HOST UP CONN KEY "Sec-WebSocket-Version: 12\r\n\r\n",
     426},
    {"no version", GET HOST UP CONN KEY "\r\n", 426},
    {"an empty version", GET HOST UP CONN KEY "Sec-WebSocket-Version:\r\n\r\n",
     426},
    {"two versions", BASIC "Sec-WebSocket-Version: 8\r\n\r\n", 400},
    {"the version twice", BASIC V13 "\r\n", 400},

    {"no key", GET HOST UP CONN V13 "\r\n", 400},
    {"two keys", BASIC KEY "\r\n", 400},

    {"a protocol", BASIC "Sec-WebSocket-Protocol: chat\r\n\r\n", 0},
    {"protocols over lines",
     BASIC "Sec-WebSocket-Protocol: chat, v1.chat\r\n"
           "Sec-WebSocket-Protocol: Chat\r\n\r\n",
     0},
    {"an empty list", BASIC "Sec-WebSocket-Protocol:\r\n\r\n", 400},
    {"an empty item", BASIC "Sec-WebSocket-Protocol: a,,b\r\n\r\n", 400},
    {"a last comma", BASIC "Sec-WebSocket-Protocol: a,\r\n\r\n", 400},
    {"a space in a protocol", BASIC "Sec-WebSocket-Protocol: a b\r\n\r\n", 400},
    {"a protocol that is no token", BASIC "Sec-WebSocket-Protocol: a/b\r\n\r\n",
     400},
    {"a protocol twice", BASIC "Sec-WebSocket-Protocol: a, b, a\r\n\r\n", 400},
    {"a protocol twice, over lines",
     BASIC "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n\r\n",
     400},
};

TEST(handshake_is_judged) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    check_context("%s", cases[i].name);
    CHECK_EQ(judge(cases[i].text), cases[i].status);
  }
}

static int judge_header(const char *name, const char *value, bool has_key) {
  static char text[70000];

  snprintf(text, sizeof text, GET HOST UP CONN V13 "%s%s: %s\r\n\r\n",
           has_key ? KEY : "", name, value);
  return judge(text);
}

TEST(handshake_takes_keys_of_16_bytes_only) {
  static const char *const bad[] = {
      "",
      "dGhlIHNhbXBsZSBub25jZQ",     /* no padding */
      "dGhlIHNhbXBsZSBub25jZQ=",    /* half of it */
      "dGhlIHNhbXBsZSBub25jZQ===",  /* too much */
      "dGhlIHNhbXBsZSBub25j",       /* 15 bytes */
      "dGhlIHNhbXBsZSBub25jZWU=",   /* 17 */
      "dGhlIHNhbXBsZSBub25jZWUx",   /* 18 */
      "dGhlIHNhbXBsZSBub25jZR==",   /* stray bits at the end */
      "dGhl=HNhbXBsZSBub25jZQ==",   /* padding inside */
      "dGhl-HNhbXBsZSBub2_jZQ==",   /* another alphabet */
      "dGhl HNhbXBsZSBub25jZQ==",   /* a space */
      "dGhlIHNhbXBsZSBub25jZQ==, a" /* a list */
  };

  CHECK_EQ(judge_header("Sec-WebSocket-Key", "////////////////////+w==", false),
           0);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    check_context("%s", bad[i]);
    CHECK_EQ(judge_header("Sec-WebSocket-Key", bad[i], false), 400);
  }
}

TEST(handshake_reads_extensions) {
  static const char *const good[] = {
      "permessage-deflate",
      "permessage-deflate; client_max_window_bits",
      "permessage-deflate ; server_max_window_bits = 10 , x-unknown",
      "foo;bar=\"baz\", foo; a=\"b\\c\"",
      "a;b;b;c=1,a",
  };
  static const char *const bad[] = {
      "",        ",",           "a,",      ",a",          "a,,b",
      "a;",      ";a",          "a;;b",    "a;=1",        "a;b=",
      "a b",     "a;b c",       "a;b=c d", "a;b=\"\"",    "a;b=\"c",
      "a;b=c\"", "a;b=\"c d\"", "a=b",     "a;b=\"c,d\"", "a;b=\"c\\\"",
      "a;b=\"",  "a;b=c=d",     "\"a\"",   "a/b",         "a;b=\"c\"d",
  };

  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    check_context("%s", good[i]);
    CHECK_EQ(judge_header("Sec-WebSocket-Extensions", good[i], true), 0);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    check_context("%s", bad[i]);
    CHECK_EQ(judge_header("Sec-WebSocket-Extensions", bad[i], true), 400);
  }
}

TEST(handshake_bounds_the_protocols) {
  char list[70 * 4] = "p0";
  char item[8];

  for (int i = 1; i < 64; i++) {
    snprintf(item, sizeof item, ",p%d", i);
    strcat(list, item);
  }
  CHECK_EQ(judge_header("Sec-WebSocket-Protocol", list, true), 0);
  strcat(list, ",p64");
  CHECK_EQ(judge_header("Sec-WebSocket-Protocol", list, true), 400);
}

/* Milliseconds of processor time for one header of blanks, best of five. */
static double time_of(const char *name, char filler, size_t length) {
  static char value[65536];
  double best = 1e9;

  memset(value, filler, length);
  value[0] = 'a';
  value[length - 1] = 'b';
  value[length] = '\0';
  for (int i = 0; i < 5; i++) {
    clock_t begun = clock();
    judge_header(name, value, true);
    double taken = (double)(clock() - begun) * 1000 / CLOCKS_PER_SEC;
    if (taken < best) best = taken;
  }
  return best;
}

/* Quadratic, one of these would take seconds; so the bound can be generous
 * enough for a slow machine under a sanitizer. */
TEST(handshake_takes_linear_time) {
  static const char *const names[] = {"Sec-WebSocket-Extensions",
                                      "Sec-WebSocket-Protocol", "Upgrade",
                                      "Connection", "X"};
  static const char fillers[] = " ,;=\"\\a";

  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    for (const char *filler = fillers; *filler; filler++) {
      check_context("%s, 60 KiB of '%c'", names[i], *filler);
      CHECK(time_of(names[i], *filler, 60 * 1024) < 50);
    }
  }
}

TEST(handshake_is_wanted_by_its_upgrade) {
  struct http_head head;
  struct refusal refusal;

  CHECK(http_head_parse(&head, BASIC "\r\n", strlen(BASIC "\r\n"), &refusal));
  CHECK(handshake_is_wanted(&head));
  CHECK(http_head_parse(&head, GET HOST "\r\n", strlen(GET HOST "\r\n"),
                        &refusal));
  CHECK(!handshake_is_wanted(&head));
}

TEST(handshake_accepts_as_in_the_rfc) {
  char accept[HANDSHAKE_ACCEPT_SIZE];

  CHECK_EQ(handshake_accept(SLICE("dGhlIHNhbXBsZSBub25jZQ=="), accept), 0);
  CHECK_BYTES(accept, sizeof accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28);
  CHECK(handshake_accept(SLICE("short"), accept) < 0);
}
