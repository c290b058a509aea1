/*
 * redis_reader - what a Redis server sends, as values: a pull parser around the
 * reader of hiredis.
 *
 * Of hiredis only that is used. Its asynchronous API asserts that a server
 * keeps to the rules, so a hostile one ends the process, and it looks names up
 * while everybody waits. The reader is strict; what it does not bound (the size
 * of a reply, the length of a line, how deep lists are nested) is bounded here.
 * RESP2 only: nobody asks a server for the other one.
 */
#ifndef RATCHET_NET_REDIS_READER_H
#define RATCHET_NET_REDIS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum redis_kind {
  REDIS_NOTHING,
  REDIS_INTEGER,
  REDIS_TEXT,   /* any bytes */
  REDIS_STATUS, /* "OK" */
  REDIS_FAULT,  /* "ERR wrong number of arguments" */
  REDIS_LIST,
};

enum {
  REDIS_NESTED_MAX = 8,
  REDIS_LINE_MAX = 64 * 1024, /* of what is not a text with a length */
};

/* Made by the reader; a list owns its members. */
struct redis_value {
  enum redis_kind kind;
  size_t length; /* of the text; of a list: how many */
  struct redis_value *next;
  union {
    int64_t integer;
    struct {
      struct redis_value *first, *last;
    };
    char text[1];
  };
};

/* Owned, by value, by whoever reads. Owns the value that it handed out last. */
struct redis_reader {
  struct redisReader *parser;
  struct redis_value *taken;
  size_t size, max_size; /* of the value that is being read, with its lists */
  const char *failure;   /* what is wrong with the bytes, or NULL */
};

/* `max_size` bounds one reply, the memory of its lists included. False when
 * there is no memory. */
bool redis_reader_init(struct redis_reader *reader, size_t max_size);
/* False after a violation or without memory: `failure` says what, and nothing
 * is read from then on. */
bool redis_reader_feed(struct redis_reader *reader, const void *bytes,
                       size_t length);
/* The next whole reply, or NULL when more bytes are needed, or after a failure.
 * It is valid until the next call of the reader. */
const struct redis_value *redis_reader_take(struct redis_reader *reader);
void redis_reader_free(struct redis_reader *reader);
/* "1.2.0": of hiredis, as it was when this was built. */
const char *redis_library(void);

#endif
