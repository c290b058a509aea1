/*
 * fuzz_redis_reader - any bytes as what a Redis server sends: byte by byte they
 * must mean the same as whole, and no reply may be larger than it is allowed.
 */
#include "net/redis_reader.h"

#include <stdlib.h>

enum { MAX_REPLY = 4096 };

/* What was read, folded into a number. */
struct sum {
  size_t replies, size;
  uint64_t hash;
};

static void fold(struct sum *sum, uint64_t value) {
  sum->hash = (sum->hash ^ value) * 0x100000001b3u;
}

static void add(struct sum *sum, const struct redis_value *value, int depth) {
  fold(sum, value->kind);
  fold(sum, value->length);
  sum->size += sizeof *value;
  if (value->kind == REDIS_INTEGER) {
    fold(sum, (uint64_t)value->integer);
  } else if (value->kind == REDIS_LIST) {
    size_t count = 0;
    if (depth > REDIS_NESTED_MAX) abort();
    for (value = value->first; value; value = value->next, count++) {
      add(sum, value, depth + 1);
    }
    fold(sum, count);
  } else {
    for (size_t i = 0; i < value->length; i++)
      fold(sum, (uint8_t)value->text[i]);
    sum->size += value->length;
  }
}

static struct sum read_in_steps(const uint8_t *data, size_t size, size_t step) {
  struct sum sum = {0};
  struct redis_reader reader;
  const struct redis_value *value;
  if (!redis_reader_init(&reader, MAX_REPLY)) abort();
  for (size_t at = 0; at < size; at += step) {
    size_t length = size - at < step ? size - at : step;
    if (!redis_reader_feed(&reader, data + at, length)) break;
    while ((value = redis_reader_take(&reader))) {
      sum.size = 0;
      add(&sum, value, 1);
      if (sum.size > 2 * MAX_REPLY) abort();
      sum.replies++;
    }
  }
  fold(&sum, reader.failure != NULL);
  redis_reader_free(&reader);
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct sum whole = read_in_steps(data, size, size ? size : 1);
  struct sum again = read_in_steps(data, size, 1);
  if (whole.replies != again.replies || whole.hash != again.hash) abort();
  return 0;
}
