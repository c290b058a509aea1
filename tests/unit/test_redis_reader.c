/* What a Redis server sends: whole, chopped, hostile, without memory. */
#include "check.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "net/redis_reader.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT = 1000 };

static void show(struct buffer *to, const struct redis_value *value) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)value->integer);
  switch (value->kind) {
  case REDIS_NOTHING: buffer_append_text(to, "nil"); return;
  case REDIS_INTEGER: buffer_append_text(to, text); return;
  case REDIS_STATUS: buffer_append_text(to, "+"); break;
  case REDIS_FAULT: buffer_append_text(to, "-"); break;
  case REDIS_TEXT: buffer_append_text(to, "'"); break;
  case REDIS_LIST:
    buffer_append_text(to, "[");
    for (value = value->first; value; value = value->next) show(to, value);
    buffer_append_text(to, "]");
    return;
  }
  buffer_append(to, value->text, value->length);
}

struct feeding {
  struct redis_reader reader;
  struct buffer seen;
};

static void feed(struct feeding *feeding, const void *bytes, size_t length) {
  const struct redis_value *value;
  if (!redis_reader_feed(&feeding->reader, bytes, length)) return;
  while ((value = redis_reader_take(&feeding->reader))) {
    show(&feeding->seen, value);
    buffer_append_text(&feeding->seen, " ");
  }
}

static bool begin(struct feeding *feeding, size_t limit) {
  memset(feeding, 0, sizeof *feeding);
  return redis_reader_init(&feeding->reader, limit);
}

static void end(struct feeding *feeding) {
  redis_reader_free(&feeding->reader);
  buffer_free(&feeding->seen);
}

static void check_seen(struct feeding *feeding, const char *expected) {
  buffer_append(&feeding->seen, "", 1);
  CHECK_TEXT((const char *)feeding->seen.bytes, expected);
}

static const struct {
  const char *name, *bytes, *seen;
  bool is_failure;
} cases[] = {
    {"status", "+OK\r\n", "+OK ", false},
    {"error", "-ERR no\r\n", "-ERR no ", false},
    {"integers", ":0\r\n:-9223372036854775808\r\n", "0 -9223372036854775808 ",
     false},
    {"texts", "$3\r\na\r\n\r\n$0\r\n\r\n", "'a\r\n ' ", false},
    {"nothing", "$-1\r\n*-1\r\n", "nil nil ", false},
    {"lists", "*3\r\n$1\r\na\r\n$-1\r\n*2\r\n:1\r\n-E\r\n*0\r\n",
     "['anil[1-E]] [] ", false},
    {"as deep as may be", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
     "[[[[[[1]]]]]] ", false},
    {"too deep",
     "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "",
     true},
    {"half of it", "+OK\r\n$5\r\nabc", "+OK ", false},
    {"HTTP", "HTTP/1.1 400 Bad Request\r\n", "", true},
    {"a good one before", "+OK\r\nx", "+OK ", true},
    {"a length that is none", "$x\r\n", "", true},
    {"a negative length", "$-2\r\n", "", true},
    {"a negative count", "*-2\r\n", "", true},
    {"an integer that is none", ":1x\r\n", "", true},
    {"RESP3: a double", ",1.5\r\n", "", true},
    {"RESP3: true", "#t\r\n", "", true},
    {"RESP3: a map", "%1\r\n+a\r\n+b\r\n", "", true},
    {"RESP3: a set in a list", "*1\r\n~1\r\n+a\r\n", "", true},
    {"RESP3: a push", ">1\r\n+a\r\n", "", true},
    {"RESP3: a long number", "(123\r\n", "", true},
    {"RESP3: verbatim", "=5\r\ntxt:a\r\n", "", true},
};

TEST(redis_reader_reads_whole_and_byte_by_byte) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t length = strlen(cases[i].bytes);
    for (size_t step = 1; step <= length; step += length > 1 ? length - 1 : 1) {
      struct feeding feeding;
      check_context("%s, by %zu", cases[i].name, step);
      CHECK(begin(&feeding, LIMIT));
      for (size_t at = 0; at < length; at += step) {
        feed(&feeding, cases[i].bytes + at,
             at + step > length ? length - at : step);
      }
      check_seen(&feeding, cases[i].seen);
      CHECK_EQ(feeding.reader.failure != NULL, cases[i].is_failure);
      end(&feeding);
    }
  }
  check_no_context();
}

/* What is fed `times` times, until it is refused. */
static void check_bounded(const char *head, const char *more, size_t times,
                          const char *failure) {
  struct feeding feeding;
  size_t fed = 0;
  CHECK(begin(&feeding, LIMIT));
  feed(&feeding, head, strlen(head));
  for (; fed < times && !feeding.reader.failure; fed++) {
    feed(&feeding, more, strlen(more));
  }
  CHECK(fed < times);
  CHECK_TEXT(feeding.reader.failure, failure);
  end(&feeding);
}

TEST(redis_reader_bounds_a_reply) {
  static const char large[] = "a reply is larger than maxReplySize";
  static const char endless[] = "a line of a reply does not end";
  static char block[1025];
  memset(block, 'a', sizeof block - 1);
  check_context("a list");
  check_bounded("*1000000\r\n", ":1\r\n", 1000, large);
  check_context("empty lists");
  check_bounded("*2147483647\r\n", "*0\r\n", 1000, large);
  check_context("a text");
  check_bounded("$2000000000\r\n", block, 1000, large);
  check_context("a line");
  check_bounded("+", block, 1000, endless);
  check_context("a length");
  check_bounded("$", "1", 1000000, endless);
  check_no_context();
}

TEST(redis_reader_takes_exactly_its_limit) {
  struct feeding feeding;
  char bytes[64];
  size_t size = sizeof(struct redis_value) + 10;
  size_t text = size - offsetof(struct redis_value, text);
  for (int more = 0; more < 2; more++) {
    CHECK(begin(&feeding, size));
    for (int i = 0; i < 2; i++) { /* each reply anew */
      int length = snprintf(bytes, sizeof bytes, "$%zu\r\n%0*d\r\n",
                            text + (size_t)more, (int)text + more, 7);
      feed(&feeding, bytes, (size_t)length);
    }
    CHECK_EQ(feeding.reader.failure != NULL, more);
    end(&feeding);
  }
}

TEST(redis_reader_survives_without_memory) {
  static const char bytes[] = "*2\r\n*2\r\n:1\r\n$2\r\nab\r\n+OK\r\n";
  int64_t before = mem_in_use();
  for (uint64_t n = 1; n < 8; n++) {
    struct feeding feeding;
    if (!begin(&feeding, LIMIT)) continue;
    mem_fail_at(n, true);
    redis_reader_feed(&feeding.reader, bytes, sizeof bytes - 1);
    const struct redis_value *value = redis_reader_take(&feeding.reader);
    mem_fail_at(0, false);
    CHECK_EQ(value != NULL, n > 5);
    if (!value) CHECK_TEXT(feeding.reader.failure, "out of memory");
    end(&feeding);
  }
  CHECK_EQ(mem_in_use(), before);
}
