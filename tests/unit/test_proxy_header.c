/*
 * test_proxy_header - both versions of the PROXY protocol, chopped at each
 * place; what is refused is refused at the byte that decides.
 */
#include "check.h"
#include "proto/proxy_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "0D 0A 0D 0A 00 0D 0A 'QUIT' 0A "
#define V4        "CB 00 71 07  C0 00 02 09  DC 04 01 BB "
#define V6                                                                     \
  "20 01 0D B8 00 00 00 00 00 00 00 00 00 00 00 07 "                           \
  "20 01 0D B8 00 00 00 00 00 00 00 00 00 00 00 09 DC 04 01 BB "
#define LINE(text) "'PROXY " text "' 0D 0A"

/* `result`: the source as "203.0.113.7 56324", "none" without one, "" for an
 * unfinished one, "bad". `decisive`: how many bytes have to be there before it
 * is bad; 0: the last. */
static const struct proxy_vector {
  const char *bytes, *result;
  size_t decisive;
} vectors[] = {
    {LINE("TCP4 203.0.113.7 192.0.2.9 56324 443"), "203.0.113.7 56324", 0},
    {LINE("TCP6 2001:db8::7 2001:db8::9 56324 443"), "2001:db8::7 56324", 0},
    {LINE("TCP6 ::ffff:203.0.113.7 ::1 0 0"), "203.0.113.7 0", 0},
    {LINE("TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"),
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535", 0},
    {LINE("UNKNOWN"), "none", 0},
    {LINE("UNKNOWN ffff::1 what ever"), "none", 0},
    {"'PROXY TCP4 203.0.113.7'", "", 0},
    {"'PROXY UNKNOWN' 0D", "", 0},
    {"'GET / HTTP/1.1' 0D 0A", "bad", 1},
    {"'PROXY' 0D 0A", "bad", 6},
    {"'proxy TCP4'", "bad", 1},
    {LINE("TCP4 203.0.113.7 192.0.2.9 56324"), "bad", 0},
    {LINE("TCP4 203.0.113.7 192.0.2.9 56324 443 1"), "bad", 0},
    {LINE("TCP4 203.0.113.7 192.0.2.9 56324 443 "), "bad", 0},
    {LINE("TCP4  203.0.113.7 192.0.2.9 56324 443"), "bad", 0},
    {LINE("TCP4 203.0.113.7 192.0.2.9 65536 443"), "bad", 0},
    {LINE("TCP4 203.0.113.7 192.0.2.9 056 443"), "bad", 0},
    {LINE("TCP4 203.0.113.7 192.0.2.9 +56 443"), "bad", 0},
    {LINE("TCP4 203.0.113.7 192.0.2.9 56  "), "bad", 0},
    {LINE("TCP4 203.0.113.256 192.0.2.9 56324 443"), "bad", 0},
    {LINE("TCP4 2001:db8::7 2001:db8::9 56324 443"), "bad", 0},
    {LINE("TCP6 203.0.113.7 192.0.2.9 56324 443"), "bad", 0},
    {LINE("TCP5 203.0.113.7 192.0.2.9 56324 443"), "bad", 0},
    {LINE(""), "bad", 0},
    {LINE("UNKNOWNS"), "bad", 0},
    {"'PROXY UNKNOWN' 0A", "bad", 14},
    {"'PROXY UNKNOWN' 0D 'x'", "bad", 15},
    {"'PROXY UNKNOWN' 00", "bad", 14},
    {"'PROXY UNKNOWN' 20 x92 0D", "", 0},
    {"'PROXY UNKNOWN' 20 x92 0D 0A", "none", 0},
    {"'PROXY UNKNOWN' 20 x93 0D 0A", "bad", 107},
    {"'PROXY UNKNOWN' 20 x400", "bad", 107},

    {SIGNATURE "21 11 00 0C " V4, "203.0.113.7 56324", 0},
    {SIGNATURE "21 12 00 0C " V4, "203.0.113.7 56324", 0},
    {SIGNATURE "21 21 00 24 " V6, "2001:db8::7 56324", 0},
    {SIGNATURE "21 11 00 13 " V4 "03 00 04 A9 B8 7C D5", "203.0.113.7 56324",
     0},
    {SIGNATURE "21 11 02 08 " V4 "00 x508", "203.0.113.7 56324", 0},
    {SIGNATURE "21 31 00 D8 41 x216", "unix", 0},
    {SIGNATURE "20 00 00 00", "none", 0},
    {SIGNATURE "20 11 00 0C " V4, "none", 0},
    {SIGNATURE "20 FF 00 03 01 02 03", "none", 0},
    {SIGNATURE "21 00 00 00", "none", 0},
    {SIGNATURE "21 00 00 02 01 02", "none", 0},
    {SIGNATURE "21 11 00 0C CB 00", "", 0},
    {SIGNATURE, "", 0},
    {"0D 0A 0D 0A 00 0D 0A 'QUIT' 0D", "bad", 12},
    {"0D 0A 'GET'", "bad", 3},
    {SIGNATURE "11", "bad", 13},
    {SIGNATURE "22", "bad", 13},
    {SIGNATURE "31", "bad", 13},
    {SIGNATURE "21 41", "bad", 14},
    {SIGNATURE "21 13", "bad", 14},
    {SIGNATURE "21 11 00 0B", "bad", 16},
    {SIGNATURE "21 21 00 23", "bad", 16},
    {SIGNATURE "21 31 00 D7", "bad", 16},
    {SIGNATURE "21 11 02 09", "bad", 16},
    {SIGNATURE "21 11 FF FF", "bad", 16},
};

enum { VECTORS = sizeof vectors / sizeof *vectors };

/* What has come so far, and what was made of it. */
struct gathering {
  const struct proxy_vector *vector;
  uint8_t bytes[1024];
  size_t length, decided_at;
  enum proxy_header_result result;
  struct proxy_header header;
};

static void start(void *context) {
  struct gathering *gathering = context;

  gathering->length = gathering->decided_at = 0;
  gathering->result = PROXY_HEADER_UNFINISHED;
}

static void feed(void *context, uint8_t *piece, size_t length) {
  struct gathering *gathering = context;

  memcpy(gathering->bytes + gathering->length, piece, length);
  gathering->length += length;
  if (gathering->result != PROXY_HEADER_UNFINISHED) return;
  const void *copy = guarded(gathering->bytes, gathering->length);
  gathering->result =
      proxy_header_read(copy, gathering->length, &gathering->header);
  gathering->decided_at = gathering->length;
}

static const char *shown(const struct gathering *gathering) {
  static char text[64];
  char address[ADDRESS_TEXT_MAX];
  const struct proxy_header *header = &gathering->header;

  if (gathering->result == PROXY_HEADER_UNFINISHED) return "";
  if (gathering->result == PROXY_HEADER_MALFORMED) return "bad";
  if (!header->has_source) return "none";
  if (header->source.family == 0) return "unix";
  address_format(&header->source, address);
  snprintf(text, sizeof text, "%s %d", address, header->source.port);
  return text;
}

static void finish(void *context) {
  struct gathering *gathering = context;

  CHECK_TEXT(shown(gathering), gathering->vector->result);
  if (gathering->result != PROXY_HEADER_WHOLE) return;
  CHECK_EQ(gathering->header.length, gathering->length);
}

TEST(proxy_header_is_read_the_same_however_it_is_cut) {
  for (size_t i = 0; i < VECTORS; i++) {
    struct gathering gathering = {.vector = &vectors[i]};
    struct chop_user user = {start, feed, finish, &gathering};
    size_t length;
    uint8_t *bytes = bytes_of(vectors[i].bytes, &length);
    check_context("%s", vectors[i].bytes);
    chop(bytes, length, &user);
    free(bytes);
  }
}

TEST(proxy_header_is_refused_at_the_byte_that_decides) {
  for (size_t i = 0; i < VECTORS; i++) {
    struct gathering gathering = {.vector = &vectors[i]};
    size_t length;
    uint8_t *bytes = bytes_of(vectors[i].bytes, &length);
    size_t expected = vectors[i].decisive ? vectors[i].decisive : length;
    check_context("%s", vectors[i].bytes);
    start(&gathering);
    for (size_t at = 0; at < length; at++) feed(&gathering, bytes + at, 1);
    CHECK_EQ(gathering.decided_at, expected);
    free(bytes);
  }
}

TEST(proxy_header_leaves_what_follows) {
  static const char text[] = "PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n";
  struct proxy_header header;

  CHECK_EQ(proxy_header_read(text, sizeof text - 1, &header),
           PROXY_HEADER_WHOLE);
  CHECK_EQ(header.length, 15);
  CHECK_EQ(proxy_header_read(text, 0, &header), PROXY_HEADER_UNFINISHED);
}
